//! zstd. Contexts are cached per thread: creating one costs more than compressing a small message.

use std::{
    cell::Cell,
    io::{self, Error},
};

use bytes::BytesMut;
use zstd::{
    DEFAULT_COMPRESSION_LEVEL,
    bulk::Compressor,
    stream::read::Decoder,
    zstd_safe::{DCtx, DParameter, ResetDirective, compress_bound, get_error_name},
};

use super::size_limit::read_limited;

thread_local! {
    static COMPRESSOR: Cell<Option<Compressor<'static>>> = Cell::default();
    static CONTEXT: Cell<Option<DCtx<'static>>> = Cell::default();
}

/// The largest window that a message may ask for, as a power of two: 8 MiB, as [RFC
/// 8878](https://www.rfc-editor.org/rfc/rfc8878#section-3.1.1.1.2) recommends. It bounds the memory that
/// a thread keeps.
const MAX_WINDOW_LOG: u32 = 23;

/// Appends `message`, compressed.
pub(crate) fn compress(message: &[u8], into: &mut BytesMut) -> io::Result<()> {
    let mut compressor = match COMPRESSOR.take() {
        Some(compressor) => compressor,
        None => Compressor::new(DEFAULT_COMPRESSION_LEVEL)?,
    };
    let start = into.len();
    into.resize(start + compress_bound(message.len()), 0);
    let written = compressor.compress_to_buffer(message, &mut into[start..]);
    COMPRESSOR.set(Some(compressor));
    into.truncate(start + written?);
    Ok(())
}

/// Decompresses `message`, up to one byte past `limit`.
pub(crate) fn decompress(message: &[u8], limit: usize) -> io::Result<Vec<u8>> {
    let mut context = match CONTEXT.take() {
        Some(context) => context,
        None => new_context()?,
    };
    let plain = read_limited(Decoder::with_context(message, &mut context), limit);
    // The last message may have left the context in the middle of a frame.
    context.reset(ResetDirective::SessionOnly).map_err(failed)?;
    CONTEXT.set(Some(context));
    plain
}

fn new_context() -> io::Result<DCtx<'static>> {
    let mut context = DCtx::try_create().ok_or(io::ErrorKind::OutOfMemory)?;
    context.set_parameter(DParameter::WindowLogMax(MAX_WINDOW_LOG)).map_err(failed)?;
    Ok(context)
}

fn failed(code: usize) -> Error {
    Error::other(get_error_name(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compressed(message: &[u8]) -> BytesMut {
        let mut bytes = BytesMut::from(&b"before"[..]);
        compress(message, &mut bytes).unwrap();
        assert_eq!(&bytes[..6], b"before");
        bytes.split_off(6)
    }

    #[test]
    fn what_is_written_is_read_by_others_and_here() {
        for message in [vec![], b"short".to_vec(), vec![b'x'; 100_000]] {
            let compressed = compressed(&message);
            assert_eq!(zstd::decode_all(&*compressed).unwrap(), message);
            assert_eq!(decompress(&compressed, message.len()).unwrap(), message);
        }
        let streamed = zstd::encode_all(&b"of unknown size"[..], 19).unwrap();
        assert_eq!(decompress(&streamed, 100).unwrap(), b"of unknown size");
    }

    #[test]
    fn no_more_is_made_of_a_bomb_than_its_limit() {
        let bomb = compressed(&vec![0; 5_000_000]);
        assert_eq!(decompress(&bomb, 1000).unwrap().len(), 1001);
        assert_eq!(decompress(&compressed(b"the next one"), 1000).unwrap(), b"the next one");
    }

    #[test]
    fn a_broken_message_does_not_harm_the_next() {
        let whole = compressed(b"whole");
        for length in 0..whole.len() {
            assert!(decompress(&whole[..length], 1000).is_err() || length == 0, "{length} bytes");
            assert_eq!(decompress(&whole, 1000).unwrap(), b"whole");
        }
    }

    #[test]
    fn a_message_that_asks_for_a_huge_window_is_refused() {
        // Magic number, a window of 128 MiB (exponent 17), no content size, no checksum; one empty raw
        // block.
        let huge = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 17 << 3, 0x01, 0x00, 0x00];
        assert!(decompress(&huge, 1000).is_err());
        let usual = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 13 << 3, 0x01, 0x00, 0x00];
        assert_eq!(decompress(&usual, 1000).unwrap(), b"");
    }
}
