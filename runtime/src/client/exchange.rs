//! One call on a stream of a connection. It is sent, and its answer read, by the task of the
//! connection: callers on other threads would wait for HTTP/2's lock, and hold it up.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
};

use super::{
    progress::{Answer, Failure, Outbound, Progress, Requests},
    queue::Queue,
};
use crate::wire::sync::{AtomicBool, Mutex, MutexGuard, Ordering, PoisonError};

/// What the caller and the task of the connection share of a call.
pub(super) struct Exchange {
    state: Mutex<State>,
    /// Whether the task of the connection is about to look at it. Set by the queue, under its lock.
    is_listed: AtomicBool,
    queue: Arc<Queue>,
}

struct State {
    progress: Progress,
    caller: Option<Waker>,
}

impl Exchange {
    /// Sends the call, on the task of the connection: through `requests`, if that is still there.
    pub(super) fn begin(self: &Arc<Self>, requests: Option<&Requests>) {
        self.guard(|| {
            let mut state = self.state();
            match state.progress.begin(requests) {
                Ok(()) => self.look(state),
                Err(failure) => answer(state, Err(failure)),
            }
        });
    }

    /// Goes on with the call, on the same task, after it was woken.
    pub(super) fn go_on(self: &Arc<Self>) {
        // Before it is looked at: whoever wakes it from now on has something new for it.
        self.is_listed.store(false, Ordering::Release);
        self.guard(|| self.look(self.state()));
    }

    /// Notes that the task of the connection will look at it; whether that is news.
    pub(super) fn list(&self) -> bool {
        !self.is_listed.swap(true, Ordering::AcqRel)
    }

    /// Whether nobody wants the answer any more.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.state().progress, Progress::Over)
    }

    /// Works for the call. A panic, say, in a waker, or in a destructor of the user's, is the end of
    /// this call and of no other one.
    fn guard(&self, work: impl FnOnce()) {
        if catch_unwind(AssertUnwindSafe(work)).is_err() {
            let mut state = self.state();
            if !matches!(state.progress, Progress::Answered(_)) {
                state.progress = Progress::Answered(Err(Failure::panicked()));
            }
            if let Some(caller) = state.caller.take() {
                drop(state);
                // There is nobody left to tell of a waker that panics, too.
                let _ = catch_unwind(AssertUnwindSafe(|| caller.wake()));
            }
        }
    }

    /// Looks for the answer, of which there will be word if it has not come yet.
    fn look(self: &Arc<Self>, mut state: MutexGuard<'_, State>) {
        let waker = Waker::from(Arc::clone(self));
        let cx = &mut Context::from_waker(&waker);
        if let Poll::Ready(found) = state.progress.poll(cx, &self.queue.unread) {
            answer(state, found);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Leaves the answer for the caller.
fn answer(mut state: MutexGuard<'_, State>, answer: Answer) {
    state.progress = Progress::Answered(answer);
    let caller = state.caller.take();
    drop(state);
    if let Some(caller) = caller {
        caller.wake();
    }
}

impl Wake for Exchange {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Nothing is missed by not asking the queue: what it is woken for came before this, under a lock
        // that whoever looks at it takes, too.
        if !self.is_listed.load(Ordering::Acquire) {
            self.queue.wake(self);
        }
    }
}

/// The caller's end of an [`Exchange`]. Dropping it cancels the call.
pub(super) struct Answering(Arc<Exchange>);

impl Answering {
    /// Hands a call to the connection behind `queue`.
    pub(super) fn new(outbound: Outbound, queue: &Arc<Queue>) -> Self {
        let state = State { progress: Progress::New(outbound), caller: None };
        let exchange = Arc::new(Exchange {
            state: Mutex::new(state),
            is_listed: AtomicBool::new(false),
            queue: Arc::clone(queue),
        });
        queue.push(&exchange);
        Self(exchange)
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Answer> {
        let mut state = self.0.state();
        if let Progress::Answered(_) = &state.progress
            && let Progress::Answered(answer) = state.progress.take()
        {
            return Poll::Ready(answer);
        }
        match &mut state.caller {
            Some(caller) => caller.clone_from(cx.waker()),
            None => state.caller = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        let mut state = self.0.state();
        if !matches!(state.progress, Progress::Over) {
            let progress = state.progress.take();
            drop(state);
            drop(progress);
        }
    }
}
