//! gzip and zlib, with compressors that are kept for the next message: making one costs more than
//! compressing a small message.

use std::{cell::Cell, io, thread::LocalKey};

use bytes::{BufMut, BytesMut};
use flate2::{
    Compress, Compression, Crc, Decompress, FlushCompress, FlushDecompress, Status,
    read::MultiGzDecoder,
};

use super::compression::read_limited;

thread_local! {
    static RAW: Cell<Option<Compress>> = Cell::default();
    static ZLIB: Cell<Option<Compress>> = Cell::default();
    static INFLATE: Cell<Option<Decompress>> = Cell::default();
}

/// A gzip header that says nothing: no name, no time, an unknown system
/// ([RFC 1952](https://www.rfc-editor.org/rfc/rfc1952#section-2.3)).
const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
/// How the header of a member begins that has nothing else in it.
const PLAIN_MEMBER: &[u8] = &[0x1f, 0x8b, 8, 0];
/// The checksum and the size behind a member.
const GZIP_TRAILER: usize = 8;

/// Lets `act` use what this thread has kept.
fn kept<T, R>(
    kept: &'static LocalKey<Cell<Option<T>>>,
    make: impl FnOnce() -> T,
    act: impl FnOnce(&mut T) -> R,
) -> R {
    let mut it = kept.take().unwrap_or_else(make);
    let result = act(&mut it);
    kept.set(Some(it));
    result
}

/// Appends `message` in gzip's format.
pub(super) fn gzip(message: &[u8], into: &mut BytesMut) -> io::Result<()> {
    into.put_slice(&GZIP_HEADER);
    kept(&RAW, || Compress::new(Compression::default(), false), |raw| deflate(raw, message, into))?;
    into.put_slice(&trailer(message));
    Ok(())
}

/// Appends `message` in zlib's format, which gRPC calls deflate.
pub(super) fn zlib(message: &[u8], into: &mut BytesMut) -> io::Result<()> {
    let make = || Compress::new(Compression::default(), true);
    kept(&ZLIB, make, |zlib| deflate(zlib, message, into))
}

/// What comes behind `message` in gzip's format.
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

/// Decompresses gzip; more than `limit` bytes are cut off behind the first one that is too many, or
/// a little later.
pub(super) fn gunzip(message: &[u8], limit: usize) -> io::Result<Vec<u8>> {
    match gunzip_plain(message, limit) {
        Some(plain) => Ok(plain),
        None => read_limited(MultiGzDecoder::new(message), limit),
    }
}

/// The same for one member without names, as nearly all messages are. Whatever else there is, or is
/// wrong, is left to the library.
fn gunzip_plain(message: &[u8], limit: usize) -> Option<Vec<u8>> {
    let data = message.get(GZIP_HEADER.len()..).filter(|_| message.starts_with(PLAIN_MEMBER))?;
    let (plain, used) = inflate(data, false, limit).ok()?;
    let is_whole = plain.len() > limit || data.get(used..) == Some(&trailer(&plain));
    is_whole.then_some(plain)
}

/// Decompresses zlib, like [`gunzip`].
pub(super) fn unzlib(message: &[u8], limit: usize) -> io::Result<Vec<u8>> {
    inflate(message, true, limit).map(|(plain, _)| plain)
}

/// What `data` begins with, decompressed, and how many bytes of it that was.
fn inflate(data: &[u8], has_header: bool, limit: usize) -> io::Result<(Vec<u8>, usize)> {
    kept(
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
        // Neither pattern nor chance, for what does not get smaller.
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
            // The bits that fill the last byte of the data up may be anything.
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
