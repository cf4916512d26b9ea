//! Calls with type-erased messages, from a spy or a tape to a server.

use tonic::{Request, Response, Status, metadata::MetadataMap};

use super::{message::Content, method::Method};
use crate::{
    call::{
        context, method::MethodDescriptor, reply::Reply, streaming::Streaming, trailers::merge,
    },
    channelz::ChannelNode,
    client::direct::{Direct, DirectServer, of_interceptor},
    intercept::interceptor::Interceptors,
};

impl<'a> Direct<'a> {
    /// A call that no client makes, so that none has interceptors for it.
    pub(super) fn without_interceptors(
        server: &'a dyn DirectServer,
        method: &'static MethodDescriptor,
        metadata: &mut MetadataMap,
    ) -> Result<Self, Status> {
        static NONE: Interceptors = Interceptors::NONE;
        static UNCOUNTED: ChannelNode = ChannelNode::NONE;
        let deadline = context::inherit(metadata.as_mut())?;
        Ok(Self { server, interceptors: &NONE, method, deadline, node: &UNCOUNTED })
    }

    /// Makes a call with type-erased messages.
    pub(crate) async fn erased(
        mut self,
        method: &Method,
        request: Request<Content>,
    ) -> Result<Response<Content>, Status> {
        let (metadata, extensions, content) = request.into_parts();
        let mut slot = (method.slot)(content)?;
        let reply = self.run(metadata, extensions, &mut *slot).await?;
        let Reply { mut metadata, extensions, mut body, .. } = reply;
        let mut merge_trailers = |trailers: Option<MetadataMap>| {
            merge(&mut metadata, trailers.unwrap_or_default());
        };
        let content = match body.take_direct() {
            Some(responses) => {
                let trailers = body.take_trailers();
                match (method.response)(&mut *slot)? {
                    Content::Many(messages) => {
                        let messages = messages.with_trailers(trailers.unwrap_or_default());
                        Content::Many(messages.direct(responses, self.deadline))
                    }
                    one => {
                        merge_trailers(trailers);
                        one
                    }
                }
            }
            None if self.method.kind.streams_responses() => {
                let messages = of_interceptor(body).with_deadline(self.deadline);
                Content::Many(Streaming::decoding(messages, method.wire.decode_response))
            }
            None => {
                let mut messages = of_interceptor(body);
                let message = messages.single(method.wire.decode_response).await?;
                merge_trailers(messages.take_trailers());
                Content::One(message)
            }
        };
        Ok(Response::from_parts(metadata, content, extensions))
    }
}
