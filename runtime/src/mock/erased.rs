//! Calls with type-erased messages: to a mock from its server, and from a spy or a tape to a server.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::{Content, Method, handle::Mock};
use crate::{
    call::{
        reply::{Reply, ReplyFuture},
        trailers::merge,
    },
    client::direct::Direct,
    server::call::{RequestSource, ServerCall, decode, only},
};

impl<'a> ServerCall<'a> {
    /// Has a mock serve the call, with type-erased messages.
    pub(crate) fn erased(
        self,
        mock: Arc<Mock>,
        method: usize,
        types: &'static Method,
    ) -> ReplyFuture<'a> {
        let answer = self.answer;
        match self.request {
            RequestSource::Slot(request) => answer.wait(Box::pin(async move {
                let (metadata, extensions, slot) = request.into_parts();
                let content = (types.request)(slot)?;
                let request = Request::from_parts(metadata, extensions, content);
                let response = mock.erased(method, request).await?;
                let (metadata, content, extensions) = response.into_parts();
                (types.answer)(slot, content)?;
                Ok(answer.in_slot(metadata, extensions))
            })),
            RequestSource::Wire(mut request) => answer.wait(Box::pin(async move {
                let request = match mock.streams_requests(method) {
                    true => request.map(|messages| {
                        Content::Many(answer.requests(messages, types.decode_request))
                    }),
                    false => {
                        let message = only(&mut request).await?;
                        decode(message, types.decode_request)?.map(Content::One)
                    }
                };
                let response = mock.erased(method, request).await?;
                let (metadata, content, extensions) = response.into_parts();
                match content {
                    Content::One(message) => {
                        answer.message(Response::from_parts(metadata, message, extensions))
                    }
                    Content::Many(messages) => {
                        Ok(answer.messages(Response::from_parts(metadata, messages, extensions)))
                    }
                }
            })),
        }
    }
}

impl Direct<'_> {
    /// Makes a call with type-erased messages.
    pub(crate) async fn erased(
        self,
        method: &Method,
        request: Request<Content>,
    ) -> Result<Response<Content>, Status> {
        let deadline = self.deadline;
        let (metadata, extensions, content) = request.into_parts();
        let mut slot = (method.slot)(match content {
            Content::Many(messages) => Content::Many(messages.limited(deadline)),
            one => one,
        })?;
        let reply = self.run(metadata, extensions, &mut *slot).await?;
        let Reply { mut metadata, extensions, mut body, .. } = reply;
        let trailers = body.take_trailers().unwrap_or_default();
        let content = match (method.response)(&mut *slot)? {
            Content::Many(messages) => {
                Content::Many(messages.with_trailers(trailers).limited(deadline))
            }
            one => {
                merge(&mut metadata, trailers);
                one
            }
        };
        Ok(Response::from_parts(metadata, content, extensions))
    }
}
