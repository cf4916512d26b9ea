//! Streams of messages in other formats than gRPC's.

#[cfg(feature = "rest")]
use std::future::poll_fn;
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
        connect,
        http_body::{HttpBody, TranslatedBody},
        length_prefixed::{MessageDecoder, prefixed},
    },
};

/// The requests of a stream in another codec than protobuf, as gRPC has them.
pub(crate) struct StreamedRequest {
    body: Box<dyn RecvBody>,
    messages: MessageDecoder,
    transcoder: Transcoder,
}

impl StreamedRequest {
    pub(crate) fn new(
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

/// How the messages of a response are written, and its end.
pub(crate) trait StreamFormat: Send + Unpin + 'static {
    /// Whether messages are written as in gRPC.
    fn is_grpc(&self) -> bool {
        false
    }

    /// A message as it is written.
    ///
    /// # Errors
    /// It cannot be. The stream ends with this status.
    fn message(&mut self, message: Bytes) -> Result<Bytes, Status>;

    /// What is written when the call has ended, and its trailers.
    ///
    /// # Errors
    /// The format cannot say how it has ended: the body breaks off.
    fn end(&mut self, end: Result<HeaderMap, &Status>) -> Result<Bytes, Status>;
}

/// The responses of a stream, and its end.
pub(crate) struct StreamedResponse<F> {
    /// As gRPC has it. None once it has ended.
    body: Option<HttpBody>,
    messages: MessageDecoder,
    pub(crate) format: F,
    /// A frame that was read ahead.
    #[cfg(feature = "rest")]
    first: Option<Frame<Bytes>>,
    /// With which the stream ends after what was written before.
    failure: Option<Status>,
}

impl<F: StreamFormat> StreamedResponse<F> {
    /// The response that `body` is in gRPC, with messages in this `encoding`.
    pub(crate) fn new(body: HttpBody, encoding: Option<CompressionEncoding>, format: F) -> Self {
        let messages = MessageDecoder::new(encoding, usize::MAX);
        Self {
            body: Some(body),
            messages,
            format,
            #[cfg(feature = "rest")]
            first: None,
            failure: None,
        }
    }

    /// Waits for the first frame, for what the head has to say of it.
    ///
    /// # Errors
    /// There is none, as the call has failed.
    #[cfg(feature = "rest")]
    pub(crate) async fn read_ahead(&mut self) -> Result<(), Status> {
        self.first = poll_fn(|cx| self.poll_frame(cx)).await.transpose()?;
        Ok(())
    }

    /// The messages that are in `data` and what came before, up to the first that cannot be written.
    fn write(&mut self, data: Bytes) -> Bytes {
        if self.format.is_grpc() {
            return data;
        }
        self.messages.push(data);
        let mut written = BytesMut::new();
        loop {
            match self.next_written() {
                Ok(Some(message)) => written.extend_from_slice(&message),
                Ok(None) => break,
                Err(status) => {
                    self.failure = Some(status);
                    break;
                }
            }
        }
        written.freeze()
    }

    /// The next message that has arrived.
    fn next_written(&mut self) -> Result<Option<Bytes>, Status> {
        self.messages.next()?.map(|message| self.format.message(message)).transpose()
    }

    /// What is written last, about the end of the call.
    fn end(&mut self, end: Result<HeaderMap, Status>) -> Result<Bytes, Status> {
        let body = self.body.take();
        match end {
            Ok(trailers) => self.format.end(Ok(trailers)),
            Err(status) => {
                drop_ended(body, &status);
                self.format.end(Err(&status))
            }
        }
    }
}

impl<F: StreamFormat> TranslatedBody for StreamedResponse<F> {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        #[cfg(feature = "rest")]
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        while let Some(body) = &mut self.body {
            if let Some(status) = self.failure.take() {
                return Poll::Ready(Some(self.end(Err(status)).map(Frame::data)));
            }
            let frame = match ready!(http_body::Body::poll_frame(Pin::new(body), cx)) {
                Some(Ok(frame)) => frame.into_data().map_err(|frame| frame.into_trailers().ok()),
                Some(Err(status)) => {
                    return Poll::Ready(Some(self.end(Err(status)).map(Frame::data)));
                }
                None => Err(None),
            };
            let messages = match frame {
                Ok(data) => self.write(data),
                Err(trailers) => {
                    let end = connect::end_of_call(trailers);
                    return Poll::Ready(Some(self.end(end).map(Frame::data)));
                }
            };
            if !messages.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(messages))));
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        #[cfg(feature = "rest")]
        if self.first.is_some() {
            return false;
        }
        self.body.is_none()
    }

    fn inner(&mut self) -> Option<&mut HttpBody> {
        self.body.as_mut()
    }

    fn end_with(&mut self, status: &Status) -> Option<Bytes> {
        // What another library has written, and is passed on as it is, may have stopped inside a message.
        let is_known = |body: &HttpBody| !self.format.is_grpc() || body.reply_protocol().is_some();
        self.body.as_ref().filter(|body| is_known(body))?;
        self.end(Err(status.clone())).ok()
    }
}
