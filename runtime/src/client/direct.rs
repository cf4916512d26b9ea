//! The transport without a codec: messages are passed directly to a server in this process.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::Extensions;
use tonic::{Request, Response, Status, metadata::MetadataMap};

use crate::{
    call::{
        body::{Body, Direction},
        counted::count_reply,
        deadline::Deadline,
        direct_slot::{DirectSlot, ErasedSlot, InstrumentFn},
        head::{IncomingCall, IncomingMessages, RequestParams},
        method::MethodDescriptor,
        observer::BoxObserver,
        reply::{CallFuture, Reply, ReplyFuture},
        streaming::Streaming,
        trailers::merge,
    },
    channelz::{ChannelNode, CountedCall},
    intercept::{
        InterceptedCall, Role,
        interceptor::{Interceptors, StartCall},
    },
    protocol::{http_body::HttpBody, length_prefixed::MessageDecoder, messages::Messages},
};

/// A server in this process to which messages are passed without a codec.
pub(crate) trait DirectServer: Send + Sync {
    /// Starts a call of `method` whose messages pass through a [`DirectSlot`] of the method's types.
    fn start<'a>(
        &self,
        method: &'static MethodDescriptor,
        call: IncomingCall<'a>,
    ) -> ReplyFuture<'a>;

    /// Sends an HTTP request of another library's client, and returns a future of its response.
    fn send_http(
        &self,
        request: http::Request<HttpBody>,
    ) -> CallFuture<'static, http::Response<HttpBody>>;
}

/// A call of `server` whose messages are not encoded.
pub(crate) struct Direct<'a> {
    pub(crate) server: &'a dyn DirectServer,
    pub(crate) interceptors: &'a Interceptors,
    pub(crate) method: &'static MethodDescriptor,
    pub(crate) deadline: Deadline,
    /// The channel, as it is counted.
    pub(crate) node: &'a ChannelNode,
}

impl Direct<'_> {
    /// Waits for the response of a unary or client-streaming call. `decode` is for a response of an
    /// interceptor.
    pub(crate) fn message<In, Out>(
        mut self,
        request: Request<In>,
        instrument: InstrumentFn<In>,
        decode: fn(Bytes) -> Result<Out, Status>,
    ) -> impl Future<Output = Result<Response<Out>, Status>> + Send
    where
        In: Send + 'static,
        Out: Send + 'static,
    {
        let (metadata, extensions, request) = request.into_parts();
        let mut slot = DirectSlot::Request(request, instrument);
        async move {
            let reply = self.run(metadata, extensions, &mut slot).await?;
            let Reply { mut metadata, extensions, mut body, .. } = reply;
            let (message, trailers) = match body.take_direct() {
                Some(_) => (slot.take_response()?, body.take_trailers()),
                None => {
                    let mut messages = of_interceptor(body);
                    (messages.single(decode).await?, messages.take_trailers())
                }
            };
            if let Some(trailers) = trailers {
                merge(&mut metadata, trailers);
            }
            Ok(Response::from_parts(metadata, message, extensions))
        }
    }

    /// Waits for the headers of a stream of responses. `decode` is for responses of an interceptor.
    pub(crate) async fn messages<In, Out>(
        mut self,
        request: Request<In>,
        instrument: InstrumentFn<In>,
        decode: fn(Bytes) -> Result<Out, Status>,
    ) -> Result<Response<Streaming<Out>>, Status>
    where
        In: Send + 'static,
        Out: Send + 'static,
    {
        let (metadata, extensions, request) = request.into_parts();
        let mut slot = DirectSlot::<_, Streaming<Out>>::Request(request, instrument);
        let reply = self.run(metadata, extensions, &mut slot).await?;
        let Reply { metadata, extensions, mut body, .. } = reply;
        let messages = match body.take_direct() {
            Some(responses) => {
                let trailers = body.take_trailers().unwrap_or_default();
                slot.take_response()?.with_trailers(trailers).direct(responses, self.deadline)
            }
            None => {
                let messages = of_interceptor(body).with_deadline(self.deadline);
                Streaming::decoding(messages, decode)
            }
        };
        Ok(Response::from_parts(metadata, messages, extensions))
    }

    /// Waits until `slot` holds the response, or an interceptor has answered.
    pub(crate) async fn run(
        &mut self,
        metadata: MetadataMap,
        extensions: Extensions,
        slot: &mut dyn ErasedSlot,
    ) -> Result<Reply, Status> {
        if self.interceptors.is_empty() {
            let mut counted = self.node.start_call();
            let mut reply = self.start(metadata, extensions, slot);
            // The server keeps to the deadline itself.
            let mut reply = self.deadline.limit_by_parent(Pin::new(&mut reply)).await;
            count_reply(&mut counted, &mut reply);
            return reply;
        }
        let mut deadline = std::mem::take(&mut self.deadline);
        let call = InterceptedCall::new(Role::Client, self.method, metadata, extensions)
            .with_deadline(deadline.instant());
        let interceptors = self.interceptors;
        let mut outgoing = OutgoingDirect::new(self, slot);
        let reply = deadline.limit(Pin::new(&mut interceptors.send(call, &mut outgoing))).await;
        drop(outgoing);
        self.deadline = deadline.moved_to(self.deadline.instant());
        reply
    }

    fn start<'s>(
        &self,
        metadata: MetadataMap,
        extensions: Extensions,
        slot: &'s mut dyn ErasedSlot,
    ) -> ReplyFuture<'s> {
        let messages = IncomingMessages::Direct(slot);
        let options =
            RequestParams { deadline: self.deadline.instant(), ..RequestParams::default() };
        self.server.start(self.method, IncomingCall { metadata, extensions, messages, options })
    }
}

/// A call behind the interceptors of its client.
struct OutgoingDirect<'a, 's> {
    call: &'a mut Direct<'s>,
    /// None once the call has started.
    slot: Option<&'a mut dyn ErasedSlot>,
    running: Option<ReplyFuture<'a>>,
    counted: CountedCall,
}

impl<'a, 's> OutgoingDirect<'a, 's> {
    fn new(call: &'a mut Direct<'s>, slot: &'a mut dyn ErasedSlot) -> Self {
        Self { call, slot: Some(slot), running: None, counted: CountedCall::default() }
    }
}

impl StartCall for OutgoingDirect<'_, '_> {
    fn observe_requests(&mut self, observer: BoxObserver) {
        if let Some(slot) = &mut self.slot {
            slot.observe_requests(observer);
        }
    }

    fn start(&mut self, call: InterceptedCall) {
        let Some(slot) = self.slot.take() else { return };
        let (metadata, extensions, deadline) = call.into_parts();
        self.call.deadline = Deadline::at(deadline);
        self.counted = self.call.node.start_call();
        self.running = Some(self.call.start(metadata, extensions, slot));
    }

    fn cancel(&mut self) {
        self.running = None;
        // Unless it has been answered.
        self.counted.end(false);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Reply, Status>> {
        let Some(running) = &mut self.running else { return Poll::Pending };
        let mut reply = ready!(Pin::new(running).poll(cx));
        count_reply(&mut self.counted, &mut reply);
        Poll::Ready(reply)
    }
}

/// The messages of a reply that an interceptor has made.
pub(crate) fn of_interceptor(body: Body) -> Messages {
    Messages::new(body, MessageDecoder::new(None, usize::MAX), Direction::Response)
}
