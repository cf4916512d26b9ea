//! A server on sockets, for generated services and any other tower gRPC service.

use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    io,
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, ToSocketAddrs},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
};
use tokio_stream::{Stream, StreamExt as _};
use tonic::server::NamedService;
use tower_service::Service;

use super::{
    connection::{self, Shared},
    listener::{Accepted, Listener, pause_after},
    options::Options,
    pace::Pace,
    routes::Routes,
};
use crate::wire::{
    h2::{MAX_FRAME, MAX_WINDOW, MIN_FRAME},
    http_body::{HttpBody, RequestBody},
};

/// Serves gRPC services over HTTP/2.
///
/// ```
/// use rust_scaffold::Server;
/// # use rust_scaffold::{ServiceServer, codegen::Dispatch};
///
/// # async fn serve<D: Dispatch<S>, S: Send + Sync + 'static>(
/// #     calculator: ServiceServer<D, S>,
/// # ) -> std::io::Result<()> {
/// Server::new().add_service(calculator).serve("[::]:50051").await
/// # }
/// ```
///
/// A handler runs on the task of its connection until it waits for something, and on a task of its
/// own from then on; handlers that turn out to compute for long before they wait get tasks of their
/// own at once (see [`inline_limit`](Self::inline_limit)). A handler that panics fails its call with
/// `Internal`, and nothing else. The handler of a call that the client has cancelled is dropped.
#[derive(Clone, Debug, Default)]
pub struct Server {
    routes: Routes,
    options: Options,
}

impl Server {
    /// A server without services: it answers every call with `Unimplemented`.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a service: a generated server, or one of tonic's, with or without an interceptor.
    #[must_use]
    pub fn add_service<S, B>(mut self, service: S) -> Self
    where
        S: Service<http::Request<HttpBody>, Response = http::Response<B>, Error = Infallible>,
        S: NamedService + Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
        B: RequestBody,
    {
        self.routes.add(service);
        self
    }

    /// Answers the requests for services that were not added with `service`, instead of with
    /// `Unimplemented`.
    #[must_use]
    pub fn fallback<S, B>(mut self, service: S) -> Self
    where
        S: Service<http::Request<HttpBody>, Response = http::Response<B>, Error = Infallible>,
        S: Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
        B: RequestBody,
    {
        self.routes.set_fallback(service);
        self
    }

    /// Serves on `address` until the process ends.
    ///
    /// # Errors
    /// When `address` cannot be listened on, or accepting connections fails for good.
    pub async fn serve(self, address: impl ToSocketAddrs) -> io::Result<()> {
        self.serve_with_shutdown(address, std::future::pending()).await
    }

    /// Serves on `address` until `signal` completes and the calls in progress have ended, for
    /// which [`shutdown_timeout`](Self::shutdown_timeout) can set a limit.
    ///
    /// # Errors
    /// When `address` cannot be listened on, or accepting connections fails for good.
    pub async fn serve_with_shutdown(
        self,
        address: impl ToSocketAddrs,
        signal: impl Future<Output = ()>,
    ) -> io::Result<()> {
        self.serve_listener_with_shutdown(TcpListener::bind(address).await?, signal).await
    }

    /// Serves on a `listener` that is bound already, until the process ends: a TCP listener, or on
    /// Unix that of a Unix socket.
    ///
    /// ```
    /// # async fn serve() -> std::io::Result<()> {
    /// let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    /// println!("serving on {}", listener.local_addr()?);
    /// rust_scaffold::Server::new().serve_listener(listener).await
    /// # }
    /// ```
    ///
    /// # Errors
    /// When accepting connections fails for good.
    pub async fn serve_listener(self, listener: impl Listener + Unpin) -> io::Result<()> {
        self.serve_listener_with_shutdown(listener, std::future::pending()).await
    }

    /// Serves on a `listener` that is bound already, until `signal` completes and the calls in
    /// progress have ended.
    ///
    /// # Errors
    /// When accepting connections fails for good.
    pub async fn serve_listener_with_shutdown(
        self,
        listener: impl Listener + Unpin,
        signal: impl Future<Output = ()>,
    ) -> io::Result<()> {
        let incoming = Accepted { listener, nodelay: self.options.tcp_nodelay };
        self.serve_incoming_with_shutdown(incoming, signal).await
    }

