//! The engine: what a mock knows, whatever its messages are.
//!
//! The state is locked to look at it or to change it, never while anything of the user's runs.

use std::{
    future::poll_fn,
    ops::Deref,
    panic::Location,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
    thread,
    time::Duration,
};

use tokio::{task, time::Instant};
use tonic::Status;

use super::{
    Method,
    explain::{self, Candidate, Problem},
    home::{self, Hearing, Home},
    kind::Peek,
    plan::{Arrival, Place, Plan},
    record::{Outcome, Record},
    tape::{Recorder, Trace},
};
use crate::{
    ServiceDescriptor,
    mock::pattern::Report,
    server::Serve,
    wire::{
        deadline,
        panics::{self, contain},
    },
};

/// What all handles of a mock share.
pub(crate) struct Core {
    /// Such as `MockCalculator`.
    pub(crate) name: &'static str,
    pub(crate) service: &'static ServiceDescriptor,
    pub(crate) made_at: &'static Location<'static>,
    /// The thread on which it was made.
    home: Arc<Home>,
    /// The task, if it was made in one.
    task: Option<task::Id>,
    /// What takes the calls that nothing else does.
    real: Option<Real>,
    state: Mutex<State>,
}

/// An implementation of the contract that a spy stands in front of.
#[derive(Clone)]
pub(crate) struct Real {
    pub(crate) server: Arc<dyn Serve>,
    pub(crate) methods: &'static [Method],
}

struct State {
    /// Of each method. Calls hold on to a copy while they are being matched.
    plans: Vec<Arc<Vec<Plan>>>,
    calls: Vec<Record>,
    problems: Vec<Problem>,
    recorder: Option<Arc<Recorder>>,
    /// The last verdict that was heard.
    heard: Option<String>,
    /// Whether the first handle was dropped.
    has_concluded: bool,
    /// Those who want to know when something is wrong or no more.
    waiting: Vec<Waker>,
}

/// What takes a call.
pub(crate) enum Taker {
    Plan(Taken),
    Real(Real),
}

/// A plan that has taken a call, as it was then.
pub(crate) struct Taken {
    plans: Arc<Vec<Plan>>,
    position: usize,
    /// How many calls the plan had taken before.
    pub(crate) before: usize,
}

impl Deref for Taken {
    type Target = Plan;

    fn deref(&self) -> &Plan {
        &self.plans[self.position]
    }
}

impl State {
    fn is_fine(&self) -> bool {
        self.problems.is_empty()
            && self.plans.iter().flat_map(|plans| plans.iter()).all(Plan::is_met)
            && self.calls.iter().all(Record::may_stop)
    }

