//! The seam between a channel and what carries its calls.

use crate::{
    call::{
        head::OutgoingCall,
        reply::{CallFuture, ReplyFuture},
    },
    protocol::{Protocol, http_body::HttpBody},
};

/// A transport for calls.
pub(crate) trait Transport: Send + Sync {
    /// Starts `call` and returns a future of its response headers.
    fn start(&self, call: OutgoingCall) -> ReplyFuture<'static>;

    /// The protocol of generated clients' calls.
    fn protocol(&self) -> Protocol {
        Protocol::Grpc
    }

    /// Sends an HTTP request of another library's client, and returns a future of its response.
    fn send_http(
        &self,
        request: http::Request<HttpBody>,
    ) -> CallFuture<'static, http::Response<HttpBody>>;
}
