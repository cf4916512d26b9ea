//! The client's half of a call: encode the request, send it through a channel, decode the response.

mod bidi;
mod builder;
mod call;
mod call_state;
mod cancel_link;
mod channel;
mod connection;
mod connector;
#[cfg(not(target_family = "wasm"))]
mod dial;
mod direct;
mod error;
mod h2;
mod http;
mod in_process;
mod pending_call;
mod pool;
mod queue;
mod replay;
mod target;

#[cfg(feature = "mock")]
pub(crate) use self::direct::Direct;
pub use self::{
    bidi::{BidiCall, ResponseHeaders},
    builder::{ChannelBuilder, WaitForReady},
    call::Client,
    channel::Channel,
    error::ConnectError,
};
