//! The transport without a codec: messages are passed directly to a server in this process.

use std::future::Future;

use http::Extensions;
use tokio::time::Instant;
use tonic::{Request, Response, Status, metadata::MetadataMap};

use crate::{
    call::{
        deadline,
        direct_slot::{DirectSlot, ErasedSlot},
        head::{CallOptions, IncomingCall, IncomingMessages},
        method::MethodDescriptor,
        reply::{CallFuture, Reply, ReplyFuture},
        streaming::Streaming,
        trailers::merge,
    },
    protocol::http_body::HttpBody,
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
        let (metadata, extensions, request) = request.into_parts();
        let mut slot = DirectSlot::Request(request);
        async move {
            let reply = self.run(metadata, extensions, &mut slot).await?;
            let Reply { mut metadata, extensions, mut body, .. } = reply;
            if let Some(trailers) = body.take_trailers() {
                merge(&mut metadata, trailers);
            }
            Ok(Response::from_parts(metadata, slot.take_response()?, extensions))
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
        let (metadata, extensions, request) = request.into_parts();
        let mut slot = DirectSlot::<_, Streaming<Out>>::Request(request);
        let reply = self.run(metadata, extensions, &mut slot).await?;
        let Reply { metadata, extensions, mut body, .. } = reply;
        let trailers = body.take_trailers().unwrap_or_default();
        let messages = slot.take_response()?.with_trailers(trailers).limited(deadline);
        Ok(Response::from_parts(metadata, messages, extensions))
    }

    /// The request stream, limited by the deadline.
    pub(crate) fn requests<M: Send + 'static>(
        &self,
        requests: Request<Streaming<M>>,
    ) -> Request<Streaming<M>> {
        requests.map(|messages| messages.limited(self.deadline))
    }

    /// Waits until `slot` holds the response.
    pub(crate) fn run<'s>(
        &self,
        metadata: MetadataMap,
        extensions: Extensions,
        slot: &'s mut dyn ErasedSlot,
    ) -> ReplyFuture<'s> {
        let messages = IncomingMessages::Direct(slot);
        let options = CallOptions { deadline: self.deadline, ..CallOptions::default() };
        self.server.start(self.method, IncomingCall { metadata, extensions, messages, options })
    }
}
