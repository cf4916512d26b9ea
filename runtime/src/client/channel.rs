//! [`Channel`]: the route from generated clients to a server.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::time::Instant;
use tonic::Status;
use tower_service::Service;

use super::{
    direct::DirectServer,
    retry::{Retry, RetryFuture},
    tower::TowerTransport,
    transport::Transport,
};
use crate::{
    call::{
        head::ClientCall,
        reply::{CallFuture, Reply, ReplyFuture},
        status::BoxError,
    },
    protocol::http_body::{HttpBody, RequestBody},
};

/// A route to a server: over HTTP/2 connections, through another tower service, or to a server in this
/// process.
///
/// Cheap to clone; clones share the connections.
#[derive(Clone)]
pub struct Channel {
    pub(super) route: Route,
}

/// How calls are dispatched.
#[derive(Clone)]
pub(super) enum Route {
    /// Encoded, over some transport.
    Wire(WireTransport),
    /// Without a codec, to a server in this process.
    Direct(Arc<dyn DirectServer>),
}

impl Route {
    /// Sends an HTTP request of another library's client. `deadline` is the one in its headers.
    pub(super) fn send_http(
        &self,
        request: http::Request<HttpBody>,
        deadline: Option<Instant>,
    ) -> CallFuture<'static, http::Response<HttpBody>> {
        match self {
            Self::Wire(WireTransport::H2(h2)) => h2.send_http(request, deadline),
            Self::Wire(WireTransport::Other(transport)) => transport.send_http(request),
            Self::Direct(server) => server.send_http(request),
        }
    }
}

/// The transports for encoded calls.
#[derive(Clone)]
pub(super) enum WireTransport {
    /// Our own connections. The common case, so it is not boxed.
    H2(Arc<Retry>),
    Other(Arc<dyn Transport>),
}

impl WireTransport {
    pub(super) fn start(&self, call: ClientCall) -> ResponseFuture {
        match self {
            Self::H2(h2) => ResponseFuture::H2(h2.start(call)),
            Self::Other(transport) => ResponseFuture::Other(transport.start(call)),
        }
    }
}

/// Waits for the headers of a response.
#[allow(clippy::large_enum_variant, reason = "most calls are of the large one")]
pub(super) enum ResponseFuture {
    H2(RetryFuture),
    Other(ReplyFuture<'static>),
}

impl Future for ResponseFuture {
    type Output = Result<Reply, Status>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Self::H2(calling) => Pin::new(calling).poll(cx),
            Self::Other(reply) => Pin::new(reply).poll(cx),
        }
    }
}

impl Channel {
    /// Calls through `service`: any tower service that speaks gRPC, such as tonic's `Channel`, with or
    /// without layers and interceptors, or a generated server.
    pub fn new<S, B>(service: S) -> Self
    where
        S: Service<http::Request<tonic::body::Body>, Response = http::Response<B>>,
        S: Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
        B: RequestBody,
    {
        Self::from_transport(TowerTransport(service))
    }

    pub(crate) fn from_transport(transport: impl Transport + 'static) -> Self {
        Self { route: Route::Wire(WireTransport::Other(Arc::new(transport))) }
    }

    pub(crate) fn from_direct(server: impl DirectServer + 'static) -> Self {
        Self { route: Route::Direct(Arc::new(server)) }
    }

    pub(super) fn from_h2(h2: Retry) -> Self {
        Self { route: Route::Wire(WireTransport::H2(Arc::new(h2))) }
    }
}

#[cfg(feature = "tonic-transport")]
impl From<tonic::transport::Channel> for Channel {
    fn from(channel: tonic::transport::Channel) -> Self {
        Self::new(channel)
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel").finish_non_exhaustive()
    }
}
