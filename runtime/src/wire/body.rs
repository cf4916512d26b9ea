//! The messages of one direction of a call, as bytes, whichever way they travel.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body as _, Frame};
use tonic::{Status, metadata::MetadataMap};

use super::{
    deadline::Deadline,
    frame::{Encode, Encoder},
    headers,
    outgoing::Outgoing,
    status,
};
use crate::Streaming;

/// A stream of frames that ends well, with trailers, or with a status.
pub(crate) struct Body {
    kind: Kind,
    trailers: MetadataMap,
}

enum Kind {
    /// Nothing more to come.
    Ended,
    /// One frame, known beforehand.
    Once(Bytes),
    /// Frames that are encoded as they are asked for.
    Outgoing(Box<Outgoing>),
    /// Frames that come through HTTP.
    Http(tonic::body::Body, Side),
}

/// What a body belongs to: the end of a response says how the call went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Request,
    Response,
}

impl Body {
    pub(crate) fn empty() -> Self {
        Self { kind: Kind::Ended, trailers: MetadataMap::new() }
    }

    pub(crate) fn once(frame: Bytes) -> Self {
        Self { kind: Kind::Once(frame), trailers: MetadataMap::new() }
    }

    pub(crate) fn outgoing<M: Encode + 'static>(
        messages: Streaming<M>,
        encoder: Encoder,
        deadline: Deadline,
    ) -> Self {
        let frames = Outgoing::new(messages, encoder, deadline);
        Self { kind: Kind::Outgoing(Box::new(frames)), trailers: MetadataMap::new() }
    }

    pub(crate) fn from_http(body: tonic::body::Body, side: Side) -> Self {
        Self { kind: Kind::Http(body, side), trailers: MetadataMap::new() }
    }

    /// Sends `trailers` when the body has ended well.
    pub(crate) fn with_trailers(mut self, trailers: MetadataMap) -> Self {
        self.trailers = trailers;
        self
    }

    /// Whether there may be any number of messages.
    pub(crate) fn is_stream(&self) -> bool {
        matches!(self.kind, Kind::Outgoing(_))
    }

    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.kind, Kind::Ended)
    }

    /// The trailers of a body that has ended well.
    pub(crate) fn take_trailers(&mut self) -> MetadataMap {
        std::mem::take(&mut self.trailers)
    }

    /// The next bytes; an error is the status that the body ended with.
    pub(crate) fn poll_data(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Status>>> {
        let polled = match &mut self.kind {
            Kind::Ended => return Poll::Ready(None),
            Kind::Once(frame) => {
                let frame = std::mem::take(frame);
                self.kind = Kind::Ended;
                return Poll::Ready(Some(Ok(frame)));
            }
            Kind::Outgoing(frames) => ready!(frames.poll_data(cx)),
            Kind::Http(body, side) => ready!(poll_http(body, *side, &mut self.trailers, cx)),
        };
        if !matches!(polled, Some(Ok(_))) {
            self.end();
        }
        Poll::Ready(polled)
    }

    fn end(&mut self) {
        let ended = std::mem::replace(&mut self.kind, Kind::Ended);
        if let Kind::Outgoing(mut frames) = ended {
            merge(&mut self.trailers, frames.take_trailers());
        }
    }
}

/// Adds `more` to `metadata`, behind the values that a name has there already.
pub(crate) fn merge(metadata: &mut MetadataMap, more: MetadataMap) {
    if metadata.is_empty() {
        *metadata = more;
    } else if !more.is_empty() {
        let mut headers = std::mem::take(metadata).into_headers();
        for (name, value) in &more.into_headers() {
            headers.append(name.clone(), value.clone());
        }
        *metadata = MetadataMap::from_headers(headers);
    }
}

fn poll_http(
    body: &mut tonic::body::Body,
    side: Side,
    trailers: &mut MetadataMap,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<Bytes, Status>>> {
    loop {
        let frame = match ready!(Pin::new(&mut *body).poll_frame(cx)) {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => {
                return Poll::Ready(Some(Err(status::from_transport(error.into()))));
            }
            None if side == Side::Request => return Poll::Ready(None),
            None => return Poll::Ready(Some(Err(status::missing()))),
        };
        let received = match frame.into_data() {
            Ok(data) if data.is_empty() => continue,
            Ok(data) => return Poll::Ready(Some(Ok(data))),
            Err(frame) => frame.into_trailers().unwrap_or_default(),
        };
        if side == Side::Response {
            match status::from_trailers(&received) {
                Some(Ok(())) => {}
                Some(Err(status)) => return Poll::Ready(Some(Err(status))),
                None => return Poll::Ready(Some(Err(status::missing()))),
            }
        }
        *trailers = headers::into_trailers(received);
        return Poll::Ready(None);
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.kind {
            Kind::Ended => "Ended",
            Kind::Once(_) => "Once",
            Kind::Outgoing(_) => "Outgoing",
            Kind::Http(..) => "Http",
        };
        f.debug_struct("Body").field("kind", &kind).finish_non_exhaustive()
    }
}

/// A [`Body`] on its way into HTTP: a response's end becomes its trailers.
pub(crate) struct HttpBody {
    body: Body,
    /// Whose trailers are still to be sent.
    side: Option<Side>,
}

impl HttpBody {
    pub(crate) fn request(body: Body) -> tonic::body::Body {
        tonic::body::Body::new(Self { body, side: Some(Side::Request) })
    }

    pub(crate) fn response(body: Body) -> tonic::body::Body {
        tonic::body::Body::new(Self { body, side: Some(Side::Response) })
    }
}

impl http_body::Body for HttpBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Some(side) = self.side else {
            return Poll::Ready(None);
        };
        let ended = match ready!(self.body.poll_data(cx)) {
            Some(Ok(data)) => return Poll::Ready(Some(Ok(Frame::data(data)))),
            Some(Err(status)) => Err(status),
            None => Ok(self.body.take_trailers()),
        };
        self.side = None;
        Poll::Ready(match (side, ended) {
            (Side::Request, Ok(_)) => None,
            (Side::Request, Err(status)) => Some(Err(status)),
            (Side::Response, Ok(trailers)) => {
                Some(Ok(Frame::trailers(headers::ok_trailers(trailers))))
            }
            (Side::Response, Err(status)) => {
                Some(Ok(Frame::trailers(headers::status_trailers(&status))))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.side.is_none() || (self.side == Some(Side::Request) && self.body.has_ended())
    }
}
