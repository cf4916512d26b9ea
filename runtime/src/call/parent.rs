//! The end of a served call, for calls that are made for it beside its handler.

use std::sync::Arc;

use tokio::sync::watch;
use tonic::{Status, metadata::MetadataMap};

use super::observer::MessageObserver;

/// Held by what serves a call: the call is over when this is dropped, with the clones that were made of it since
/// somebody wanted to know.
#[derive(Clone, Debug, Default)]
pub(crate) struct ServedCallGuard(
    /// None until somebody wants to know: most handlers do nothing beside themselves.
    Option<Arc<watch::Sender<()>>>,
);

impl ServedCallGuard {
    /// Whether somebody wants to know the call's end.
    pub(crate) fn is_linked(&self) -> bool {
        self.0.is_some()
    }

    /// What sees the call's end.
    pub(crate) fn link(&mut self) -> ParentCall {
        let guard = self.0.get_or_insert_with(|| Arc::new(watch::Sender::new(())));
        ParentCall(guard.subscribe())
    }
}

/// Keeps a call going until its responses have ended.
pub(crate) struct GuardedResponses(pub(crate) Option<ServedCallGuard>);

impl MessageObserver for GuardedResponses {
    fn on_data(&mut self, _data: &[u8]) {}

    fn on_message(&mut self) {}

    fn on_end(&mut self, _ended: Result<&MetadataMap, &Status>) {
        self.0 = None;
    }
}

/// Sees the end of the call that others are made for.
#[derive(Clone, Debug)]
pub(crate) struct ParentCall(watch::Receiver<()>);

impl ParentCall {
    /// Whether the call is over.
    pub(crate) fn is_cancelled(&self) -> bool {
        // An error: the other end is gone. Nothing is ever sent.
        self.0.has_changed().is_err()
    }

    /// Waits for the call's end.
    pub(crate) async fn cancelled(mut self) {
        while self.0.changed().await.is_ok() {}
    }
}