    /// What a verdict is made of, unless all is well.
    fn wrong(&self) -> Option<Wrong> {
        let Self { problems, plans, calls, .. } = self;
        (!self.is_fine()).then(|| Wrong {
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
    pub(crate) fn new(
        name: &'static str,
        service: &'static ServiceDescriptor,
        real: Option<Real>,
        made_at: &'static Location<'static>,
    ) -> Arc<Self> {
        let state = State {
            plans: service.methods.iter().map(|_| Arc::default()).collect(),
            calls: Vec::new(),
            problems: Vec::new(),
            recorder: None,
            heard: None,
            has_concluded: false,
            waiting: Vec::new(),
        };
        let (home, task) = (Home::here(), task::try_id());
        let state = Mutex::new(state);
        let core = Arc::new(Self { name, service, made_at, home, task, real, state });
        core.home.remember(&core);
        core
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<R>(&self, look: impl FnOnce(&State) -> R) -> R {
        look(&self.lock())
    }

    /// Changes the state, by which something may have gone wrong or right: those who wait for that
    /// look again.
    fn change<R>(&self, act: impl FnOnce(&mut State) -> R) -> R {
        let (result, waiting) = {
            let mut state = self.lock();
            (act(&mut state), std::mem::take(&mut state.waiting))
        };
        waiting.into_iter().for_each(Waker::wake);
        result
    }

    // Expectations.

    /// Adds a plan for `method`, or puts it in the place of its former state.
    pub(crate) fn publish(&self, method: usize, plan: &Plan) {
        for (sequence, step) in &plan.steps {
            sequence.need(*step, plan.times().min);
        }
        let plan = plan.clone();
        let _former = self.change(|state| {
            let plans = Arc::make_mut(&mut state.plans[method]);
            match plans.iter_mut().find(|other| other.is(&plan)) {
                Some(place) => Some(std::mem::replace(place, plan)),
                None => {
                    plans.push(plan);
                    None
                }
            }
        });
    }

    /// Where an earlier plan was made that takes every call which `plan` could.
    pub(crate) fn hides(&self, method: usize, plan: &Plan) -> Option<Place> {
        let plans = self.plans(method);
        let earlier = plans.iter().take_while(|earlier| !earlier.is(plan));
        let mut alike = earlier.filter(|earlier| earlier.required == plan.required);
        alike.find(|earlier| earlier.takes_all_calls()).map(|earlier| earlier.place.clone())
    }

    /// Says that `plan` has been written to its end.
    pub(crate) fn finish_writing(&self, method: usize, plan: &Plan) {
        self.change(|state| {
            let plans = Arc::make_mut(&mut state.plans[method]);
            if let Some(place) = plans.iter_mut().find(|other| other.is(plan)) {
                place.writer = None;
            }
        });
    }

    // Calls.

    /// How much of its requests a call of `method` has to show.
    pub(crate) fn peek(&self, method: usize) -> Peek {
        let plans = self.plans(method);
        let conditions = plans.iter().flat_map(|plan| &plan.conditions);
        conditions.map(|condition| condition.peek()).max().unwrap_or(Peek::Nothing)
    }

    /// Whether calls go onto a tape.
    pub(crate) fn is_recorded(&self) -> bool {
        self.with(|state| state.recorder.is_some())
    }

    /// Remembers a call that has come in.
    pub(crate) fn remember(&self, record: Record) -> usize {
        self.change(|state| {
            let call = state.calls.len();
            state.calls.push(record);
            if state.recorder.is_some() {
                let record = &mut state.calls[call];
                record.trace = Some(Trace::of(record));
            }
            call
        })
    }

    /// Changes what is remembered of a call.
    pub(crate) fn note(&self, call: usize, act: impl FnOnce(&mut Record)) {
        self.change(|state| act(&mut state.calls[call]));
    }

    /// Changes what goes onto the tape of a call, if there is one.
    pub(crate) fn trace(&self, call: usize, act: impl FnOnce(&mut Trace)) {
        self.note(call, |record| {
            if let Some(trace) = &mut record.trace {
                act(trace);
            }
        });
    }

    pub(crate) fn finish(&self, call: usize, outcome: Outcome) {
        let taped = self.change(|state| {
            let record = &mut state.calls[call];
            record.outcome = outcome;
            record.ended = Some(Instant::now());
            let taped = record.trace.is_some().then(|| record.clone());
            state.recorder.clone().zip(taped)
        });
        if let Some((recorder, record)) = taped
            && let Err(problem) = recorder.write(self.service, &record)
        {
            self.problem(problem);
        }
    }

    /// Finds what takes the call, or refuses it and says why.
    pub(crate) fn choose(&self, method: usize, arrival: Arrival<'_>) -> Result<Taker, Status> {
        let plans = self.plans(method);
        let written = |plan: &Plan| !plan.is_being_written();
        for plan in plans.iter().filter(|plan| plan.forbids() && written(plan)) {
            if self.fits(plan, &arrival) {
                return Err(self.refuse(method, arrival, &plans));
            }
        }
        let taken = self
            .take_first(&plans, &arrival, |plan| plan.required && written(plan))
            .or_else(|| self.take_first(&plans, &arrival, |plan| !plan.required && written(plan)));
        if let Some(taken) = taken {
            return Ok(Taker::Plan(taken));
        }
        if let Some(real) = &self.real {
            return Ok(Taker::Real(real.clone()));
        }
        match self.take_first(&plans, &arrival, Plan::is_being_written) {
            Some(taken) => Ok(Taker::Plan(taken)),
            None => Err(self.refuse(method, arrival, &plans)),
        }
    }

    /// Lets the first of the plans that are `meant` take the call.
    fn take_first(
        &self,
        plans: &Arc<Vec<Plan>>,
        arrival: &Arrival<'_>,
        meant: impl Fn(&Plan) -> bool,
    ) -> Option<Taken> {
        let mut meant = plans.iter().enumerate().filter(|(_, plan)| meant(plan));
        meant.find_map(|(position, plan)| {
            let before = self.fits(plan, arrival).then(|| self.change(|_| plan.take()).ok())??;
            Some(Taken { plans: Arc::clone(plans), position, before })
        })
    }

    fn plans(&self, method: usize) -> Arc<Vec<Plan>> {
        self.with(|state| Arc::clone(&state.plans[method]))
    }

    /// Whether the plan's conditions hold. They may be the user's code.
    fn fits(&self, plan: &Plan, arrival: &Arrival<'_>) -> bool {
        let mut report = Report::quiet();
        match contain(|| plan.check(arrival, &mut report)) {
            Ok(()) => !report.has_failed(),
            Err(panic) => {
                let text = panics::text(&*panic);
                self.problem(format!("{}: a predicate panicked: {text}", plan.place));
                false
            }
        }
    }

    fn refuse(&self, method: usize, arrival: Arrival<'_>, plans: &[Plan]) -> Status {
        let candidates = plans.iter().map(|plan| Candidate::new(plan, &arrival)).collect();
        let method = &self.service.methods[method];
        self.refuse_for(explain::unexpected(method, arrival, candidates))
    }

    /// Refuses a call of which the requests do not come that decide what takes it.
    pub(crate) fn fail_stuck(&self, method: usize, peek: Peek) -> Status {
        let descriptor = &self.service.methods[method];
        let plans = self.plans(method);
        let looking = |plan: &&Plan| plan.conditions.iter().any(|it| it.peek() != Peek::Nothing);
        self.fail(explain::stuck(descriptor, peek, plans.iter().filter(looking)))
    }

    /// Refuses a call of which the requests do not end, before which `plan` does not answer.
    pub(crate) fn fail_unended(&self, method: usize, plan: &Plan) -> Status {
        let descriptor = &self.service.methods[method];
        self.fail(explain::stuck(descriptor, Peek::All, [plan].into_iter()))
    }

    // The verdict.

    /// Remembers a problem for the verdict, and makes the status of the call that it is about.
    pub(crate) fn fail(&self, problem: String) -> Status {
        self.refuse_for(Problem::new(problem))
    }

    fn refuse_for(&self, problem: Problem) -> Status {
        let text = explain::trimmed(&format!("{}: {}", self.name, problem.text));
        self.add(problem);
        Status::unimplemented(text)
    }

    /// Remembers a problem for the verdict.
    pub(crate) fn problem(&self, text: String) {
        self.add(Problem::new(text));
    }

    fn add(&self, problem: Problem) {
        self.change(|state| {
            match state.problems.iter_mut().find(|other| other.text == problem.text) {
                Some(same) => same.times += 1,
                None => state.problems.push(problem),
            }
        });
        if self.home.has_ended()
            && let Some(verdict) = self.take_untold()
        {
            self.home.leave(verdict);
        }
    }

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

    /// What is wrong, as a text.
    fn verdict(&self) -> Option<String> {
        let Wrong { mut problems, plans, calls } = self.with(State::wrong)?;
        for (method, plans) in self.service.methods.iter().zip(plans.iter()) {
            for plan in plans.iter().filter(|plan| !plan.is_met()) {
                // One cause is one problem.
                if !problems.iter_mut().any(|problem| problem.takes_on(plan)) {
                    let missing = explain::missing(self.service, method, plan, &calls);
                    problems.push(Problem::new(missing));
                }
            }
        }
        let unfinished = calls.iter().filter_map(|call| call.unfinished(self.service));
        problems.extend(unfinished.map(Problem::new));
        Some(explain::verdict(self.name, self.made_at, &problems))
    }

    /// The verdict, unless it was heard as it is.
    pub(crate) fn take_untold(&self) -> Option<String> {
        let verdict = self.verdict()?;
        let heard = &mut self.lock().heard;
        if heard.as_ref() == Some(&verdict) {
            return None;
        }
        *heard = Some(verdict.clone());
        Some(verdict)
    }

    /// Panics with what is wrong, if something is.
    #[track_caller]
    pub(crate) fn verify(&self) {
        if let Some(verdict) = self.verdict() {
            self.tell(&verdict);
        }
    }

    /// Panics with `verdict`, unless the test is failing already.
    #[track_caller]
    fn tell(&self, verdict: &str) {
        let hearing = self.home.hearing();
        if hearing != Hearing::Unsure {
            let former = self.lock().heard.replace(verdict.to_owned());
            if hearing == Hearing::Failing && former.as_deref() == Some(verdict) {
                return;
            }
        }
        match thread::panicking() {
            true => home::say(format_args!("{}, besides: {verdict}", self.home)),
            false => panic!("{verdict}"),
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

    /// Waits until nothing is wrong, something is wrong for good, or `limit` has passed.
    pub(crate) async fn settle(&self, limit: Duration) {
        need_clock("`verify_within`");
        let settled = poll_fn(|cx| {
            let waker = cx.waker().clone();
            let mut state = self.lock();
            if state.is_fine() || !state.problems.is_empty() {
                return Poll::Ready(());
            }
            state.waiting.push(waker);
            Poll::Pending
        });
        // Either way, the verdict comes next.
        let _ = tokio::time::timeout(limit, settled).await;
    }

    /// Waits for `time`, in which no call may come, or until something is wrong for good.
    pub(crate) async fn stay_quiet(&self, time: Duration) {
        need_clock("`quiet_for`");
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
        if let Ok(Some(method)) = tokio::time::timeout(time, broken).await {
            let method = explain::full_name(&self.service.methods[method]);
            self.problem(format!("a call of {method} came in {time:?} in which none may come"));
        }
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

    // Records.

    /// The calls of `method`, in the order in which they came.
    pub(crate) fn calls(&self, method: usize) -> Vec<Record> {
        self.with(|state| {
            state.calls.iter().filter(|call| call.method == method).cloned().collect()
        })
    }

    /// Writes calls that begin from now on to `recorder`.
    pub(crate) fn record(&self, recorder: Arc<Recorder>) {
        self.change(|state| state.recorder = Some(recorder));
    }
}

/// Panics in words where there is no clock for `what`.
fn need_clock(what: &str) {
    if let Err(problem) = deadline::clock(what) {
        panic!("{problem}");
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        if let Some(verdict) = self.take_untold() {
            self.home.leave(verdict);
        }
    }
}
