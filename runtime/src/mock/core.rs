//! The engine: what a mock knows, whatever its messages are.
//!
//! The state is locked to look at it or to change it, never while anything of the user's runs.

use std::{
    ops::Deref,
    panic::Location,
    slice,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Waker,
    time::Duration,
};

use tokio::{task, time::Instant};
use tonic::{Status, metadata::MetadataMap};

use super::{
    Method,
    condition::CallView,
    explain::{self, Candidate, Problem},
    home::Home,
    kind::Peek,
    message::AnyMessage,
    pattern::Report,
    plan::{Place, Plan},
    record::{Outcome, Record},
    tape::{Recorder, Trace},
};
use crate::{
    call::{
        method::{MethodDescriptor, ServiceDescriptor},
        panics::{self, contain},
    },
    client::direct::DirectServer,
};

/// What all handles of a mock share.
pub(crate) struct Core {
    /// Such as `MockCalculator`.
    pub(crate) name: &'static str,
    pub(crate) service: &'static ServiceDescriptor,
    pub(crate) made_at: &'static Location<'static>,
    /// The thread on which it was made.
    pub(super) home: Arc<Home>,
    /// The task, if it was made in one.
    pub(super) task: Option<task::Id>,
    /// What takes the calls that nothing else does.
    spied: Option<SpyTarget>,
    state: Mutex<MockState>,
}

/// An implementation of the contract that a spy stands in front of.
#[derive(Clone)]
pub(crate) struct SpyTarget {
    pub(crate) server: Arc<dyn DirectServer>,
    pub(crate) methods: &'static [Method],
}

pub(super) struct MockState {
    /// Of each method. Calls hold on to a copy while they are being matched.
    pub(super) plans: Vec<Arc<Vec<Plan>>>,
    pub(super) calls: Vec<Record>,
    pub(super) problems: Vec<Problem>,
    doubts: Vec<Doubt>,
    recorder: Option<Arc<Recorder>>,
    /// The last verdict that was heard.
    pub(super) heard: Option<String>,
    /// What was printed of those who wait.
    pub(super) hints: Vec<String>,
    /// Whether the first handle was dropped.
    pub(super) has_concluded: bool,
    /// Those who want to know when something is wrong or no more.
    pub(super) waiting: Vec<Waker>,
    /// Whether nothing was wrong when it was last asked for, and nothing has changed since.
    pub(super) is_verified: bool,
}

/// A call that came while the test was writing on another thread that none like it may come.
struct Doubt {
    method: usize,
    plan: Plan,
    requests: Vec<AnyMessage>,
    metadata: MetadataMap,
    deadline: Option<Duration>,
}

impl Doubt {
    fn new(method: usize, plan: &Plan, view: &CallView<'_>) -> Self {
        let CallView { requests, metadata, deadline } = *view;
        let (requests, metadata) = (requests.to_vec(), metadata.clone());
        Self { method, plan: plan.clone(), requests, metadata, deadline }
    }

    fn view(&self) -> CallView<'_> {
        let Self { requests, metadata, deadline, .. } = self;
        CallView { requests, metadata, deadline: *deadline }
    }
}

/// What takes a call.
pub(crate) enum Responder {
    Plan(MatchedPlan),
    Spy(SpyTarget),
}

/// A plan that has taken a call, as it was then.
pub(crate) struct MatchedPlan {
    plans: Arc<Vec<Plan>>,
    position: usize,
    /// How many calls the plan had taken before.
    pub(crate) before: usize,
}

impl Deref for MatchedPlan {
    type Target = Plan;

    fn deref(&self) -> &Plan {
        &self.plans[self.position]
    }
}

