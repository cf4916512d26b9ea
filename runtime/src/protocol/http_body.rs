//! A [`Body`] as an [`http_body::Body`]. The status that ends a response becomes its trailers.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use tonic::{Status, metadata::MetadataMap};

use super::{content_type::Protocol, foreign::ForeignStream};
use crate::call::{
    body::{Body, Direction, EndOfBody, PrefetchedBody, RecvBody},
    downcast,
    observer::{BoxObserver, MessageObserver},
    status::BoxError,
};

/// A request body of any HTTP library.
pub trait BytesBody: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static {}

impl<B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static> BytesBody for B {}

/// The body type of requests that a [`Server`](crate::Server) passes to its services, and of responses
/// from generated servers.
#[derive(Default)]
pub struct HttpBody(HttpBodyKind);

#[derive(Default)]
enum HttpBodyKind {
    #[default]
    Ended,
    /// A body of this crate, its direction, and how it is written.
    Ours(Body, Direction, Protocol),
    /// What a connection of this crate receives.
    Received(Box<dyn RecvBody>),
    Other(tonic::body::Body),
    Observed(Box<ObservedHttpBody>),
    #[cfg(feature = "web")]
    Translated(Box<dyn TranslatedBody>),
}

/// A response whose messages, and whose end, are written otherwise than in gRPC.
#[cfg(feature = "web")]
pub(crate) trait TranslatedBody: Send {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>>;

    fn is_end_stream(&self) -> bool;

    /// The response in gRPC. None once it has ended.
    fn inner(&mut self) -> Option<&mut HttpBody>;

    /// What ends the response with `status`, instead of the rest of it. None if that cannot be said.
    fn end_with(&mut self, status: &Status) -> Option<Bytes>;
}

impl HttpBody {
    /// Wraps any body. A body that already has this type is returned as it is.
    pub fn new<B: BytesBody>(body: B) -> Self {
        let mut body = Some(body);
        let same = downcast::take(&mut body);
        let new = || body.map(|body| Self(HttpBodyKind::Other(tonic::body::Body::new(body))));
        same.or_else(new).unwrap_or_default()
    }

    pub(crate) fn request(body: Body, protocol: Protocol) -> Self {
        Self(HttpBodyKind::Ours(body, Direction::Request, protocol))
    }

    pub(crate) fn response(body: Body, protocol: Protocol) -> Self {
        Self(HttpBodyKind::Ours(body, Direction::Response, protocol))
    }

    /// A body of plain HTTP, all of which is there.
    #[cfg(any(feature = "admin", feature = "web", all(feature = "health", feature = "http1")))]
    pub(crate) fn plain(data: Bytes) -> Self {
        match data.is_empty() {
            true => Self::default(),
            // A request ends without a status.
            false => Self::request(Body::once(data), Protocol::Grpc),
        }
    }

    /// The body of a request that a connection of this crate receives.
    pub(crate) fn received(body: PrefetchedBody<impl RecvBody + 'static>) -> Self {
        match body {
            PrefetchedBody::Stream(stream) => Self::stream(Box::new(stream)),
            // As it was received, whatever the protocol.
            whole => Self::request(Body::received(whole, EndOfBody::Data), Protocol::Grpc),
        }
    }

    /// A body that is still to be received.
    pub(crate) fn stream(stream: Box<dyn RecvBody>) -> Self {
        Self(HttpBodyKind::Received(stream))
    }

    /// A response in another protocol than gRPC.
    #[cfg(feature = "web")]
    pub(crate) fn translated(body: impl TranslatedBody + 'static) -> Self {
        Self(HttpBodyKind::Translated(Box::new(body)))
    }

    /// Counts what the body holds as unread. Called when the body is handed to code that may not read it.
    pub(crate) fn track(&mut self) {
        match &mut self.0 {
            HttpBodyKind::Received(received) => received.track(),
            HttpBodyKind::Ours(body, ..) => body.track(),
            HttpBodyKind::Ended | HttpBodyKind::Other(_) => {}
            HttpBodyKind::Observed(observed) => observed.inner.track(),
            // A response, which nobody receives.
            #[cfg(feature = "web")]
            HttpBodyKind::Translated(_) => {}
        }
    }

