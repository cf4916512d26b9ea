//! Length-prefixed messages, as gRPC sends them: a flag, a four-byte length, the message.
//!
//! See `Length-Prefixed-Message` in [gRPC over
//! HTTP/2](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests).

use std::cell::Cell;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tonic::{Status, codec::CompressionEncoding};

use super::{compression, size_limit::check_size};
use crate::codec::Encode;

pub(crate) const HEADER: usize = 5;
/// The default limit for the size of a received message: 4 MiB, as in every gRPC implementation.
pub(crate) const DEFAULT_DECODING_LIMIT: usize = 4 * 1024 * 1024;

/// The largest message that can be sent: with its header, it fits into the largest HTTP/2 window.
/// protobuf has the same limit of 2 GiB.
const MAX_MESSAGE: usize = i32::MAX as usize - HEADER;

/// Messages up to this size are encoded into a chunk that the thread shares between them.
const SMALL: usize = 1024;
const CHUNK_SIZE: usize = 8 * 1024;
/// The largest buffer that a thread keeps for messages to be compressed.
const MAX_SPARE_CAPACITY: usize = 32 * 1024;

thread_local! {
    static CHUNK: Cell<BytesMut> = Cell::default();
    /// Holds a message before compression.
    static PLAIN: Cell<BytesMut> = Cell::default();
}

/// How messages are encoded: the compression, and the size limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MessageEncoder {
    pub(crate) encoding: Option<CompressionEncoding>,
    pub(crate) limit: usize,
}

impl MessageEncoder {
    /// Encodes one message. Large messages get a buffer of their exact size, small ones a part of the
    /// thread's chunk, and those of an unknown size a buffer that grows.
    pub(crate) fn encode_one(&self, message: &dyn Encode) -> Result<Bytes, Status> {
        let length = match message.encoded_len() {
            Some(length) if length <= SMALL => length,
            length => {
                let mut encoded = BytesMut::new();
                self.append(message, length, &mut encoded)?;
                return Ok(encoded.freeze());
            }
        };
        // Taken out of the cell, because `encode_to` may panic or encode other messages.
        let mut chunk = CHUNK.take();
        if chunk.capacity() < HEADER + length {
            chunk.reserve(CHUNK_SIZE);
        }
        self.encode_sized(message, length, &mut chunk)?;
        let encoded = chunk.split().freeze();
        CHUNK.with(|kept| kept.set(chunk));
        Ok(encoded)
    }

    /// Appends one message, or part of one if that fails.
    pub(crate) fn encode(&self, message: &impl Encode, into: &mut BytesMut) -> Result<(), Status> {
        self.append(message, message.encoded_len(), into)
    }

    fn append(
        &self,
        message: &(impl Encode + ?Sized),
        length: Option<usize>,
        into: &mut BytesMut,
    ) -> Result<(), Status> {
        match length {
            Some(length) => self.encode_sized(message, length, into),
            None => self.encode_unsized(message, into),
        }
    }

    fn encode_sized(
        &self,
        message: &(impl Encode + ?Sized),
        length: usize,
        into: &mut BytesMut,
    ) -> Result<(), Status> {
        self.check_size(length)?;
        if let Some(encoding) = self.encoding {
            return append_compressed(encode_plain(message, length)?, into, encoding);
        }
        into.reserve(HEADER + length);
        put_header(into, 0, length);
        message.encode_to(into)
    }

    /// The size is only known, and checked, when the message has been encoded.
    fn encode_unsized(
        &self,
        message: &(impl Encode + ?Sized),
        into: &mut BytesMut,
    ) -> Result<(), Status> {
        if let Some(encoding) = self.encoding {
            let plain = encode_plain(message, 0)?;
            self.check_size(plain.len())?;
            return append_compressed(plain, into, encoding);
        }
        let start = into.len();
        put_header(into, 0, 0);
        message.encode_to(into)?;
        self.check_size(into.len() - start - HEADER)?;
        set_length(into, start);
        Ok(())
    }

    fn check_size(&self, length: usize) -> Result<(), Status> {
        check_size("a message to send", length, self.limit.min(MAX_MESSAGE))
    }
}

/// A message that is encoded, and compressed if `is_compressed`, with its header.
#[cfg(feature = "web")]
pub(crate) fn prefixed(is_compressed: bool, message: &[u8]) -> Bytes {
    let mut prefixed = BytesMut::with_capacity(HEADER + message.len());
    put_header(&mut prefixed, is_compressed.into(), message.len());
    prefixed.extend_from_slice(message);
    prefixed.freeze()
}

