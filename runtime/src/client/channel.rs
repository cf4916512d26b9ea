//! [`Channel`]: what generated clients call through, and the calls on their way through it.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::HeaderMap;
use tokio::time::Instant;
use tonic::Status;
use tower_layer::Layer;
use tower_service::Service;

use super::{
    counted_http::count_http,
    direct::DirectServer,
    retry::{RetryFuture, RetryTransport},
    tower::TowerTransport,
    transport::Transport,
};
#[cfg(feature = "opentelemetry")]
use crate::intercept::call_metrics::{CallMetrics, MeasureCalls, MeasuredTarget};
#[cfg(feature = "tracing")]
use crate::intercept::trace_calls::{ServerAddress, TraceCalls};
use crate::{
    call::{
        body::Body,
        context::{self, Context as CallContext},
        counted::count_reply,
        deadline::Deadline,
        head::OutgoingCall,
        observer::BoxObserver,
        reply::{CallFuture, Reply, ReplyFuture},
        status::BoxError,
    },
    channelz::{ChannelNode, ChannelState, CountedCall},
    intercept::{
        InterceptedCall, Role,
        http::SendHttp,
        interceptor::{Interceptor, Interceptors, StartCall},
    },
    protocol::{
        Protocol,
        http_body::{BytesBody, HttpBody},
    },
};

/// A route to a server: over HTTP/2 connections, through another tower service, or to a server in this
/// process.
///
/// Cheap to clone; clones share the connections.
#[derive(Clone)]
pub struct Channel {
    pub(super) kind: ChannelKind,
    pub(super) interceptors: Interceptors,
    /// Whether calls inherit from the one that is being served.
    inherits: bool,
    pub(super) security: ChannelSecurity,
    /// What it connects to, if it has connections of its own.
    #[cfg(feature = "tracing")]
    server: Option<Arc<ServerAddress>>,
    /// The channel, as it is counted.
    pub(super) node: ChannelNode,
}

/// Whether others can read what a channel sends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ChannelSecurity {
    Secure,
    Plaintext,
    /// A tower service carries the calls.
    Unknown,
}

/// How calls are dispatched.
#[derive(Clone)]
pub(super) enum ChannelKind {
    /// Encoded, over some transport.
    Encoded(TransportKind),
    /// Without a codec, to a server in this process.
    Direct(Arc<dyn DirectServer>),
}

impl SendHttp for Channel {
    fn send_http(
        &self,
        request: http::Request<HttpBody>,
        deadline: Option<Instant>,
    ) -> CallFuture<'static, http::Response<HttpBody>> {
        let call = self.node.start_call();
        let is_call = Protocol::of_call(request.headers()).is_some();
        let response = match &self.kind {
            ChannelKind::Encoded(TransportKind::H2(h2)) => h2.send_http(request, deadline),
            ChannelKind::Encoded(TransportKind::Other(transport)) => transport.send_http(request),
            ChannelKind::Direct(server) => server.send_http(request),
        };
        count_http(call, response, is_call)
    }
}

/// The transports for encoded calls.
#[derive(Clone)]
pub(super) enum TransportKind {
    /// Our own connections. The common case, so it is not boxed.
    H2(Arc<RetryTransport>),
    Other(Arc<dyn Transport>),
}

impl TransportKind {
    pub(super) fn start(&self, call: OutgoingCall) -> TransportFuture {
        match self {
            Self::H2(h2) => TransportFuture::H2(h2.start(call)),
            Self::Other(transport) => TransportFuture::Other(transport.start(call)),
        }
    }
}

/// Waits for the headers of a response.
#[allow(clippy::large_enum_variant, reason = "most calls are of the large one")]
pub(super) enum TransportFuture {
    H2(RetryFuture),
    Other(ReplyFuture<'static>),
}

impl Future for TransportFuture {
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
        B: BytesBody,
    {
        Self::with_protocol(service, Protocol::Grpc)
    }

