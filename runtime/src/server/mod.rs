//! The server's half of a call: from whichever door it comes in, to the handler, and back.

mod call;
#[cfg(all(feature = "server", not(target_family = "wasm")))]
mod calls;
#[cfg(all(feature = "server", not(target_family = "wasm")))]
mod connection;
#[cfg(all(feature = "server", not(target_family = "wasm")))]
mod drain;
mod exchange;
mod http;
#[cfg(all(feature = "server", not(target_family = "wasm")))]
mod listener;
mod method_index;
#[cfg(all(feature = "server", not(target_family = "wasm")))]
mod options;
#[cfg(all(feature = "server", not(target_family = "wasm")))]
mod pace;
#[cfg(all(feature = "server", not(target_family = "wasm")))]
mod ping_strikes;
#[cfg(all(feature = "server", not(target_family = "wasm")))]
mod preface;
mod reply;
#[cfg(all(feature = "server", not(target_family = "wasm")))]
mod routes;
#[cfg(all(feature = "server", not(target_family = "wasm")))]
mod serve;
mod service;
#[cfg(all(feature = "server", not(target_family = "wasm")))]
mod stream;

pub use self::{
    call::{Dispatch, Handler, ServerCall, unimplemented},
    http::HttpReplyFuture,
    reply::ReplyFuture,
    service::ServiceServer,
};
pub(crate) use self::{
    call::{Incoming, Protocol},
    exchange::{Exchange, mismatch},
    method_index::MethodIndex,
    reply::{BoxFuture, Reply},
    service::{Serve, ServerConfig},
};
#[cfg(all(feature = "server", not(target_family = "wasm")))]
pub use self::{
    connection::ConnectInfo,
    listener::Listener,
    serve::{NamedServer, Server},
};
