//! What became of the calls that a client has named.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use rust_scaffold::{Code, Status};

/// The states of all calls so far, by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Calls {
    states: Arc<Mutex<HashMap<String, &'static str>>>,
}

/// One call: it counts as dropped when this is dropped before the handler has come to an end.
#[derive(Debug)]
pub(super) struct Call {
    calls: Calls,
    name: String,
    ended: &'static str,
}

impl Calls {
    pub(super) fn state(&self, name: &str) -> &'static str {
        let states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        states.get(name).copied().unwrap_or("unknown")
    }

    /// Follows the call that the label `call` names.
    pub(super) fn follow(&self, labels: &HashMap<String, String>) -> Call {
        let name = labels.get("call").cloned().unwrap_or_default();
        self.set(&name, "running");
        Call { calls: self.clone(), name, ended: "dropped" }
    }

    fn set(&self, name: &str, state: &'static str) {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        states.insert(name.to_owned(), state);
    }
}

impl Call {
    /// Passes on what the handler has come to. A request stream that was cancelled is no end.
    pub(super) fn ends<T>(mut self, outcome: Result<T, Status>) -> Result<T, Status> {
        if !matches!(&outcome, Err(status) if status.code() == Code::Cancelled) {
            self.ended = "finished";
        }
        outcome
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.calls.set(&self.name, self.ended);
    }
}
