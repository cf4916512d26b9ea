//! The server's half of a call: from whichever door it comes in, to the handler, and back.

mod call;
mod config;
mod http;
mod reply;
mod serve;

pub(crate) use self::{call::Incoming, reply::Reply};
pub use self::{
    call::{Dispatch, ServerCall, unimplemented},
    config::ServerConfig,
    http::{HttpReplyFuture, RequestBody, serve_http},
    reply::ReplyFuture,
    serve::Server,
};
