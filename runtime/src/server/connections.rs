//! The connections of a server: accepts them, and ends them in order when it shuts down.

use std::{
    future::Future,
    io,
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::{sleep, timeout},
};
use tokio_stream::{Stream, StreamExt as _};

use super::{
    interrupts::Interrupts, listener::pause_after, observer::Observers, opening,
    options::ServerOptions, routes::Routes,
};
use crate::{
    call::deadline::FOREVER,
    channelz::ServerNode,
    connection::handshake::Handshake,
    h2::server::{calls::ServerShared, phase::ServerPhase, run_until},
};

/// How long connections may take to close once their calls have been ended. Longer than a connection itself
/// allows: only one whose thread is blocked by a handler takes so long.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// How many interrupts force the end of shutdown.
const FORCE: usize = 2;

/// The open connections of a server. Dropping it asks them to drain.
pub(super) struct Connections {
    shared: Arc<ServerShared>,
    permits: Arc<Semaphore>,
    phase: watch::Sender<ServerPhase>,
    observers: Observers,
    max_connections: usize,
    shutdown_delay: Duration,
}

impl Connections {
    /// The connections of a server that is counted as `node`.
    pub(super) fn new(
        routes: Routes,
        options: ServerOptions,
        observers: Observers,
        node: ServerNode,
    ) -> Self {
        let ServerOptions { max_connections, shutdown_delay, .. } = options;
        let permits = Arc::new(Semaphore::new(max_connections));
        let services = routes.into_http_service();
        let shared = Arc::new(ServerShared::new(services, options.connection, node));
        let phase = watch::Sender::new(ServerPhase::Serving);
        Self { shared, permits, phase, observers, max_connections, shutdown_delay }
    }

    /// Serves what `incoming` accepts, until it ends and all connections are closed, or until `signal` completes
    /// or the process is interrupted: that begins shutdown, and a second interrupt forces it.
    pub(super) async fn run<C: Handshake>(
        self,
        incoming: impl Stream<Item = io::Result<C>>,
        signal: impl Future<Output = ()>,
        interrupts: Interrupts,
    ) -> io::Result<()> {
        {
            let mut incoming = pin!(incoming.fuse());
            let begin = async {
                run_until(pin!(signal), interrupts.reach(1)).await;
            };
            self.serve_until(incoming.as_mut(), begin).await?;
            // First, so that a client that is told to leave its connection does not come back to a server that still
            // calls itself healthy.
            self.observers.shutdown_begins();
            tracing::info!(delay = ?self.shutdown_delay, "shutdown begins");
            if !self.shutdown_delay.is_zero() {
                let force = pin!(interrupts.reach(FORCE));
                let mut delay = pin!(async {
                    run_until(force, sleep(self.shutdown_delay)).await;
                });
                if let Err(error) = self.serve_until(incoming, delay.as_mut()).await {
                    tracing::warn!(%error, "no more connections are accepted");
                    // Those that are open keep their time.
                    run_until(delay, self.ended()).await;
                }
            }
            // `incoming` is dropped: none is accepted any more only to be told to leave.
        }
        self.drain(interrupts.reach(FORCE)).await;
        Ok(())
    }

    /// Serves what `incoming` accepts until `end` completes, or until that has ended and all connections are
    /// closed.
    async fn serve_until<C: Handshake>(
        &self,
        mut incoming: Pin<&mut impl Stream<Item = io::Result<C>>>,
        end: impl Future<Output = ()>,
    ) -> io::Result<()> {
        let mut end = pin!(end);
        while let Some(next) = run_until(end.as_mut(), self.accept(incoming.as_mut())).await {
            match next {
                (Some(Ok(accepted)), permit) => self.serve(accepted, permit),
                (Some(Err(error)), _) => sleep(pause_after(error)?).await,
                (None, _) => {
                    run_until(end, self.ended()).await;
                    break;
                }
            }
        }
        Ok(())
    }

    /// The next connection, once the limit allows another.
    async fn accept<T>(
        &self,
        mut incoming: Pin<&mut impl Stream<Item = T>>,
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
        tokio::spawn(opening::serve(
            accepted,
            Arc::clone(&self.shared),
            self.phase.subscribe(),
            permit,
        ));
    }

    /// Drains all connections, until they are closed, `shutdown_timeout` is over, or `force` completes.
    async fn drain(&self, force: impl Future<Output = ()>) {
        self.shared.listens_no_more();
        self.observers.drain_begins();
        self.phase.send_replace(ServerPhase::Draining);
        // Connections end their calls themselves.
        let limit = self.shared.shutdown_timeout().unwrap_or(FOREVER) + CLOSE_TIMEOUT;
        let mut drained = run_until(pin!(force), timeout(limit, self.ended())).await;
        if drained.is_none() {
            tracing::warn!("shutdown is forced: calls in progress are ended");
            self.phase.send_replace(ServerPhase::Closing);
            drained = Some(timeout(CLOSE_TIMEOUT, self.ended()).await);
        }
        if let Some(Err(_)) = drained {
            let connections = self.max_connections - self.permits.available_permits();
            tracing::warn!(
                connections,
                "shutdown does not wait for handlers that block their threads"
            );
        }
    }

    /// Waits until all connections are closed.
    async fn ended(&self) {
        self.phase.closed().await;
    }
}

