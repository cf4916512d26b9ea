//! An expectation that is being written, whatever its method's messages are: it holds as far as it is
//! written, and what contradicts itself panics where it stands.

use std::{fmt, sync::Arc, thread, time::Duration};

use tonic::Code;

use super::{
    Sequence,
    condition::Condition,
    core::Core,
    entry::check_failure,
    plan::{Behaviour, Plan, Times, count},
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
        core.publish(method, &plan);
        Self { core: Arc::clone(core), method, plan }
    }

    pub(super) fn condition(&mut self, condition: Arc<dyn Condition>) {
        self.plan.conditions.push(condition);
        self.publish();
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
        self.plan.behaviour = Some(behaviour);
        self.publish();
    }

    #[track_caller]
    pub(super) fn times(&mut self, times: Times) {
        if let Some(former) = self.plan.times {
            self.contradict(format_args!("how many calls it takes was said already: {former}"));
        }
        self.plan.times = Some(times);
        self.publish();
    }

    #[track_caller]
    pub(super) fn sequence(&mut self, sequence: &Sequence) {
        if self.plan.steps.iter().any(|(other, _)| other.is(sequence)) {
            return;
        }
        let method = self.core.service.methods[self.method].name();
        let step = sequence.add(format!("{method}, expected at {},", self.plan.place));
        self.plan.steps.push((sequence.clone(), step));
        self.publish();
    }

    #[track_caller]
    pub(super) fn delay(&mut self, delay: Duration) {
        if let Some(former) = self.plan.delay {
            self.contradict(format_args!("after how long it answers was said already: {former:?}"));
        }
        self.plan.delay = Some(delay);
        self.publish();
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
        self.plan.flaky = Some((failures, code));
        self.publish();
    }

    /// Panics with what cannot hold together, which then needs no call.
    #[track_caller]
    fn contradict(&self, problem: impl fmt::Display) -> ! {
        self.core.withdraw(self.method, &self.plan);
        panic!("{problem}")
    }

    /// Lets the plan hold as it is now.
    #[track_caller]
    fn publish(&self) {
        if let Some(contradiction) = self.plan.contradiction() {
            self.contradict(contradiction);
        }
        self.core.publish(self.method, &self.plan);
    }
}

impl Drop for Setup {
    fn drop(&mut self) {
        self.core.finish_writing(self.method, &self.plan);
    }
}
