//! The engine: what a mock knows, whatever its messages are.
//!
//! The state is locked to look at it or to change it, never while anything of the user's runs.

use std::{
    future::poll_fn,
    ops::Deref,
    panic::{AssertUnwindSafe, Location, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
    time::Duration,
};

use tokio::time::Instant;
use tonic::Status;

use super::{
    Method,
    explain::{self, Candidate},
    kind::Peek,
    plan::{Arrival, Plan},
    record::{Outcome, Record},
    script::Playing,
    tape::{Recorder, Trace},
};
use crate::{ServiceDescriptor, mock::pattern::Report, server::Serve};

/// What all handles of a mock share.
pub(crate) struct Core {
    /// Such as `MockCalculator`.
    pub(crate) name: &'static str,
    pub(crate) service: &'static ServiceDescriptor,
    pub(crate) made_at: &'static Location<'static>,
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
    problems: Vec<String>,
    recorder: Option<Arc<Recorder>>,
    /// Whether the verdict has been given, so that nobody will hear of further problems.
    verified: bool,
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
            && self.calls.iter().all(|call| call.script.as_ref().is_none_or(Playing::may_stop))
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
    problems: Vec<String>,
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
            verified: false,
            waiting: Vec::new(),
        };
        Arc::new(Self { name, service, made_at, real, state: Mutex::new(state) })
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
        if let Some((sequence, step)) = &plan.sequence {
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
        for plan in plans.iter().filter(|plan| plan.forbids()) {
            if self.fits(plan, &arrival) {
                return Err(self.refuse(method, arrival, &plans));
            }
        }
        let expectations = plans.iter().enumerate().filter(|(_, plan)| plan.required);
        let stubs = plans.iter().enumerate().filter(|(_, plan)| !plan.required);
        for (position, plan) in expectations.chain(stubs) {
            if self.fits(plan, &arrival)
                && let Ok(before) = self.change(|_| plan.take())
            {
                return Ok(Taker::Plan(Taken { plans, position, before }));
            }
        }
        match &self.real {
            Some(real) => Ok(Taker::Real(real.clone())),
            None => Err(self.refuse(method, arrival, &plans)),
        }
    }

    fn plans(&self, method: usize) -> Arc<Vec<Plan>> {
        self.with(|state| Arc::clone(&state.plans[method]))
    }

    /// Whether the plan's conditions hold. They may be the user's code.
    fn fits(&self, plan: &Plan, arrival: &Arrival<'_>) -> bool {
        let mut report = Report::quiet();
        match catch_unwind(AssertUnwindSafe(|| plan.check(arrival, &mut report))) {
            Ok(()) => !report.has_failed(),
            Err(panic) => {
                let text = explain::panic_text(&*panic);
                self.problem(format!("{}: a predicate panicked: {text}", plan.place));
                false
            }
        }
    }

    fn refuse(&self, method: usize, arrival: Arrival<'_>, plans: &[Plan]) -> Status {
        let candidates = plans.iter().map(|plan| Candidate::new(plan, &arrival)).collect();
        let method = &self.service.methods[method];
        self.fail(explain::unexpected(method, arrival, candidates))
    }

    // The verdict.

    /// Remembers a problem for the verdict, and makes the status of the call that it is about.
    pub(crate) fn fail(&self, problem: String) -> Status {
        let status = Status::unimplemented(explain::trimmed(&format!("{}: {problem}", self.name)));
        self.problem(problem);
        status
    }

    /// Remembers a problem for the verdict.
    pub(crate) fn problem(&self, problem: String) {
        let unheard = self.change(|state| {
            let unheard = state.verified.then(|| problem.clone());
            state.problems.push(problem);
            unheard
        });
        if let Some(problem) = unheard {
            eprintln!("{}, after its verification: {problem}", self.name);
        }
    }

    /// What is wrong, as a text.
    fn verdict(&self, Wrong { problems, plans, calls }: Wrong) -> String {
        let methods = self.service.methods.iter().zip(plans.iter());
        let unmet = methods.flat_map(|(method, plans)| {
            let unmet = plans.iter().filter(|plan| !plan.is_met());
            unmet.map(|plan| explain::missing(self.service, method, plan, &calls))
        });
        let playing = calls.iter().filter_map(|call| call.script.as_ref());
        let unfinished = playing.filter(|it| !it.may_stop()).map(Playing::unfinished);
        let problems = problems.into_iter().chain(unmet).chain(unfinished).collect::<Vec<_>>();
        explain::verdict(self.name, self.made_at, &problems)
    }

    /// Gives the verdict once: whoever asks later gets none.
    pub(crate) fn last_verdict(&self) -> Option<String> {
        let wrong = self.change(|state| match std::mem::replace(&mut state.verified, true) {
            true => None,
            false => state.wrong(),
        });
        wrong.map(|wrong| self.verdict(wrong))
    }

    /// Waits until nothing is wrong, something is wrong for good, or `limit` has passed.
    pub(crate) async fn settle(&self, limit: Duration) {
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

    /// Gives the verdict so far and forgets the expectations, but not the stubs.
    pub(crate) fn checkpoint(&self) -> Option<String> {
        let (wrong, _forgotten) = self.change(|state| {
            let wrong = state.wrong();
            state.problems.clear();
            let mut forgotten = Vec::new();
            for plans in &mut state.plans {
                let (gone, kept) = plans.iter().cloned().partition::<Vec<_>, _>(|it| it.required);
                forgotten.push(gone);
                *plans = Arc::new(kept);
            }
            for call in &mut state.calls {
                call.script = None;
            }
            (wrong, forgotten)
        });
        wrong.map(|wrong| self.verdict(wrong))
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
