//! The seam between a channel and what carries its calls.

use crate::{
    call::{
        head::ClientCall,
        reply::{CallFuture, ReplyFuture},
    },
    protocol::http_body::HttpBody,
};

/// A transport for calls.
pub(crate) trait Transport: Send + Sync {
    /// Starts `call` and returns a future of its response headers.
    fn start(&self, call: ClientCall) -> ReplyFuture<'static>;

    /// Sends an HTTP request of another library's client, and returns a future of its response.
    fn send_http(
        &self,
        request: http::Request<HttpBody>,
    ) -> CallFuture<'static, http::Response<HttpBody>>;
}