    /// Shows the messages of a request to `observer`, as they are read.
    #[cfg(feature = "_observed")]
    pub(crate) fn observed_request(self, observer: BoxObserver) -> Self {
        Self(match self.0 {
            HttpBodyKind::Ours(body, Direction::Request, protocol) => {
                HttpBodyKind::Ours(body.observed(observer), Direction::Request, protocol)
            }
            HttpBodyKind::Received(stream) => {
                let body = Body::stream(stream, EndOfBody::Data).observed(observer);
                HttpBodyKind::Ours(body, Direction::Request, Protocol::Grpc)
            }
            HttpBodyKind::Ended => HttpBodyKind::Ended,
            kind => {
                let observer = Box::new(RequestFrames(observer));
                HttpBodyKind::Observed(Box::new(ObservedHttpBody { inner: Self(kind), observer }))
            }
        })
    }

    /// Shows the messages of a response, and its end, to `observer`. Gives it back if this is no body of ours.
    pub(super) fn observed_response(
        self,
        observer: BoxObserver,
    ) -> Result<Self, (Self, BoxObserver)> {
        match self.0 {
            HttpBodyKind::Ours(body, Direction::Response, protocol) => {
                let body = body.observed(observer);
                Ok(Self(HttpBodyKind::Ours(body, Direction::Response, protocol)))
            }
            kind => Err((Self(kind), observer)),
        }
    }

    /// This body, whose frames are shown to `observer`.
    pub(super) fn observed_frames(self, observer: Box<dyn FrameObserver>) -> Self {
        Self(HttpBodyKind::Observed(Box::new(ObservedHttpBody { inner: self, observer })))
    }

    /// The messages of a request. `explain` turns an error of another library's body into a status; a
    /// single request in such a body is read ahead.
    pub(crate) fn into_requests(
        self,
        has_single_request: bool,
        explain: fn(BoxError) -> Status,
    ) -> Body {
        let body = match self.0 {
            HttpBodyKind::Ours(body, Direction::Request, _) => return body,
            HttpBodyKind::Received(stream) => return Body::stream(stream, EndOfBody::Data),
            HttpBodyKind::Other(body) => body,
            kind => tonic::body::Body::new(Self(kind)),
        };
        let stream = ForeignStream::new(body, explain);
        let body = match has_single_request {
            true => stream.read_ahead(),
            false => PrefetchedBody::Stream(stream),
        };
        Body::received(body, EndOfBody::Data)
    }

    /// The bytes of a body, as they are sent.
    pub(crate) fn into_stream(self, explain: fn(BoxError) -> Status) -> Box<dyn RecvBody> {
        match self.0 {
            HttpBodyKind::Received(stream) => stream,
            HttpBodyKind::Ours(body, Direction::Request, _) => Box::new(RequestStream(body)),
            HttpBodyKind::Other(body) => Box::new(ForeignStream::new(body, explain)),
            kind => Box::new(ForeignStream::new(tonic::body::Body::new(Self(kind)), explain)),
        }
    }

    /// Whether nothing of the body is on its way any more.
    pub(crate) fn has_arrived(&self) -> bool {
        self.is_buffered() || http_body::Body::is_end_stream(self)
    }