    /// Serves the connections that `incoming` accepts, until it ends and they have. What TCP should
    /// do, such as `TCP_NODELAY`, is up to whoever accepts them.
    ///
    /// # Errors
    /// When accepting connections fails for good.
    pub async fn serve_incoming<IO>(
        self,
        incoming: impl Stream<Item = io::Result<IO>>,
    ) -> io::Result<()>
    where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        self.serve_incoming_with_shutdown(incoming, std::future::pending()).await
    }

    /// Serves the connections that `incoming` accepts, until `signal` completes and the calls in
    /// progress have ended.
    ///
    /// # Errors
    /// When accepting connections fails for good.
    pub async fn serve_incoming_with_shutdown<IO>(
        self,
        incoming: impl Stream<Item = io::Result<IO>>,
        signal: impl Future<Output = ()>,
    ) -> io::Result<()>
    where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let connections = Connections::new(self);
        match connections.accept_all(incoming, signal).await? {
            Accepting::Stopped => connections.shut_down().await,
            Accepting::Ended => connections.ended().await,
        }
        Ok(())
    }
}

/// Why no more connections are accepted.
enum Accepting {
    Stopped,
    Ended,
}

/// What `future` gives, unless `end` comes first.
async fn before<T>(
    mut end: Pin<&mut impl Future<Output = ()>>,
    future: impl Future<Output = T>,
) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|cx| match end.as_mut().poll(cx) {
        Poll::Ready(()) => Poll::Ready(None),
        Poll::Pending => future.as_mut().poll(cx).map(Some),
    })
    .await
}

/// The connections of a server that is at work. When it is dropped, they are asked to close.
struct Connections {
    shared: Arc<Shared>,
    permits: Arc<Semaphore>,
    shutdown: watch::Sender<bool>,
}

impl Connections {
    fn new(Server { routes, options }: Server) -> Self {
        let permits = Arc::new(Semaphore::new(options.max_connections));
        let shared = Arc::new(Shared { routes, options, pace: Pace::new() });
        Self { shared, permits, shutdown: watch::Sender::new(false) }
    }

    /// Serves what `incoming` accepts until that ends or `stop` completes. Then there is nothing
    /// left that would take a connection and not serve it.
    async fn accept_all<IO>(
        &self,
        incoming: impl Stream<Item = io::Result<IO>>,
        stop: impl Future<Output = ()>,
    ) -> io::Result<Accepting>
    where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (mut incoming, mut stop) = (pin!(incoming), pin!(stop));
        while let Some(next) = before(stop.as_mut(), self.accept(incoming.as_mut())).await {
            match next {
                (Some(Ok(io)), permit) => self.serve(io, permit),
                (Some(Err(error)), _) => tokio::time::sleep(pause_after(error)?).await,
                (None, _) => return Ok(Accepting::Ended),
            }
        }
        Ok(Accepting::Stopped)
    }

    /// The next connection, once there is room for it.
    async fn accept<T>(
        &self,
        mut incoming: impl Stream<Item = T> + Unpin,
    ) -> (Option<T>, Option<OwnedSemaphorePermit>) {
        // It is never closed.
        let permit = Arc::clone(&self.permits).acquire_owned().await.ok();
        (incoming.next().await, permit)
    }

    fn serve<IO>(&self, io: IO, permit: Option<OwnedSemaphorePermit>)
    where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let connection = connection::serve(io, Arc::clone(&self.shared), self.shutdown.subscribe());
        tokio::spawn(async move {
            connection.await;
            drop(permit);
        });
    }

    /// Asks all connections to close, and waits until they are.
    async fn shut_down(self) {
        self.shutdown.send_replace(true);
        self.ended().await;
    }

    /// Waits until all connections are closed.
    async fn ended(self) {
        self.shutdown.closed().await;
    }
}

/// What the server's connections may take, and how long they may last.
impl Server {
    /// Whether TCP sends small packets at once (`TCP_NODELAY`). By default it does.
    #[must_use]
    pub fn tcp_nodelay(mut self, nodelay: bool) -> Self {
        self.options.tcp_nodelay = nodelay;
        self
    }

    /// Whether the extensions of requests that come over TCP say from where, as a
    /// [`ConnectInfo`](crate::ConnectInfo); with the feature `tonic-transport`, also as tonic's, for
    /// `Request::remote_addr`. By default they do not: it takes memory for every call.
    #[must_use]
    pub fn connect_info(mut self, tell: bool) -> Self {
        self.options.connect_info = tell;
        self
    }

