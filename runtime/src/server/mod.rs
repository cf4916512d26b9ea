//! The server's half of a call: from whichever door it comes in, to the handler, and back.

mod call;
mod http;
mod reply;
mod serve;
mod service;

pub use self::{
    call::{Dispatch, Handler, ServerCall, unimplemented},
    http::{HttpReplyFuture, RequestBody},
    reply::ReplyFuture,
    serve::Server,
    service::ServiceServer,
};
pub(crate) use self::{
    call::{Exchange, Incoming, mismatch},
    reply::Reply,
    service::{Serve, ServerConfig},
};
