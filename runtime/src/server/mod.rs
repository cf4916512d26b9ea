//! The server's half of a call: from any entry point to the handler, and back.

mod call;
#[cfg(all(feature = "server", not(target_family = "wasm")))]
mod calls;
#[cfg(all(feature = "server", not(target_family = "wasm")))]
mod connection;
mod direct_slot;
#[cfg(all(feature = "server", not(target_family = "wasm")))]
mod drain;
#[cfg(all(feature = "server", not(target_family = "wasm")))]
mod error;
mod http;
#[cfg(all(feature = "server", not(target_family = "wasm")))]
mod listener;
mod method_index;
#[cfg(all(feature = "server", not(target_family = "wasm")))]
mod options;
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
mod slow_methods;
#[cfg(all(feature = "server", not(target_family = "wasm")))]
mod stream;

pub(crate) use self::{
    call::{CallOptions, IncomingCall},
    direct_slot::{DirectSlot, mismatch},
    method_index::MethodIndex,
    reply::{CallFuture, Reply},
    service::{Serve, ServerConfig},
};
pub use self::{
    call::{Dispatch, Handler, ServerCall, unimplemented},
    http::HttpReplyFuture,
    reply::ReplyFuture,
    service::ServiceServer,
};
#[cfg(all(feature = "server", not(target_family = "wasm")))]
pub use self::{
    connection::ConnectInfo,
    error::ServeError,
    listener::Listener,
    serve::{NamedServer, Server},
};
