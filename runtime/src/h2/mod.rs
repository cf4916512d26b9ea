//! HTTP/2: both ends of a connection, and the flow-control credit of what is received. The only module
//! that names the `h2` crate.

pub(crate) mod client;
pub(crate) mod credit;
pub(crate) mod error;
pub(crate) mod frame_counter;
pub(crate) mod goaway;
pub(crate) mod greeting;
pub(crate) mod header_list;
#[cfg(test)]
pub(crate) mod interleavings;
pub(crate) mod io;
pub(crate) mod jitter;
pub(crate) mod keep_alive;
pub(crate) mod peer_settings;
pub(crate) mod receive_window;
#[cfg(all(feature = "server", not(target_family = "wasm")))]
pub(crate) mod server;
pub(crate) mod stream;
pub(crate) mod stream_limiter;
pub(crate) mod sync;
pub(crate) mod task_waker;
