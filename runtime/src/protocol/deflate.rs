//! gzip and zlib. Compressors are cached per thread: creating one costs more than compressing a small
//! message.

use std::{cell::Cell, io, thread::LocalKey};

use bytes::{BufMut, BytesMut};
use flate2::{
    Compress, Compression, Crc, Decompress, FlushCompress, FlushDecompress, Status,
    read::MultiGzDecoder,
};

use super::size_limit::read_limited;

thread_local! {
    static RAW: Cell<Option<Compress>> = Cell::default();
    static ZLIB: Cell<Option<Compress>> = Cell::default();
    static INFLATE: Cell<Option<Decompress>> = Cell::default();
}

/// A gzip header without name or time, and with an unknown operating system ([RFC
/// 1952](https://www.rfc-editor.org/rfc/rfc1952#section-2.3)).
const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
/// The first bytes of a gzip header without optional fields.
const PLAIN_MEMBER: &[u8] = &[0x1f, 0x8b, 8, 0];
/// The checksum and size after a member.
const GZIP_TRAILER: usize = 8;

/// Runs `act` with this thread's cached state, or with a new one.
fn with_cached<T, R>(
    cache: &'static LocalKey<Cell<Option<T>>>,
    make: impl FnOnce() -> T,
    act: impl FnOnce(&mut T) -> R,
) -> R {
    let mut it = cache.take().unwrap_or_else(make);
    let result = act(&mut it);
    cache.set(Some(it));
    result
}

/// Appends `message` in gzip format.
pub(crate) fn gzip(message: &[u8], into: &mut BytesMut) -> io::Result<()> {
    into.put_slice(&GZIP_HEADER);
    with_cached(
        &RAW,
        || Compress::new(Compression::default(), false),
        |raw| deflate(raw, message, into),
    )?;
    into.put_slice(&trailer(message));
    Ok(())
}

/// Appends `message` in zlib format, which gRPC calls deflate.
pub(crate) fn zlib(message: &[u8], into: &mut BytesMut) -> io::Result<()> {
    let make = || Compress::new(Compression::default(), true);
    with_cached(&ZLIB, make, |zlib| deflate(zlib, message, into))
}

/// The gzip trailer for `message`.
fn trailer(message: &[u8]) -> [u8; GZIP_TRAILER] {
    let mut crc = Crc::new();
    crc.update(message);
    let mut trailer = [0; GZIP_TRAILER];
    trailer[..4].copy_from_slice(&crc.sum().to_le_bytes());
    trailer[4..].copy_from_slice(&(message.len() as u32).to_le_bytes());
    trailer
}

fn deflate(state: &mut Compress, message: &[u8], into: &mut BytesMut) -> io::Result<()> {
    state.reset();
    loop {
        let (start, before) = (into.len(), state.total_out());
        let rest = &message[state.total_in() as usize..];
        into.resize(start + 64 + rest.len() / 2, 0);
        let status = state.compress(rest, &mut into[start..], FlushCompress::Finish)?;
        into.truncate(start + (state.total_out() - before) as usize);
        if status == Status::StreamEnd {
            return Ok(());
        }
    }
}

/// Decompresses gzip. Output beyond `limit` bytes is cut off, one byte past it or a little later, so that
/// the caller can tell.
pub(crate) fn gunzip(message: &[u8], limit: usize) -> io::Result<Vec<u8>> {
    match gunzip_plain(message, limit) {
        Some(plain) => Ok(plain),
        None => read_limited(MultiGzDecoder::new(message), limit),
    }
}

/// The fast path: a single member without optional fields, as nearly all messages are. Anything else,
/// broken input included, is left to the library.
fn gunzip_plain(message: &[u8], limit: usize) -> Option<Vec<u8>> {
    let data = message.get(GZIP_HEADER.len()..).filter(|_| message.starts_with(PLAIN_MEMBER))?;
    let (plain, used) = inflate(data, false, limit).ok()?;
    let is_whole = plain.len() > limit || data.get(used..) == Some(&trailer(&plain));
    is_whole.then_some(plain)
}

/// Decompresses zlib, like [`gunzip`].
pub(crate) fn unzlib(message: &[u8], limit: usize) -> io::Result<Vec<u8>> {
    inflate(message, true, limit).map(|(plain, _)| plain)
}

