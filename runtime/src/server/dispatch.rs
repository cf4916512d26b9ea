//! The dispatch: from an incoming call to the handler of its method.
//!
//! The generic methods only decode, call and encode; everything else is compiled once.

use std::{fmt, future::Future, marker::PhantomData, sync::Arc};

use bytes::Bytes;
use http::Extensions;
use tokio::time::Instant;
use tonic::{Request, Response, Status, codec::EnabledCompressionEncodings, metadata::MetadataMap};

#[cfg(feature = "json")]
use crate::codec::json::JsonOptions;
use crate::{
    call::{
        body::{Body, Direction},
        context::{Context, InheritedHeaders},
        deadline::Deadline,
        direct_slot::{DirectSlot, ErasedSlot},
        head::{IncomingCall, IncomingMessages},
        method::{MethodDescriptor, ServiceDescriptor},
        reply::{CallFuture, Reply, ReplyFuture},
        streaming::Streaming,
    },
    codec::{Codec, CodecMessage, Encode, ProstCodec},
    protocol::{
        compression,
        encoded_stream::EncodedStream,
        length_prefixed::{DEFAULT_DECODING_LIMIT, MessageDecoder, MessageEncoder},
        messages::Messages,
    },
};

/// The generated part of a server: maps a method's position to its handler.
pub trait Dispatch<S: ?Sized>: 'static {
    /// The service that these methods belong to.
    const SERVICE: &'static ServiceDescriptor;

    /// The file of the service and its imports, but for the well-known ones, each as an encoded
    /// `google.protobuf.FileDescriptorProto`. Used with the feature `reflection` only, so that no other program
    /// has them in it.
    const FILES: &'static [&'static [u8]] = &[];

    /// The comments of the protos, by the full names of what they are about, in their order: services, methods, and the
    /// messages, fields, oneofs, enums and enum values that methods use, such as `shop.Order.items`, and
    /// `shop.Status.ACTIVE` of the enum `shop.Status`. Those of the well-known protos are left out. Used with the features
    /// that show comments only, so that no other program has them in it.
    const COMMENTS: &'static [(&'static str, &'static str)] = &[];

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

/// The limits and compressions of a service.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ServiceOptions {
    /// The size limits for messages, in bytes, if they are set.
    pub(crate) decoding_limit: Option<usize>,
    pub(crate) encoding_limit: Option<usize>,
    pub(crate) accepted: EnabledCompressionEncodings,
    pub(crate) sent: EnabledCompressionEncodings,
    pub(crate) requires_te_trailers: bool,
    #[cfg(feature = "json")]
    pub(crate) json: JsonOptions,
}

/// A call to be dispatched to a handler, its messages in the encoding of the codec `C`.
#[derive(Debug)]
pub struct ServerCall<'a, C = ProstCodec> {
    pub(crate) request: RequestSource<'a>,
    pub(crate) response_options: ResponseOptions,
    /// What calls that the handler makes inherit, besides the deadline.
    pub(crate) inherited: InheritedHeaders,
    codec: PhantomData<fn() -> C>,
}

/// Where the request comes from: encoded messages, or a [`DirectSlot`].
#[allow(clippy::large_enum_variant, reason = "most come encoded: a box would cost each of them")]
pub(crate) enum RequestSource<'a> {
    Encoded(Request<Messages>),
    Slot(Request<&'a mut dyn ErasedSlot>),
}

/// How the response is encoded, and until when it may be sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ResponseOptions {
    encoder: MessageEncoder,
    deadline: Option<Instant>,
    is_stream: bool,
}

