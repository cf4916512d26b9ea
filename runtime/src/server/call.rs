//! The dispatch: one call on its way to the handler of its method.
//!
//! The generic methods only decode, call and encode; all else is compiled once.

use std::{any::Any, fmt, future::Future, sync::Arc};

use bytes::Bytes;
use http::Extensions;
use prost::Message;
use tokio::time::Instant;
use tonic::{
    Request, Response, Status,
    codec::{CompressionEncoding, EnabledCompressionEncodings},
    metadata::MetadataMap,
};

use super::{Reply, ReplyFuture, Serve, ServerConfig};
#[cfg(feature = "mock")]
use crate::mock::{self, Content, Mock};
use crate::{
    MethodDescriptor, ServiceDescriptor, Streaming, Trailers,
    wire::{
        body::{Body, Side},
        compression,
        deadline::Deadline,
        frame::{self, Encode, Encoder, Frames},
        messages::Messages,
    },
};

/// The part of a server that is generated: from a method's position to its handler.
pub trait Dispatch<S>: 'static {
    /// The service whose methods these are.
    const SERVICE: &'static ServiceDescriptor;

    /// Hands `call` to the method at that position in [`SERVICE`](Self::SERVICE).
    fn call(service: Arc<S>, method: usize, call: ServerCall<'_>) -> ReplyFuture<'_>;
}

/// A method of a contract, such as `S::add`: what takes a request and gives a response.
pub trait Handler<'a, S, Req>: Send {
    /// What the response carries.
    type Res;
    /// Waits for the response.
    type Future: Future<Output = Result<Response<Self::Res>, Status>> + Send + 'a;

    /// Calls the method.
    fn handle(self, service: &'a S, request: Request<Req>) -> Self::Future;
}

impl<'a, S, Req, Res, H, F> Handler<'a, S, Req> for H
where
    S: 'a,
    H: FnOnce(&'a S, Request<Req>) -> F + Send,
    F: Future<Output = Result<Response<Res>, Status>> + Send + 'a,
{
    type Res = Res;
    type Future = F;

    fn handle(self, service: &'a S, request: Request<Req>) -> F {
        self(service, request)
    }
}

/// What a door knows of a call.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) metadata: MetadataMap,
    pub(crate) extensions: Extensions,
    pub(crate) body: Body,
    /// The compression of the requests, which the server accepts.
    pub(crate) encoding: Option<CompressionEncoding>,
    /// The compressions that the client reads.
    pub(crate) accepted: EnabledCompressionEncodings,
    pub(crate) deadline: Option<Instant>,
}

/// The messages of a call that are moved between a client and a server in one process: the client
/// puts its request in, and the server the response.
#[derive(Debug)]
pub(crate) struct Exchange<In, Out> {
    pub(crate) request: Option<In>,
    pub(crate) response: Option<Out>,
}

impl<In, Out> Exchange<In, Out> {
    pub(crate) fn mismatch() -> Status {
        Status::internal("client and server have been generated with different messages")
    }
}

/// One call on its way to a handler.
#[derive(Debug)]
pub struct ServerCall<'a> {
    request: Arrived<'a, Messages>,
    answer: Answer,
}

/// A request whose messages have come as `W`, or wait in an [`Exchange`].
#[derive(Debug)]
struct Arrived<'a, W> {
    metadata: MetadataMap,
    extensions: Extensions,
    messages: Source<'a, W>,
}

enum Source<'a, W> {
    Wire(W),
    Exchange(&'a mut (dyn Any + Send)),
}

/// How the call is answered.
#[derive(Clone, Copy, Debug)]
struct Answer {
    encoder: Encoder,
    deadline: Option<Instant>,
}

