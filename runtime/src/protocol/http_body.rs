//! A [`Body`] as an [`http_body::Body`]. The status that ends a response becomes its trailers.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::Frame;
use tonic::Status;

use super::{foreign::ForeignStream, grpc_status, headers};
use crate::call::{
    body::{Body, Direction, EndOfBody, ReceivedBody, RecvBody},
    downcast,
    status::BoxError,
};

/// A request body of any HTTP library.
pub trait RequestBody:
    http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static
{
}

impl<B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static> RequestBody for B {}

/// The body type of requests that a [`Server`](crate::Server) passes to its services, and of responses
/// from generated servers.
#[derive(Default)]
pub struct HttpBody(HttpBodyKind);

#[derive(Default)]
enum HttpBodyKind {
    #[default]
    Ended,
    /// A body of this crate, and its direction.
    Ours(Body, Direction),
    /// What a connection of this crate receives.
    Received(Box<dyn RecvBody>),
    Other(tonic::body::Body),
}

impl HttpBody {
    /// Wraps any body. A body that already has this type is returned as it is.
    pub fn new<B: RequestBody>(body: B) -> Self {
        let mut body = Some(body);
        let same = downcast::take(&mut body);
        let new = || body.map(|body| Self(HttpBodyKind::Other(tonic::body::Body::new(body))));
        same.or_else(new).unwrap_or_default()
    }

    pub(crate) fn request(body: Body) -> Self {
        Self(HttpBodyKind::Ours(body, Direction::Request))
    }

    pub(crate) fn response(body: Body) -> Self {
        Self(HttpBodyKind::Ours(body, Direction::Response))
    }

    /// The body of a request that a connection of this crate receives.
    pub(crate) fn received(body: ReceivedBody<impl RecvBody + 'static>) -> Self {
        match body {
            ReceivedBody::Stream(stream) => Self(HttpBodyKind::Received(Box::new(stream))),
            whole => Self::request(Body::received(whole, EndOfBody::Data)),
        }
    }

    /// Counts what the body holds as unread. Called when the body is handed to code that may not read it.
    pub(crate) fn track(&mut self) {
        match &mut self.0 {
            HttpBodyKind::Received(received) => received.track(),
            HttpBodyKind::Ours(body, _) => body.track(),
            HttpBodyKind::Ended | HttpBodyKind::Other(_) => {}
        }
    }

    /// The messages of a request. `explain` turns an error of a foreign body into a status; a unary request
    /// in such a body is read ahead.
    pub(crate) fn into_requests(self, is_unary: bool, explain: fn(BoxError) -> Status) -> Body {
        let body = match self.0 {
            HttpBodyKind::Ours(body, Direction::Request) => return body,
            HttpBodyKind::Received(stream) => return Body::stream(stream, EndOfBody::Data),
            HttpBodyKind::Other(body) => body,
            kind => tonic::body::Body::new(Self(kind)),
        };
        let stream = ForeignStream::new(body, explain);
        let body = match is_unary {
            true => stream.read_ahead(),
            false => ReceivedBody::Stream(stream),
        };
        Body::received(body, EndOfBody::Data)
    }

    /// Whether the body may wait for flow-control window indefinitely.
    pub(crate) fn is_patient(&self) -> bool {
        !matches!(&self.0, HttpBodyKind::Ours(body, _) if !body.is_patient())
    }

    /// Whether the body's deadline has passed while it waits for flow-control window. If so, the body
    /// ends with that status.
    pub(crate) fn poll_expired(&mut self, cx: &mut Context<'_>) -> bool {
        match &mut self.0 {
            HttpBodyKind::Ours(body, _) => body.poll_expired(cx),
            _ => false,
        }
    }

    /// Whether all of the body, one message at most, is buffered.
    pub(crate) fn is_buffered(&self) -> bool {
        matches!(&self.0, HttpBodyKind::Ended)
            || matches!(&self.0, HttpBodyKind::Ours(body, _) if body.is_buffered())
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
            HttpBodyKind::Received(stream) => ready!(poll_received(&mut **stream, cx)),
            HttpBodyKind::Ours(body, direction) => ready!(poll_ours(body, *direction, cx)),
        };
        if !matches!(&frame, Some(Ok(frame)) if frame.is_data()) {
            self.0 = HttpBodyKind::Ended;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            HttpBodyKind::Ended => true,
            HttpBodyKind::Ours(body, direction) => {
                *direction == Direction::Request && body.has_ended()
            }
            HttpBodyKind::Received(stream) => stream.is_end_stream(),
            HttpBodyKind::Other(body) => body.is_end_stream(),
        }
    }
}

fn poll_ours(
    body: &mut Body,
    direction: Direction,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
    let ended = match ready!(body.poll_data(cx)) {
        Some(Ok(data)) => return Poll::Ready(Some(Ok(Frame::data(data)))),
        Some(Err(status)) => Err(status),
        None => Ok(body.take_trailers()),
    };
    Poll::Ready(match (direction, ended) {
        (Direction::Request, Ok(_)) => None,
        (Direction::Request, Err(status)) => Some(Err(status)),
        (Direction::Response, Ok(trailers)) => {
            Some(Ok(Frame::trailers(headers::ok_trailers(trailers))))
        }
        (Direction::Response, Err(status)) => {
            Some(Ok(Frame::trailers(grpc_status::to_headers(&status))))
        }
    })
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
        })
    }
}