impl<'a> ServerCall<'a> {
    pub(super) fn new(
        service: &ServiceOptions,
        method: &'static MethodDescriptor,
        call: IncomingCall<'a>,
    ) -> Self {
        let IncomingCall { metadata, mut extensions, messages, options } = call;
        let inherited = InheritedHeaders::of(metadata.as_ref());
        let is_stream = method.kind.streams_responses();
        match messages {
            IncomingMessages::Encoded(body) => {
                method.insert_into(&mut extensions);
                let decoder = MessageDecoder::new(
                    options.encoding,
                    service.decoding_limit.unwrap_or(DEFAULT_DECODING_LIMIT),
                );
                let encoder = MessageEncoder {
                    encoding: compression::choose(service.sent, options.accepted),
                    limit: service.encoding_limit.unwrap_or(usize::MAX),
                };
                let messages = Messages::new(body, decoder, Direction::Request);
                let request = Request::from_parts(metadata, extensions, messages);
                let response_options =
                    ResponseOptions { encoder, deadline: options.deadline, is_stream };
                Self {
                    request: RequestSource::Encoded(request),
                    response_options,
                    inherited,
                    codec: PhantomData,
                }
            }
            IncomingMessages::Direct(slot) => {
                slot.limit_requests(options.deadline);
                let encoder = MessageEncoder { encoding: None, limit: usize::MAX };
                let request = Request::from_parts(metadata, extensions, slot);
                let response_options =
                    ResponseOptions { encoder, deadline: options.deadline, is_stream };
                Self {
                    request: RequestSource::Slot(request),
                    response_options,
                    inherited,
                    codec: PhantomData,
                }
            }
        }
    }

    /// The same call, of a method with a user-defined codec.
    pub fn with_codec<C>(self) -> ServerCall<'a, C> {
        ServerCall {
            request: self.request,
            response_options: self.response_options,
            inherited: self.inherited,
            codec: PhantomData,
        }
    }

    /// Fails the call with `Unimplemented`: the service has no such method.
    pub fn unimplemented(self) -> ReplyFuture<'a> {
        let status = Status::unimplemented("the service has no such method");
        ReplyFuture::new(Deadline::default(), Box::pin(async { Err(status) }))
    }
}

impl<'a, C> ServerCall<'a, C> {
    /// Serves a unary call.
    pub fn unary<S, Req, Res, H>(self, service: Arc<S>, handler: H) -> ReplyFuture<'a>
    where
        S: Send + Sync + ?Sized + 'static,
        C: Codec<Req> + Codec<Res>,
        Req: Send + 'static,
        Res: Send + 'static,
        H: for<'s> Handler<'s, S, Req, Res = Res> + 'static,
    {
        let Self { request, response_options: options, inherited, .. } = self;
        let reply: CallFuture<'_, Reply> = match request {
            RequestSource::Slot(request) => options.fill(request, service, handler),
            RequestSource::Encoded(mut request) => Box::pin(async move {
                let request = decode(single(&mut request).await?, C::decode)?;
                options.message(handler.handle(&service, request).await?, CodecMessage::<C, _>::new)
            }),
        };
        options.serve(inherited, reply)
    }

    /// Serves a client-streaming call.
    pub fn client_streaming<S, Req, Res, H>(self, service: Arc<S>, handler: H) -> ReplyFuture<'a>
    where
        S: Send + Sync + ?Sized + 'static,
        C: Codec<Req> + Codec<Res>,
        Req: Send + 'static,
        Res: Send + 'static,
        H: for<'s> Handler<'s, S, Streaming<Req>, Res = Res> + 'static,
    {
        let Self { request, response_options: options, inherited, .. } = self;
        let reply: CallFuture<'_, Reply> = match request {
            RequestSource::Slot(request) => options.fill(request, service, handler),
            RequestSource::Encoded(requests) => Box::pin(async move {
                let requests = requests.map(|messages| options.requests(messages, C::decode));
                options
                    .message(handler.handle(&service, requests).await?, CodecMessage::<C, _>::new)
            }),
        };
        options.serve(inherited, reply)
    }

    /// Serves a server-streaming call.
    pub fn server_streaming<S, Req, Res, H>(self, service: Arc<S>, handler: H) -> ReplyFuture<'a>
    where
        S: Send + Sync + ?Sized + 'static,
        C: Codec<Req> + Codec<Res>,
        Req: Send + 'static,
        Res: Send + 'static,
        H: for<'s> Handler<'s, S, Req, Res = Streaming<Res>> + 'static,
    {
        let Self { request, response_options: options, inherited, .. } = self;
        let reply: CallFuture<'_, Reply> = match request {
            RequestSource::Slot(request) => options.fill(request, service, handler),
            RequestSource::Encoded(mut request) => Box::pin(async move {
                let request = decode(single(&mut request).await?, C::decode)?;
                let response = handler.handle(&service, request).await?;
                Ok(options.messages(response, CodecMessage::<C, _>::new))
            }),
        };
        options.serve(inherited, reply)
    }

    /// Serves a bidirectional streaming call.
    pub fn bidi_streaming<S, Req, Res, H>(self, service: Arc<S>, handler: H) -> ReplyFuture<'a>
    where
        S: Send + Sync + ?Sized + 'static,
        C: Codec<Req> + Codec<Res>,
        Req: Send + 'static,
        Res: Send + 'static,
        H: for<'s> Handler<'s, S, Streaming<Req>, Res = Streaming<Res>> + 'static,
    {
        let Self { request, response_options: options, inherited, .. } = self;
        let reply: CallFuture<'_, Reply> = match request {
            RequestSource::Slot(request) => options.fill(request, service, handler),
            RequestSource::Encoded(requests) => Box::pin(async move {
                let requests = requests.map(|messages| options.requests(messages, C::decode));
                let response = handler.handle(&service, requests).await?;
                Ok(options.messages(response, CodecMessage::<C, _>::new))
            }),
        };
        options.serve(inherited, reply)
    }
}

