//! Calls without a codec.

use std::sync::Arc;

use super::in_process::send_http;
use crate::{
    call::{
        head::IncomingCall,
        method::MethodDescriptor,
        reply::{CallFuture, ReplyFuture},
    },
    client::direct::DirectServer,
    protocol::http_body::HttpBody,
    server::registered::RegisteredService,
};

impl DirectServer for Arc<RegisteredService> {
    fn start<'a>(
        &self,
        method: &'static MethodDescriptor,
        call: IncomingCall<'a>,
    ) -> ReplyFuture<'a> {
        match self.position(method.path) {
            Some(position) => RegisteredService::start(self, position, call),
            None => self.no_method(method.path),
        }
    }

    fn send_http(
        &self,
        request: http::Request<HttpBody>,
    ) -> CallFuture<'static, http::Response<HttpBody>> {
        send_http(self, request)
    }
}