    /// Calls through `service`, a tower service that speaks `protocol`: for example gRPC-Web to a proxy, over
    /// HTTP/1.1.
    pub fn with_protocol<S, B>(service: S, protocol: Protocol) -> Self
    where
        S: Service<http::Request<tonic::body::Body>, Response = http::Response<B>>,
        S: Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
        B: BytesBody,
    {
        let node = ChannelNode::new(String::new, ChannelState::Unknown);
        Self { node, ..Self::through(service, protocol) }
    }

    /// Calls through `service`, and counts nothing itself.
    fn through<S, B>(service: S, protocol: Protocol) -> Self
    where
        S: Service<http::Request<tonic::body::Body>, Response = http::Response<B>>,
        S: Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
        B: BytesBody,
    {
        let transport = TransportKind::Other(Arc::new(TowerTransport { service, protocol }));
        Self::of(ChannelKind::Encoded(transport), ChannelSecurity::Unknown, ChannelNode::NONE)
    }

    /// Adds an interceptor for the calls that are made through this channel, to be called after those that
    /// were added before. Those of a client are called first. Clones that were made before do not have it.
    ///
    /// It sees calls of clients that other libraries have generated, too, whatever their codec. Requests that are
    /// not gRPC by their content type, such as those of gRPC-Web, bypass it.
    #[must_use]
    pub fn intercept(mut self, interceptor: impl Interceptor) -> Self {
        self.interceptors.push(interceptor);
        self
    }

    /// Puts each call into a span of `tracing`, with the names of OpenTelemetry's current conventions: see
    /// [`TraceCalls`]. Needs the feature `tracing`.
    ///
    /// It is an [interceptor](Self::intercept), and there is one span for a call, however often it is attempted.
    #[cfg(feature = "tracing")]
    #[must_use]
    pub fn trace_calls(self) -> Self {
        self.trace_calls_with(TraceCalls::new())
    }

    /// Puts each call into a span of `tracing`, as `tracing` says. Needs the feature `tracing`.
    #[cfg(feature = "tracing")]
    #[must_use]
    pub fn trace_calls_with(self, tracing: TraceCalls) -> Self {
        let server = self.server.clone();
        self.intercept(tracing.with_server(server))
    }

    /// Measures each call with the global meter provider of OpenTelemetry, as it is now: see [`CallMetrics`]. Needs
    /// the feature `opentelemetry`.
    ///
    /// It is an [interceptor](Self::intercept), which hears of the attempts to make a call as well.
    #[cfg(feature = "opentelemetry")]
    #[must_use]
    pub fn measure_calls(self) -> Self {
        self.measure_calls_with(&CallMetrics::new())
    }

    /// Measures each call, as `metrics` says. Needs the feature `opentelemetry`.
    #[cfg(feature = "opentelemetry")]
    #[must_use]
    pub fn measure_calls_with(self, metrics: &CallMetrics) -> Self {
        let server = self.server.clone();
        // A layer may drop what tells of them.
        let has_attempts = matches!(self.kind, ChannelKind::Encoded(TransportKind::H2(_)));
        let instruments = metrics.instruments(Role::Client);
        let target = Arc::new(MeasuredTarget::new(server));
        self.intercept(MeasureCalls { instruments, target, has_attempts })
    }

