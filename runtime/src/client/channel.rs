//! [`Channel`]: what a generated client calls through.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::Extensions;
use tokio::time::Instant;
use tonic::{
    Status,
    codec::{CompressionEncoding, EnabledCompressionEncodings},
    metadata::MetadataMap,
};
use tower_service::Service;

use super::{
    builder::ChannelBuilder,
    h2::{H2ResponseFuture, H2Transport},
    http::TowerTransport,
    in_process::InProcess,
};
use crate::{
    MethodDescriptor,
    server::{Dispatch, Reply, ReplyFuture, Serve, ServiceServer},
    wire::{body::Body, http_body::RequestBody, status::BoxError},
};

/// The way to a server: connections, another tower service, or a server in this process.
///
/// Cheap to clone; clones share the connections.
#[derive(Clone)]
pub struct Channel {
    pub(super) route: Route,
}

/// How calls get to their server.
#[derive(Clone)]
pub(super) enum Route {
    /// Encoded.
    Encoded(Encoded),
    /// Their messages moved, to a server in this process.
    Direct(Arc<dyn Serve>),
}

/// How encoded calls get to their server.
#[derive(Clone)]
pub(super) enum Encoded {
    /// Through connections of ours: the usual way, which has no box around it.
    H2(Arc<H2Transport>),
    Other(Arc<dyn Transport>),
}

impl Encoded {
    pub(super) fn start(&self, call: ClientCall) -> ResponseFuture {
        match self {
            Self::H2(h2) => ResponseFuture::H2(h2.start(call)),
            Self::Other(transport) => ResponseFuture::Other(transport.start(call)),
        }
    }
}

/// Waits for the beginning of a response.
#[allow(clippy::large_enum_variant, reason = "most calls are of the large one")]
pub(super) enum ResponseFuture {
    H2(H2ResponseFuture),
    Other(ReplyFuture<'static>),
}

impl Future for ResponseFuture {
    type Output = Result<Reply, Status>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Self::H2(calling) => Pin::new(calling).poll(cx),
            Self::Other(reply) => reply.poll(cx),
        }
    }
}

/// Carries calls to a server.
pub(crate) trait Transport: Send + Sync {
    /// Starts `call` and waits for the beginning of its response.
    fn start(&self, call: ClientCall) -> ReplyFuture<'static>;
}

/// What a transport needs to know of a call.
#[derive(Debug)]
pub(crate) struct ClientCall {
    pub(crate) head: CallHead,
    pub(crate) body: Body,
}

/// The same without its requests.
#[derive(Debug)]
pub(crate) struct CallHead {
    pub(crate) method: &'static MethodDescriptor,
    pub(crate) metadata: MetadataMap,
    pub(crate) extensions: Extensions,
    /// When the call must be over. What its metadata says was left when it was made.
    pub(crate) deadline: Option<Instant>,
    /// The compression of the requests.
    pub(crate) encoding: Option<CompressionEncoding>,
    /// The compressions that the responses may have.
    pub(crate) accepted: EnabledCompressionEncodings,
}

impl Channel {
    /// Connects to `address`, for example `http://localhost:50051` or `unix:/run/calculator.sock`.
    ///
    /// The connection is made again when it is lost. Making it fails after 20 seconds; of a name with
    /// several addresses, another one is dialled every 250 ms, or when one has failed, as [RFC
    /// 8305](https://www.rfc-editor.org/rfc/rfc8305) says. Other settings are those of a
    /// [`builder`](Self::builder).
    ///
    /// # Errors
    /// `InvalidArgument` for a malformed address, `Unavailable` when nothing answers there.
    pub async fn connect(address: impl AsRef<str>) -> Result<Self, Status> {
        Self::builder(address).connect().await
    }

    /// Connects to `address` when the first call is made.
    ///
    /// # Errors
    /// `InvalidArgument` for a malformed address.
    pub fn connect_lazy(address: impl AsRef<str>) -> Result<Self, Status> {
        Self::builder(address).connect_lazy()
    }

    /// Begins with a channel to `address` that has other settings than the usual ones.
    pub fn builder(address: impl AsRef<str>) -> ChannelBuilder {
        ChannelBuilder::new(address.as_ref())
    }

    /// Calls through `service`: any tower service that speaks gRPC, such as tonic's `Channel`,
    /// with or without layers and interceptors around it, or a generated server.
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

    /// Calls `server`, a generated one, in this process: no socket, no task, no HTTP, but the
    /// same codec, metadata, deadlines, cancellation, limits and compression.
    pub fn in_process<D, S>(server: ServiceServer<D, S>) -> Self
    where
        D: Dispatch<S>,
        S: Send + Sync + 'static,
    {
        Self::from_transport(InProcess(server))
    }

    /// Calls `server`, a generated one, in this process, and moves the messages instead of
    /// encoding them: limits and compression do not apply, while metadata, deadlines, cancellation
    /// and statuses are what they are everywhere.
    ///
    /// No layer is passed on the way, so [`MethodDescriptor`] is not in a request's extensions.
    pub fn in_process_direct<D, S>(server: ServiceServer<D, S>) -> Self
    where
        D: Dispatch<S>,
        S: Send + Sync + 'static,
    {
        Self { route: Route::Direct(Arc::new(server)) }
    }

    fn from_transport(transport: impl Transport + 'static) -> Self {
        Self { route: Route::Encoded(Encoded::Other(Arc::new(transport))) }
    }

    pub(super) fn from_h2(h2: H2Transport) -> Self {
        Self { route: Route::Encoded(Encoded::H2(Arc::new(h2))) }
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
