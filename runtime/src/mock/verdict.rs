//! The verdict: what is wrong with a mock, who is told, and when.

use std::{fmt, future::poll_fn, panic::Location, sync::Arc, task::Poll, thread, time::Duration};

use tokio::{task, time::Sleep};

use super::{
    core::{Core, MockState},
    explain::{self, Problem},
    home::{self, HasVerdict, Hearing},
    plan::Plan,
    record::Record,
    timer,
};

/// What the test waits for with one of our methods, such as `verify_within`, and where. A panic in a future
/// cannot point there by itself.
#[derive(Clone, Copy)]
pub(crate) struct Asked {
    word: &'static str,
    place: &'static Location<'static>,
}

impl Asked {
    /// Asked where our caller is called.
    #[track_caller]
    pub(crate) fn here(word: &'static str) -> Self {
        Self { word, place: Location::caller() }
    }

    /// Panics with what it comes to.
    pub(crate) fn panic(self, problem: impl fmt::Display) -> ! {
        panic!("{self}: {problem}")
    }

    /// Waits for `time`, or says why it cannot.
    pub(crate) fn sleep(self, time: Duration) -> Result<Sleep, String> {
        timer::sleep(format_args!("`{}`", self.word), time)
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` at {}", self.word, self.place)
    }
}

impl MockState {
    fn is_fine(&self) -> bool {
        self.problems.is_empty()
            && self.plans.iter().all(|plans| plans.iter().all(Plan::is_met))
            && self.calls.iter().all(Record::may_stop)
    }

    /// What a verdict is made of, unless all is well.
    fn wrong(&mut self) -> Option<Wrong> {
        self.is_verified = self.is_verified || self.is_fine();
        let Self { problems, plans, calls, .. } = self;
        (!self.is_verified).then(|| Wrong {
            problems: problems.clone(),
            plans: plans.clone(),
            calls: calls.clone(),
        })
    }
}

/// The state at a moment at which something is wrong.
struct Wrong {
    problems: Vec<Problem>,
    plans: Vec<Arc<Vec<Plan>>>,
    calls: Vec<Record>,
}

impl Core {
    /// Remembers a problem with how the test plays the server, unless it fails by that anyway. A task
    /// that still does when the mock is gone is no problem: it ends with its runtime.
    pub(crate) fn problem_of_test(&self, text: String) {
        let fails_anyway = self.home.hearing() == Hearing::Failing;
        if !fails_anyway && !self.with(|state| state.has_concluded) {
            self.problem(text);
        }
    }

    /// Whether a panic here and now would fail the test.
    pub(crate) fn is_heard(&self) -> bool {
        self.home.hearing() != Hearing::Unsure
    }

    /// That the test was to answer `call` and has not accepted it, if it has not.
    pub(crate) fn unaccepted(&self, call: usize) -> Option<String> {
        let call = self.with(|state| state.calls[call].clone());
        explain::unaccepted(self.service, &call)
    }

    /// Whether the test itself waits here, not one of its tasks: then it does nothing else meanwhile.
    pub(crate) fn holds_up_test(&self) -> bool {
        self.home.is_test()
    }

    /// Prints, once, what is waited for in a place of which nobody knows whether the test waits for it.
    pub(crate) fn hint(&self, text: String) {
        if self.lock().hints.contains(&text) {
            return;
        }
        let Self { home, name, made_at, .. } = self;
        home::say(format_args!("{home}: {name}, made at {made_at}: {text}"));
        self.lock().hints.push(text);
    }

    /// Panics with what the test waits for in vain, and with what is wrong besides, which may be why.
    pub(crate) fn fail_waiting(&self, asked: Asked, problem: &str) -> ! {
        if let Some(verdict) = self.verdict() {
            self.tell(&verdict, format_args!("{asked}: {problem}\n\n"));
        }
        asked.panic(problem)
    }

    // The verdict.

    /// What is wrong, as a text.
    fn verdict(&self) -> Option<String> {
        self.settle_doubts();
        let Wrong { mut problems, plans, calls } = self.lock().wrong()?;
        for (method, plans) in self.service.methods.iter().zip(plans.iter()) {
            for plan in plans.iter().filter(|plan| !plan.is_met()) {
                // One cause is one problem.
                if !problems.iter_mut().any(|problem| problem.takes_on(plan)) {
                    let missing = explain::missing(self.service, method, plan, &calls);
                    problems.push(Problem::new(missing));
                }
            }
        }
        let unfinished = calls.iter().filter_map(|call| explain::unfinished(self.service, call));
        problems.extend(unfinished.map(Problem::new));
        Some(explain::verdict(self.name, self.made_at, &problems))
    }

    /// Panics with what is wrong, if something is.
    #[track_caller]
    pub(crate) fn verify(&self) {
        if let Some(verdict) = self.verdict() {
            self.tell(&verdict, format_args!(""));
        }
    }

    /// The same, where a panic does not point to who asks.
    pub(crate) fn verify_for(&self, asked: Asked) {
        if let Some(verdict) = self.verdict() {
            self.tell(&verdict, format_args!("{asked}: "));
        }
    }

    /// Panics with `verdict`, unless the test is failing already.
    #[track_caller]
    fn tell(&self, verdict: &str, asked: fmt::Arguments<'_>) {
        let hearing = self.home.hearing();
        if hearing != Hearing::Unsure {
            let former = self.lock().heard.replace(verdict.to_owned());
            if hearing == Hearing::Failing && former.as_deref() == Some(verdict) {
                return;
            }
        }
        match thread::panicking() {
            true => home::say(format_args!("{}, besides: {asked}{verdict}", self.home)),
            false => panic!("{asked}{verdict}"),
        }
    }

    /// Gives the verdict where the first handle is dropped, unless that is somewhere else than where it
    /// was made. What may not have been heard is told at the end of the test.
    pub(crate) fn conclude(&self) {
        self.lock().has_concluded = true;
        if self.home.is_here() && self.task == task::try_id() {
            self.verify();
        }
    }

    /// Panics with what is wrong once nothing is, something is for good, or `limit` has passed.
    pub(crate) async fn verify_within(&self, limit: Duration, asked: Asked) {
        let settled = poll_fn(|cx| {
            let waker = cx.waker().clone();
            let mut state = self.lock();
            if state.is_fine() || !state.problems.is_empty() {
                return Poll::Ready(());
            }
            state.waiting.push(waker);
            Poll::Pending
        });
        let limit = asked.sleep(limit).unwrap_or_else(|problem| asked.panic(problem));
        // Either way, the verdict comes next.
        tokio::select! {
            biased;
            () = settled => {}
            () = limit => {}
        }
        self.verify_for(asked);
    }

    /// Panics with what is wrong after `time`, in which no call may come, or once something is for good.
    pub(crate) async fn quiet_for(&self, time: Duration, asked: Asked) {
        let before = self.with(|state| state.calls.len());
        let broken = poll_fn(|cx| {
            let waker = cx.waker().clone();
            let mut state = self.lock();
            if let Some(call) = state.calls.get(before) {
                return Poll::Ready(Some(call.method));
            }
            if !state.problems.is_empty() {
                return Poll::Ready(None);
            }
            state.waiting.push(waker);
            Poll::Pending
        });
        let timer = asked.sleep(time).unwrap_or_else(|problem| asked.panic(problem));
        let called = tokio::select! {
            biased;
            called = broken => called,
            () = timer => None,
        };
        if let Some(method) = called {
            let method = explain::full_name(&self.service.methods[method]);
            self.problem(format!("a call of {method} came in {time:?} in which none may come"));
        }
        self.verify_for(asked);
    }

    /// Gives the verdict so far and, if all is well, forgets the expectations, but not the stubs.
    #[track_caller]
    pub(crate) fn checkpoint(&self) {
        self.verify();
        let _forgotten = self.change(|state| {
            let mut forgotten = Vec::new();
            for plans in &mut state.plans {
                let (gone, kept) = plans.iter().cloned().partition::<Vec<_>, _>(|it| it.required);
                forgotten.push(gone);
                *plans = Arc::new(kept);
            }
            for call in &mut state.calls {
                call.script = None;
            }
            forgotten
        });
    }
}

impl HasVerdict for Core {
    fn take_untold(&self) -> Option<String> {
        let verdict = self.verdict()?;
        let heard = &mut self.lock().heard;
        if heard.as_ref() == Some(&verdict) {
            return None;
        }
        *heard = Some(verdict.clone());
        Some(verdict)
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        if let Some(verdict) = self.take_untold() {
            self.home.leave(verdict);
        }
    }
}
