//! The end of a served call, for what goes on beside its handler.

use std::sync::Arc;

use tokio::sync::watch;

/// Held by what serves a call: the call is over when this is dropped, with the clones that were made of it since
/// somebody wanted to know.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallGuard(
    /// None until somebody wants to know: most handlers do nothing beside themselves.
    Option<Arc<watch::Sender<()>>>,
);

impl CallGuard {
    /// What sees the call's end.
    pub(crate) fn link(&mut self) -> CancellationLink {
        let guard = self.0.get_or_insert_with(|| Arc::new(watch::Sender::new(())));
        CancellationLink(guard.subscribe())
    }
}

/// Sees the end of a call.
#[derive(Clone, Debug)]
pub(crate) struct CancellationLink(watch::Receiver<()>);

impl CancellationLink {
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
