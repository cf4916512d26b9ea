//! Which plan takes a call, or why none does.

use std::{ops::Deref, slice, sync::Arc};

use tonic::Status;

use super::{
    condition::CallView,
    core::{Core, Doubt, SpyTarget},
    explain::{self, Candidate},
    kind::Peek,
    pattern::Report,
    plan::Plan,
};
use crate::call::panics::{self, catch_panic};

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
    /// How much of its requests a call of `method` has to show.
    pub(crate) fn peek(&self, method: usize) -> Peek {
        let plans = self.plans(method);
        let conditions = plans.iter().flat_map(|plan| &plan.conditions);
        conditions.map(|condition| condition.peek()).max().unwrap_or(Peek::Nothing)
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

    /// Whether the plan's conditions hold. They may be the user's code.
    fn fits(&self, plan: &Plan, view: &CallView<'_>) -> bool {
        let mut report = Report::quiet();
        match catch_panic(|| plan.check(view, &mut report)) {
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

    /// Refuses a call of which the requests do not come that decide what takes it.
    pub(crate) fn fail_stuck(&self, method: usize, peek: Peek) -> Status {
        let descriptor = &self.service.methods[method];
        let plans = self.plans(method);
        let looking = |plan: &&Plan| plan.conditions.iter().any(|it| it.peek() != Peek::Nothing);
        let looking = plans.iter().filter(looking).collect::<Vec<_>>();
        self.refuse_for(explain::stuck(descriptor, peek, &looking))
    }

    /// Refuses a call of which the requests do not end, before which `plan` does not answer.
    pub(crate) fn fail_unended(&self, method: usize, plan: &Plan) -> Status {
        let descriptor = &self.service.methods[method];
        self.refuse_for(explain::stuck(descriptor, Peek::All, &[plan]))
    }

    /// Says that `plan` has been written to its end.
    pub(crate) fn finish_writing(&self, method: usize, plan: &Plan) {
        self.edit_plan(method, plan, &|plan| plan.writer = None);
        self.settle_doubts();
    }
}