/// Decompresses the first stream in `data`. Returns the output and the number of bytes consumed.
fn inflate(data: &[u8], has_header: bool, limit: usize) -> io::Result<(Vec<u8>, usize)> {
    with_cached(
        &INFLATE,
        || Decompress::new(has_header),
        |state| {
            state.reset(has_header);
            let mut plain = Vec::with_capacity(data.len().saturating_mul(2).min(limit) + 64);
            while plain.len() <= limit {
                if plain.len() == plain.capacity() {
                    plain.reserve(plain.len());
                }
                let before = (state.total_in(), plain.len());
                let rest = &data[state.total_in() as usize..];
                let status = state.decompress_vec(rest, &mut plain, FlushDecompress::None)?;
                if status == Status::StreamEnd {
                    break;
                }
                if before == (state.total_in(), plain.len()) && plain.len() < plain.capacity() {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            Ok((plain, state.total_in() as usize))
        },
    )
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{GzBuilder, read, write};

    use super::*;

    fn messages() -> Vec<Vec<u8>> {
        // Neither regular nor random, as an incompressible message.
        let noise = (0..70_000u32).map(|it| (it.wrapping_mul(2_654_435_761) >> 13) as u8);
        vec![vec![], b"short".to_vec(), vec![b'x'; 100_000], noise.collect()]
    }

    fn compressed(by: fn(&[u8], &mut BytesMut) -> io::Result<()>, message: &[u8]) -> BytesMut {
        let mut bytes = BytesMut::from(&b"before"[..]);
        by(message, &mut bytes).unwrap();
        assert_eq!(&bytes[..6], b"before");
        bytes.split_off(6)
    }

    #[test]
    fn others_read_what_is_written() {
        for message in messages() {
            let gzip = compressed(gzip, &message);
            assert_eq!(read_limited(MultiGzDecoder::new(&*gzip), usize::MAX).unwrap(), message);
            let zlib = compressed(zlib, &message);
            assert_eq!(read_limited(read::ZlibDecoder::new(&*zlib), usize::MAX).unwrap(), message);
        }
    }

    #[test]
    fn what_is_written_is_read() {
        for message in messages() {
            assert_eq!(gunzip(&compressed(gzip, &message), usize::MAX).unwrap(), message);
            assert_eq!(gunzip(&compressed(gzip, &message), message.len()).unwrap(), message);
            assert_eq!(unzlib(&compressed(zlib, &message), message.len()).unwrap(), message);
        }
    }

    #[test]
    fn members_with_names_and_several_of_them_are_read() {
        let mut named = GzBuilder::new().filename("a").write(Vec::new(), Compression::fast());
        named.write_all(b"one, ").unwrap();
        let mut both = named.finish().unwrap();
        both.extend_from_slice(&compressed(gzip, b"two"));
        assert_eq!(gunzip(&both, 100).unwrap(), b"one, two");
        let mut two = compressed(gzip, b"one, ");
        two.extend_from_slice(&compressed(gzip, b"two"));
        assert_eq!(gunzip(&two, 100).unwrap(), b"one, two");
    }

    #[test]
    fn no_more_is_made_of_a_bomb_than_its_limit() {
        let bomb = vec![0; 5_000_000];
        for plain in
            [gunzip(&compressed(gzip, &bomb), 1000), unzlib(&compressed(zlib, &bomb), 1000)]
        {
            let size = plain.unwrap().len();
            assert!((1001..100_000).contains(&size), "{size}");
        }
    }

    #[test]
    fn what_is_broken_is_refused_wherever_it_is_cut_or_changed() {
        let message = b"a message that is neither long nor short, a message".to_vec();
        let (gzip, zlib) = (compressed(gzip, &message), compressed(zlib, &message));
        let (data, trailer) = gzip.split_at(gzip.len() - GZIP_TRAILER);
        assert!(gunzip(&[data, &[0; 8]].concat(), 1000).is_err());
        assert!(gunzip(&[data, trailer, b"more"].concat(), 1000).is_err());
        for length in 0..gzip.len() {
            assert!(gunzip(&gzip[..length], 1000).is_err(), "{length} bytes of gzip");
        }
        for length in 0..zlib.len() {
            assert!(unzlib(&zlib[..length], 1000).is_err(), "{length} bytes of zlib");
        }
        for position in 10..gzip.len() {
            let mut changed = gzip.clone();
            changed[position] ^= 0x40;
            // The padding bits of the last byte of data may have any value.
            let plain = gunzip(&changed, 1000).unwrap_or_else(|_| message.clone());
            assert_eq!(plain, message, "byte {position} of gzip");
        }
    }

    #[test]
    fn a_broken_message_does_not_harm_the_next() {
        let mut encoder = write::ZlibEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(b"whole").unwrap();
        let whole = encoder.finish().unwrap();
        assert!(unzlib(&whole[..5], 1000).is_err());
        assert_eq!(unzlib(&whole, 1000).unwrap(), b"whole");
        assert_eq!(gunzip(&compressed(gzip, b"whole"), 1000).unwrap(), b"whole");
    }
}
