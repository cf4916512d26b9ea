//! gRPC on the wire: framing, compression, timeouts, statuses, flow control, and bodies of bytes.
//!
//! Nothing here knows a message type, except for encoding and decoding in [`frame`].

pub(crate) mod binary;
pub(crate) mod body;
pub(crate) mod cancel_link;
pub(crate) mod compression;
pub(crate) mod credit;
pub(crate) mod deadline;
#[cfg(any(feature = "deflate", feature = "gzip"))]
#[cfg_attr(
    not(all(feature = "deflate", feature = "gzip")),
    allow(dead_code, reason = "there is only one of the formats")
)]
mod deflate;
pub(crate) mod encoded_stream;
pub(crate) mod frame;
pub(crate) mod frame_counter;
pub(crate) mod goaway;
pub(crate) mod greeting;
pub(crate) mod grpc_status;
pub(crate) mod h2;
pub(crate) mod header_list;
pub(crate) mod headers;
pub(crate) mod http_body;
#[cfg(test)]
pub(crate) mod interleavings;
pub(crate) mod io;
pub(crate) mod jitter;
pub(crate) mod keep_alive;
pub(crate) mod memory;
pub(crate) mod messages;
pub(crate) mod panics;
pub(crate) mod peer_settings;
pub(crate) mod receive_window;
pub(crate) mod status;
pub(crate) mod stream_limiter;
pub(crate) mod sync;
pub(crate) mod task_waker;
#[cfg(feature = "zstd")]
mod zstd;
