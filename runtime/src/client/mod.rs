//! The client's half of a call: encode, hand it to a channel, and decode what comes back.

mod call;
mod channel;
mod http;
mod in_process;
mod tie;

pub use self::{call::Client, channel::Channel};
