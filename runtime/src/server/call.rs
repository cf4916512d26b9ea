//! The dispatch: from an incoming call to the handler of its method.
//!
//! The generic methods only decode, call and encode; everything else is compiled once.

use std::{any::Any, fmt, future::Future, sync::Arc};

use bytes::Bytes;
use http::Extensions;
use prost::Message;
use tokio::time::Instant;
use tonic::{Request, Response, Status, codec::EnabledCompressionEncodings, metadata::MetadataMap};

use crate::{
    call::{
        body::{Body, Side},
        deadline::Deadline,
        direct_slot::DirectSlot,
        head::IncomingCall,
        method::{MethodDescriptor, ServiceDescriptor},
        reply::{CallFuture, Reply, ReplyFuture},
        streaming::Streaming,
        trailers::Trailers,
    },
    codec::{self, Encode},
    protocol::{
        compression,
        encoded_stream::EncodedStream,
        frame::{Encoder, Frames},
        messages::Messages,
    },
};

/// The generated part of a server: maps a method's position to its handler.
pub trait Dispatch<S: ?Sized>: 'static {
    /// The service that these methods belong to.
    const SERVICE: &'static ServiceDescriptor;

    /// Dispatches `call` to the method at position `method` in [`SERVICE`](Self::SERVICE).
    fn call(service: Arc<S>, method: usize, call: ServerCall<'_>) -> ReplyFuture<'_>;
}

/// A method of a contract, such as `S::add`, as a function from a request to a future of its response.
pub trait Handler<'a, S: ?Sized, Req>: Send {
    /// The content of the response.
    type Res;
    /// The future of the response.
    type Future: Future<Output = Result<Response<Self::Res>, Status>> + Send + 'a;

    /// Calls the method.
    fn handle(self, service: &'a S, request: Request<Req>) -> Self::Future;
}

impl<'a, S, Req, Res, H, F> Handler<'a, S, Req> for H
where
    S: ?Sized + 'a,
    H: FnOnce(&'a S, Request<Req>) -> F + Send,
    F: Future<Output = Result<Response<Res>, Status>> + Send + 'a,
{
    type Res = Res;
    type Future = F;

    fn handle(self, service: &'a S, request: Request<Req>) -> F {
        self(service, request)
    }
}

/// A [`ServiceServer`], type-erased.
pub(crate) trait Serve: Send + Sync {
    fn service(&self) -> &'static ServiceDescriptor;

    /// The position of the method with this `path` (`/package.Service/Method`).
    fn position(&self, path: &str) -> Option<usize>;

    fn config(&self) -> &ServerConfig;

    /// Dispatches `call` to the method at position `method`.
    fn call<'a>(&self, method: usize, call: ServerCall<'a>) -> ReplyFuture<'a>;
}

/// The limits and compressions of a server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServerConfig {
    pub(crate) decoding_limit: usize,
    pub(crate) encoding_limit: usize,
    pub(crate) accepted: EnabledCompressionEncodings,
    pub(crate) sent: EnabledCompressionEncodings,
    pub(crate) requires_te_trailers: bool,
}

/// A call to be dispatched to a handler.
#[derive(Debug)]
pub struct ServerCall<'a> {
    pub(crate) request: RequestSource<'a>,
    pub(crate) answer: AnswerOptions,
}

/// Where the request comes from: encoded messages, or a [`DirectSlot`].
#[allow(clippy::large_enum_variant, reason = "most come encoded: a box would cost each of them")]
pub(crate) enum RequestSource<'a> {
    Wire(Request<Messages>),
    Slot(&'a mut (dyn Any + Send)),
}

/// How the response is encoded, and until when it may be sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AnswerOptions {
    encoder: Encoder,
    deadline: Option<Instant>,
}

