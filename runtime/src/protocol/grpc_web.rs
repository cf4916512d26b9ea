//! gRPC-Web: the trailers of a response as the last part of its body, and bodies in Base64.
//!
//! See [gRPC-Web](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md).

use std::task::{Context, Poll, ready};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};
use tonic::{Status, codec::CompressionEncoding};

use super::{
    compression::decompress, content_type::Protocol, headers::append, length_prefixed::HEADER,
    size_limit::check_size,
};
use crate::call::body::{Body, EndOfBody, PrefetchedBody, RecvBody};

/// The flag of the part of a body that holds its trailers: the highest bit. The others say how it is encoded.
const TRAILERS: u8 = 0x80;
/// The size limit for received trailers, in bytes.
const MAX_TRAILERS: usize = 64 * 1024;

/// The part of a body that holds `trailers`, as `name: value` lines.
pub(super) fn trailers_frame(trailers: &HeaderMap) -> Bytes {
    let mut frame = BytesMut::new();
    frame.put_bytes(0, HEADER);
    for (name, value) in trailers {
        frame.extend_from_slice(name.as_str().as_bytes());
        frame.extend_from_slice(b": ");
        frame.extend_from_slice(value.as_bytes());
        frame.extend_from_slice(b"\r\n");
    }
    let length = (frame.len() - HEADER) as u32;
    frame[0] = TRAILERS;
    frame[1..HEADER].copy_from_slice(&length.to_be_bytes());
    frame.freeze()
}

/// Each part of a body is a piece of Base64 of its own, with its padding.
pub(super) fn to_base64(data: &[u8]) -> Bytes {
    STANDARD.encode(data).into()
}

/// The messages of a request in Base64.
pub(super) fn text_requests(body: Box<dyn RecvBody>) -> Body {
    Body::stream(Box::new(FromBase64::new(body)), EndOfBody::Data)
}

/// The body of a response in `format`, with trailers that were taken out of its data. Compressed ones have the
/// response's `encoding`.
pub(super) fn without_trailers(
    format: Protocol,
    body: PrefetchedBody<impl RecvBody + 'static>,
    encoding: Option<CompressionEncoding>,
) -> PrefetchedBody<TrailersInBody> {
    let body = stream(body);
    let body = match format {
        Protocol::GrpcWebText => Box::new(FromBase64::new(body)),
        Protocol::Grpc | Protocol::GrpcWeb => body,
    };
    PrefetchedBody::Stream(TrailersInBody::new(body, encoding))
}

/// `body` as a stream, all of whose data may have arrived.
fn stream(body: PrefetchedBody<impl RecvBody + 'static>) -> Box<dyn RecvBody> {
    match body {
        PrefetchedBody::Whole(data, Ok(trailers)) => {
            Box::new(WholeBody { data, failure: None, trailers })
        }
        PrefetchedBody::Whole(data, Err(status)) => {
            Box::new(WholeBody { data, failure: Some(status), trailers: None })
        }
        PrefetchedBody::Stream(stream) => Box::new(stream),
    }
}

/// A body all of which has arrived, as a stream.
struct WholeBody {
    data: Option<Bytes>,
    failure: Option<Status>,
    trailers: Option<HeaderMap>,
}