fn put_header(into: &mut BytesMut, flag: u8, length: usize) {
    let [a, b, c, d] = (length as u32).to_be_bytes();
    into.put_slice(&[flag, a, b, c, d]);
}

/// A message that is to be compressed, in the thread's buffer for these, so that the buffer it goes into is
/// never reallocated for the uncompressed size.
fn encode_plain(message: &(impl Encode + ?Sized), capacity: usize) -> Result<BytesMut, Status> {
    let mut plain = PLAIN.take();
    plain.clear();
    plain.reserve(capacity);
    message.encode_to(&mut plain)?;
    Ok(plain)
}

/// Appends an encoded message, compressed.
fn append_compressed(
    plain: BytesMut,
    into: &mut BytesMut,
    encoding: CompressionEncoding,
) -> Result<(), Status> {
    let start = into.len();
    put_header(into, 1, 0);
    compression::compress(encoding, &plain, into)?;
    if plain.capacity() <= MAX_SPARE_CAPACITY {
        PLAIN.set(plain);
    }
    check_size("a compressed message to send", into.len() - start - HEADER, MAX_MESSAGE)?;
    set_length(into, start);
    Ok(())
}

/// Completes the header of the message that begins at `start` and ends with `into`.
fn set_length(into: &mut BytesMut, start: usize) {
    let length = into.len() - start - HEADER;
    let mut header = &mut into[start + 1..start + HEADER];
    header.put_u32(length as u32);
}

/// Splits received bytes into messages. Only messages that arrive in pieces are copied.
#[derive(Debug)]
pub(crate) struct MessageDecoder {
    encoding: Option<CompressionEncoding>,
    limit: usize,
    /// Received bytes that were not yet returned. At most one of the two fields is non-empty.
    whole: Bytes,
    pieces: BytesMut,
}

impl MessageDecoder {
    pub(crate) fn new(encoding: Option<CompressionEncoding>, limit: usize) -> Self {
        Self { encoding, limit, whole: Bytes::new(), pieces: BytesMut::new() }
    }

    /// Appends received bytes.
    #[inline]
    pub(crate) fn push(&mut self, data: Bytes) {
        if self.is_empty() {
            self.whole = data;
            return;
        }
        if !self.whole.is_empty() {
            let known = std::mem::take(&mut self.whole);
            let wanted = self.announced(&known).unwrap_or(0).max(known.len() + data.len());
            self.pieces.reserve(wanted);
            self.pieces.extend_from_slice(&known);
        }
        self.pieces.extend_from_slice(&data);
    }

    /// The size of the message that starts with `known`, with its header, if it is within the limit.
    fn announced(&self, known: &[u8]) -> Option<usize> {
        let length = u32::from_be_bytes(known.get(1..HEADER)?.try_into().ok()?) as usize;
        (length <= self.limit).then_some(HEADER + length)
    }

    /// Whether no bytes are buffered, not even part of a message.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.whole.is_empty() && self.pieces.is_empty()
    }

    /// The next complete message, decompressed. Inlined, as it is moved once more otherwise.
    #[inline(always)]
    pub(crate) fn next(&mut self) -> Result<Option<Bytes>, Status> {
        if self.is_empty() {
            return Ok(None);
        }
        let received: &[u8] = if self.whole.is_empty() { &self.pieces } else { &self.whole };
        let Some((flag, length)) = header(received)? else {
            return Ok(None);
        };
        check_size("a received message", length, self.limit)?;
        if received.len() < HEADER + length {
            return Ok(None);
        }
        let mut message = self.take(HEADER + length);
        message.advance(HEADER);
        match (flag, self.encoding) {
            (Flag::Plain, _) => Ok(Some(message)),
            (Flag::Compressed, Some(encoding)) => {
                compression::decompress(encoding, &message, self.limit).map(Some)
            }
            (Flag::Compressed, None) => Err(no_encoding()),
        }
    }

    #[inline]
    fn take(&mut self, size: usize) -> Bytes {
        if self.whole.is_empty() {
            self.whole = std::mem::take(&mut self.pieces).freeze();
        }
        if self.whole.len() == size {
            return std::mem::take(&mut self.whole);
        }
        self.whole.split_to(size)
    }
}

enum Flag {
    Plain,
    Compressed,
}