impl<'a> ServerCall<'a> {
    /// Starts the method of `server` at position `method`.
    pub(crate) fn start(
        server: &dyn Serve,
        method: usize,
        mut call: IncomingCall,
    ) -> ReplyFuture<'a> {
        server.service().methods[method].describe(&mut call.extensions);
        server.call(method, Self::new(server.config(), call))
    }

    /// Starts the method of `server` at position `method`, with a [`DirectSlot`] of the method's types.
    pub(crate) fn start_direct(
        server: &dyn Serve,
        method: usize,
        slot: &'a mut (dyn Any + Send),
        deadline: Option<Instant>,
    ) -> ReplyFuture<'a> {
        let encoder = Encoder { encoding: None, limit: usize::MAX };
        let answer = AnswerOptions { encoder, deadline };
        server.call(method, Self { request: RequestSource::Slot(slot), answer })
    }

    fn new(config: &ServerConfig, call: IncomingCall) -> Self {
        let frames = Frames::new(call.options.encoding, config.decoding_limit);
        let encoder = Encoder {
            encoding: compression::choose(config.sent, call.options.accepted),
            limit: config.encoding_limit,
        };
        let messages = Messages::new(call.body, frames, Side::Request);
        let request = Request::from_parts(call.metadata, call.extensions, messages);
        Self {
            request: RequestSource::Wire(request),
            answer: AnswerOptions { encoder, deadline: call.options.deadline },
        }
    }

    /// Serves a unary call.
    pub fn unary<S, Req, Res, H>(self, service: Arc<S>, handler: H) -> ReplyFuture<'a>
    where
        S: Send + Sync + ?Sized + 'static,
        Req: Message + Default + 'static,
        Res: Message + 'static,
        H: for<'s> Handler<'s, S, Req, Res = Res> + 'static,
    {
        let answer = self.answer;
        match self.request {
            RequestSource::Slot(slot) => answer.fill(slot, service, handler),
            RequestSource::Wire(mut request) => answer.wait(Box::pin(async move {
                let request = decode(only(&mut request).await?, codec::decode)?;
                answer.message(handler.handle(&service, request).await?)
            })),
        }
    }

    /// Serves a client-streaming call.
    pub fn client_streaming<S, Req, Res, H>(self, service: Arc<S>, handler: H) -> ReplyFuture<'a>
    where
        S: Send + Sync + ?Sized + 'static,
        Req: Message + Default + 'static,
        Res: Message + 'static,
        H: for<'s> Handler<'s, S, Streaming<Req>, Res = Res> + 'static,
    {
        let answer = self.answer;
        match self.request {
            RequestSource::Slot(slot) => answer.fill(slot, service, handler),
            RequestSource::Wire(requests) => answer.wait(Box::pin(async move {
                let requests = requests.map(|messages| answer.requests(messages, codec::decode));
                answer.message(handler.handle(&service, requests).await?)
            })),
        }
    }

    /// Serves a server-streaming call.
    pub fn server_streaming<S, Req, Res, H>(self, service: Arc<S>, handler: H) -> ReplyFuture<'a>
    where
        S: Send + Sync + ?Sized + 'static,
        Req: Message + Default + 'static,
        Res: Message + 'static,
        H: for<'s> Handler<'s, S, Req, Res = Streaming<Res>> + 'static,
    {
        let answer = self.answer;
        match self.request {
            RequestSource::Slot(slot) => answer.fill(slot, service, handler),
            RequestSource::Wire(mut request) => answer.wait(Box::pin(async move {
                let request = decode(only(&mut request).await?, codec::decode)?;
                Ok(answer.messages(handler.handle(&service, request).await?))
            })),
        }
    }

    /// Serves a bidirectional streaming call.
    pub fn bidi_streaming<S, Req, Res, H>(self, service: Arc<S>, handler: H) -> ReplyFuture<'a>
    where
        S: Send + Sync + ?Sized + 'static,
        Req: Message + Default + 'static,
        Res: Message + 'static,
        H: for<'s> Handler<'s, S, Streaming<Req>, Res = Streaming<Res>> + 'static,
    {
        let answer = self.answer;
        match self.request {
            RequestSource::Slot(slot) => answer.fill(slot, service, handler),
            RequestSource::Wire(requests) => answer.wait(Box::pin(async move {
                let requests = requests.map(|messages| answer.requests(messages, codec::decode));
                Ok(answer.messages(handler.handle(&service, requests).await?))
            })),
        }
    }

    /// Fails the call with `Unimplemented`: the service has no such method.
    pub fn unimplemented(self) -> ReplyFuture<'a> {
        let status = Status::unimplemented("the service has no such method");
        self.answer.wait(Box::pin(async { Err(status) }))
    }
}

/// The request with its single message, still encoded.
pub(crate) async fn only(request: &mut Request<Messages>) -> Result<Request<Bytes>, Status> {
    let message = request.get_mut().only().await?;
    let metadata = std::mem::take(request.metadata_mut());
    let extensions = std::mem::take(request.extensions_mut());
    Ok(Request::from_parts(metadata, extensions, message))
}

