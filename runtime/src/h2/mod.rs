//! HTTP/2: both ends of a connection, and the flow-control credit of what is received. The only module
//! that names the `h2` crate.

pub(crate) mod client;
pub(crate) mod counted;
mod credit;
pub(crate) mod error;
mod frame_inspector;
mod goaway;
mod greeting;
#[cfg(test)]
mod interleavings;
pub(crate) mod io;
pub(crate) mod jitter;
pub(crate) mod keep_alive;
pub(crate) mod peer_settings;
mod receive_window;
#[cfg(all(feature = "server", not(target_family = "wasm")))]
pub(crate) mod server;
pub(crate) mod stream;
pub(crate) mod stream_limiter;
mod sync;
mod task_waker;
