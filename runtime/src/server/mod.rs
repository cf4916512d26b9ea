//! The server's half of a call: from whichever door it comes in, to the handler, and back.

mod call;
mod calls;
mod connection;
mod drain;
mod exchange;
mod http;
mod listener;
mod options;
mod pace;
mod ping_strikes;
mod preface;
mod reply;
mod routes;
mod serve;
mod service;
mod stream;

pub use self::{
    call::{Dispatch, Handler, ServerCall, unimplemented},
    connection::ConnectInfo,
    http::HttpReplyFuture,
    listener::Listener,
    reply::ReplyFuture,
    serve::Server,
    service::ServiceServer,
};
pub(crate) use self::{
    call::{Incoming, Protocol},
    exchange::{Exchange, mismatch},
    reply::{BoxFuture, Reply},
    service::{Serve, ServerConfig},
};