    /// How long a handler may compute, before it first waits for something, on the task of its
    /// connection, where it holds up the other calls. The calls of a method that takes longer three
    /// times in a row get tasks of their own, until one that is tried again after a while is quick.
    /// By default 50 microseconds; zero gives all calls tasks of their own.
    #[must_use]
    pub fn inline_limit(mut self, time: Duration) -> Self {
        self.options.inline_limit = time;
        self
    }

    /// How many bytes of one call's requests may be on their way, or wait for the handler to read
    /// them. By default 1 MiB and 64 KiB, for messages of 1 MiB in one piece.
    #[must_use]
    pub fn initial_stream_window_size(mut self, bytes: u32) -> Self {
        self.options.sizes.stream_window = bytes.min(MAX_WINDOW);
        self
    }

    /// How many bytes of all requests of a connection may be on their way, or wait for handlers to
    /// read them. By default 4 MiB.
    #[must_use]
    pub fn initial_connection_window_size(mut self, bytes: u32) -> Self {
        self.options.sizes.connection_window = bytes.min(MAX_WINDOW);
        self
    }

    /// The largest HTTP/2 frame that clients may send, from 16 KiB to 16 MiB less one byte. By
    /// default 1 MiB.
    #[must_use]
    pub fn max_frame_size(mut self, bytes: u32) -> Self {
        self.options.sizes.max_frame_size = bytes.clamp(MIN_FRAME, MAX_FRAME);
        self
    }

    /// The largest headers of a request, in bytes as
    /// [HTTP/2 counts them](https://www.rfc-editor.org/rfc/rfc9113#SETTINGS_MAX_HEADER_LIST_SIZE).
    /// By default 16 KiB.
    #[must_use]
    pub fn max_header_list_size(mut self, bytes: u32) -> Self {
        self.options.sizes.max_header_list_size = bytes;
        self
    }

    /// How many calls a connection may have in progress. By default 1000.
    #[must_use]
    pub fn max_concurrent_streams(mut self, calls: u32) -> Self {
        self.options.max_concurrent_streams = calls;
        self
    }

    /// How many connections are served at a time; others wait to be accepted. By default 65,536.
    #[must_use]
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.options.max_connections = connections.min(Semaphore::MAX_PERMITS);
        self
    }

    /// How many calls of a connection a client may have reset before the server has looked at them;
    /// one more closes the connection (the "rapid reset" attack, CVE-2023-44487). By default 20.
    #[must_use]
    pub fn max_pending_accept_reset_streams(mut self, calls: usize) -> Self {
        self.options.max_pending_accept_reset_streams = calls;
        self
    }

    /// How long a client may take to begin with HTTP/2 on a new connection. By default 10 seconds.
    #[must_use]
    pub fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.options.handshake_timeout = timeout;
        self
    }

    /// How often clients are asked whether they are still there; none: never. By default every 5
    /// minutes.
    #[must_use]
    pub fn keep_alive_interval(mut self, interval: Option<Duration>) -> Self {
        self.options.keep_alive.interval = interval;
        self
    }

    /// How long a client may take to say that it is still there, before the connection is closed.
    /// By default 20 seconds.
    #[must_use]
    pub fn keep_alive_timeout(mut self, timeout: Duration) -> Self {
        self.options.keep_alive.timeout = timeout;
        self
    }

    /// How long a connection may be without calls before it is closed; none: for ever. By default
    /// 30 minutes. Clients connect again when they need to.
    #[must_use]
    pub fn max_connection_idle(mut self, time: Option<Duration>) -> Self {
        self.options.max_connection_idle = time;
        self
    }

    /// How old a connection may be before it is closed, say, so that clients spread over servers;
    /// none, the default: any age. Calls in progress may go on, see
    /// [`max_connection_age_grace`](Self::max_connection_age_grace).
    #[must_use]
    pub fn max_connection_age(mut self, age: Option<Duration>) -> Self {
        self.options.max_connection_age = age;
        self
    }

    /// How long calls may still go on when their connection has reached its greatest age; none, the
    /// default: as long as they take.
    #[must_use]
    pub fn max_connection_age_grace(mut self, grace: Option<Duration>) -> Self {
        self.options.max_connection_age_grace = grace;
        self
    }

    /// How long calls may still go on when the server shuts down; none, the default: as long as
    /// they take.
    #[must_use]
    pub fn shutdown_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.options.shutdown_timeout = timeout;
        self
    }
}
