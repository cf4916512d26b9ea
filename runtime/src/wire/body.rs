//! The messages of one direction of a call, as bytes, whichever way they travel.

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

use super::{
    deadline::Deadline,
    encoded_stream::EncodedStream,
    frame::{Encode, Encoder},
    grpc_status,
    h2::{Ahead, ReceivedBody},
    headers::{self, GrpcHeaders},
    status,
};
use crate::Streaming;
pub(crate) use crate::trailers::merge;

/// A stream of frames that ends well, with trailers, or with a status.
pub(crate) struct Body {
    kind: BodyKind,
    /// There are none, most often.
    trailers: Option<Box<MetadataMap>>,
    /// When there is to be an end of a body that is at hand, if it may not take as long as it likes.
    deadline: Option<Box<Deadline>>,
}

enum BodyKind {
    /// Nothing more to come.
    Ended,
    /// Nothing but a status.
    Failed(Status),
    /// One frame, known beforehand, and the status behind it if that is not OK.
    Once(Bytes, Option<Status>),
    /// Frames that are encoded as they are asked for.
    Outgoing(Box<EncodedStream>),
    /// Frames that come through HTTP.
    Http(tonic::body::Body, Side),
    /// Frames that come straight from HTTP/2.
    H2(ReceivedBody, Side),
    /// Those behind headers that have a status, which counts if nothing else comes.
    AfterStatus(Box<(Body, HeaderMap)>),
}

/// What a body belongs to: the end of a response says how the call went.
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

    /// This body, behind `headers` that have a status already.
    pub(crate) fn after_status(self, headers: HeaderMap) -> Self {
        Self::of(BodyKind::AfterStatus(Box::new((self, headers))))
    }

    /// Whether nothing came behind the headers of the response, nor will.
    pub(crate) fn is_headers_only(&self) -> bool {
        match &self.kind {
            BodyKind::Failed(status) => status::is_missing(status),
            BodyKind::Http(body, _) => body.is_end_stream(),
            BodyKind::H2(received, _) => received.is_end_stream(),
            _ => false,
        }
    }

    /// The same, which is to be sent no later than at `deadline`. Messages that are made as they are asked
    /// for have deadlines of their own.
    pub(crate) fn with_deadline(self, deadline: Option<Instant>) -> Self {
        let deadline = deadline.map(|deadline| Box::new(Deadline::at(Some(deadline))));
        Self { deadline, ..self }
    }

    /// Sends `trailers` when the body has ended well.
    pub(crate) fn with_trailers(mut self, trailers: MetadataMap) -> Self {
        self.trailers = boxed(trailers);
        self
    }

    /// The only frame, if it is there already.
    pub(crate) fn buffered(&self) -> Option<&Bytes> {
        match &self.kind {
            BodyKind::Once(frame, _) => Some(frame),
            _ => None,
        }
    }

    /// Whether there may be any number of messages.
    pub(crate) fn is_stream(&self) -> bool {
        matches!(self.kind, BodyKind::Outgoing(_))
    }

    /// Whether no more than one frame will come, which is there already.
    pub(crate) fn is_buffered(&self) -> bool {
        matches!(self.kind, BodyKind::Once(..) | BodyKind::Ended)
    }

    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.kind, BodyKind::Ended)
    }

    /// The trailers of a body that has ended well.
    pub(crate) fn take_trailers(&mut self) -> Option<MetadataMap> {
        self.trailers.take().map(|trailers| *trailers)
    }

    /// The next bytes; an error is the status that the body ended with.
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

    /// The same for one who expects no more of them, which is quicker to tell.
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

    /// Reads up to the end of a response that is no more than one piece of data, or up to the second
    /// piece of one that is more.
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

    /// Whether it may wait for room for as long as it takes.
    pub(crate) fn is_patient(&self) -> bool {
        self.deadline.is_none()
    }

    /// Whether the deadline has passed, although nobody has room for what the body gives. Then there is
    /// nothing left of it but the status.
    pub(crate) fn poll_expired(&mut self, cx: &mut Context<'_>) -> bool {
        if let BodyKind::Outgoing(frames) = &mut self.kind {
            return frames.poll_expired(cx);
        }
        let Some(deadline) = &mut self.deadline else { return false };
        let Err(late) = deadline.check(cx) else { return false };
        self.kind = BodyKind::Failed(late);
        true
    }

    /// Hands the body to somebody who may not read it: what it holds is counted among what is unread.
    pub(crate) fn track(&mut self) {
        if let BodyKind::H2(received, _) = &mut self.kind {
            received.track();
        }
    }

    /// Notes that somebody waits for the rest of a request that is to be one message.
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

/// What the end of the data says: of a response, how the call went.
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
