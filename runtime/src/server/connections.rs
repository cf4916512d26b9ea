//! The connections of a server: accepts them, and drains them at shutdown.

use std::{future::Future, io, pin::pin, sync::Arc};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_stream::{Stream, StreamExt as _};

use super::{listener::pause_after, observer::Observers, options::ServerOptions, routes::Routes};
use crate::h2::server::{calls::ServerShared, connection, handshake::Handshake, run_until};

/// Why the server stopped accepting connections.
enum Accepting {
    Stopped,
    Ended,
}

/// The open connections of a server. Dropping it asks them to drain.
pub(super) struct Connections {
    shared: Arc<ServerShared>,
    permits: Arc<Semaphore>,
    shutdown: watch::Sender<bool>,
    observers: Observers,
}

impl Connections {
    pub(super) fn new(routes: Routes, options: ServerOptions, observers: Observers) -> Self {
        let permits = Arc::new(Semaphore::new(options.max_connections));
        let services = routes.into_http_service();
        let shared = Arc::new(ServerShared::new(services, options.connection));
        Self { shared, permits, shutdown: watch::Sender::new(false), observers }
    }

    /// Serves what `incoming` accepts until `signal` completes, or it ends, and all calls have ended.
    pub(super) async fn run<C: Handshake>(
        self,
        incoming: impl Stream<Item = io::Result<C>>,
        signal: impl Future<Output = ()>,
    ) -> io::Result<()> {
        let mut signal = pin!(signal);
        if let Accepting::Ended = self.accept_all(incoming, signal.as_mut()).await? {
            run_until(signal, self.ended()).await;
        }
        self.shut_down().await;
        Ok(())
    }

    /// Serves what `incoming` accepts until that ends or `stop` completes. Drops `incoming` before it
    /// returns, so that no more connections are accepted without being served.
    async fn accept_all<C: Handshake>(
        &self,
        incoming: impl Stream<Item = io::Result<C>>,
        stop: impl Future<Output = ()>,
    ) -> io::Result<Accepting> {
        let (mut incoming, mut stop) = (pin!(incoming), pin!(stop));
        while let Some(next) = run_until(stop.as_mut(), self.accept(incoming.as_mut())).await {
            match next {
                (Some(Ok(accepted)), permit) => self.serve(accepted, permit),
                (Some(Err(error)), _) => tokio::time::sleep(pause_after(error)?).await,
                (None, _) => return Ok(Accepting::Ended),
            }
        }
        Ok(Accepting::Stopped)
    }

    /// The next connection, once the limit allows another.
    async fn accept<T>(
        &self,
        mut incoming: impl Stream<Item = T> + Unpin,
    ) -> (Option<T>, Option<OwnedSemaphorePermit>) {
        let permit = self.permit().await;
        (incoming.next().await, permit)
    }

    /// Waits until the limit allows another connection.
    pub(super) async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        // The semaphore is never closed.
        Arc::clone(&self.permits).acquire_owned().await.ok()
    }

    pub(super) fn serve<C: Handshake>(&self, accepted: C, permit: Option<OwnedSemaphorePermit>) {
        // Spawned as it is: an `async` block around it would contain it twice, before and after its first
        // poll.
        tokio::spawn(connection::serve(
            accepted,
            Arc::clone(&self.shared),
            self.shutdown.subscribe(),
            permit,
        ));
    }

    /// Asks all connections to drain, and waits until they are closed.
    async fn shut_down(&self) {
        // First, so that a client that is told to leave its connection does not come back to a server that
        // still calls itself healthy.
        self.observers.shutdown_begins();
        self.shutdown.send_replace(true);
        self.ended().await;
    }

    /// Waits until all connections are closed.
    async fn ended(&self) {
        self.shutdown.closed().await;
    }
}

impl Drop for Connections {
    fn drop(&mut self) {
        // Serving may have been given up: calls that wait for the beginning of shutdown would keep their
        // connections open.
        self.observers.shutdown_begins();
    }
}