pub(crate) fn decode<M>(
    request: Request<Bytes>,
    decode: impl FnOnce(Bytes) -> Result<M, Status>,
) -> Result<Request<M>, Status> {
    let (metadata, extensions, message) = request.into_parts();
    Ok(Request::from_parts(metadata, extensions, decode(message)?))
}

/// The reply to a call of a method that `service` does not have.
pub(crate) fn no_method(service: &ServiceDescriptor, path: &str) -> ReplyFuture<'static> {
    let status = Status::unimplemented(format!("{} has no method {path}", service.name));
    ReplyFuture::new(Deadline::default(), Box::pin(async { Err(status) }))
}

impl fmt::Debug for RequestSource<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Wire(_) => "Wire",
            Self::Slot(_) => "Slot",
        })
    }
}

impl AnswerOptions {
    /// A future of the reply that `handler` makes.
    pub(crate) fn wait(self, handler: CallFuture<'_, Reply>) -> ReplyFuture<'_> {
        ReplyFuture::new(Deadline::at(self.deadline), handler)
    }

    /// A future that completes once `handler` has put its response into the slot.
    pub(crate) fn wait_for_slot(self, handler: CallFuture<'_, ()>) -> ReplyFuture<'_> {
        ReplyFuture::in_slot(Deadline::at(self.deadline), handler)
    }

    /// Takes the request out of `slot`, and has the handler's response put into it.
    fn fill<'a, S, In, Out, H>(
        self,
        slot: &'a mut (dyn Any + Send),
        service: Arc<S>,
        handler: H,
    ) -> ReplyFuture<'a>
    where
        S: Send + Sync + ?Sized + 'static,
        In: Send + 'static,
        Out: Send + 'static,
        H: for<'s> Handler<'s, S, In, Res = Out> + 'static,
    {
        self.wait_for_slot(Box::pin(async move {
            let (slot, request) = DirectSlot::open(slot)?;
            slot.answer(handler.handle(&service, request).await)
        }))
    }

    /// The request stream, decoded with `decode`. It ends at the deadline even for a task that outlives the
    /// handler.
    pub(crate) fn requests<M: 'static>(
        self,
        messages: Messages,
        decode: fn(Bytes) -> Result<M, Status>,
    ) -> Streaming<M> {
        let messages = messages.tracked().with_deadline(Deadline::at(self.deadline));
        Streaming::decoding(messages, decode)
    }

    pub(crate) fn message<M: Encode>(self, response: Response<M>) -> Result<Reply, Status> {
        let (metadata, message, extensions) = response.into_parts();
        self.any_message(metadata, extensions, &message)
    }

    fn any_message(
        mut self,
        metadata: MetadataMap,
        extensions: Extensions,
        message: &dyn Encode,
    ) -> Result<Reply, Status> {
        if compression_is_disabled(&extensions) {
            self.encoder.encoding = None;
        }
        let message = self.encoder.encode_one(message)?;
        let body = Body::once(message).with_deadline(self.deadline);
        Ok(self.reply(metadata, extensions, body))
    }

    pub(crate) fn messages<M: Encode + 'static>(self, response: Response<Streaming<M>>) -> Reply {
        let (metadata, messages, extensions) = response.into_parts();
        let body =
            Body::outgoing(EncodedStream::new(messages, self.encoder, Deadline::at(self.deadline)));
        self.reply(metadata, extensions, body)
    }

    fn reply(self, metadata: MetadataMap, mut extensions: Extensions, body: Body) -> Reply {
        let body = match extensions.remove() {
            Some(Trailers(trailers)) => body.with_trailers(trailers),
            None => body,
        };
        Reply { metadata, extensions, encoding: self.encoder.encoding, body }
    }
}

/// Whether the handler called `Response::disable_compression`.
fn compression_is_disabled(extensions: &Extensions) -> bool {
    use tonic::codec::SingleMessageCompressionOverride as Override;
    extensions.get() == Some(&Override::Disable)
}

/// The response of a method that the user has not implemented.
pub fn unimplemented<T>(
    method: &MethodDescriptor,
) -> std::future::Ready<Result<Response<T>, Status>> {
    std::future::ready(Err(Status::unimplemented(format!("{} is not implemented", method.path))))
}
