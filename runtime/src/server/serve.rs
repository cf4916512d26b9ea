//! [`Server`]: serves generated services, and any other tower gRPC service, on sockets.

use std::{convert::Infallible, future::Future, io};

use tokio::net::ToSocketAddrs;
use tokio_stream::Stream;
use tonic::server::NamedService;
use tower_layer::Layer;
use tower_service::Service;

#[cfg(feature = "log")]
use super::call_log::CallLog;
#[cfg(feature = "web")]
use super::cors::Cors;
#[cfg(feature = "_observed")]
use super::observed::CallObservers;
#[cfg(feature = "rest")]
use super::rest::OpenApi;
#[cfg(any(feature = "admin", feature = "health"))]
use super::side_listener::SideListeners;
use super::{
    builtins::Builtins,
    error::ServeError,
    layers::Layers,
    limits::LimitOptions,
    listener::{Listener, bind},
    observer::Exposure,
    options::ServerOptions,
    proxy::ForwardedFor,
    routes::{RouteTable, Routes},
    service::GeneratedServer,
};
#[cfg(feature = "_tls")]
use crate::tls::ServerTls;
use crate::{
    call::status::BoxError,
    connection::handshake::Handshake,
    intercept::interceptor::{Interceptor, Interceptors},
    protocol::http_body::{BytesBody, HttpBody},
};

/// Serves gRPC services over HTTP/2, and with the feature `http1` over HTTP/1.1.
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
/// A handler runs on its connection's task until it first waits, and on a task of its own after that.
/// Handlers that turn out to compute for long before they wait get tasks of their own at once (see
/// [`inline_limit`](Self::inline_limit)). A handler that panics fails its own call with `Internal` and
/// nothing else. When the client cancels a call, its handler is dropped.
#[derive(Clone, Debug, Default)]
pub struct Server {
    pub(super) routes: RouteTable,
    pub(super) layers: Layers,
    pub(super) interceptors: Interceptors,
    pub(super) builtins: Builtins,
    #[cfg(any(feature = "admin", feature = "health"))]
    pub(super) side_listeners: SideListeners,
    #[cfg(feature = "_observed")]
    pub(super) call_observers: CallObservers,
    #[cfg(feature = "log")]
    pub(super) call_log: Option<CallLog>,
    pub(super) options: ServerOptions,
    pub(super) limits: LimitOptions,
    pub(super) forwarded_for: Option<ForwardedFor>,
    #[cfg(feature = "_tls")]
    pub(super) tls: Option<ServerTls>,
    #[cfg(feature = "web")]
    pub(super) cors: Option<Cors>,
    #[cfg(feature = "rest")]
    pub(super) openapi: Option<OpenApi>,
    #[cfg(feature = "rest")]
    pub(super) refuses_rest: bool,
}

impl Server {
    /// A server without services. It answers every call with `Unimplemented`.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a generated server. If two services have the same name, serving fails.
    #[must_use]
    pub fn add_service(mut self, service: impl GeneratedServer) -> Self {
        self.routes.add(service.into_served());
        self
    }

    /// Adds a generated server if there is one. Requests for one that is `None` are those for an unknown
    /// service.
    #[must_use]
    pub fn add_optional_service(self, service: Option<impl GeneratedServer>) -> Self {
        match service {
            Some(service) => self.add_service(service),
            None => self,
        }
    }

    /// Adds any tower service that has the name of a gRPC service: a server that tonic has generated, or a
    /// service in layers or with a tonic interceptor. If two services have the same name, serving
    /// fails.
    #[must_use]
    pub fn add_tower_service<S, B>(mut self, service: S) -> Self
    where
        S: Service<http::Request<HttpBody>, Response = http::Response<B>, Error = Infallible>,
        S: NamedService + Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
        B: BytesBody,
    {
        self.routes.add_tower(service);
        self
    }

    /// Sends requests for unknown services to `service`, instead of failing them with `Unimplemented`.
    #[must_use]
    pub fn fallback<S, B>(mut self, service: S) -> Self
    where
        S: Service<http::Request<HttpBody>, Response = http::Response<B>, Error = Infallible>,
        S: Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
        B: BytesBody,
    {
        self.routes.set_fallback(service);
        self
    }

    /// Adds an interceptor for the calls of all services, whether they are added before or after this. It is
    /// called after those that were added before, before those of a service, and behind the layers.
    ///
    /// For tower services that are not generated servers, it sees only gRPC calls; other requests to them are
    /// refused with HTTP 415 or 405, so that none bypasses it. It does not see calls of the
    /// [fallback](Self::fallback), nor those that are refused before: of unknown services and methods, with
    /// malformed timeouts, or with compressions that are not accepted.
    #[must_use]
    pub fn intercept(mut self, interceptor: impl Interceptor) -> Self {
        self.interceptors.push(interceptor);
        self
    }