impl Core {
    pub(crate) fn new(
        name: &'static str,
        service: &'static ServiceDescriptor,
        spied: Option<SpyTarget>,
        made_at: &'static Location<'static>,
    ) -> Arc<Self> {
        let state = MockState {
            plans: vec![Arc::default(); service.methods.len()],
            calls: Vec::new(),
            problems: Vec::new(),
            doubts: Vec::new(),
            recorder: None,
            heard: None,
            hints: Vec::new(),
            has_concluded: false,
            waiting: Vec::new(),
            is_verified: false,
        };
        let (home, task) = (Home::here(), task::try_id());
        let state = Mutex::new(state);
        let core = Arc::new(Self { name, service, made_at, home, task, spied, state });
        core.home.remember(&core);
        core
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, MockState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn with<R>(&self, look: impl FnOnce(&MockState) -> R) -> R {
        look(&self.lock())
    }

    /// Changes the state, by which something may have gone wrong or right: those who wait for that
    /// look again.
    pub(super) fn change<R>(&self, act: impl FnOnce(&mut MockState) -> R) -> R {
        let mut state = self.lock();
        let result = act(&mut state);
        changed(state);
        result
    }

    // Expectations.

    /// Adds a plan for `method`.
    pub(crate) fn add_plan(&self, method: usize, plan: Plan) {
        self.change(|state| Arc::make_mut(&mut state.plans[method]).push(plan));
    }

    /// Changes the plan that `plan` is by now: `edit` adds to it, so that nothing of the user's is dropped
    /// while the state is locked.
    pub(crate) fn edit_plan(&self, method: usize, plan: &Plan, edit: &dyn Fn(&mut Plan)) {
        for (sequence, step) in &plan.steps {
            sequence.need(*step, plan.times().min);
        }
        self.change(|state| {
            for place in Arc::make_mut(&mut state.plans[method]) {
                if place.is(plan) {
                    edit(place);
                }
            }
        });
    }

    /// Where an earlier plan was made that takes every call which `plan` could.
    pub(crate) fn hides(&self, method: usize, plan: &Plan) -> Option<Place> {
        self.with(|state| {
            for earlier in &*state.plans[method] {
                if earlier.is(plan) {
                    break;
                }
                if earlier.required == plan.required && earlier.takes_all_calls() {
                    return Some(earlier.place.clone());
                }
            }
            None
        })
    }

    /// Takes back `plan`, which contradicts itself.
    pub(crate) fn withdraw(&self, method: usize, plan: &Plan) {
        let _withdrawn = self.change(|state| {
            let plans = Arc::make_mut(&mut state.plans[method]);
            let position = plans.iter().position(|other| other.is(plan));
            position.map(|position| plans.remove(position))
        });
    }

    /// Says that `plan` has been written to its end.
    pub(crate) fn finish_writing(&self, method: usize, plan: &Plan) {
        self.edit_plan(method, plan, &|plan| plan.writer = None);
        self.settle_doubts();
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
        // A record is large: a closure would be one more place to move it to.
        let mut state = self.lock();
        let call = state.calls.len();
        state.calls.push(record);
        if state.recorder.is_some() {
            let record = &mut state.calls[call];
            record.trace = Some(Trace::of(record));
        }
        changed(state);
        call
    }

    /// The method that was called.
    pub(crate) fn method_of(&self, call: usize) -> &'static MethodDescriptor {
        &self.service.methods[self.with(|state| state.calls[call].method)]
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
    pub(crate) fn choose(&self, method: usize, view: CallView<'_>) -> Result<Responder, Status> {
        let plans = self.plans(method);
        for plan in &*plans {
            if !plan.forbids() || !self.fits(plan, &view) {
                continue;
            }
            if !plan.is_being_written() {
                return Err(self.refuse(method, view, slice::from_ref(plan)));
            }
            self.doubt(Doubt::new(method, plan, &view));
        }
        let taken = self
            .take_first(&plans, &view, |plan| plan.required && !plan.is_being_written())
            .or_else(|| {
                self.take_first(&plans, &view, |plan| !plan.required && !plan.is_being_written())
            });
        if let Some((position, before)) = taken {
            return Ok(Responder::Plan(MatchedPlan { plans, position, before }));
        }
        if let Some(target) = &self.spied {
            return Ok(Responder::Spy(target.clone()));
        }
        match self.take_first(&plans, &view, Plan::is_being_written) {
            Some((position, before)) => {
                Ok(Responder::Plan(MatchedPlan { plans, position, before }))
            }
            None => Err(self.refuse(method, view, &plans)),
        }
    }

    /// Remembers a call that one may not come like which is still being written.
    fn doubt(&self, doubt: Doubt) {
        self.change(|state| state.doubts.push(doubt));
    }

    /// Refuses, afterwards, the calls that may not come, as far as it is written by now which ones those are.
    pub(super) fn settle_doubts(&self) {
        let mut state = self.lock();
        if state.doubts.is_empty() {
            return;
        }
        let doubts = std::mem::take(&mut state.doubts);
        drop(state);
        for doubt in doubts {
            let plans = self.plans(doubt.method);
            let Some(plan) = plans.iter().find(|plan| plan.is(&doubt.plan)) else { continue };
            if plan.is_being_written() {
                self.doubt(doubt);
            } else if plan.forbids() && self.fits(plan, &doubt.view()) {
                self.refuse(doubt.method, doubt.view(), slice::from_ref(plan));
            }
        }
    }

    /// Lets the first of the plans that are `meant` take the call: its position, and how many it had taken
    /// before.
    fn take_first(
        &self,
        plans: &[Plan],
        view: &CallView<'_>,
        meant: impl Fn(&Plan) -> bool,
    ) -> Option<(usize, usize)> {
        for (position, plan) in plans.iter().enumerate() {
            if meant(plan)
                && self.fits(plan, view)
                && let Ok(before) = self.change(|_| plan.take())
            {
                return Some((position, before));
            }
        }
        None
    }

    pub(super) fn plans(&self, method: usize) -> Arc<Vec<Plan>> {
        self.with(|state| Arc::clone(&state.plans[method]))
    }

    /// Whether the plan's conditions hold. They may be the user's code.
    fn fits(&self, plan: &Plan, view: &CallView<'_>) -> bool {
        let mut report = Report::quiet();
        match contain(|| plan.check(view, &mut report)) {
            Ok(()) => !report.has_failed(),
            Err(panic) => {
                let text = panics::text(&*panic);
                self.problem(format!("{}: a predicate panicked: {text}", plan.place));
                false
            }
        }
    }

    fn refuse(&self, method: usize, view: CallView<'_>, plans: &[Plan]) -> Status {
        let candidates = plans.iter().map(|plan| Candidate::new(plan, &view)).collect();
        let method = &self.service.methods[method];
        self.refuse_for(explain::unexpected(method, view, candidates))
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

/// Unlocks `state`, which has changed, and wakes those who wait for that.
#[inline]
fn changed(mut state: MutexGuard<'_, MockState>) {
    state.is_verified = false;
    if !state.waiting.is_empty() {
        wake(state);
    }
}

#[cold]
fn wake(mut state: MutexGuard<'_, MockState>) {
    let waiting = std::mem::take(&mut state.waiting);
    drop(state);
    waiting.into_iter().for_each(Waker::wake);
}