fn header(received: &[u8]) -> Result<Option<(Flag, usize)>, Status> {
    let Some(length) = received.get(1..HEADER) else {
        return Ok(None);
    };
    let length = length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
    let flag = match received[0] {
        0 => Flag::Plain,
        1 => Flag::Compressed,
        other => return Err(unknown_flag(other)),
    };
    Ok(Some((flag, length)))
}

#[cold]
fn unknown_flag(flag: u8) -> Status {
    Status::internal(format!("a message has the compression flag {flag}, expected 0 or 1"))
}

#[cold]
fn no_encoding() -> Status {
    Status::internal("a message is marked as compressed, but grpc-encoding names no compression")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Codec as _, CodecMessage, ProstCodec};

    fn encoder() -> MessageEncoder {
        MessageEncoder { encoding: None, limit: 100 }
    }

    fn message(text: &str) -> CodecMessage<ProstCodec, String> {
        CodecMessage::new(text.to_owned())
    }

    fn messages(decoder: &mut MessageDecoder) -> Vec<String> {
        std::iter::from_fn(|| decoder.next().unwrap())
            .map(|it| ProstCodec::decode(it).unwrap())
            .collect()
    }

    #[test]
    fn messages_survive_any_cut_of_the_stream() {
        let mut stream = BytesMut::new();
        for message in ["one", "", "three"] {
            encoder().encode(&self::message(message), &mut stream).unwrap();
        }
        let stream = stream.freeze();
        for size in 1..=stream.len() {
            let mut decoder = MessageDecoder::new(None, 100);
            let mut seen = Vec::new();
            for start in (0..stream.len()).step_by(size) {
                decoder.push(stream.slice(start..stream.len().min(start + size)));
                seen.extend(messages(&mut decoder));
            }
            assert_eq!(seen, ["one", "", "three"], "in pieces of {size}");
            assert!(decoder.is_empty());
        }
    }

    #[test]
    fn a_message_in_one_piece_is_not_copied() {
        let encoded = encoder().encode_one(&message("hello")).unwrap();
        let place = encoded.as_ptr();
        let mut decoder = MessageDecoder::new(None, 100);
        decoder.push(encoded);
        assert_eq!(decoder.next().unwrap().unwrap().as_ptr(), place.wrapping_add(HEADER));
    }

    #[test]
    fn sizes_over_the_limit_are_resource_exhausted() {
        let long = "x".repeat(99);
        let sent = encoder().encode_one(&message(&long)).unwrap_err();
        assert_eq!(sent.code(), tonic::Code::ResourceExhausted);
        let mut decoder = MessageDecoder::new(None, 100);
        decoder.push(Bytes::from_static(&[0, 0, 0, 0, 101]));
        assert_eq!(decoder.next().unwrap_err().code(), tonic::Code::ResourceExhausted);
    }

    struct Vast;

    impl Encode for Vast {
        fn encoded_len(&self) -> Option<usize> {
            Some(MAX_MESSAGE + 1)
        }

        fn encode_to(&self, _: &mut BytesMut) -> Result<(), Status> {
            unreachable!("it is too large");
        }
    }

    #[test]
    fn what_no_window_can_hold_is_resource_exhausted_whatever_the_limit() {
        let encoder = MessageEncoder { encoding: None, limit: usize::MAX };
        let one = encoder.encode_one(&Vast).unwrap_err();
        assert_eq!(one.code(), tonic::Code::ResourceExhausted);
    }

    #[test]
    fn broken_headers_are_internal() {
        for bytes in [[2, 0, 0, 0, 0], [1, 0, 0, 0, 0]] {
            let mut decoder = MessageDecoder::new(None, 100);
            decoder.push(Bytes::copy_from_slice(&bytes));
            assert_eq!(decoder.next().unwrap_err().code(), tonic::Code::Internal);
        }
    }

    #[cfg(feature = "gzip")]
    #[test]
    fn a_compressed_message_may_not_outgrow_the_limit() {
        let encoding = Some(CompressionEncoding::Gzip);
        let sender = MessageEncoder { encoding, limit: usize::MAX };
        let encoded = sender.encode_one(&message(&"x".repeat(100_000))).unwrap();
        assert!(encoded.len() < 1000);
        let mut decoder = MessageDecoder::new(encoding, 1000);
        decoder.push(encoded);
        assert_eq!(decoder.next().unwrap_err().code(), tonic::Code::ResourceExhausted);
    }
}
