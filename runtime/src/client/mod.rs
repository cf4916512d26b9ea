//! The client's half of a call: encode the request, send it through a channel, decode the response.

mod balancer;
mod bidi;
mod builder;
mod channel;
mod connector;
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

pub use self::{
    bidi::{BidiCall, ResponseHeaders},
    builder::ChannelBuilder,
    channel::Channel,
    error::ConnectError,
    options::WaitForReady,
    service::ChannelFuture,
    stub::Client,
};