    /// Whether there is nothing more of the body.
    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.0, HttpBodyKind::Ended)
    }

    /// How the body is written, if it is a reply of this crate, and not plain HTTP.
    pub(crate) fn reply_protocol(&self) -> Option<Protocol> {
        match self.0 {
            HttpBodyKind::Ours(_, Direction::Response, protocol) => Some(protocol),
            _ => None,
        }
    }

    /// Whether the body is a response whose status is part of its data.
    pub(crate) fn has_status_in_data(&self) -> bool {
        match &self.0 {
            HttpBodyKind::Ours(_, Direction::Response, protocol) => !protocol.has_http_trailers(),
            #[cfg(feature = "web")]
            HttpBodyKind::Translated(_) => true,
            _ => false,
        }
    }

    /// What ends a response in `protocol` with `status`, instead of the rest of it. None if its body cannot say that.
    pub(crate) fn end_with(
        &mut self,
        protocol: Option<Protocol>,
        status: &Status,
    ) -> Option<Frame<Bytes>> {
        #[cfg(feature = "web")]
        if let HttpBodyKind::Translated(body) = &mut self.0 {
            return body.end_with(status).map(Frame::data);
        }
        let can_say =
            |protocol: &Protocol| protocol.has_http_trailers() || self.has_status_in_data();
        protocol.filter(can_say).map(|protocol| protocol.end_of_response(Err(status)))
    }

    /// This body, which keeps `guard` until it has been sent, or is dropped. A buffered one does not need it.
    pub(crate) fn holding(self, guard: impl Send + Unpin + 'static) -> Self {
        if self.is_buffered() {
            return self;
        }
        match self.0 {
            HttpBodyKind::Ours(body, direction, protocol) => {
                let body = body.observed(Box::new(HoldingObserver { _guard: guard }));
                Self(HttpBodyKind::Ours(body, direction, protocol))
            }
            kind => Self::new(HoldingBody { body: Self(kind), _guard: guard }),
        }
    }

    /// The last frame of a body of this crate that has ended.
    fn end(&mut self, end: Result<(), Status>) -> Option<Result<Frame<Bytes>, Status>> {
        let HttpBodyKind::Ours(mut body, direction, protocol) = std::mem::take(&mut self.0) else {
            return None;
        };
        match (direction, end) {
            (Direction::Request, end) => end.err().map(Err),
            (Direction::Response, Ok(())) => {
                Some(Ok(protocol.end_of_response(Ok(body.take_trailers()))))
            }
            (Direction::Response, Err(status)) => Some(Ok(protocol.end_of_response(Err(&status)))),
        }
    }

    /// Whether the body may wait for flow-control window indefinitely.
    pub(crate) fn may_wait_for_window(&self) -> bool {
        !matches!(&self.0, HttpBodyKind::Ours(body, ..) if !body.may_wait_for_window())
    }

    /// Whether the body's deadline has passed while it waits for flow-control window. If so, the body
    /// ends with that status.
    pub(crate) fn poll_expired(&mut self, cx: &mut Context<'_>) -> bool {
        match &mut self.0 {
            HttpBodyKind::Ours(body, ..) => body.poll_expired(cx),
            #[cfg(feature = "web")]
            HttpBodyKind::Translated(body) => {
                body.inner().is_some_and(|inner| inner.poll_expired(cx))
            }
            _ => false,
        }
    }

    /// Whether all of the body, one message at most, is buffered.
    pub(crate) fn is_buffered(&self) -> bool {
        matches!(&self.0, HttpBodyKind::Ended)
            || matches!(&self.0, HttpBodyKind::Ours(body, ..) if body.is_buffered())
    }
}

impl http_body::Body for HttpBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = match &mut self.0 {
            HttpBodyKind::Ended => return Poll::Ready(None),
            HttpBodyKind::Other(body) => return Pin::new(body).poll_frame(cx),
            HttpBodyKind::Observed(observed) => return observed.poll_frame(cx),
            #[cfg(feature = "web")]
            HttpBodyKind::Translated(body) => {
                let frame = ready!(body.poll_frame(cx));
                if body.is_end_stream() {
                    self.0 = HttpBodyKind::Ended;
                }
                return Poll::Ready(frame);
            }
            HttpBodyKind::Received(stream) => ready!(poll_received(&mut **stream, cx)),
            HttpBodyKind::Ours(body, _, protocol) => match ready!(body.poll_data(cx)) {
                Some(Ok(data)) => Some(Ok(Frame::data(protocol.encode_data(data)))),
                Some(Err(status)) => return Poll::Ready(self.end(Err(status))),
                None => return Poll::Ready(self.end(Ok(()))),
            },
        };
        if !matches!(&frame, Some(Ok(frame)) if frame.is_data()) {
            self.0 = HttpBodyKind::Ended;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            HttpBodyKind::Ended => true,
            HttpBodyKind::Ours(body, direction, _) => {
                *direction == Direction::Request && body.has_ended()
            }
            HttpBodyKind::Received(stream) => stream.is_end_stream(),
            HttpBodyKind::Other(body) => body.is_end_stream(),
            HttpBodyKind::Observed(observed) => http_body::Body::is_end_stream(&observed.inner),
            #[cfg(feature = "web")]
            HttpBodyKind::Translated(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            HttpBodyKind::Ended => SizeHint::with_exact(0),
            HttpBodyKind::Other(body) => body.size_hint(),
            HttpBodyKind::Observed(observed) => observed.inner.size_hint(),
            HttpBodyKind::Ours(..) | HttpBodyKind::Received(_) => SizeHint::default(),
            #[cfg(feature = "web")]
            HttpBodyKind::Translated(_) => SizeHint::default(),
        }
    }
}

