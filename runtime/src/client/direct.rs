//! The way without a codec: messages are moved to a server in this process.

use std::{any::Any, fmt};

use tokio::time::Instant;
use tonic::{Request, Response, Status, metadata::MetadataMap};

use crate::{
    MethodDescriptor, Streaming,
    server::{Exchange, Serve, ServerCall},
    wire::{body::merge, deadline},
};

/// A call of `server` whose messages are not encoded.
pub struct Direct<'a> {
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
        let (mut response, trailers) = self.exchange(request).await?;
        merge(response.metadata_mut(), trailers);
        Ok(response)
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
        let (response, trailers) = self.exchange::<_, Streaming<Out>>(request).await?;
        let limited = |messages: Streaming<Out>| messages.with_trailers(trailers).limited(deadline);
        Ok(response.map(limited))
    }

    /// The requests of a stream, which end at the deadline.
    pub(crate) fn requests<M: Send + 'static>(
        &self,
        requests: Request<Streaming<M>>,
    ) -> Request<Streaming<M>> {
        requests.map(|messages| messages.limited(self.deadline))
    }

    async fn exchange<In, Out>(
        self,
        request: Request<In>,
    ) -> Result<(Response<Out>, MetadataMap), Status>
    where
        In: Send + 'static,
        Out: Send + 'static,
    {
        let (metadata, extensions, message) = request.into_parts();
        let mut exchange = Exchange { request: Some(message), response: None };
        let slot = &mut exchange as &mut (dyn Any + Send);
        let request = Request::from_parts(metadata, extensions, slot);
        let reply = ServerCall::start_direct(self.server, self.method.path, request, self.deadline);
        let mut reply = reply.reply().await?;
        let Some(message) = exchange.response else {
            return Err(Status::internal("there is no response"));
        };
        let trailers = reply.body.take_trailers();
        Ok((Response::from_parts(reply.metadata, message, reply.extensions), trailers))
    }
}

impl fmt::Debug for Direct<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Direct").field("method", &self.method.path).finish_non_exhaustive()
    }
}