/// The request with its single message, still encoded.
pub(crate) async fn single(request: &mut Request<Messages>) -> Result<Request<Bytes>, Status> {
    let message = request.get_mut().single(Ok).await?;
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

impl fmt::Debug for RequestSource<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Encoded(_) => "Encoded",
            Self::Slot(_) => "Slot",
        })
    }
}

impl ResponseOptions {
    /// A future of the reply that `handler` makes.
    pub(crate) fn serve(
        self,
        inherited: InheritedHeaders,
        handler: CallFuture<'_, Reply>,
    ) -> ReplyFuture<'_> {
        ReplyFuture::serving(self.deadline, inherited, handler)
    }

    /// Takes the request out of its slot, and has the handler's response put into it.
    fn fill<'a, S, In, Out, H>(
        self,
        request: Request<&'a mut dyn ErasedSlot>,
        service: Arc<S>,
        handler: H,
    ) -> CallFuture<'a, Reply>
    where
        S: Send + Sync + ?Sized + 'static,
        In: Send + 'static,
        Out: Send + 'static,
        H: for<'s> Handler<'s, S, In, Res = Out> + 'static,
    {
        Box::pin(async move {
            let (metadata, extensions, slot) = request.into_parts();
            let (slot, request) = DirectSlot::open(slot)?;
            let request = Request::from_parts(metadata, extensions, request);
            let response = handler.handle(&service, request).await?;
            let (metadata, response, extensions) = response.into_parts();
            *slot = DirectSlot::Response(response);
            Ok(self.in_slot(metadata, extensions))
        })
    }

    /// The reply whose messages are in the slot.
    pub(crate) fn in_slot(self, metadata: MetadataMap, extensions: Extensions) -> Reply {
        self.reply(metadata, extensions, Body::direct(self.is_stream.then(Context::serving)))
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

    /// The reply with one message, encoded as what `wrap` makes of it.
    pub(crate) fn message<M, E: Encode>(
        self,
        response: Response<M>,
        wrap: impl FnOnce(M) -> E,
    ) -> Result<Reply, Status> {
        let (metadata, message, extensions) = response.into_parts();
        self.any_message(metadata, extensions, &wrap(message))
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

    /// The reply with a stream of messages, each encoded as what `wrap` makes of it.
    pub(crate) fn messages<M: 'static, E: Encode>(
        self,
        response: Response<Streaming<M>>,
        wrap: impl Fn(M) -> E + Send + 'static,
    ) -> Reply {
        let (metadata, messages, extensions) = response.into_parts();
        let deadline = Deadline::at(self.deadline);
        let encoded = EncodedStream::new(messages, wrap, self.encoder, deadline)
            .in_context(Context::serving());
        self.reply(metadata, extensions, Body::outgoing(encoded))
    }

    fn reply(self, metadata: MetadataMap, extensions: Extensions, body: Body) -> Reply {
        Reply { metadata, extensions, encoding: self.encoder.encoding, body }.with_trailers()
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
