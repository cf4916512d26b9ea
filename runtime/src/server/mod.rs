//! The server's half of a call: from any entry point to the handler, and back.

#[cfg(all(feature = "server", not(target_family = "wasm")))]
mod assembly;
#[cfg(all(feature = "server", not(target_family = "wasm")))]
pub(crate) mod builtins;
#[cfg(all(feature = "log", not(target_family = "wasm")))]
pub(crate) mod call_log;
#[cfg(all(feature = "server", feature = "web", not(target_family = "wasm")))]
mod connect;
#[cfg(all(feature = "server", not(target_family = "wasm")))]
mod connections;
#[cfg(all(feature = "server", feature = "web", not(target_family = "wasm")))]
mod cors;
pub(crate) mod dispatch;
#[cfg(all(feature = "server", not(target_family = "wasm")))]
mod error;
pub(crate) mod http;
#[cfg(all(feature = "server", not(target_family = "wasm")))]
mod intercepted;
#[cfg(all(feature = "server", not(target_family = "wasm")))]
mod interrupts;
#[cfg(all(feature = "server", not(target_family = "wasm")))]
mod layers;
#[cfg(all(feature = "server", not(target_family = "wasm")))]
mod limits;
#[cfg(all(feature = "server", not(target_family = "wasm")))]
mod listener;
#[cfg(all(
    any(feature = "admin", feature = "explorer", feature = "health"),
    feature = "http1",
    not(target_family = "wasm")
))]
pub(crate) mod local_hosts;
#[cfg(all(feature = "server", feature = "opentelemetry", not(target_family = "wasm")))]
mod measured;
#[cfg(all(feature = "server", feature = "_observed", not(target_family = "wasm")))]
mod observability;
#[cfg(all(feature = "server", feature = "_observed", not(target_family = "wasm")))]
mod observed;
#[cfg(all(feature = "server", not(target_family = "wasm")))]
pub(crate) mod observer;
#[cfg(all(feature = "server", not(target_family = "wasm")))]
mod opening;
#[cfg(all(feature = "server", not(target_family = "wasm")))]
mod options;
#[cfg(all(
    any(
        feature = "admin",
        feature = "explorer",
        feature = "rest",
        all(feature = "health", feature = "http1")
    ),
    not(target_family = "wasm")
))]
#[cfg_attr(
    not(any(feature = "admin", feature = "explorer", feature = "rest")),
    allow(dead_code, reason = "there are only refusals")
)]
pub(crate) mod page;
#[cfg(all(feature = "server", not(target_family = "wasm")))]
pub(crate) mod pages;
#[cfg(all(feature = "server", not(target_family = "wasm")))]
mod prepared;
#[cfg(all(feature = "server", not(target_family = "wasm")))]
mod proxy;
pub(crate) mod registered;
#[cfg(all(feature = "rest", not(target_family = "wasm")))]
mod rest;
#[cfg(all(feature = "server", not(target_family = "wasm")))]
mod routes;
#[cfg(all(feature = "server", not(target_family = "wasm")))]
pub(crate) mod serve;
pub(crate) mod service;
#[cfg(all(feature = "server", not(target_family = "wasm")))]
mod settings;
#[cfg(all(feature = "server", not(target_family = "wasm")))]
mod shutdown_limit;
#[cfg(all(any(feature = "admin", feature = "health"), not(target_family = "wasm")))]
pub(crate) mod side_listener;
#[cfg(all(feature = "server", feature = "_tls", not(target_family = "wasm")))]
mod tls_handshake;
#[cfg(all(feature = "server", feature = "tracing", not(target_family = "wasm")))]
mod traced;
#[cfg(all(feature = "server", feature = "web", not(target_family = "wasm")))]
mod translate;

#[cfg(all(feature = "server", feature = "web", not(target_family = "wasm")))]
pub use self::cors::Cors;
#[cfg(all(feature = "rest", not(target_family = "wasm")))]
pub use self::rest::OpenApi;
pub use self::{
    dispatch::{Dispatch, Handler, ServerCall, unimplemented},
    service::ServiceServer,
};
#[cfg(all(feature = "server", not(target_family = "wasm")))]
pub use self::{
    error::ServeError,
    limits::{AdaptiveLimit, Limits},
    listener::Listener,
    proxy::{ForwardedFor, ProxyProtocol},
    routes::{Routes, RoutesFuture},
    serve::Server,
    service::GeneratedServer,
};
