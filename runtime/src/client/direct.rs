//! The transport without a codec: messages are passed directly to a server in this process.

use std::{any::Any, future::Future};

use tokio::time::Instant;
use tonic::{Request, Response, Status, metadata::MetadataMap};

use crate::{
    call::{
        deadline,
        direct_slot::DirectSlot,
        method::MethodDescriptor,
        reply::{CallFuture, ReplyFuture},
        streaming::Streaming,
        trailers::{Trailers, merge},
    },
    protocol::http_body::HttpBody,
};

/// A server in this process to which messages are passed without a codec.
pub(crate) trait DirectServer: Send + Sync {
    /// Starts a call of `method` with a [`DirectSlot`] of the method's types.
    fn start<'a>(
        &self,
        method: &'static MethodDescriptor,
        slot: &'a mut (dyn Any + Send),
        deadline: Option<Instant>,
    ) -> ReplyFuture<'a>;

    /// Sends an HTTP request of another library's client, and returns a future of its response.
    fn send_http(
        &self,
        request: http::Request<HttpBody>,
    ) -> CallFuture<'static, http::Response<HttpBody>>;
}

/// A call of `server` whose messages are not encoded.
pub(crate) struct Direct<'a> {
    server: &'a dyn DirectServer,
    method: &'static MethodDescriptor,
    pub(crate) deadline: Option<Instant>,
}

impl<'a> Direct<'a> {
    /// A call of `method` whose deadline is given by `metadata`.
    pub(crate) fn new(
        server: &'a dyn DirectServer,
        method: &'static MethodDescriptor,
        metadata: &MetadataMap,
    ) -> Result<Self, Status> {
        Ok(Self { server, method, deadline: deadline::of_request(metadata)? })
    }

    /// Waits for the response of a unary or client-streaming call.
    pub(crate) fn message<In, Out>(
        self,
        request: Request<In>,
    ) -> impl Future<Output = Result<Response<Out>, Status>> + Send
    where
        In: Send + 'static,
        Out: Send + 'static,
    {
        let mut slot = DirectSlot::Request(request);
        async move {
            self.run(&mut slot).await?;
            let mut response = slot.take_response()?;
            if let Some(Trailers(trailers)) = response.extensions_mut().remove() {
                merge(response.metadata_mut(), trailers);
            }
            Ok(response)
        }
    }

    /// Waits for the headers of a stream of responses.
    pub(crate) async fn messages<In, Out>(
        self,
        request: Request<In>,
    ) -> Result<Response<Streaming<Out>>, Status>
    where
        In: Send + 'static,
        Out: Send + 'static,
    {
        let deadline = self.deadline;
        let mut slot = DirectSlot::<_, Streaming<Out>>::Request(request);
        self.run(&mut slot).await?;
        let mut response = slot.take_response()?;
        let trailers = response.extensions_mut().remove();
        let Trailers(trailers) = trailers.unwrap_or_default();
        Ok(response.map(|messages| messages.with_trailers(trailers).limited(deadline)))
    }

    /// The request stream, limited by the deadline.
    pub(crate) fn requests<M: Send + 'static>(
        &self,
        requests: Request<Streaming<M>>,
    ) -> Request<Streaming<M>> {
        requests.map(|messages| messages.limited(self.deadline))
    }

    /// Waits until `slot` holds the response.
    pub(crate) fn run(
        &self,
        slot: &mut (dyn Any + Send),
    ) -> impl Future<Output = Result<(), Status>> + Send {
        self.server.start(self.method, slot, self.deadline).until_filled()
    }
}