/// A request of this crate as a stream of its bytes.
struct RequestStream(Body);

impl RecvBody for RequestStream {
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Status>>> {
        self.0.poll_data(cx)
    }

    fn poll_trailers(&mut self, _: &mut Context<'_>) -> Poll<Result<Option<HeaderMap>, Status>> {
        Poll::Ready(Ok(None))
    }

    fn is_end_stream(&self) -> bool {
        self.0.has_ended()
    }

    fn track(&mut self) {
        self.0.track();
    }

    fn note_awaiting(&self) {
        self.0.note_awaiting();
    }
}

/// Keeps something for as long as a body lives.
struct HoldingObserver<G> {
    _guard: G,
}

impl<G: Send> MessageObserver for HoldingObserver<G> {
    fn on_data(&mut self, _data: &[u8]) {}

    fn on_message(&mut self) {}

    fn on_end(&mut self, _ended: Result<&MetadataMap, &Status>) {}
}

/// The body of another library, and something that is kept as long as it lives.
struct HoldingBody<G> {
    body: HttpBody,
    _guard: G,
}

impl<G: Send + Unpin + 'static> http_body::Body for HoldingBody<G> {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A body of another library whose frames are shown to an observer.
struct ObservedHttpBody {
    inner: HttpBody,
    observer: Box<dyn FrameObserver>,
}

/// Observes the frames of a body, and how they end. If it is dropped before that, nobody has read them to the end.
pub(super) trait FrameObserver: Send {
    fn on_frame(&mut self, frame: &Frame<Bytes>);

    fn on_end(&mut self, end: Result<(), &Status>);
}

/// Of a request, whose trailers carry nothing.
#[cfg(feature = "_observed")]
struct RequestFrames(BoxObserver);

#[cfg(feature = "_observed")]
impl FrameObserver for RequestFrames {
    fn on_frame(&mut self, frame: &Frame<Bytes>) {
        if let Some(data) = frame.data_ref() {
            self.0.on_data(data);
        }
    }

    fn on_end(&mut self, end: Result<(), &Status>) {
        let none = MetadataMap::new();
        self.0.on_end(end.map(|()| &none));
    }
}

impl ObservedHttpBody {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let polled = ready!(http_body::Body::poll_frame(Pin::new(&mut self.inner), cx));
        match &polled {
            Some(Ok(frame)) => {
                self.observer.on_frame(frame);
                // Whoever asks for that does not ask for more.
                if http_body::Body::is_end_stream(&self.inner) {
                    self.observer.on_end(Ok(()));
                }
            }
            Some(Err(status)) => self.observer.on_end(Err(status)),
            None => self.observer.on_end(Ok(())),
        }
        Poll::Ready(polled)
    }
}

fn poll_received(
    received: &mut dyn RecvBody,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
    if let Some(data) = ready!(received.poll_data(cx)) {
        return Poll::Ready(Some(data.map(Frame::data)));
    }
    let trailers = ready!(received.poll_trailers(cx)).transpose();
    Poll::Ready(trailers.map(|trailers| trailers.map(Frame::trailers)))
}

impl fmt::Debug for HttpBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            HttpBodyKind::Ended => "HttpBody::Ended",
            HttpBodyKind::Ours(..) => "HttpBody::Ours",
            HttpBodyKind::Received(_) => "HttpBody::Received",
            HttpBodyKind::Other(_) => "HttpBody::Other",
            HttpBodyKind::Observed(_) => "HttpBody::Observed",
            #[cfg(feature = "web")]
            HttpBodyKind::Translated(_) => "HttpBody::Translated",
        })
    }
}
