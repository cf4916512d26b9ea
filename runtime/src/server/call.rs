//! The dispatch: one call on its way to the handler of its method.
//!
//! The generic methods only decode, call and encode; all else is compiled once.

use std::future::Future;

use bytes::Bytes;
use http::Extensions;
use prost::Message;
use tokio::time::Instant;
use tonic::{
    Request, Response, Status,
    codec::{CompressionEncoding, EnabledCompressionEncodings},
    metadata::MetadataMap,
};

use super::{Reply, ReplyFuture, ServerConfig};
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

/// What every door serves: a generated server.
pub trait Dispatch: Send + Sync + 'static {
    /// The service that is served.
    fn service(&self) -> &'static ServiceDescriptor;

    /// The limits and compressions of its calls.
    fn config(&self) -> &ServerConfig;

    /// Hands `call` to the method at that position in [`service`](Self::service).
    fn call(&self, method: usize, call: ServerCall) -> ReplyFuture;
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
    pub(crate) fn start(server: &dyn Dispatch, path: &str, mut call: Incoming) -> ReplyFuture {
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
    pub fn unary<Req, Res, F>(
        self,
        handler: impl FnOnce(Request<Req>) -> F + Send + 'static,
    ) -> ReplyFuture
    where
        Req: Message + Default,
        Res: Message,
        F: Future<Output = Result<Response<Res>, Status>> + Send,
    {
        let answer = self.answer;
        answer.wait(async move {
            let request = self.only().await?.decode()?;
            answer.message(handler(request).await?)
        })
    }

    /// Answers a stream of requests with one response.
    pub fn client_streaming<Req, Res, F>(
        self,
        handler: impl FnOnce(Request<Streaming<Req>>) -> F + Send + 'static,
    ) -> ReplyFuture
    where
        Req: Message + Default + 'static,
        Res: Message,
        F: Future<Output = Result<Response<Res>, Status>> + Send,
    {
        let answer = self.answer;
        answer.wait(async move { answer.message(handler(self.streaming()).await?) })
    }

    /// Answers one request with a stream of responses.
    pub fn server_streaming<Req, Res, F>(
        self,
        handler: impl FnOnce(Request<Req>) -> F + Send + 'static,
    ) -> ReplyFuture
    where
        Req: Message + Default,
        Res: Message + 'static,
        F: Future<Output = Result<Response<Streaming<Res>>, Status>> + Send,
    {
        let answer = self.answer;
        answer.wait(async move {
            let request = self.only().await?.decode()?;
            Ok(answer.messages(handler(request).await?))
        })
    }

    /// Answers a stream of requests with a stream of responses.
    pub fn bidi_streaming<Req, Res, F>(
        self,
        handler: impl FnOnce(Request<Streaming<Req>>) -> F + Send + 'static,
    ) -> ReplyFuture
    where
        Req: Message + Default + 'static,
        Res: Message + 'static,
        F: Future<Output = Result<Response<Streaming<Res>>, Status>> + Send,
    {
        let answer = self.answer;
        answer.wait(async move { Ok(answer.messages(handler(self.streaming()).await?)) })
    }

    /// Refuses a call of a method that the service does not have.
    pub fn unimplemented(self) -> ReplyFuture {
        self.answer.wait(async { Err(Status::unimplemented("the service has no such method")) })
    }

    /// The request of a method that takes one message.
    async fn only(mut self) -> Result<Undecoded, Status> {
        let message = self.messages.only().await?;
        Ok(Undecoded { metadata: self.metadata, extensions: self.extensions, message })
    }

    /// The request of a method that takes a stream.
    fn streaming<M: Message + Default + 'static>(self) -> Request<Streaming<M>> {
        Request::from_parts(self.metadata, self.extensions, Streaming::decoding(self.messages))
    }
}

/// A request whose message is still bytes.
struct Undecoded {
    metadata: MetadataMap,
    extensions: Extensions,
    message: Bytes,
}

impl Undecoded {
    fn decode<M: Message + Default>(self) -> Result<Request<M>, Status> {
        let message = frame::decode(self.message)?;
        Ok(Request::from_parts(self.metadata, self.extensions, message))
    }
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