impl Drop for Connections {
    fn drop(&mut self) {
        self.shared.listens_no_more();
        // Serving may have been given up: calls that wait for the beginning of shutdown would keep their
        // connections open.
        self.observers.shutdown_begins();
        self.observers.drain_begins();
    }
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, future::pending, time::Duration};

    use http::{Request, Response};
    use tokio::{io::DuplexStream, sync::Notify, task::JoinHandle, time::Instant};
    use tower::service_fn;

    use super::*;
    use crate::{protocol::http_body::HttpBody, server::routes::RouteTable};

    const SECOND: Duration = Duration::from_secs(1);

    /// Connections on which every call takes for ever and tells `begun`.
    fn hanging(delay: Duration, timeout: Option<Duration>, begun: &Arc<Notify>) -> Connections {
        let begun = Arc::clone(begun);
        let mut routes = RouteTable::default();
        routes.set_fallback(service_fn(move |_: Request<HttpBody>| {
            begun.notify_one();
            pending::<Result<Response<HttpBody>, Infallible>>()
        }));
        let mut options = ServerOptions { shutdown_delay: delay, ..ServerOptions::default() };
        options.connection.shutdown_timeout = timeout;
        let routes = Routes::new(Arc::new(routes));
        Connections::new(routes, options, Observers::default(), ServerNode::default())
    }

    /// Makes a call over `io`. The result is its status.
    fn call(io: DuplexStream) -> JoinHandle<String> {
        tokio::spawn(async move {
            let (mut requests, connection) = h2::client::handshake(io).await.unwrap();
            tokio::spawn(connection);
            let request = Request::post("http://server/s.S/M")
                .header("content-type", "application/grpc")
                .body(())
                .unwrap();
            let (response, _) = requests.send_request(request, true).unwrap();
            let headers = response.await.unwrap().into_parts().0.headers;
            headers["grpc-status"].to_str().unwrap().to_owned()
        })
    }

    fn once(io: DuplexStream) -> impl Stream<Item = io::Result<DuplexStream>> {
        tokio_stream::once(Ok(io)).chain(tokio_stream::pending())
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_interrupt_forces_shutdown_in_each_of_its_phases() {
        for delay in [Duration::ZERO, 100 * SECOND] {
            let begun = Arc::default();
            let connections = hanging(delay, None, &begun);
            let (interrupts, counted) = watch::channel(0);
            let (here, there) = tokio::io::duplex(4096);
            let interrupted = Interrupts::counted_by(counted);
            let running = tokio::spawn(connections.run(once(there), pending(), interrupted));
            let status = call(here);
            begun.notified().await;
            interrupts.send_replace(1);
            sleep(10 * SECOND).await;
            assert!(!status.is_finished(), "the first one waits for calls");
            let start = Instant::now();
            interrupts.send_replace(2);
            assert_eq!(status.await.unwrap(), "14", "{delay:?}");
            running.await.unwrap().unwrap();
            assert_eq!(start.elapsed(), Duration::ZERO, "{delay:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_interrupt_after_the_callers_own_signal_is_the_first_one() {
        let begun = Arc::default();
        let connections = hanging(Duration::ZERO, Some(50 * SECOND), &begun);
        let (interrupts, counted) = watch::channel(0);
        let (here, there) = tokio::io::duplex(4096);
        let interrupted = Interrupts::counted_by(counted);
        let start = Instant::now();
        let running = tokio::spawn(connections.run(once(there), sleep(SECOND), interrupted));
        let status = call(here);
        begun.notified().await;
        sleep(2 * SECOND).await;
        interrupts.send_replace(1);
        assert_eq!(status.await.unwrap(), "14");
        running.await.unwrap().unwrap();
        assert_eq!(start.elapsed(), 51 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_says_nothing_delays_nothing() {
        for (age, delay) in [(SECOND / 10, 900), (5 * SECOND, 0)] {
            let connections = hanging(Duration::ZERO, Some(50 * SECOND), &Arc::default());
            let (_silent, there) = tokio::io::duplex(4096);
            let none = Interrupts::counted_by(watch::channel(0).1);
            let drained = Instant::now() + age;
            let signal = tokio::time::sleep_until(drained);
            connections.run(once(there), signal, none).await.unwrap();
            let elapsed = drained.elapsed().as_millis();
            assert!(elapsed.abs_diff(delay) <= 2, "{elapsed} ms after {age:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_never_closes_is_not_waited_for_for_ever() {
        for (limit, forced, end) in [(Some(5), None, 5), (None, Some(7), 7), (Some(5), Some(2), 2)]
        {
            let timeout = limit.map(|limit| limit * SECOND);
            let connections = hanging(Duration::ZERO, timeout, &Arc::default());
            let _never_closed = connections.phase.subscribe();
            let (interrupts, counted) = watch::channel(1);
            if let Some(time) = forced {
                tokio::spawn(async move {
                    sleep(time * SECOND).await;
                    interrupts.send_replace(2);
                });
            }
            let start = Instant::now();
            let none = tokio_stream::pending::<io::Result<DuplexStream>>();
            connections.run(none, pending(), Interrupts::counted_by(counted)).await.unwrap();
            assert_eq!(start.elapsed(), end * SECOND + CLOSE_TIMEOUT);
        }
    }
}