    /// Wraps everything that is served in a tower layer: services that are added before and after this, and
    /// the fallback. It sees every response: `Unimplemented` for unknown services and HTTP errors for
    /// requests that are not gRPC, too. Answered before layers see them are
    /// requests whose headers are [too long](Self::max_header_list_size), gRPC over HTTP/1.1, malformed calls of Connect,
    /// and what browsers ask beforehand (`Server::cors`).
    ///
    /// The layer added first is the outermost one, which sees requests first and responses last, as in
    /// `tonic::transport::Server::layer` and `tower::ServiceBuilder` (axum's `Router::layer` has it the
    /// other way round).
    ///
    /// An error of the layered service becomes the status in it or in its sources, or else `Unknown` with its
    /// text (see [`Status::from_error`](crate::Status::from_error)). If the layer panics, the call fails
    /// with `Internal`. Without layers, nothing is wrapped.
    ///
    /// A header in every response:
    ///
    /// ```
    /// use http::{HeaderValue, Request, Response};
    /// use rust_scaffold::{HttpBody, Server};
    /// use tower::{Service, util::MapResponseLayer};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let add_header = MapResponseLayer::new(|mut response: Response<HttpBody>| {
    ///     response.headers_mut().insert("served-by", HeaderValue::from_static("calculator-1"));
    ///     response
    /// });
    /// let server = Server::new().layer(add_header);
    ///
    /// // It is in the response to a call of an unknown service as well.
    /// let call = Request::post("/calculator.Calculator/Add")
    ///     .header("content-type", "application/grpc")
    ///     .body(HttpBody::default())?;
    /// let response = server.into_service()?.call(call).await?;
    /// assert_eq!(response.headers()["grpc-status"], "12");
    /// assert_eq!(response.headers()["served-by"], "calculator-1");
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn layer<L, B>(mut self, layer: L) -> Self
    where
        L: Layer<Routes> + Send + Sync + 'static,
        L::Service: Service<http::Request<HttpBody>, Response = http::Response<B>>,
        L::Service: Clone + Send + Sync + 'static,
        <L::Service as Service<http::Request<HttpBody>>>::Error: Into<BoxError>,
        <L::Service as Service<http::Request<HttpBody>>>::Future: Send + 'static,
        B: BytesBody,
    {
        self.layers.add(layer);
        self
    }