    /// Wraps the channel in a tower layer, such as one of tower-http. The layer added last sees requests first, as it
    /// wraps those before.
    ///
    /// A layer works on HTTP requests and responses. What concerns calls, with their methods, deadlines and
    /// statuses, is an [interceptor](Self::intercept). Interceptors that were added before run inside of the
    /// layer, those that are added later outside of it. On a channel that speaks gRPC-Web, all run outside of it.
    ///
    /// ```
    /// use http::{HeaderValue, Request};
    /// use rust_scaffold::Channel;
    /// use tower::util::MapRequestLayer;
    ///
    /// # fn channel() -> Result<Channel, rust_scaffold::ConnectError> {
    /// let add_header = MapRequestLayer::new(|mut request: Request<tonic::body::Body>| {
    ///     request.headers_mut().insert("x-tenant", HeaderValue::from_static("acme"));
    ///     request
    /// });
    /// let channel = Channel::connect_lazy("http://localhost:50051")?.layer(add_header);
    /// # Ok(channel)
    /// # }
    /// ```
    #[must_use]
    pub fn layer<L, B>(self, layer: L) -> Self
    where
        L: Layer<Self>,
        L::Service: Service<http::Request<tonic::body::Body>, Response = http::Response<B>>,
        L::Service: Clone + Send + Sync + 'static,
        <L::Service as Service<http::Request<tonic::body::Body>>>::Error: Into<BoxError>,
        <L::Service as Service<http::Request<tonic::body::Body>>>::Future: Send,
        B: BytesBody,
    {
        let protocol = self.protocol();
        #[cfg(feature = "tracing")]
        let server = self.server.clone();
        let Self { kind, interceptors, inherits, security, node, .. } = self;
        let (inner, outer) = match protocol {
            Protocol::Grpc => (interceptors, Interceptors::NONE),
            // They see calls of gRPC, which are something else on the way through the layer.
            #[cfg(feature = "web")]
            Protocol::GrpcWeb | Protocol::GrpcWebText => (Interceptors::NONE, interceptors),
        };
        // Calls have inherited before the layer sees them, which may take from them what it likes.
        // They are counted inside: a channel in a layer is one channel still.
        let inner = Self { interceptors: inner, inherits: false, ..Self::of(kind, security, node) };
        let layered = Self::through(layer.layer(inner), protocol);
        Self {
            interceptors: outer,
            inherits,
            security,
            #[cfg(feature = "tracing")]
            server,
            ..layered
        }
    }

    /// Has calls through this channel inherit nothing from the one that is being served where they are made: no
    /// deadline, no cancellation and no headers. By default, they do: see [`Context`](crate::Context).
    #[must_use]
    pub fn detached(mut self) -> Self {
        self.inherits = false;
        self
    }

    /// What the requests of a call that is made here inherit themselves.
    pub(super) fn context_of_requests(&self) -> CallContext {
        match self.inherits {
            true => CallContext::of_messages(),
            false => CallContext::default(),
        }
    }

    /// When a call that starts now with `headers` ends. Adds to them what it inherits.
    pub(super) fn inherit(&self, headers: &mut HeaderMap) -> Result<Deadline, Status> {
        match self.inherits {
            true => context::inherit(headers),
            false => context::detached(headers),
        }
    }

    /// A channel to the server of `service` in this process.
    pub(crate) fn from_transport(transport: impl Transport + 'static, service: &str) -> Self {
        Self::to_service(ChannelKind::Encoded(TransportKind::Other(Arc::new(transport))), service)
    }

    /// Like [`from_transport`](Self::from_transport), without a codec.
    pub(crate) fn from_direct(server: impl DirectServer + 'static, service: &str) -> Self {
        Self::to_service(ChannelKind::Direct(Arc::new(server)), service)
    }

    fn to_service(kind: ChannelKind, service: &str) -> Self {
        // It is always there.
        let node = ChannelNode::new(|| format!("in-process:{service}"), ChannelState::Ready);
        Self::of(kind, ChannelSecurity::Secure, node)
    }

    pub(super) fn from_h2(
        h2: Arc<RetryTransport>,
        security: ChannelSecurity,
        node: ChannelNode,
    ) -> Self {
        #[cfg(feature = "tracing")]
        let server = Some(Arc::new(h2.server_address()));
        let kind = ChannelKind::Encoded(TransportKind::H2(h2));
        Self {
            #[cfg(feature = "tracing")]
            server,
            ..Self::of(kind, security, node)
        }
    }

    /// The protocol of its generated clients' calls.
    fn protocol(&self) -> Protocol {
        match &self.kind {
            ChannelKind::Encoded(TransportKind::H2(h2)) => h2.protocol(),
            ChannelKind::Encoded(TransportKind::Other(transport)) => transport.protocol(),
            ChannelKind::Direct(_) => Protocol::Grpc,
        }
    }

