//! What a server tells its connections of its shutdown.

use tokio::sync::watch;

use super::drain::Force;

/// How far the shutdown of a server has come, as far as its connections are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ServerPhase {
    /// Connections are open for calls, also when shutdown has begun.
    Serving,
    /// They are drained.
    Draining,
    /// They are closed without further delay.
    Closing,
}

/// Waits until connections are to be drained: also once the server is dropped, which is how serving is given up.
pub(crate) async fn until_draining(phase: &mut watch::Receiver<ServerPhase>) {
    let _ = phase.wait_for(|phase| *phase >= ServerPhase::Draining).await;
}

/// Completes when connections are to be closed without further delay.
pub(crate) fn force(mut phase: watch::Receiver<ServerPhase>) -> Force {
    Box::pin(async move {
        if phase.wait_for(|phase| *phase == ServerPhase::Closing).await.is_err() {
            // The server was dropped. Calls keep the time that any shutdown gives them.
            std::future::pending::<()>().await;
        }
    })
}