    /// Serves with TLS: on sockets, and on what `serve_incoming` takes after its own
    /// [`Handshake`]. Default: without. The handshake runs on the connection's own task, and
    /// [`handshake_timeout`](Self::handshake_timeout) limits it together with the others.
    ///
    /// Serving fails with [`ServeError::Tls`] if a certificate, a key or a CA cannot be used.
    ///
    /// ```
    /// use rust_scaffold::{Server, ServerTls};
    ///
    /// let tls = ServerTls::from_pem_files("/etc/tls/tls.crt", "/etc/tls/tls.key");
    /// let server = Server::new().tls(tls);
    /// ```
    #[cfg(feature = "_tls")]
    #[must_use]
    pub fn tls(mut self, tls: ServerTls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// The services, the fallback and the layers as one tower service, for another server: to be mounted in
    /// axum beside other routes, or served by hyper. It takes requests with any body of bytes. Options of
    /// connections are those of the other server.
    ///
    /// In axum, `Router::fallback_service` passes on each request that no route of axum's matches:
    ///
    /// ```
    /// use rust_scaffold::{ServeError, Server};
    ///
    /// # fn mount(server: Server) -> Result<(), ServeError> {
    /// let app: axum::Router = axum::Router::new()
    ///     .route("/healthz", axum::routing::get(|| async { "ok" }))
    ///     .fallback_service(server.into_service()?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ServeError::DuplicateService`] if a service was added twice, [`ServeError::InvalidOption`] if there are
    /// [limits](Self::limits_by_path) for a service or a method that there is not.
    pub fn into_service(self) -> Result<Routes, ServeError> {
        let served = self.complete()?;
        served.start(Exposure::Unknown)?;
        Ok(served.routes)
    }

    /// Serves on `address` until the process ends.
    ///
    /// # Errors
    /// A [`ServeError`] in an `io::Error`: `InvalidInput` if a service was added twice or an option would
    /// make every call fail. Otherwise, if listening on `address` fails, or accepting connections fails
    /// permanently.
    pub async fn serve(self, address: impl ToSocketAddrs) -> io::Result<()> {
        self.serve_with_shutdown(address, std::future::pending()).await
    }

    /// Serves on `address` until `signal` completes, and then shuts down:
    ///
    /// 1. The [health](Self::health) of all services turns `NOT_SERVING`.
    /// 2. For [`shutdown_delay`](Self::shutdown_delay), which is zero unless it is set, everything else goes on:
    ///    connections are accepted, and calls served.
    /// 3. The listener is closed, and each connection is drained: its client is told to make no more calls on it
    ///    (GOAWAY, or `connection: close` in HTTP/1.1), those that it made before it knew are served, and the connection is closed after its last
    ///    call. Handshakes in progress get a second, so that calls that have been sent behind them are served.
    /// 4. After [`shutdown_timeout`](Self::shutdown_timeout), handlers that are still at work are dropped, and
    ///    their calls end with `Unavailable`.
    ///
    /// See also [`shutdown_on_signal`](Self::shutdown_on_signal).
    ///
    /// # Errors
    /// A [`ServeError`] in an `io::Error`: `InvalidInput` if a service was added twice or an option would
    /// make every call fail. Otherwise, if listening on `address` fails, or accepting connections fails
    /// permanently.
    pub async fn serve_with_shutdown(
        self,
        address: impl ToSocketAddrs,
        signal: impl Future<Output = ()>,
    ) -> io::Result<()> {
        // First, so that nothing is listened on if it fails.
        let server = self.prepare()?;
        server.serve_listener(bind(address).await?, signal).await
    }

    /// Serves on a bound `listener` until the process ends: a TCP listener, or on Unix that of a Unix
    /// socket.
    ///
    /// ```
    /// # async fn serve() -> std::io::Result<()> {
    /// let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    /// println!("serving on {}", listener.local_addr()?);
    /// rust_scaffold::Server::new().serve_listener(listener).await
    /// # }
    /// ```
    ///
    /// On a Unix socket, clients based on gRPC's C core (Python's grpcio, C++, Ruby, PHP) must set the
    /// channel option `grpc.default_authority`, for example to `localhost`. Otherwise they send the
    /// escaped path of the socket as `:authority`, which is not a valid host: their calls end with
    /// `RST_STREAM`, error code 1.
    ///
    /// ```python
    /// grpc.insecure_channel(
    ///     "unix:/run/calculator.sock", options=[("grpc.default_authority", "localhost")]
    /// )
    /// ```
    ///
    /// # Errors
    /// A [`ServeError`] in an `io::Error`: `InvalidInput` if a service was added twice or an option would
    /// make every call fail. Otherwise, if accepting connections fails permanently.
    pub async fn serve_listener(self, listener: impl Listener + Unpin) -> io::Result<()> {
        self.serve_listener_with_shutdown(listener, std::future::pending()).await
    }

    /// Serves on a bound `listener` until `signal` completes, and then shuts down as
    /// [`serve_with_shutdown`](Self::serve_with_shutdown) does.
    ///
    /// # Errors
    /// A [`ServeError`] in an `io::Error`: `InvalidInput` if a service was added twice or an option would
    /// make every call fail. Otherwise, if accepting connections fails permanently.
    pub async fn serve_listener_with_shutdown(
        self,
        listener: impl Listener + Unpin,
        signal: impl Future<Output = ()>,
    ) -> io::Result<()> {
        self.prepare()?.serve_listener(listener, signal).await
    }

    /// Serves the connections that `incoming` accepts, until it ends and all connections are closed. TCP
    /// options such as `TCP_NODELAY` are up to the caller.
    ///
    /// A connection is anything with a [`Handshake`]: I/O that is [`Connected`](crate::Connected), which has
    /// none, or a type of your own, with what has to be done before HTTP/2. The handshake runs on the
    /// connection's own task. Do not await it in `incoming`, which is asked for one connection after the
    /// other: a client that does not go on with its handshake would keep all others out.
    ///
    /// ```
    /// # use std::io;
    /// use rust_scaffold::{Handshake, Server};
    /// use tokio::{io::AsyncReadExt, net::{TcpListener, TcpStream}};
    /// use tokio_stream::{StreamExt, wrappers::TcpListenerStream};
    ///
    /// /// A connection whose client sends the number of its version first.
    /// struct Versioned(TcpStream);
    ///
    /// impl Handshake for Versioned {
    ///     type Io = TcpStream;
    ///
    ///     async fn handshake(mut self) -> io::Result<TcpStream> {
    ///         match self.0.read_u8().await? {
    ///             1 => Ok(self.0),
    ///             _ => Err(io::ErrorKind::InvalidData.into()),
    ///         }
    ///     }
    /// }
    ///
    /// # async fn serve() -> io::Result<()> {
    /// let accepted = TcpListenerStream::new(TcpListener::bind("[::]:50051").await?);
    /// Server::new().serve_incoming(accepted.map(|tcp| tcp.map(Versioned))).await
    /// # }
    /// ```
    ///
    /// # Errors
    /// A [`ServeError`] in an `io::Error`: `InvalidInput` if a service was added twice or an option would
    /// make every call fail. Otherwise, if accepting connections fails permanently.
    pub async fn serve_incoming<C: Handshake>(
        self,
        incoming: impl Stream<Item = io::Result<C>>,
    ) -> io::Result<()> {
        self.serve_incoming_with_shutdown(incoming, std::future::pending()).await
    }

    /// Serves the connections that `incoming` accepts, as [`serve_incoming`](Self::serve_incoming) does, until
    /// `signal` completes, and then shuts down as [`serve_with_shutdown`](Self::serve_with_shutdown) does.
    /// `incoming` is dropped when connections begin to be drained.
    ///
    /// # Errors
    /// A [`ServeError`] in an `io::Error`: `InvalidInput` if a service was added twice or an option would
    /// make every call fail. Otherwise, if accepting connections fails permanently.
    pub async fn serve_incoming_with_shutdown<C: Handshake>(
        self,
        incoming: impl Stream<Item = io::Result<C>>,
        signal: impl Future<Output = ()>,
    ) -> io::Result<()> {
        self.prepare()?.serve_incoming(None, incoming, signal).await
    }
}
