//! The dispatch: one call on its way to the handler of its method.
//!
//! The generic methods only decode, call and encode; all else is compiled once.

use std::{future::Future, sync::Arc};

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
use crate::{
    MethodDescriptor, ServiceDescriptor, Streaming, Trailers,
    wire::{
        body::{Body, Side},
        compression,
        deadline::Deadline,
        frame::{self, Encoder, Frames},
        messages::Messages,
    },
};

/// The part of a server that is generated: from a method's position to its handler.
pub trait Dispatch<S>: 'static {
    /// The service whose methods these are.
    const SERVICE: &'static ServiceDescriptor;

    /// Hands `call` to the method at that position in [`SERVICE`](Self::SERVICE).
    fn call(service: Arc<S>, method: usize, call: ServerCall) -> ReplyFuture;
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

/// One call on its way to a handler.
#[derive(Debug)]
pub struct ServerCall {
    metadata: MetadataMap,
    extensions: Extensions,
    messages: Messages,
    answer: Answer,
}

/// How the call is answered.
#[derive(Clone, Copy, Debug)]
struct Answer {
    encoder: Encoder,
    deadline: Option<Instant>,
}

impl ServerCall {
    /// Starts the method of `server` that is called by `path`.
    pub(crate) fn start(server: &dyn Serve, path: &str, mut call: Incoming) -> ReplyFuture {
        let service = server.service();
        let Some(position) = service.position(path) else {
            let status = Status::unimplemented(format!("{} has no method {path}", service.name));
            return ReplyFuture::new(Deadline::default(), async { Err(status) });
        };
        service.methods[position].describe(&mut call.extensions);
        server.call(position, Self::new(server.config(), call))
    }

    fn new(config: &ServerConfig, call: Incoming) -> Self {
        let frames = Frames::new(call.encoding, config.decoding_limit);
        let encoder = Encoder {
            encoding: compression::choose(config.sent, call.accepted),
            limit: config.encoding_limit,
        };
        Self {
            metadata: call.metadata,
            extensions: call.extensions,
            messages: Messages::new(call.body, frames, Side::Request),
            answer: Answer { encoder, deadline: call.deadline },
        }
    }

    /// Answers one request with one response.
    pub fn unary<S, Req, Res, H>(self, service: Arc<S>, handler: H) -> ReplyFuture
    where
        S: Send + Sync + 'static,
        Req: Message + Default,
        Res: Message,
        H: for<'a> Handler<'a, S, Req, Res = Res> + 'static,
    {
        let answer = self.answer;
        answer.wait(async move {
            let request = decode(self.only().await?)?;
            answer.message(handler.handle(&service, request).await?)
        })
    }

    /// Answers a stream of requests with one response.
    pub fn client_streaming<S, Req, Res, H>(self, service: Arc<S>, handler: H) -> ReplyFuture
    where
        S: Send + Sync + 'static,
        Req: Message + Default + 'static,
        Res: Message,
        H: for<'a> Handler<'a, S, Streaming<Req>, Res = Res> + 'static,
    {
        let answer = self.answer;
        answer
            .wait(async move { answer.message(handler.handle(&service, self.streaming()).await?) })
    }

    /// Answers one request with a stream of responses.
    pub fn server_streaming<S, Req, Res, H>(self, service: Arc<S>, handler: H) -> ReplyFuture
    where
        S: Send + Sync + 'static,
        Req: Message + Default,
        Res: Message + 'static,
        H: for<'a> Handler<'a, S, Req, Res = Streaming<Res>> + 'static,
    {
        let answer = self.answer;
        answer.wait(async move {
            let request = decode(self.only().await?)?;
            Ok(answer.messages(handler.handle(&service, request).await?))
        })
    }

    /// Answers a stream of requests with a stream of responses.
    pub fn bidi_streaming<S, Req, Res, H>(self, service: Arc<S>, handler: H) -> ReplyFuture
    where
        S: Send + Sync + 'static,
        Req: Message + Default + 'static,
        Res: Message + 'static,
        H: for<'a> Handler<'a, S, Streaming<Req>, Res = Streaming<Res>> + 'static,
    {
        let answer = self.answer;
        answer.wait(async move {
            Ok(answer.messages(handler.handle(&service, self.streaming()).await?))
        })
    }

    /// Refuses a call of a method that the service does not have.
    pub fn unimplemented(self) -> ReplyFuture {
        self.answer.wait(async { Err(Status::unimplemented("the service has no such method")) })
    }

    /// The request of a method that takes one message, still encoded.
    async fn only(mut self) -> Result<Request<Bytes>, Status> {
        let message = self.messages.only().await?;
        Ok(Request::from_parts(self.metadata, self.extensions, message))
    }

    /// The request of a method that takes a stream, which the deadline ends even for a task that
    /// outlives the handler.
    fn streaming<M: Message + Default + 'static>(self) -> Request<Streaming<M>> {
        let messages = self.messages.with_deadline(Deadline::at(self.answer.deadline));
        Request::from_parts(self.metadata, self.extensions, Streaming::decoding(messages))
    }
}

fn decode<M: Message + Default>(request: Request<Bytes>) -> Result<Request<M>, Status> {
    let (metadata, extensions, message) = request.into_parts();
    Ok(Request::from_parts(metadata, extensions, frame::decode(message)?))
}

impl Answer {
    fn wait(
        self,
        handler: impl Future<Output = Result<Reply, Status>> + Send + 'static,
    ) -> ReplyFuture {
        ReplyFuture::new(Deadline::at(self.deadline), handler)
    }

    fn message<M: Message>(mut self, response: Response<M>) -> Result<Reply, Status> {
        let (metadata, message, extensions) = response.into_parts();
        if compression_is_disabled(&extensions) {
            self.encoder.encoding = None;
        }
        let body = Body::once(self.encoder.encode_one(&message)?);
        Ok(self.reply(metadata, extensions, body))
    }

    fn messages<M: Message + 'static>(self, response: Response<Streaming<M>>) -> Reply {
        let (metadata, messages, extensions) = response.into_parts();
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