    fn of(kind: ChannelKind, security: ChannelSecurity, node: ChannelNode) -> Self {
        Self {
            kind,
            interceptors: Interceptors::NONE,
            inherits: true,
            security,
            #[cfg(feature = "tracing")]
            server: None,
            node,
        }
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
        f.debug_struct("Channel").field("interceptors", &self.interceptors).finish_non_exhaustive()
    }
}

/// A call on its way to a transport, behind the interceptors if there are any.
pub(super) struct ChannelCall<'a> {
    transport: &'a TransportKind,
    interceptors: &'a Interceptors,
    node: &'a ChannelNode,
    counted: CountedCall,
    state: ChannelCallState,
    /// The call's, or an earlier one of an interceptor.
    pub(super) deadline: Deadline,
}

#[allow(clippy::large_enum_variant, reason = "most calls are sent at once")]
enum ChannelCallState {
    /// Interceptors come first.
    Unsent(OutgoingCall),
    Sent(TransportFuture),
    Over,
}

impl<'a> ChannelCall<'a> {
    /// Starts `call` at once if there are no interceptors.
    pub(super) fn new(
        channel: &'a Channel,
        transport: &'a TransportKind,
        call: OutgoingCall,
        deadline: Deadline,
    ) -> Self {
        let (interceptors, node) = (&channel.interceptors, &channel.node);
        let (state, counted) = match interceptors.is_empty() {
            true => {
                let counted = node.start_call();
                (ChannelCallState::Sent(transport.start(call)), counted)
            }
            false => (ChannelCallState::Unsent(call), CountedCall::default()),
        };
        Self { transport, interceptors, node, counted, state, deadline }
    }

    /// Waits for the head of the response.
    pub(super) async fn reply(&mut self) -> Result<Reply, Status> {
        match &mut self.state {
            ChannelCallState::Sent(response) => {
                let mut reply = self.deadline.limit(Pin::new(response)).await;
                count_reply(&mut self.counted, &mut reply);
                reply
            }
            ChannelCallState::Unsent(call) => {
                let head = &mut call.head;
                let metadata = std::mem::take(&mut head.metadata);
                let extensions = std::mem::take(&mut head.extensions);
                let call = InterceptedCall::new(Role::Client, head.method, metadata, extensions)
                    .with_deadline(head.deadline);
                let mut deadline = std::mem::take(&mut self.deadline);
                let interceptors = self.interceptors;
                let reply = deadline.limit(Pin::new(&mut interceptors.send(call, self))).await;
                self.deadline = deadline.moved_to(self.deadline.instant());
                reply
            }
            ChannelCallState::Over => std::future::pending().await,
        }
    }
}

impl StartCall for ChannelCall<'_> {
    fn observe_requests(&mut self, observer: BoxObserver) {
        if let ChannelCallState::Unsent(call) = &mut self.state {
            call.body = std::mem::replace(&mut call.body, Body::empty()).observed(observer);
        }
    }

    fn start(&mut self, intercepted: InterceptedCall) {
        if let ChannelCallState::Unsent(mut call) =
            std::mem::replace(&mut self.state, ChannelCallState::Over)
        {
            let head = &mut call.head;
            (head.metadata, head.extensions, head.deadline) = intercepted.into_parts();
            self.deadline = Deadline::at(head.deadline);
            self.counted = self.node.start_call();
            self.state = ChannelCallState::Sent(self.transport.start(call));
        }
    }

    fn cancel(&mut self) {
        self.state = ChannelCallState::Over;
        // Unless it has been answered.
        self.counted.end(false);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Reply, Status>> {
        match &mut self.state {
            ChannelCallState::Sent(response) => {
                let mut reply = ready!(Pin::new(response).poll(cx));
                count_reply(&mut self.counted, &mut reply);
                Poll::Ready(reply)
            }
            _ => Poll::Pending,
        }
    }
}
