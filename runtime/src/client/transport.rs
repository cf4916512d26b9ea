//! The seam between a channel and what carries its calls.

use crate::call::{head::ClientCall, reply::ReplyFuture};

/// A transport for calls.
pub(crate) trait Transport: Send + Sync {
    /// Starts `call` and returns a future of its response headers.
    fn start(&self, call: ClientCall) -> ReplyFuture<'static>;
}
