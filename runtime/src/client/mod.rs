//! The client's half of a call: encode, hand it to a channel, and decode what comes back.

mod call;
mod channel;
mod direct;
mod http;
mod in_process;
mod tie;

#[cfg(feature = "mock")]
pub(crate) use self::direct::Direct;
pub use self::{call::Client, channel::Channel};
