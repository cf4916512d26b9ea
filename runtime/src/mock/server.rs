//! The server of a mock: the runtime's, without the types of messages, so that it is compiled once.

use std::{marker::PhantomData, sync::Arc};

use tonic::{Request, Response};

use super::{handle::Mock, message::Content, method::Method, mocked::Mocked};
use crate::{
    call::{
        method::ServiceDescriptor,
        reply::{CallFuture, Reply, ReplyFuture},
    },
    server::{
        dispatch::{Dispatch, RequestSource, ServerCall, decode, single},
        service::ServiceServer,
    },
};

/// The server of the mock `M`: a tower service, for our [`Server`](crate::Server), tonic's, axum
/// and hyper, and in process.
pub type MockServer<M> = ServiceServer<MockDispatch<M>, Mock>;

/// Hands calls to a mock.
#[derive(Debug)]
pub struct MockDispatch<M>(PhantomData<M>);

impl<M: Mocked> Dispatch<Mock> for MockDispatch<M> {
    const SERVICE: &'static ServiceDescriptor = M::SERVICE;

    fn call(mock: Arc<Mock>, method: usize, call: ServerCall<'_>) -> ReplyFuture<'_> {
        match M::METHODS.get(method) {
            Some(types) => call.erased(mock, method, types),
            None => call.unimplemented(),
        }
    }
}

impl Mock {
    /// A server of the mock `M`.
    pub fn server<M: Mocked>(&self) -> MockServer<M> {
        ServiceServer::new(self.clone())
    }
}

impl<'a> ServerCall<'a> {
    /// Has a mock serve the call, with type-erased messages.
    fn erased(self, mock: Arc<Mock>, method: usize, types: &'static Method) -> ReplyFuture<'a> {
        let Self { request, response_options: options, inherited, .. } = self;
        let reply: CallFuture<'_, Reply> = match request {
            RequestSource::Slot(request) => Box::pin(async move {
                let (metadata, extensions, slot) = request.into_parts();
                let content = (types.request)(slot)?;
                let request = Request::from_parts(metadata, extensions, content);
                let response = mock.erased(method, request).await?;
                let (metadata, content, extensions) = response.into_parts();
                (types.answer)(slot, content)?;
                Ok(options.in_slot(metadata, extensions))
            }),
            RequestSource::Encoded(mut request) => Box::pin(async move {
                let request = match mock.streams_requests(method) {
                    true => request.map(|messages| {
                        Content::Many(options.requests(messages, types.wire.decode_request))
                    }),
                    false => {
                        let message = single(&mut request).await?;
                        decode(message, types.wire.decode_request)?.map(Content::One)
                    }
                };
                let response = mock.erased(method, request).await?;
                let (metadata, content, extensions) = response.into_parts();
                match content {
                    Content::One(message) => {
                        let response = Response::from_parts(metadata, message, extensions);
                        options.message(response, |message| types.wire.response(message))
                    }
                    Content::Many(messages) => {
                        let response = Response::from_parts(metadata, messages, extensions);
                        Ok(options.messages(response, |message| types.wire.response(message)))
                    }
                }
            }),
        };
        options.serve(inherited, reply)
    }
}