impl RecvBody for WholeBody {
    fn poll_data(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Status>>> {
        Poll::Ready(self.data.take().map(Ok).or_else(|| self.failure.take().map(Err)))
    }

    fn poll_trailers(&mut self, _: &mut Context<'_>) -> Poll<Result<Option<HeaderMap>, Status>> {
        match self.data.is_none() && self.failure.is_none() {
            true => Poll::Ready(Ok(self.trailers.take())),
            false => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_none() && self.failure.is_none() && self.trailers.is_none()
    }
}

/// A body that is received in Base64: any number of pieces, each of which may be padded.
struct FromBase64 {
    text: Box<dyn RecvBody>,
    /// The beginning of a group of four characters.
    rest: BytesMut,
}

impl FromBase64 {
    fn new(text: Box<dyn RecvBody>) -> Self {
        Self { text, rest: BytesMut::new() }
    }

    /// The bytes of all complete groups in `rest`.
    fn decode(&mut self) -> Result<Bytes, Status> {
        let complete = self.rest.len() / 4 * 4;
        let groups = self.rest.split_to(complete);
        let mut bytes = Vec::with_capacity(complete / 4 * 3);
        let mut pieces = groups.chunks(4).peekable();
        let mut start = 0;
        let mut end = 0;
        while let Some(group) = pieces.next() {
            end += group.len();
            // Padding ends a piece, and another one may follow.
            if group[3] == b'=' || pieces.peek().is_none() {
                STANDARD
                    .decode_vec(&groups[start..end], &mut bytes)
                    .map_err(|error| not_base64(&error))?;
                start = end;
            }
        }
        Ok(bytes.into())
    }
}

#[cold]
fn not_base64(error: &base64::DecodeError) -> Status {
    Status::internal(format!("a body of gRPC-Web that must be Base64 is not: {error}"))
}

impl RecvBody for FromBase64 {
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Status>>> {
        loop {
            match ready!(self.text.poll_data(cx)) {
                Some(Ok(text)) => self.rest.extend_from_slice(&text),
                Some(Err(status)) => return Poll::Ready(Some(Err(status))),
                None if self.rest.is_empty() => return Poll::Ready(None),
                None => {
                    self.rest.clear();
                    let cut = Status::internal("a body of gRPC-Web ended inside a Base64 group");
                    return Poll::Ready(Some(Err(cut)));
                }
            }
            if self.rest.len() >= 4 {
                return Poll::Ready(Some(self.decode()));
            }
        }
    }

    fn poll_trailers(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<HeaderMap>, Status>> {
        match self.rest.is_empty() {
            true => self.text.poll_trailers(cx),
            false => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.text.is_end_stream()
    }

    fn track(&mut self) {
        self.text.track();
    }

    fn note_awaiting(&self) {
        self.text.note_awaiting();
    }
}

/// A response whose last part is its trailers.
pub(super) struct TrailersInBody {
    body: Box<dyn RecvBody>,
    /// What was received and not read.
    buffer: BytesMut,
    /// How much of the current message, with its header, is still to be read.
    remaining: usize,
    trailers: Option<HeaderMap>,
    /// The compression of trailers that are compressed.
    encoding: Option<CompressionEncoding>,
    has_ended: bool,
}

impl TrailersInBody {
    fn new(body: Box<dyn RecvBody>, encoding: Option<CompressionEncoding>) -> Self {
        let buffer = BytesMut::new();
        Self { body, buffer, remaining: 0, trailers: None, encoding, has_ended: false }
    }

    /// The bytes of messages that are buffered. None if there are none.
    fn take_messages(&mut self) -> Option<Bytes> {
        let mut taken = 0;
        loop {
            let part = self.remaining.min(self.buffer.len() - taken);
            taken += part;
            self.remaining -= part;
            match header(&self.buffer[taken..]) {
                Some((flag, length)) if flag < TRAILERS => {
                    self.remaining = HEADER.saturating_add(length);
                }
                _ => break,
            }
        }
        (taken > 0).then(|| self.buffer.split_to(taken).freeze())
    }

    /// Takes the trailers, if they are next and all of them are buffered.
    fn take_trailers(&mut self) -> Result<(), Status> {
        let Some((flag @ TRAILERS.., length)) = header(&self.buffer) else { return Ok(()) };
        check_size("the received trailers", length, MAX_TRAILERS)?;
        if self.buffer.len() < HEADER + length {
            return Ok(());
        }
        self.buffer.advance(HEADER);
        let block = self.buffer.split_to(length).freeze();
        let block = match (flag - TRAILERS, self.encoding) {
            (0, _) => block,
            (1, Some(encoding)) => decompress(encoding, &block, MAX_TRAILERS)?,
            _ => return Err(Status::internal("the trailers have an unknown encoding")),
        };
        self.trailers = Some(parse_trailers(&block));
        Ok(())
    }
}

impl RecvBody for TrailersInBody {
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Status>>> {
        while !self.has_ended {
            if self.trailers.is_none() {
                if let Some(messages) = self.take_messages() {
                    return Poll::Ready(Some(Ok(messages)));
                }
                self.take_trailers()?;
            }
            if self.trailers.is_some() && !self.buffer.is_empty() {
                let status = Status::internal("the response goes on after its trailers");
                return Poll::Ready(Some(Err(status)));
            }
            match ready!(self.body.poll_data(cx)) {
                Some(Ok(data)) => self.buffer.extend_from_slice(&data),
                // The call has ended with its status, however its connection goes on.
                Some(Err(_)) if self.trailers.is_some() => self.has_ended = true,
                Some(Err(status)) => return Poll::Ready(Some(Err(status))),
                None => self.has_ended = true,
            }
        }
        let rest = self.buffer.split().freeze();
        Poll::Ready(match rest.first() {
            None => None,
            Some(TRAILERS..) => {
                Some(Err(Status::internal("the response ended inside its trailers")))
            }
            // The beginning of a message, which its reader refuses.
            Some(_) => Some(Ok(rest)),
        })
    }

    fn poll_trailers(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<HeaderMap>, Status>> {
        if !self.has_ended || !self.buffer.is_empty() {
            return Poll::Pending;
        }
        match self.trailers.take() {
            Some(trailers) => Poll::Ready(Ok(Some(trailers))),
            None => self.body.poll_trailers(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.buffer.is_empty() && self.trailers.is_none() && self.body.is_end_stream()
    }

    fn track(&mut self) {
        self.body.track();
    }
}

/// The flag and the length in the header of the part that `body` begins with.
fn header(body: &[u8]) -> Option<(u8, usize)> {
    let [flag, length @ ..]: [u8; HEADER] = body.get(..HEADER)?.try_into().ok()?;
    Some((flag, u32::from_be_bytes(length) as usize))
}

/// The trailers in a block of HTTP/1 header lines. A malformed line is ignored, so that the status is not lost.
fn parse_trailers(block: &[u8]) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    for (name, value) in block.split(|byte| *byte == b'\n').filter_map(parse_line) {
        append(&mut trailers, &name, &value);
    }
    trailers
}

fn parse_line(line: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let name = HeaderName::from_bytes(&line[..colon]).ok()?;
    let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?;
    Some((name, value))
}

#[cfg(test)]
mod tests {
    use std::{collections::VecDeque, task::Waker};

    use tonic::Code;

    use super::*;

    /// Received data that is cut into chunks, and no HTTP trailers.
    struct Chunks(VecDeque<Bytes>);

    impl Chunks {
        fn of(body: &[u8], size: usize) -> Box<dyn RecvBody> {
            Box::new(Self(body.chunks(size).map(Bytes::copy_from_slice).collect()))
        }
    }

    impl RecvBody for Chunks {
        fn poll_data(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Status>>> {
            Poll::Ready(self.0.pop_front().map(Ok))
        }

        fn poll_trailers(
            &mut self,
            _: &mut Context<'_>,
        ) -> Poll<Result<Option<HeaderMap>, Status>> {
            Poll::Ready(Ok(None))
        }

        fn is_end_stream(&self) -> bool {
            self.0.is_empty()
        }
    }

    /// All data, and then the trailers.
    fn read(mut body: impl RecvBody) -> Result<(Vec<u8>, Option<HeaderMap>), Status> {
        let cx = &mut Context::from_waker(Waker::noop());
        let mut data = Vec::new();
        loop {
            match body.poll_data(cx) {
                Poll::Ready(Some(chunk)) => data.extend_from_slice(&chunk?),
                Poll::Ready(None) => break,
                Poll::Pending => panic!("all of it is here"),
            }
        }
        match body.poll_trailers(cx) {
            Poll::Ready(trailers) => Ok((data, trailers?)),
            Poll::Pending => panic!("its end was reached"),
        }
    }

    const MESSAGES: &[u8] = &[0, 0, 0, 0, 3, b'a', b'b', b'c', 0, 0, 0, 0, 0];

    fn trailers() -> HeaderMap {
        let fields = [("grpc-status", "5"), ("grpc-message", "a: b"), ("x", "1"), ("x", "2")];
        let mut trailers = HeaderMap::new();
        for (name, value) in fields {
            trailers.append(name, HeaderValue::from_static(value));
        }
        trailers
    }

    #[test]
    fn trailers_are_taken_out_of_a_body_however_it_is_cut() {
        let body = [MESSAGES, &trailers_frame(&trailers())].concat();
        for size in 1..=body.len() {
            let (data, read) = read(TrailersInBody::new(Chunks::of(&body, size), None)).unwrap();
            assert_eq!(data, MESSAGES, "chunks of {size}");
            assert_eq!(read, Some(trailers()), "chunks of {size}");
        }
    }

    #[test]
    fn a_body_in_base64_is_any_number_of_padded_pieces_however_it_is_cut() {
        let pieces = [&b"a"[..], b"bc", b"def", &[0xFF; 100]];
        let text: Vec<u8> = pieces.iter().flat_map(|piece| to_base64(piece)).collect();
        for size in 1..=text.len() {
            let (data, _) = read(FromBase64::new(Chunks::of(&text, size))).unwrap();
            assert_eq!(data, pieces.concat(), "chunks of {size}");
        }
    }

    #[test]
    fn a_malformed_body_is_an_internal_error() {
        let trailers = trailers_frame(&trailers());
        let after = [&trailers[..], MESSAGES].concat();
        let compressed = [0x81, 0, 0, 0, 1, b'x'];
        for body in [&after[..], &compressed, &trailers[..5], &trailers[..9]] {
            let failed = read(TrailersInBody::new(Chunks::of(body, 7), None)).unwrap_err();
            assert_eq!(failed.code(), Code::Internal);
        }
        for text in ["abc", "abc=d", "ab*d", "====", "a==="] {
            let failed = read(FromBase64::new(Chunks::of(text.as_bytes(), 2))).unwrap_err();
            assert_eq!(failed.code(), Code::Internal, "{text}");
        }
    }

    #[test]
    fn trailers_may_be_as_long_as_the_limit_in_text_as_well() {
        let status = b"grpc-status: 5\r\nx: ";
        let block = [&status[..], &vec![b'y'; MAX_TRAILERS - status.len()]].concat();
        let frame = [&[TRAILERS, 0, 1, 0, 0], &block[..]].concat();
        let text: Vec<u8> = frame.chunks(1000).flat_map(to_base64).collect();
        for size in [1000, 16 * 1024, text.len()] {
            let body = FromBase64::new(Chunks::of(&text, size));
            let (data, read) = read(TrailersInBody::new(Box::new(body), None)).unwrap();
            let read = read.unwrap();
            assert_eq!((data.len(), &read["grpc-status"]), (0, &HeaderValue::from_static("5")));
            assert_eq!(read["x"].len(), MAX_TRAILERS - status.len());
        }
    }

    #[test]
    fn messages_before_trailers_that_are_too_long_are_read() {
        let body = [MESSAGES, &[TRAILERS, 0, 1, 0, 1]].concat();
        let mut body = TrailersInBody::new(Chunks::of(&body, body.len()), None);
        let cx = &mut Context::from_waker(Waker::noop());
        let Poll::Ready(Some(Ok(messages))) = body.poll_data(cx) else { panic!("there are some") };
        assert_eq!(messages, MESSAGES);
        assert_eq!(read(body).unwrap_err().code(), Code::ResourceExhausted);
    }

    #[test]
    fn a_malformed_trailer_does_not_lose_the_status() {
        let block = b"bad name: 1\r\n: 2\r\nnothing\r\ngrpc-status:  5 \r\n";
        let mut frame = vec![TRAILERS, 0, 0, 0, u8::try_from(block.len()).unwrap()];
        frame.extend_from_slice(block);
        let (_, trailers) = read(TrailersInBody::new(Chunks::of(&frame, 3), None)).unwrap();
        let trailers = trailers.unwrap();
        assert_eq!(trailers.len(), 1);
        assert_eq!(trailers["grpc-status"], "5");
    }

    /// Whoever reads the messages refuses it.
    #[test]
    fn a_message_that_is_cut_short_stays_in_the_data() {
        for body in [&MESSAGES[..3], &MESSAGES[..7]] {
            let (data, read) = read(TrailersInBody::new(Chunks::of(body, 2), None)).unwrap();
            assert_eq!((&data[..], read), (body, None));
        }
    }

    /// A failure after the data, as of a connection that was lost.
    #[test]
    fn a_failure_of_the_transport_is_not_taken_for_the_end() {
        for data in [&b"AAA"[..], b""] {
            let data = Some(Bytes::from_static(data)).filter(|data| !data.is_empty());
            let failure = Some(Status::unavailable("lost"));
            let body = WholeBody { data, failure, trailers: None };
            let failed = read(FromBase64::new(Box::new(body))).unwrap_err();
            assert_eq!(failed.code(), Code::Unavailable);
        }
    }
}
