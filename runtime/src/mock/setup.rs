//! An expectation that is being written, whatever its method's messages are: it holds as far as it is
//! written, and what contradicts itself panics where it stands.

use std::{fmt, sync::Arc, thread, time::Duration};

use tonic::Code;

use super::{
    condition::Condition,
    core::Core,
    entry::check_failure,
    plan::{Behaviour, Plan, Times, count},
    sequence::Sequence,
};

/// An [`Expectation`](super::Expectation), whatever its method's messages are.
pub(super) struct Setup {
    pub(super) core: Arc<Core>,
    method: usize,
    pub(super) plan: Plan,
}

impl Setup {
    pub(super) fn new(core: &Arc<Core>, method: usize, mut plan: Plan) -> Self {
        plan.writer = Some(thread::current().id());
        core.add_plan(method, plan.clone());
        Self { core: Arc::clone(core), method, plan }
    }

    pub(super) fn condition(&mut self, condition: Arc<dyn Condition>) {
        self.edit(move |plan| plan.conditions.push(Arc::clone(&condition)));
    }

    #[track_caller]
    pub(super) fn behaviour(&mut self, behaviour: Behaviour) {
        if self.plan.behaviour.is_some() {
            self.contradict(
                "it has an answer already. Other calls are another expectation's; a response for each \
                 call is what `.returns_each([…])` takes",
            );
        }
        if let Some(earlier) = self.core.hides(self.method, &self.plan) {
            self.contradict(format_args!(
                "no call gets here: what was set up at {earlier} takes all of them before. Set up \
                 first what means some calls, or say there which ones or how many are meant"
            ));
        }
        self.edit(move |plan| plan.behaviour = Some(behaviour.clone()));
    }

    #[track_caller]
    pub(super) fn times(&mut self, times: Times) {
        if let Some(former) = self.plan.times {
            self.contradict(format_args!("how many calls it takes was said already: {former}"));
        }
        self.edit(|plan| plan.times = Some(times));
    }

    #[track_caller]
    pub(super) fn sequence(&mut self, sequence: &Sequence) {
        if self.plan.steps.iter().any(|(other, _)| other.is(sequence)) {
            return;
        }
        let method = self.core.service.methods[self.method].name();
        let step = sequence.add(format!("{method}, expected at {},", self.plan.place));
        self.edit(|plan| plan.steps.push((sequence.clone(), step)));
    }

    #[track_caller]
    pub(super) fn delay(&mut self, delay: Duration) {
        if let Some(former) = self.plan.delay {
            self.contradict(format_args!("after how long it answers was said already: {former:?}"));
        }
        self.edit(|plan| plan.delay = Some(delay));
    }

    #[track_caller]
    pub(super) fn flaky(&mut self, failures: usize, code: Code) {
        check_failure(code);
        if let Some((failures, code)) = self.plan.flaky {
            let calls = count(failures, "call");
            self.contradict(format_args!(
                "how it fails first was said already: {calls}, with {code:?}"
            ));
        }
        self.edit(|plan| plan.flaky = Some((failures, code)));
    }

    /// Panics with what cannot hold together, which then needs no call.
    #[track_caller]
    fn contradict(&self, problem: impl fmt::Display) -> ! {
        self.core.withdraw(self.method, &self.plan);
        panic!("{problem}")
    }

    /// Adds to the plan, here and where calls find it, unless that contradicts the rest of it.
    #[track_caller]
    fn edit(&mut self, edit: impl Fn(&mut Plan)) {
        edit(&mut self.plan);
        if let Some(contradiction) = self.plan.contradiction() {
            self.contradict(contradiction);
        }
        self.core.edit_plan(self.method, &self.plan, &edit);
    }
}

impl Drop for Setup {
    fn drop(&mut self) {
        self.core.finish_writing(self.method, &self.plan);
    }
}
