//! The server's half of a call: from whichever door it comes in, to the handler, and back.

mod call;
mod exchange;
mod http;
mod reply;
mod serve;
mod service;

pub(crate) use self::{
    call::Incoming,
    exchange::{Exchange, mismatch},
    reply::Reply,
    service::{Serve, ServerConfig},
};
pub use self::{
    call::{Dispatch, Handler, ServerCall, unimplemented},
    http::{HttpReplyFuture, RequestBody},
    reply::ReplyFuture,
    serve::Server,
    service::ServiceServer,
};