impl<'a> ServerCall<'a> {
    /// Starts the method of `server` that is called by `path`.
    pub(crate) fn start(server: &dyn Serve, path: &str, mut call: Incoming) -> ReplyFuture<'a> {
        let service = server.service();
        let Some(position) = service.position(path) else {
            return no_method(service, path);
        };
        service.methods[position].describe(&mut call.extensions);
        server.call(position, Self::new(server.config(), call))
    }

    /// Starts the method of `server` that is called by `path`, with an [`Exchange`] of its types.
    pub(crate) fn start_direct(
        server: &dyn Serve,
        path: &str,
        request: Request<&'a mut (dyn Any + Send)>,
        deadline: Option<Instant>,
    ) -> ReplyFuture<'a> {
        let Some(position) = server.service().position(path) else {
            return no_method(server.service(), path);
        };
        let (metadata, extensions, exchange) = request.into_parts();
        let encoder = Encoder { encoding: None, limit: usize::MAX };
        let call = Self {
            request: Arrived { metadata, extensions, messages: Source::Exchange(exchange) },
            answer: Answer { encoder, deadline },
        };
        server.call(position, call)
    }

    fn new(config: &ServerConfig, call: Incoming) -> Self {
        let frames = Frames::new(call.encoding, config.decoding_limit);
        let encoder = Encoder {
            encoding: compression::choose(config.sent, call.accepted),
            limit: config.encoding_limit,
        };
        Self {
            request: Arrived {
                metadata: call.metadata,
                extensions: call.extensions,
                messages: Source::Wire(Messages::new(call.body, frames, Side::Request)),
            },
            answer: Answer { encoder, deadline: call.deadline },
        }
    }

    /// Answers one request with one response.
    pub fn unary<S, Req, Res, H>(self, service: Arc<S>, handler: H) -> ReplyFuture<'a>
    where
        S: Send + Sync + 'static,
        Req: Message + Default + 'static,
        Res: Message + 'static,
        H: for<'s> Handler<'s, S, Req, Res = Res> + 'static,
    {
        let answer = self.answer;
        answer.wait(async move {
            let (request, slot) = self.only().await?.open(frame::decode)?;
            answer.message(handler.handle(&service, request).await?, slot)
        })
    }

    /// Answers a stream of requests with one response.
    pub fn client_streaming<S, Req, Res, H>(self, service: Arc<S>, handler: H) -> ReplyFuture<'a>
    where
        S: Send + Sync + 'static,
        Req: Message + Default + 'static,
        Res: Message + 'static,
        H: for<'s> Handler<'s, S, Streaming<Req>, Res = Res> + 'static,
    {
        let answer = self.answer;
        answer.wait(async move {
            let (requests, slot) = self.request.open(|messages| answer.requests(messages))?;
            answer.message(handler.handle(&service, requests).await?, slot)
        })
    }

    /// Answers one request with a stream of responses.
    pub fn server_streaming<S, Req, Res, H>(self, service: Arc<S>, handler: H) -> ReplyFuture<'a>
    where
        S: Send + Sync + 'static,
        Req: Message + Default + 'static,
        Res: Message + 'static,
        H: for<'s> Handler<'s, S, Req, Res = Streaming<Res>> + 'static,
    {
        let answer = self.answer;
        answer.wait(async move {
            let (request, slot) = self.only().await?.open(frame::decode)?;
            Ok(answer.messages(handler.handle(&service, request).await?, slot))
        })
    }

    /// Answers a stream of requests with a stream of responses.
    pub fn bidi_streaming<S, Req, Res, H>(self, service: Arc<S>, handler: H) -> ReplyFuture<'a>
    where
        S: Send + Sync + 'static,
        Req: Message + Default + 'static,
        Res: Message + 'static,
        H: for<'s> Handler<'s, S, Streaming<Req>, Res = Streaming<Res>> + 'static,
    {
        let answer = self.answer;
        answer.wait(async move {
            let (requests, slot) = self.request.open(|messages| answer.requests(messages))?;
            Ok(answer.messages(handler.handle(&service, requests).await?, slot))
        })
    }

    /// Refuses a call of a method that the service does not have.
    pub fn unimplemented(self) -> ReplyFuture<'a> {
        self.answer.wait(async { Err(Status::unimplemented("the service has no such method")) })
    }

    /// The request of a method that takes one message, still encoded.
    async fn only(self) -> Result<Arrived<'a, Bytes>, Status> {
        let Arrived { metadata, extensions, messages } = self.request;
        let messages = match messages {
            Source::Wire(mut messages) => Source::Wire(messages.only().await?),
            Source::Exchange(exchange) => Source::Exchange(exchange),
        };
        Ok(Arrived { metadata, extensions, messages })
    }
}

#[cfg(feature = "mock")]
impl<'a> ServerCall<'a> {
    /// Lets a mock answer, whatever the messages are.
    pub(crate) fn erased(
        self,
        mock: Arc<Mock>,
        method: usize,
        types: &'static mock::Method,
    ) -> ReplyFuture<'a> {
        let answer = self.answer;
        answer.wait(async move {
            let Arrived { metadata, extensions, messages } = self.request;
            let (content, exchange) = match messages {
                Source::Exchange(exchange) => ((types.request)(exchange)?, Some(exchange)),
                Source::Wire(mut messages) if !mock.streams_requests(method) => {
                    let message = (types.decode_request)(messages.only().await?)?;
                    (Content::One(message), None)
                }
                Source::Wire(messages) => {
                    let messages = messages.with_deadline(Deadline::at(answer.deadline));
                    let decode = types.decode_request;
                    (Content::Many(Streaming::decoding_with(messages, decode)), None)
                }
            };
            let request = Request::from_parts(metadata, extensions, content);
            let response = mock.erased(method, request).await?;
            let (metadata, content, extensions) = response.into_parts();
            match (exchange, content) {
                (Some(exchange), content) => {
                    (types.answer)(exchange, content)?;
                    Ok(answer.reply(metadata, extensions, Body::empty()))
                }
                (None, Content::One(message)) => {
                    answer.message(Response::from_parts(metadata, message, extensions), None)
                }
                (None, Content::Many(messages)) => {
                    let response = Response::from_parts(metadata, messages, extensions);
                    Ok(answer.messages(response, None))
                }
            }
        })
    }
}

