//! The way without a codec: messages are moved to a server in this process.

use std::any::Any;

use tokio::time::Instant;
use tonic::{Extensions, Request, Response, Status, metadata::MetadataMap};

#[cfg(feature = "mock")]
use crate::mock::{Content, Method};

use crate::{
    MethodDescriptor, Streaming,
    server::{Exchange, Serve, ServerCall},
    wire::{body::merge, deadline},
};

/// A call of `server` whose messages are not encoded.
pub(crate) struct Direct<'a> {
    server: &'a dyn Serve,
    method: &'static MethodDescriptor,
    deadline: Option<Instant>,
}

impl<'a> Direct<'a> {
    /// A call of `method`, with the deadline that `metadata` asks for.
    pub(crate) fn new(
        server: &'a dyn Serve,
        method: &'static MethodDescriptor,
        metadata: &MetadataMap,
    ) -> Result<Self, Status> {
        let timeout = deadline::timeout(metadata.as_ref())?;
        Ok(Self { server, method, deadline: timeout.map(|timeout| Instant::now() + timeout) })
    }

    /// Waits for one response.
    pub(crate) async fn message<In, Out>(
        self,
        request: Request<In>,
    ) -> Result<Response<Out>, Status>
    where
        In: Send + 'static,
        Out: Send + 'static,
    {
        let (metadata, extensions, message) = request.into_parts();
        let mut exchange = Exchange { request: Some(message), response: None };
        let mut answered = self.run(metadata, extensions, &mut exchange).await?;
        merge(&mut answered.metadata, answered.trailers);
        let message = exchange.response.ok_or_else(unanswered)?;
        Ok(Response::from_parts(answered.metadata, message, answered.extensions))
    }

    /// Waits for the beginning of a stream of responses.
    pub(crate) async fn messages<In, Out>(
        self,
        request: Request<In>,
    ) -> Result<Response<Streaming<Out>>, Status>
    where
        In: Send + 'static,
        Out: Send + 'static,
    {
        let deadline = self.deadline;
        let (metadata, extensions, message) = request.into_parts();
        let mut exchange = Exchange::<_, Streaming<Out>> { request: Some(message), response: None };
        let answered = self.run(metadata, extensions, &mut exchange).await?;
        let messages = exchange.response.ok_or_else(unanswered)?;
        let messages = messages.with_trailers(answered.trailers).limited(deadline);
        Ok(Response::from_parts(answered.metadata, messages, answered.extensions))
    }

    /// The requests of a stream, which end at the deadline.
    pub(crate) fn requests<M: Send + 'static>(
        &self,
        requests: Request<Streaming<M>>,
    ) -> Request<Streaming<M>> {
        requests.map(|messages| messages.limited(self.deadline))
    }

    /// Waits until `exchange` holds the response.
    async fn run(
        self,
        metadata: MetadataMap,
        extensions: Extensions,
        exchange: &mut (dyn Any + Send),
    ) -> Result<Answered, Status> {
        let request = Request::from_parts(metadata, extensions, exchange);
        let reply = ServerCall::start_direct(self.server, self.method.path, request, self.deadline);
        let mut reply = reply.reply().await?;
        let trailers = reply.body.take_trailers();
        Ok(Answered { metadata: reply.metadata, extensions: reply.extensions, trailers })
    }
}

/// What comes with the messages of a response.
struct Answered {
    metadata: MetadataMap,
    extensions: Extensions,
    trailers: MetadataMap,
}

fn unanswered() -> Status {
    Status::internal("there is no response")
}

#[cfg(feature = "mock")]
impl Direct<'_> {
    /// Makes a call whose messages have no types.
    pub(crate) async fn erased(
        self,
        method: &Method,
        request: Request<Content>,
    ) -> Result<Response<Content>, Status> {
        let deadline = self.deadline;
        let (metadata, extensions, content) = request.into_parts();
        let content = match content {
            Content::Many(messages) => Content::Many(messages.limited(deadline)),
            one => one,
        };
        let mut exchange = (method.exchange)(content)?;
        let mut answered = self.run(metadata, extensions, &mut *exchange).await?;
        let content = match (method.response)(exchange)? {
            Content::Many(messages) => {
                Content::Many(messages.with_trailers(answered.trailers).limited(deadline))
            }
            one => {
                merge(&mut answered.metadata, answered.trailers);
                one
            }
        };
        Ok(Response::from_parts(answered.metadata, content, answered.extensions))
    }
}
