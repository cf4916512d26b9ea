//! The engine: what a mock knows, whatever its messages are.
//!
//! The state is locked to look at it or to change it, never while user-defined code runs.

use std::{
    panic::Location,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    task::Waker,
    time::Duration,
};

use tokio::{task, time::Instant};
use tonic::{Status, metadata::MetadataMap};

use super::{
    condition::CallView,
    explain::{self, Problem},
    home::{HasVerdict, Home},
    message::AnyMessage,
    method::Method,
    place::Place,
    plan::Plan,
    record::{Outcome, Record},
    tape::{recorder::Recorder, trace::Trace},
};
use crate::{
    call::method::{MethodDescriptor, ServiceDescriptor},
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
    pub(super) spied: Option<SpyTarget>,
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
    pub(super) doubts: Vec<Doubt>,
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
pub(super) struct Doubt {
    pub(super) method: usize,
    pub(super) plan: Plan,
    requests: Vec<AnyMessage>,
    metadata: MetadataMap,
    deadline: Option<Duration>,
}

impl Doubt {
    pub(super) fn new(method: usize, plan: &Plan, view: &CallView<'_>) -> Self {
        let CallView { requests, metadata, deadline } = *view;
        let (requests, metadata) = (requests.to_vec(), metadata.clone());
        Self { method, plan: plan.clone(), requests, metadata, deadline }
    }

    pub(super) fn view(&self) -> CallView<'_> {
        let Self { requests, metadata, deadline, .. } = self;
        CallView { requests, metadata, deadline: *deadline }
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
        core.home.remember(Arc::downgrade(&core) as Weak<dyn HasVerdict>);
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

    /// Changes the plan that `plan` is by now: `edit` adds to it, so that nothing user-defined is dropped
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

    pub(super) fn plans(&self, method: usize) -> Arc<Vec<Plan>> {
        self.with(|state| Arc::clone(&state.plans[method]))
    }

    // Calls.

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
            record.trace = Some(Trace::of(record.requests()));
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

    // Problems.

    /// Remembers a problem for the verdict, and makes the status of the call that it is about.
    pub(crate) fn fail(&self, problem: String) -> Status {
        self.refuse_for(Problem::new(problem))
    }

    /// The same for a problem that knows more than its text.
    pub(super) fn refuse_for(&self, problem: Problem) -> Status {
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
        self.home.ask_after_end(self);
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
