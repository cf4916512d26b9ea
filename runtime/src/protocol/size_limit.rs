//! Size limits of messages.

#[cfg(any(feature = "gzip", feature = "deflate", feature = "zstd"))]
use std::io;

use tonic::Status;

/// Fails with `ResourceExhausted` if `size` exceeds `limit` bytes.
#[inline]
pub(crate) fn check_size(what: &str, size: usize, limit: usize) -> Result<(), Status> {
    if size <= limit { Ok(()) } else { Err(oversized(what, size, limit)) }
}

#[cold]
fn oversized(what: &str, size: usize, limit: usize) -> Status {
    Status::resource_exhausted(format!(
        "{what} has {size} bytes or more, over the limit of {limit} bytes"
    ))
}

/// Reads to the end, or one byte past `limit`, so that a decompression bomb cannot exhaust memory.
#[cfg(any(feature = "gzip", feature = "deflate", feature = "zstd"))]
pub(crate) fn read_limited(reader: impl io::Read, limit: usize) -> io::Result<Vec<u8>> {
    use io::Read as _;
    let mut plain = Vec::new();
    reader.take((limit as u64).saturating_add(1)).read_to_end(&mut plain)?;
    Ok(plain)
}
