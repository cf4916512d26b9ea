//! A server on sockets, for generated services and any other tower gRPC service.

use std::{
    convert::Infallible,
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, ToSocketAddrs},
};
use tokio_stream::Stream;
use tonic::{
    body::Body,
    server::NamedService,
    service::Routes,
    transport::server::{Connected, TcpIncoming},
};
use tower_service::Service;

use super::RequestBody;

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
#[derive(Clone, Debug, Default)]
pub struct Server {
    routes: Routes,
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
        S: Service<http::Request<Body>, Response = http::Response<B>, Error = Infallible>,
        S: NamedService + Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
        B: RequestBody,
    {
        self.routes = self.routes.add_service(AnyBody(service));
        self
    }

    /// Serves on `address` until the process ends.
    ///
    /// # Errors
    /// When `address` cannot be listened on, or accepting connections fails for good.
    pub async fn serve(self, address: impl ToSocketAddrs) -> io::Result<()> {
        self.serve_with_shutdown(address, std::future::pending()).await
    }

    /// Serves on `address` until `signal` completes and the calls in progress have ended.
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

    /// Serves on a `listener` that is bound already, until the process ends.
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
    pub async fn serve_listener(self, listener: TcpListener) -> io::Result<()> {
        self.serve_listener_with_shutdown(listener, std::future::pending()).await
    }

    /// Serves on a `listener` that is bound already, until `signal` completes and the calls in
    /// progress have ended.
    ///
    /// # Errors
    /// When accepting connections fails for good.
    pub async fn serve_listener_with_shutdown(
        self,
        listener: TcpListener,
        signal: impl Future<Output = ()>,
    ) -> io::Result<()> {
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        self.serve_incoming_with_shutdown(incoming, signal).await
    }

    /// Serves the connections that `incoming` accepts, until it ends. What TCP should do, such as
    /// `TCP_NODELAY`, is up to whoever accepts them.
    ///
    /// # Errors
    /// When accepting connections fails for good.
    pub async fn serve_incoming<IO>(
        self,
        incoming: impl Stream<Item = io::Result<IO>>,
    ) -> io::Result<()>
    where
        IO: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
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
        IO: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
    {
        tonic::transport::Server::builder()
            .add_routes(self.routes)
            .serve_with_incoming_shutdown(incoming, signal)
            .await
            .map_err(io::Error::other)
    }
}

/// A service whose responses have the body that tonic's routes take.
#[derive(Clone)]
struct AnyBody<S>(S);

impl<S: NamedService> NamedService for AnyBody<S> {
    const NAME: &'static str = S::NAME;
}

impl<S, B> Service<http::Request<Body>> for AnyBody<S>
where
    S: Service<http::Request<Body>, Response = http::Response<B>, Error = Infallible>,
    S::Future: Send + 'static,
    B: RequestBody,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let response = self.0.call(request);
        Box::pin(async move { Ok(response.await?.map(Body::new)) })
    }
}
