//! An order of calls, across methods and mocks.

use std::sync::{Arc, Mutex, PoisonError};

/// An order in which calls have to come, of one mock or of several.
///
/// Each expectation that is put [in sequence](super::Expectation::in_sequence) is a step. A call
/// can be taken by a step once all the steps before it have had as many calls as they need, and
/// as long as no step behind it has had one. An expectation can be a step of several sequences:
/// then it has to be its turn in all of them.
///
/// Clones are the same sequence.
///
/// ```
/// # use rust_scaffold::mock::{Expectation, Sequence, Unary};
/// # fn set_up(log_in: Expectation<Unary<i32, i32>>, log_out: Expectation<Unary<i32, i32>>) {
/// let sequence = Sequence::new();
/// log_in.in_sequence(&sequence).returns(1);
/// log_out.in_sequence(&sequence).returns(2);
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Sequence(Arc<Mutex<Vec<SequenceStep>>>);

#[derive(Debug)]
struct SequenceStep {
    /// As failure texts call it.
    name: String,
    needed: usize,
    taken: usize,
}

impl Sequence {
    /// A sequence without steps.
    pub fn new() -> Self {
        Self::default()
    }

    pub(crate) fn add(&self, name: String) -> usize {
        self.with(|steps| {
            steps.push(SequenceStep { name, needed: 1, taken: 0 });
            steps.len() - 1
        })
    }

    /// Says how many calls `step` has to have before the next one can.
    pub(crate) fn need(&self, step: usize, calls: usize) {
        self.with(|steps| steps[step].needed = calls);
    }

    /// Takes a call for `step`, or says why it cannot have one now.
    pub(crate) fn take(&self, step: usize) -> Result<(), String> {
        self.with(|steps| {
            if let Some(reason) = blocked(steps, step) {
                return Err(reason);
            }
            steps[step].taken += 1;
            Ok(())
        })
    }

    /// Gives back a call that `step` has taken, because another sequence does not let it.
    pub(crate) fn put_back(&self, step: usize) {
        self.with(|steps| steps[step].taken -= 1);
    }

    /// Whether both are the same sequence.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Why `step` cannot have a call now, if it cannot.
    pub(crate) fn blocked(&self, step: usize) -> Option<String> {
        self.with(|steps| blocked(steps, step))
    }

    fn with<R>(&self, act: impl FnOnce(&mut Vec<SequenceStep>) -> R) -> R {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn blocked(steps: &[SequenceStep], step: usize) -> Option<String> {
    let (before, behind) = (&steps[..step], &steps[step + 1..]);
    if let Some(missing) = before.iter().find(|it| it.taken < it.needed) {
        return Some(format!("out of sequence: {} has to come first", missing.name));
    }
    let passed = behind.iter().find(|it| it.taken > 0)?;
    Some(format!("out of sequence: {} has come already", passed.name))
}