fn no_method(service: &ServiceDescriptor, path: &str) -> ReplyFuture<'static> {
    let status = Status::unimplemented(format!("{} has no method {path}", service.name));
    ReplyFuture::new(Deadline::default(), async { Err(status) })
}

/// Where a response goes that is not to be encoded.
type Slot<'a, Out> = Option<&'a mut Option<Out>>;

impl<'a, W> Arrived<'a, W> {
    /// Decodes the request, or takes it out of the exchange, where the response goes then, too.
    fn open<In: 'static, Out: 'static>(
        self,
        decode: impl FnOnce(W) -> Result<In, Status>,
    ) -> Result<(Request<In>, Slot<'a, Out>), Status> {
        let (request, slot) = match self.messages {
            Source::Wire(encoded) => (decode(encoded)?, None),
            Source::Exchange(exchange) => {
                let exchange = exchange.downcast_mut::<Exchange<In, Out>>();
                let Exchange { request, response } =
                    exchange.ok_or_else(Exchange::<In, Out>::mismatch)?;
                (request.take().ok_or_else(Exchange::<In, Out>::mismatch)?, Some(response))
            }
        };
        Ok((Request::from_parts(self.metadata, self.extensions, request), slot))
    }
}

impl<W> fmt::Debug for Source<'_, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Wire(_) => "Wire",
            Self::Exchange(_) => "Exchange",
        })
    }
}

impl Answer {
    fn wait<'a>(
        self,
        handler: impl Future<Output = Result<Reply, Status>> + Send + 'a,
    ) -> ReplyFuture<'a> {
        ReplyFuture::new(Deadline::at(self.deadline), handler)
    }

    /// The requests of a method that takes a stream, which the deadline ends even for a task that
    /// outlives the handler.
    fn requests<M>(self, messages: Messages) -> Result<Streaming<M>, Status>
    where
        M: Message + Default + 'static,
    {
        Ok(Streaming::decoding(messages.with_deadline(Deadline::at(self.deadline))))
    }

    fn message<M: Encode>(
        mut self,
        response: Response<M>,
        slot: Slot<'_, M>,
    ) -> Result<Reply, Status> {
        let (metadata, message, extensions) = response.into_parts();
        if let Some(slot) = slot {
            *slot = Some(message);
            return Ok(self.reply(metadata, extensions, Body::empty()));
        }
        if compression_is_disabled(&extensions) {
            self.encoder.encoding = None;
        }
        let body = Body::once(self.encoder.encode_one(&message)?);
        Ok(self.reply(metadata, extensions, body))
    }

    fn messages<M: Encode + 'static>(
        self,
        response: Response<Streaming<M>>,
        slot: Slot<'_, Streaming<M>>,
    ) -> Reply {
        let (metadata, messages, extensions) = response.into_parts();
        if let Some(slot) = slot {
            *slot = Some(messages);
            return self.reply(metadata, extensions, Body::empty());
        }
        let body = Body::outgoing(messages, self.encoder, Deadline::at(self.deadline));
        self.reply(metadata, extensions, body)
    }

    fn reply(self, metadata: MetadataMap, mut extensions: Extensions, body: Body) -> Reply {
        let Trailers(trailers) = extensions.remove().unwrap_or_default();
        let encoding = self.encoder.encoding;
        Reply { metadata, extensions, encoding, body: body.with_trailers(trailers) }
    }
}

/// Whether the handler said `Response::disable_compression`.
fn compression_is_disabled(extensions: &Extensions) -> bool {
    use tonic::codec::SingleMessageCompressionOverride as Override;
    extensions.get() == Some(&Override::Disable)
}

/// What a method answers that the user has not implemented.
pub fn unimplemented<T>(
    method: &MethodDescriptor,
) -> std::future::Ready<Result<Response<T>, Status>> {
    std::future::ready(Err(Status::unimplemented(format!("{} is not implemented", method.path))))
}
