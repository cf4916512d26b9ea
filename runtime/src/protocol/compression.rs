//! Per-message compression, and the names by which it is negotiated.
//!
//! See [compression in gRPC](https://github.com/grpc/grpc/blob/master/doc/compression.md).

use std::io;

use bytes::{Bytes, BytesMut};
use http::HeaderValue;
use tonic::{
    Status,
    codec::{CompressionEncoding, EnabledCompressionEncodings},
};

/// The name of `encoding` in `grpc-encoding`.
pub(crate) fn name(encoding: CompressionEncoding) -> &'static str {
    match encoding {
        #[cfg(feature = "gzip")]
        CompressionEncoding::Gzip => "gzip",
        #[cfg(feature = "deflate")]
        CompressionEncoding::Deflate => "deflate",
        #[cfg(feature = "zstd")]
        CompressionEncoding::Zstd => "zstd",
        _ => "identity",
    }
}

/// The encoding that `grpc-encoding` calls `name`, if this build supports it.
pub(crate) fn by_name(name: &str) -> Option<CompressionEncoding> {
    match name {
        #[cfg(feature = "gzip")]
        "gzip" => Some(CompressionEncoding::Gzip),
        #[cfg(feature = "deflate")]
        "deflate" => Some(CompressionEncoding::Deflate),
        #[cfg(feature = "zstd")]
        "zstd" => Some(CompressionEncoding::Zstd),
        _ => None,
    }
}

/// The encodings that this build supports, in order of preference.
pub(crate) const ALL: &[CompressionEncoding] = &[
    #[cfg(feature = "zstd")]
    CompressionEncoding::Zstd,
    #[cfg(feature = "gzip")]
    CompressionEncoding::Gzip,
    #[cfg(feature = "deflate")]
    CompressionEncoding::Deflate,
];

/// The value of `grpc-accept-encoding` for `encodings`, or `None` if there is nothing to announce.
pub(crate) fn accept_header(encodings: EnabledCompressionEncodings) -> Option<HeaderValue> {
    if encodings.is_empty() {
        return None;
    }
    let mut value = String::with_capacity(32);
    for encoding in ALL.iter().filter(|encoding| encodings.is_enabled(**encoding)) {
        value.push_str(name(*encoding));
        value.push(',');
    }
    value.push_str("identity");
    HeaderValue::try_from(value).ok()
}

/// The first encoding that the sender is configured for and the receiver accepts. `None` means
/// `identity`.
pub(crate) fn choose(
    sender: EnabledCompressionEncodings,
    accepted: EnabledCompressionEncodings,
) -> Option<CompressionEncoding> {
    ALL.iter()
        .copied()
        .find(|encoding| sender.is_enabled(*encoding) && accepted.is_enabled(*encoding))
}

/// Appends `message`, compressed.
pub(crate) fn compress(
    encoding: CompressionEncoding,
    message: &[u8],
    into: &mut BytesMut,
) -> Result<(), Status> {
    let compressed: io::Result<()> = match encoding {
        #[cfg(feature = "gzip")]
        CompressionEncoding::Gzip => crate::protocol::deflate::gzip(message, into),
        #[cfg(feature = "deflate")]
        CompressionEncoding::Deflate => crate::protocol::deflate::zlib(message, into),
        #[cfg(feature = "zstd")]
        CompressionEncoding::Zstd => crate::protocol::zstd::compress(message, into),
        _ => {
            let _ = (message, into);
            Err(not_in_this_build())
        }
    };
    compressed.map_err(|error| {
        Status::internal(format!("cannot compress a message with {}: {error}", name(encoding)))
    })
}

/// Decompresses one message. Fails if the result is larger than `limit` bytes.
pub(crate) fn decompress(
    encoding: CompressionEncoding,
    message: &[u8],
    limit: usize,
) -> Result<Bytes, Status> {
    let plain: io::Result<Vec<u8>> = match encoding {
        #[cfg(feature = "gzip")]
        CompressionEncoding::Gzip => crate::protocol::deflate::gunzip(message, limit),
        #[cfg(feature = "deflate")]
        CompressionEncoding::Deflate => crate::protocol::deflate::unzlib(message, limit),
        #[cfg(feature = "zstd")]
        CompressionEncoding::Zstd => crate::protocol::zstd::decompress(message, limit),
        _ => {
            let _ = (message, limit);
            Err(not_in_this_build())
        }
    };
    let plain = plain.map_err(|error| {
        Status::internal(format!("a message is not valid {}: {error}", name(encoding)))
    })?;
    super::size_limit::check_size("a decompressed message", plain.len(), limit)?;
    Ok(plain.into())
}

fn not_in_this_build() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "this build has no such compression")
}
