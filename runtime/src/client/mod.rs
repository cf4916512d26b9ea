//! The client's half of a call: encode the request, send it through a channel, decode the response.

mod balancer;
#[cfg(not(target_family = "wasm"))]
mod bearer_credentials;
mod bidi;
mod builder;
pub(crate) mod channel;
mod connector;
mod counted_http;
mod credentials;
pub(crate) mod direct;
mod error;
mod linked_bodies;
mod options;
mod replay;
mod resolver;
mod retry;
mod service;
mod stub;
mod subchannel;
mod target;
#[cfg(all(feature = "_tls", not(target_family = "wasm")))]
mod tls_connector;
mod tower;
pub(crate) mod transport;

#[cfg(not(target_family = "wasm"))]
pub use self::bearer_credentials::BearerCredentials;
pub use self::{
    bidi::{BidiCall, ResponseHeaders},
    builder::ChannelBuilder,
    channel::Channel,
    credentials::CallCredentials,
    error::ConnectError,
    options::WaitForReady,
    service::ChannelFuture,
    stub::Client,
};
