//! Who hears a verdict: the thread on which a mock was made, a test's most often. What it has not heard by
//! its end ends the process.

use std::{
    fmt,
    io::{self, Write as _},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use tokio::task;

use crate::call::panics;

thread_local! {
    static HERE: Guard = Guard(Home::new());
}

/// A thread that makes mocks.
pub(crate) struct Home {
    /// That of the test: harnesses call its thread like it.
    name: Option<String>,
    has_ended: AtomicBool,
    state: Mutex<HomeState>,
}

#[derive(Default)]
struct HomeState {
    mocks: Vec<Weak<dyn HasVerdict>>,
    /// How many there were when those were left out that are gone.
    kept: usize,
    /// The verdicts of mocks that are gone.
    unheard: Vec<String>,
}

/// What a thread knows of the mocks that were made on it.
pub(super) trait HasVerdict: Send + Sync {
    /// The verdict, unless it was heard as it is.
    fn take_untold(&self) -> Option<String>;
}

/// What becomes of a panic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hearing {
    /// It fails the test.
    Heard,
    /// The test is failing already.
    Failing,
    /// It may be lost: in a task, on another thread than a test's, or where this library catches it.
    Unsure,
}

impl Home {
    fn new() -> Arc<Self> {
        let name = thread::current().name().map(str::to_owned);
        Arc::new(Self { name, has_ended: AtomicBool::new(false), state: Mutex::default() })
    }

    /// That of the current thread.
    pub(crate) fn here() -> Arc<Self> {
        let ended = |_| {
            let home = Self::new();
            home.has_ended.store(true, Ordering::SeqCst);
            home
        };
        HERE.try_with(|guard| Arc::clone(&guard.0)).unwrap_or_else(ended)
    }

    /// Asks `mock` at the end of the thread.
    pub(super) fn remember(&self, mock: Weak<dyn HasVerdict>) {
        let mut state = self.state();
        if state.mocks.len() > 2 * state.kept + 16 {
            state.mocks.retain(|mock| mock.strong_count() > 0);
            state.kept = state.mocks.len();
        }
        state.mocks.push(mock);
    }

    /// Whether this is the thread.
    pub(crate) fn is_here(&self) -> bool {
        HERE.try_with(|guard| std::ptr::eq(&*guard.0, self)).unwrap_or(false)
    }

    /// Whether the test itself is here, in none of its tasks.
    pub(crate) fn is_test(&self) -> bool {
        self.name.is_some() && self.is_here() && task::try_id().is_none()
    }

    /// What becomes of a panic here and now.
    pub(crate) fn hearing(&self) -> Hearing {
        match self.is_test() && !panics::are_caught() {
            false => Hearing::Unsure,
            true if thread::panicking() => Hearing::Failing,
            true => Hearing::Heard,
        }
    }

    /// Asks `mock`, with which something has gone wrong, if nobody else will any more.
    pub(super) fn ask_after_end(&self, mock: &dyn HasVerdict) {
        if self.has_ended()
            && let Some(verdict) = mock.take_untold()
        {
            self.leave(verdict);
        }
    }

    /// Whether nobody will ask for verdicts any more.
    fn has_ended(&self) -> bool {
        // Whoever asks has changed the state of a mock before, and the end of the thread looks at that state
        // after it has said that it ends: one of the two sees what the other has done.
        self.has_ended.load(Ordering::SeqCst)
    }

    /// Leaves the verdict of a mock that is gone for the end of the thread.
    pub(crate) fn leave(&self, verdict: String) {
        self.state().unheard.push(verdict);
        if self.has_ended() {
            self.end();
        }
    }

    /// Ends the process if there is a verdict that nobody has heard: whatever has become of the test, its
    /// result is out.
    pub(crate) fn end(&self) {
        self.has_ended.store(true, Ordering::SeqCst);
        let HomeState { mocks, unheard, .. } = std::mem::take(&mut *self.state());
        let living = mocks.iter().filter_map(Weak::upgrade).filter_map(|mock| {
            let verdict = mock.take_untold();
            panics::drop_catching_panics(mock);
            verdict
        });
        let verdicts = unheard.into_iter().chain(living).collect::<Vec<_>>();
        if !verdicts.is_empty() {
            say(format_args!(
                "{self}: it was over before anybody heard this, and the process ends:\n\n{}\n\
                 A mock gives its verdict when its first handle is dropped. Keep that in the test, \
                 not in a task, a thread or a static, and hand out clones, `client()` or `server()`.",
                verdicts.join("\n")
            ));
            std::process::exit(101);
        }
    }

    fn state(&self) -> MutexGuard<'_, HomeState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for Home {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "the test `{name}`"),
            None => f.write_str("a thread without a name"),
        }
    }
}

/// Writes to where tests cannot capture it.
pub(crate) fn say(text: fmt::Arguments<'_>) {
    // In one piece, beside the output of other tests. Nothing can be done where there is no such place.
    let _ = io::stderr().write_all(format!("{text}\n").as_bytes());
}

/// Is dropped at the end of its thread.
struct Guard(Arc<Home>);

impl Drop for Guard {
    fn drop(&mut self) {
        // A panic here would say less than the verdicts.
        let _ = catch_unwind(AssertUnwindSafe(|| self.0.end()));
    }
}
