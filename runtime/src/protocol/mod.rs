//! gRPC as a protocol: headers, length-prefixed messages, compression, the end of a stream, and statuses.

pub(crate) mod binary;
pub(crate) mod compression;
#[cfg(any(feature = "deflate", feature = "gzip"))]
#[cfg_attr(
    not(all(feature = "deflate", feature = "gzip")),
    allow(dead_code, reason = "there is only one of the formats")
)]
mod deflate;
pub(crate) mod encoded_stream;
pub(crate) mod foreign;
pub(crate) mod grpc_status;
mod header_maps;
pub(crate) mod headers;
pub(crate) mod http_body;
pub(crate) mod length_prefixed;
pub(crate) mod memory;
pub(crate) mod message_counter;
pub(crate) mod messages;
pub(crate) mod names;
pub(crate) mod replies;
pub(crate) mod requests;
pub(crate) mod responses;
mod size_limit;
#[cfg(feature = "zstd")]
mod zstd;
