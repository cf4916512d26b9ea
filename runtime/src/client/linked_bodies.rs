//! A [`CancelLink`] between the bodies of a call through tower.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::sync::oneshot;
use tonic::{Status, body::Body};

use crate::{
    call::cancel_link::CancelLink,
    h2::error::{self, BodyError},
    protocol::http_body::HttpBody,
};

/// Links `requests` to the response that will hold the returned link.
pub(super) fn link(requests: HttpBody) -> (Body, CancelLink) {
    let (failure, link) = CancelLink::new();
    (Body::new(LinkedRequests { body: requests, failure: Some(failure) }), link)
}

/// `response` with the link attached.
pub(super) fn hold(response: Body, link: CancelLink) -> Body {
    match link.is_open() {
        true => Body::new(LinkedResponse { body: response, link }),
        false => response,
    }
}

struct LinkedRequests {
    body: HttpBody,
    /// The requests' end of the link. None once they have failed or were cancelled.
    failure: Option<oneshot::Sender<Status>>,
}

impl LinkedRequests {
    fn fail(&mut self, status: Status) {
        if let Some(failure) = self.failure.take() {
            // The receiver is gone if the caller has dropped the response.
            let _ = failure.send(status);
        }
    }
}

impl http_body::Body for LinkedRequests {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        let Some(failure) = &mut this.failure else { return Poll::Ready(None) };
        if failure.poll_closed(cx).is_pending() {
            match ready!(Pin::new(&mut this.body).poll_frame(cx)) {
                Some(Err(status)) => this.fail(status),
                Some(Ok(frame)) => return Poll::Ready(Some(Ok(frame))),
                None => return Poll::Ready(None),
            }
        }
        this.failure = None;
        // hyper resets the stream with this error code.
        Poll::Ready(Some(Err(error::cancel())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}

struct LinkedResponse {
    body: Body,
    link: CancelLink,
}

impl http_body::Body for LinkedResponse {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        // Checked after the body: if the requests failed, their status takes precedence over whatever the
        // peer answers to the reset.
        match self.link.poll_failure(cx) {
            Some(status) => Poll::Ready(Some(Err(status))),
            None => frame,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
