//! The messages of one direction of a call, as bytes, over any transport.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::Body as _;
use tokio::time::Instant;
use tonic::{Code, Status, metadata::MetadataMap};

pub(crate) use super::trailers::merge;
use super::{deadline::Deadline, status, streaming::Streaming};
use crate::{
    codec::Encode,
    h2::stream::{Ahead, ReceivedBody},
    protocol::{
        encoded_stream::EncodedStream,
        frame::Encoder,
        grpc_status,
        headers::{self, GrpcHeaders},
    },
};

/// A stream of frames that ends cleanly, with trailers, or with a status.
pub(crate) struct Body {
    kind: BodyKind,
    /// Boxed because most bodies have none.
    trailers: Option<Box<MetadataMap>>,
    /// Limits how long a buffered body may wait for flow-control window.
    deadline: Option<Box<Deadline>>,
}

enum BodyKind {
    Ended,
    /// Nothing but a status.
    Failed(Status),
    /// One buffered frame, and the status after it unless that is OK.
    Once(Bytes, Option<Status>),
    /// Frames that are encoded on demand.
    Outgoing(Box<EncodedStream>),
    /// Frames from an HTTP body.
    Http(tonic::body::Body, Side),
    /// Frames straight from an HTTP/2 stream.
    H2(ReceivedBody, Side),
    /// A body whose headers already carried a status. That status applies if no other follows.
    AfterStatus(Box<(Body, HeaderMap)>),
}

/// The direction of a body. The end of a response carries the status of the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Request,
    Response,
}

impl Body {
    fn of(kind: BodyKind) -> Self {
        Self { kind, trailers: None, deadline: None }
    }

    pub(crate) fn empty() -> Self {
        Self::of(BodyKind::Ended)
    }

    pub(crate) fn once(frame: Bytes) -> Self {
        Self::of(BodyKind::Once(frame, None))
    }

    pub(crate) fn outgoing<M: Encode + 'static>(
        messages: Streaming<M>,
        encoder: Encoder,
        deadline: Deadline,
    ) -> Self {
        let frames = EncodedStream::new(messages, encoder, deadline);
        Self::of(BodyKind::Outgoing(Box::new(frames)))
    }

    pub(crate) fn from_http(body: tonic::body::Body, side: Side) -> Self {
        Self::of(BodyKind::Http(body, side))
    }

    pub(crate) fn from_h2(received: ReceivedBody, side: Side) -> Self {
        Self::of(BodyKind::H2(received, side))
    }

    /// This body, received after `headers` that already carry a status.
    pub(crate) fn after_status(self, headers: HeaderMap) -> Self {
        Self::of(BodyKind::AfterStatus(Box::new((self, headers))))
    }

    /// Whether the response consists of headers alone.
    pub(crate) fn is_headers_only(&self) -> bool {
        match &self.kind {
            BodyKind::Failed(status) => status::is_missing(status),
            BodyKind::Http(body, _) => body.is_end_stream(),
            BodyKind::H2(received, _) => received.is_end_stream(),
            _ => false,
        }
    }

    /// Fails this body at `deadline` if it has not been sent by then. Encoded streams have deadlines of
    /// their own.
    pub(crate) fn with_deadline(self, deadline: Option<Instant>) -> Self {
        let deadline = deadline.map(|deadline| Box::new(Deadline::at(Some(deadline))));
        Self { deadline, ..self }
    }

    /// Sends `trailers` once the body has ended cleanly.
    pub(crate) fn with_trailers(mut self, trailers: MetadataMap) -> Self {
        self.trailers = boxed(trailers);
        self
    }

    /// The only frame, if it is buffered.
    pub(crate) fn buffered(&self) -> Option<&Bytes> {
        match &self.kind {
            BodyKind::Once(frame, _) => Some(frame),
            _ => None,
        }
    }

    /// Whether the body may have any number of messages.
    pub(crate) fn is_stream(&self) -> bool {
        matches!(self.kind, BodyKind::Outgoing(_))
    }

    /// Whether all of the body, one frame at most, is buffered.
    pub(crate) fn is_buffered(&self) -> bool {
        matches!(self.kind, BodyKind::Once(..) | BodyKind::Ended)
    }

    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.kind, BodyKind::Ended)
    }

    /// The trailers of a body that has ended cleanly.
    pub(crate) fn take_trailers(&mut self) -> Option<MetadataMap> {
        self.trailers.take().map(|trailers| *trailers)
    }

    /// The next bytes. An error is the status that ended the body.
    pub(crate) fn poll_data(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Status>>> {
        let polled = match &mut self.kind {
            BodyKind::Ended => return Poll::Ready(None),
            BodyKind::Once(frame, status) => {
                let frame = std::mem::take(frame);
                self.kind = status.take().map_or(BodyKind::Ended, BodyKind::Failed);
                return Poll::Ready(Some(Ok(frame)));
            }
            BodyKind::Failed(status) => Some(Err(status.clone())),
            BodyKind::Outgoing(frames) => ready!(frames.poll_data(cx)),
            BodyKind::Http(body, side) => ready!(poll_http(body, *side, &mut self.trailers, cx)),
            BodyKind::H2(received, side) => {
                ready!(poll_h2(received, *side, &mut self.trailers, cx))
            }
            BodyKind::AfterStatus(after) => {
                let (body, headers) = &mut **after;
                let polled = ready!(body.poll_data(cx));
                match polled {
                    Some(Err(status)) if status::is_missing(&status) => {
                        let headers = std::mem::take(headers);
                        end(Some(headers), Side::Response, &mut self.trailers)
                    }
                    polled => {
                        *self = std::mem::replace(body, Self::empty());
                        return Poll::Ready(polled);
                    }
                }
            }
        };
        if !matches!(polled, Some(Ok(_))) {
            self.end();
        }
        Poll::Ready(polled)
    }

    /// [`poll_data`](Self::poll_data) with a fast path for end of stream.
    pub(crate) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Status>>> {
        let ended = match &mut self.kind {
            BodyKind::H2(received, Side::Request) if received.is_end_stream() => None,
            BodyKind::H2(received, Side::Response) => match received.poll_trailers(cx) {
                Poll::Ready(Ok(trailers)) => end(trailers, Side::Response, &mut self.trailers),
                _ => return self.poll_data(cx),
            },
            _ => return self.poll_data(cx),
        };
        self.end();
        Poll::Ready(ended)
    }

    /// Buffers a response up to its end, or up to its second chunk of data, whichever comes first.
    pub(crate) fn poll_ahead(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let BodyKind::H2(received, side) = &mut self.kind else { return Poll::Ready(()) };
        let ended = match ready!(received.poll_ahead(cx)) {
            Ahead::More => return Poll::Ready(()),
            Ahead::Ended(data, Ok(trailers)) => {
                (data, end::<()>(trailers, *side, &mut self.trailers).and_then(Result::err))
            }
            Ahead::Ended(data, Err(status)) => (data, Some(status)),
        };
        self.kind = match ended {
            (Some(data), status) => BodyKind::Once(data, status),
            (None, Some(status)) => BodyKind::Failed(status),
            (None, None) => BodyKind::Ended,
        };
        Poll::Ready(())
    }

    /// Whether the body may wait for flow-control window indefinitely.
    pub(crate) fn is_patient(&self) -> bool {
        self.deadline.is_none()
    }

    /// Whether the deadline has passed while the body waits for flow-control window. If so, only the
    /// status is left of it.
    pub(crate) fn poll_expired(&mut self, cx: &mut Context<'_>) -> bool {
        if let BodyKind::Outgoing(frames) = &mut self.kind {
            return frames.poll_expired(cx);
        }
        let Some(deadline) = &mut self.deadline else { return false };
        let Err(late) = deadline.check(cx) else { return false };
        self.kind = BodyKind::Failed(late);
        true
    }

    /// Counts what the body holds as unread. Called when the body is handed to code that may not read it.
    pub(crate) fn track(&mut self) {
        if let BodyKind::H2(received, _) = &mut self.kind {
            received.track();
        }
    }

    /// Notes that the reader of a unary request is waiting for `END_STREAM`.
    pub(crate) fn note_awaiting(&self) {
        if let BodyKind::H2(received, _) = &self.kind {
            received.note_awaiting();
        }
    }

    fn end(&mut self) {
        let ended = std::mem::replace(&mut self.kind, BodyKind::Ended);
        if let BodyKind::Outgoing(mut frames) = ended {
            let mut trailers = self.take_trailers().unwrap_or_default();
            merge(&mut trailers, frames.take_trailers());
            self.trailers = boxed(trailers);
        }
    }
}

