//! The client's half of a call: encode the request, send it through a channel, decode the response.

pub(crate) mod bidi;
pub(crate) mod builder;
pub(crate) mod call;
pub(crate) mod channel;
pub(crate) mod connector;
#[cfg(not(target_family = "wasm"))]
pub(crate) mod dial;
pub(crate) mod direct;
mod error;
pub(crate) mod h2_transport;
mod linked_bodies;
mod options;
pub(crate) mod pool;
pub(crate) mod replay;
pub(crate) mod target;
pub(crate) mod tower;
pub(crate) mod transport;

pub use self::{
    bidi::{BidiCall, ResponseHeaders},
    builder::ChannelBuilder,
    call::Client,
    channel::Channel,
    error::ConnectError,
    options::WaitForReady,
};
