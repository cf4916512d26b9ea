//! Unary calls: a message is the whole body of an HTTP message, and a failure an HTTP status.

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, header};
use http_body::Body as _;
use tonic::{Code, Status, codec::CompressionEncoding};

use super::transcoder::Transcoder;
use crate::{
    call::body::RecvBody,
    protocol::{
        compression::{compress, decompress},
        connect, grpc_status,
        headers::{GRPC_ENCODING, GrpcHeaders, message_encoding},
        http_body::HttpBody,
        length_prefixed::{HEADER, prefixed},
        size_limit::check_size,
    },
};

/// The body of a request, as gRPC has it: the whole of it is a message.
pub(crate) struct UnaryRequest {
    body: Box<dyn RecvBody>,
    received: BytesMut,
    limit: usize,
    message: MessageForm,
    has_ended: bool,
}

/// What is to be done with a message.
enum MessageForm {
    /// It is passed on, compressed or not.
    Same {
        is_compressed: bool,
    },
    Transcoded(Transcoder, Option<CompressionEncoding>),
}

impl UnaryRequest {
    /// A message in protobuf.
    pub(crate) fn new(body: Box<dyn RecvBody>, is_compressed: bool, limit: usize) -> Self {
        Self::with_form(body, limit, MessageForm::Same { is_compressed })
    }

    /// One in another codec.
    pub(crate) fn transcoded(
        body: Box<dyn RecvBody>,
        encoding: Option<CompressionEncoding>,
        limit: usize,
        transcoder: Transcoder,
    ) -> Self {
        Self::with_form(body, limit, MessageForm::Transcoded(transcoder, encoding))
    }

    fn with_form(body: Box<dyn RecvBody>, limit: usize, message: MessageForm) -> Self {
        Self { body, received: BytesMut::new(), limit, message, has_ended: false }
    }

    /// The message, with the header that gRPC gives it.
    fn take_message(&mut self) -> Result<Bytes, Status> {
        let received = self.received.split().freeze();
        match &self.message {
            // Nothing is not worth compressing, and is never.
            MessageForm::Same { is_compressed } => {
                Ok(prefixed(*is_compressed && !received.is_empty(), &received))
            }
            MessageForm::Transcoded(transcoder, encoding) => {
                let plain = match encoding {
                    Some(encoding) if !received.is_empty() => {
                        decompress(*encoding, &received, self.limit).map_err(as_invalid)?
                    }
                    _ => received,
                };
                Ok(prefixed(false, &transcoder.read_request(plain)?))
            }
        }
    }
}

/// gRPC has it that what cannot be decompressed is an internal error. In HTTP it is the client's, as is malformed JSON.
fn as_invalid(status: Status) -> Status {
    match status.code() {
        Code::Internal => Status::invalid_argument(status.message()),
        _ => status,
    }
}

impl RecvBody for UnaryRequest {
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Status>>> {
        while !self.has_ended {
            match ready!(self.body.poll_data(cx)) {
                Some(Ok(data)) => {
                    self.received.extend_from_slice(&data);
                    check_size("a received message", self.received.len(), self.limit)?;
                }
                Some(Err(status)) => return Poll::Ready(Some(Err(status))),
                None => {
                    self.has_ended = true;
                    return Poll::Ready(Some(self.take_message()));
                }
            }
        }
        Poll::Ready(None)
    }

    fn poll_trailers(&mut self, _: &mut Context<'_>) -> Poll<Result<Option<HeaderMap>, Status>> {
        match self.has_ended {
            true => Poll::Ready(Ok(None)),
            false => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.has_ended
    }

    fn track(&mut self) {
        self.body.track();
    }

    fn note_awaiting(&self) {
        self.body.note_awaiting();
    }
}

/// The only message of a response of gRPC, in the codec of the call. Its encoding, and the trailers, become `headers`.
///
/// # Errors
/// The status with which the call has failed.
pub(crate) async fn message(
    headers: &mut HeaderMap,
    body: HttpBody,
    transcoder: &Transcoder,
) -> Result<Bytes, Status> {
    match grpc_status::code(&GrpcHeaders::parse(headers)) {
        None => {}
        Some(Code::Ok) => return Err(malformed()),
        // There is nothing else, and what is in the headers is the metadata of the status.
        Some(code) => return Err(grpc_status::from_headers(code, std::mem::take(headers))),
    }
    let (message, trailers) = read(body).await?;
    let trailers = connect::end_of_call(trailers)?;
    let (is_compressed, message) = single(message)?;
    let encoding = headers.remove(GRPC_ENCODING).filter(|_| is_compressed);
    let message = match &encoding {
        _ if transcoder.is_proto() => message,
        None => transcoder.write_response(message)?,
        Some(name) => recode(name, &message, transcoder)?,
    };
    headers.extend(encoding.map(|name| (header::CONTENT_ENCODING, name)));
    connect::add_trailers(headers, &trailers);
    Ok(message)
}

/// A compressed message in the codec of the call, compressed as it was.
fn recode(name: &HeaderValue, message: &[u8], transcoder: &Transcoder) -> Result<Bytes, Status> {
    let Some(encoding) = message_encoding(name)? else { return Err(malformed()) };
    let message = transcoder.write_response(decompress(encoding, message, usize::MAX)?)?;
    let mut compressed = BytesMut::new();
    compress(encoding, &message, &mut compressed)?;
    Ok(compressed.freeze())
}

/// The data of `body`, which has a message at most, and its trailers.
async fn read(mut body: HttpBody) -> Result<(Bytes, Option<HeaderMap>), Status> {
    let mut received = BytesMut::new();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        match frame?.into_data() {
            Ok(data) => {
                received.extend_from_slice(&data);
                // The method of another library may be a stream, which need not end.
                if header(&received).is_some_and(|(_, length)| received.len() > HEADER + length) {
                    return Err(malformed());
                }
            }
            Err(frame) => return Ok((received.freeze(), frame.into_trailers().ok())),
        }
    }
    Ok((received.freeze(), None))
}

/// The only message in `received`, and whether it is compressed.
fn single(mut received: Bytes) -> Result<(bool, Bytes), Status> {
    let (flag, length) = header(&received).ok_or_else(malformed)?;
    received.advance(HEADER);
    match received.len() == length {
        true => Ok((flag == 1, received)),
        false => Err(malformed()),
    }
}

/// The flag and the length of the message that starts with `received`.
fn header(received: &[u8]) -> Option<(u8, usize)> {
    let [flag, length @ ..] = received.first_chunk::<HEADER>()?;
    Some((*flag, u32::from_be_bytes(*length) as usize))
}

#[cold]
fn malformed() -> Status {
    Status::internal("the service has not answered with one message, as gRPC has it")
}