fn poll_http(
    body: &mut tonic::body::Body,
    side: Side,
    trailers: &mut Option<Box<MetadataMap>>,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<Bytes, Status>>> {
    loop {
        let frame = match ready!(Pin::new(&mut *body).poll_frame(cx)) {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => {
                return Poll::Ready(Some(Err(status::from_transport(error.into()))));
            }
            None => return Poll::Ready(end(None, side, trailers)),
        };
        match frame.into_data() {
            Ok(data) if data.is_empty() => {}
            Ok(data) => return Poll::Ready(Some(Ok(data))),
            Err(frame) => return Poll::Ready(end(frame.into_trailers().ok(), side, trailers)),
        }
    }
}

fn poll_h2(
    received: &mut ReceivedBody,
    side: Side,
    trailers: &mut Option<Box<MetadataMap>>,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<Bytes, Status>>> {
    if let Some(data) = ready!(received.poll_data(cx)) {
        return Poll::Ready(Some(data));
    }
    if side == Side::Request {
        return Poll::Ready(None);
    }
    Poll::Ready(match ready!(received.poll_trailers(cx)) {
        Ok(received) => end(received, side, trailers),
        Err(status) => Some(Err(status)),
    })
}

/// Interprets the end of the data. In a response, the trailers carry the status of the call.
fn end<T>(
    received: Option<HeaderMap>,
    side: Side,
    trailers: &mut Option<Box<MetadataMap>>,
) -> Option<Result<T, Status>> {
    if side == Side::Request {
        return None;
    }
    let received = received.unwrap_or_default();
    let grpc = GrpcHeaders::in_headers(&received);
    match grpc_status::code(&grpc) {
        Some(Code::Ok) => {}
        Some(code) => return Some(Err(grpc_status::from_headers(code, received))),
        None => return Some(Err(status::missing())),
    }
    *trailers = boxed(headers::into_trailers(grpc.custom, received));
    None
}

fn boxed(trailers: MetadataMap) -> Option<Box<MetadataMap>> {
    (!trailers.is_empty()).then(|| Box::new(trailers))
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.kind {
            BodyKind::Ended => "Ended",
            BodyKind::Failed(_) => "Failed",
            BodyKind::Once(..) => "Once",
            BodyKind::Outgoing(_) => "Outgoing",
            BodyKind::Http(..) => "Http",
            BodyKind::H2(..) => "H2",
            BodyKind::AfterStatus(_) => "AfterStatus",
        };
        f.debug_struct("Body").field("kind", &kind).finish_non_exhaustive()
    }
}
