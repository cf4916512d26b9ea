//! Streams: messages in envelopes, which are those of gRPC but for the last one, which says how the call has ended.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::Frame;
use tonic::{Status, codec::CompressionEncoding};

use super::transcoder::Transcoder;
use crate::{
    call::{body::RecvBody, dropped::drop_ended},
    protocol::{
        compression::compress,
        connect,
        http_body::HttpBody,
        length_prefixed::{MessageDecoder, prefixed},
    },
};

/// The requests of a stream in another codec than protobuf, as gRPC has them.
pub(super) struct StreamedRequest {
    body: Box<dyn RecvBody>,
    messages: MessageDecoder,
    transcoder: Transcoder,
}

impl StreamedRequest {
    pub(super) fn new(
        body: Box<dyn RecvBody>,
        encoding: Option<CompressionEncoding>,
        limit: usize,
        transcoder: Transcoder,
    ) -> Self {
        Self { body, messages: MessageDecoder::new(encoding, limit), transcoder }
    }
}

impl RecvBody for StreamedRequest {
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Status>>> {
        loop {
            if let Some(message) = self.messages.next()? {
                let message = self.transcoder.read_request(message)?;
                return Poll::Ready(Some(Ok(prefixed(false, &message))));
            }
            match ready!(self.body.poll_data(cx)) {
                Some(Ok(data)) => self.messages.push(data),
                None if !self.messages.is_empty() => {
                    let cut = Status::internal("the request has ended inside a message");
                    return Poll::Ready(Some(Err(cut)));
                }
                end => return Poll::Ready(end),
            }
        }
    }

    fn poll_trailers(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<HeaderMap>, Status>> {
        self.body.poll_trailers(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.messages.is_empty() && self.body.is_end_stream()
    }

    fn track(&mut self) {
        self.body.track();
    }

    fn note_awaiting(&self) {
        self.body.note_awaiting();
    }
}

/// The responses of a stream, and its end.
pub(super) struct StreamedResponse {
    /// As gRPC has it. None once it has ended.
    body: Option<HttpBody>,
    messages: MessageDecoder,
    encoding: Option<CompressionEncoding>,
    transcoder: Transcoder,
    /// With which the stream ends after what was transcoded before.
    failure: Option<Status>,
}

impl StreamedResponse {
    pub(super) fn new(
        body: HttpBody,
        encoding: Option<CompressionEncoding>,
        transcoder: Transcoder,
    ) -> Self {
        let messages = MessageDecoder::new(encoding, usize::MAX);
        Self { body: Some(body), messages, encoding, transcoder, failure: None }
    }

    /// The messages that are in `data` and what came before, in the codec of the call, up to the first that has none.
    fn transcode(&mut self, data: Bytes) -> Bytes {
        if self.transcoder.is_proto() {
            return data;
        }
        self.messages.push(data);
        let mut transcoded = BytesMut::new();
        loop {
            match self.next_transcoded() {
                Ok(Some(message)) => transcoded.extend_from_slice(&message),
                Ok(None) => break,
                Err(status) => {
                    self.failure = Some(status);
                    break;
                }
            }
        }
        transcoded.freeze()
    }

    /// The next message that has arrived, in its envelope.
    fn next_transcoded(&mut self) -> Result<Option<Bytes>, Status> {
        let Some(message) = self.messages.next()? else { return Ok(None) };
        let message = self.transcoder.write_response(message)?;
        let Some(encoding) = self.encoding else { return Ok(Some(prefixed(false, &message))) };
        let mut compressed = BytesMut::new();
        compress(encoding, &message, &mut compressed)?;
        Ok(Some(prefixed(true, &compressed)))
    }

    /// The last envelope.
    fn end(&mut self, end: Result<HeaderMap, Status>) -> Frame<Bytes> {
        let body = self.body.take();
        Frame::data(match end {
            Ok(trailers) => connect::end_of_stream(&trailers, None),
            Err(status) => {
                drop_ended(body, &status);
                connect::end_of_failed_stream(&status)
            }
        })
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Frame<Bytes>>> {
        while let Some(body) = &mut self.body {
            if let Some(status) = self.failure.take() {
                return Poll::Ready(Some(self.end(Err(status))));
            }
            let frame = match ready!(http_body::Body::poll_frame(Pin::new(body), cx)) {
                Some(Ok(frame)) => frame.into_data().map_err(|frame| frame.into_trailers().ok()),
                Some(Err(status)) => return Poll::Ready(Some(self.end(Err(status)))),
                None => Err(None),
            };
            let messages = match frame {
                Ok(data) => self.transcode(data),
                Err(trailers) => {
                    let end = connect::end_of_call(trailers);
                    return Poll::Ready(Some(self.end(end)));
                }
            };
            if !messages.is_empty() {
                return Poll::Ready(Some(Frame::data(messages)));
            }
        }
        Poll::Ready(None)
    }
}

impl http_body::Body for StreamedResponse {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Self::poll_frame(&mut self, cx).map(|frame| frame.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_none()
    }
}
