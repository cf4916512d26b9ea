//! Ties a stream of requests to its response, which HTTP does not: when nobody wants the response
//! any more, the requests end, and when the requests fail, the response says why.

use std::{
    future::Future as _,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::sync::oneshot;
use tonic::{Status, body::Body};

use crate::wire::http_body::HttpBody;

/// The response's end: dropping it resets a call whose requests could go on.
pub(super) struct Tie(Option<oneshot::Receiver<Status>>);

impl Tie {
    /// The end for a response whose request is no stream.
    pub(super) fn none() -> Self {
        Self(None)
    }

    /// Ties `requests` to what is returned beside them.
    pub(super) fn to(requests: HttpBody) -> (Body, Self) {
        let (failure, failed) = oneshot::channel();
        (Body::new(Requests { body: requests, failure: Some(failure) }), Self(Some(failed)))
    }

    /// What the requests have failed with.
    pub(super) fn poll_failure(&mut self, cx: &mut Context<'_>) -> Option<Status> {
        match Pin::new(self.0.as_mut()?).poll(cx) {
            Poll::Pending => None,
            Poll::Ready(outcome) => {
                self.0 = None;
                outcome.ok()
            }
        }
    }

    /// The body of the response, which now holds the tie.
    pub(super) fn hold(self, body: Body) -> Body {
        match self.0 {
            None => body,
            Some(_) => Body::new(Response { body, tie: self }),
        }
    }
}

struct Requests {
    body: HttpBody,
    /// The requests' end; none once they have failed or are not wanted any more.
    failure: Option<oneshot::Sender<Status>>,
}

impl Requests {
    fn fail(&mut self, status: Status) {
        if let Some(failure) = self.failure.take() {
            // Nobody wants to know when the response is not wanted any more.
            let _ = failure.send(status);
        }
    }
}

impl http_body::Body for Requests {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
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
        // The reason that hyper gives when it resets the stream.
        Poll::Ready(Some(Err(h2::Reason::CANCEL.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}

struct Response {
    body: Body,
    tie: Tie,
}

impl http_body::Body for Response {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        // Asked last: what the peer makes of the requests' end is not what they ended with.
        match self.tie.poll_failure(cx) {
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
