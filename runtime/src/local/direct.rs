//! Calls without a codec.

use std::any::Any;

use tokio::time::Instant;

use super::in_process::send_http;
use crate::{
    call::{
        method::MethodDescriptor,
        reply::{CallFuture, ReplyFuture},
    },
    client::direct::DirectServer,
    protocol::http_body::HttpBody,
    server::{
        call::{Dispatch, Serve, ServerCall, no_method},
        service::ServiceServer,
    },
};

impl<D, S> DirectServer for ServiceServer<D, S>
where
    D: Dispatch<S>,
    S: Send + Sync + ?Sized + 'static,
{
    fn start<'a>(
        &self,
        method: &'static MethodDescriptor,
        slot: &'a mut (dyn Any + Send),
        deadline: Option<Instant>,
    ) -> ReplyFuture<'a> {
        match self.position(method.path) {
            Some(position) => ServerCall::start_direct(self, position, slot, deadline),
            None => no_method(self.service(), method.path),
        }
    }

    fn send_http(
        &self,
        request: http::Request<HttpBody>,
    ) -> CallFuture<'static, http::Response<HttpBody>> {
        send_http(self, request)
    }
}
