//! One call on its stream of a connection.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use h2::{Reason, server::SendResponse};
use http::Response;
use http_body::Body as _;

use super::{http::BreakConnection, routes::Responding};
use crate::wire::{
    h2::{Sending, Unsent},
    http_body::HttpBody,
};

/// A call, until it is answered or nobody waits for the answer any more.
pub(super) struct Call {
    stream: SendResponse<Bytes>,
    progress: Progress,
}

enum Progress {
    /// The service is at work.
    Waiting(Responding),
    Answered(Response<HttpBody>),
    Sending(Sending),
    Over,
}

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// It was answered, or given up by its client.
    Well,
    /// Its connection is to break, before the end of the call can be told.
    ByBreak,
}

impl Call {
    pub(super) fn new(responding: Responding, stream: SendResponse<Bytes>) -> Self {
        Self { stream, progress: Progress::Waiting(responding) }
    }

    /// Ready when the service has answered, or the client has gone.
    pub(super) fn poll_service(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Progress::Waiting(responding) = &mut self.progress else { return Poll::Ready(()) };
        self.progress = match responding.poll(cx) {
            Poll::Ready(response) => Progress::Answered(response),
            // When the client has gone, so may the handler.
            Poll::Pending => {
                // Whichever way it is gone.
                let _ = ready!(self.stream.poll_reset(cx));
                Progress::Over
            }
        };
        Poll::Ready(())
    }

    /// Whether the service has answered with all that it will.
    pub(super) fn is_at_hand(&self) -> bool {
        matches!(&self.progress, Progress::Answered(response) if response.body().is_at_hand())
    }
}

impl Future for Call {
    type Output = Ended;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ended> {
        let this = &mut *self;
        ready!(this.poll_service(cx));
        if let Progress::Answered(_) = &this.progress
            && let Progress::Answered(response) = this.progress.take()
        {
            if response.extensions().get::<BreakConnection>().is_some() {
                return Poll::Ready(Ended::ByBreak);
            }
            let sending = respond(response, &mut this.stream);
            this.progress = sending.map_or(Progress::Over, Progress::Sending);
        }
        if let Progress::Sending(sending) = &mut this.progress
            && let Err(Unsent::Body(_)) = ready!(sending.poll(cx))
        {
            sending.reset(Reason::INTERNAL_ERROR);
        }
        Poll::Ready(Ended::Well)
    }
}

impl Progress {
    fn take(&mut self) -> Self {
        std::mem::replace(self, Self::Over)
    }
}

/// Sends the head of `response`; returns what is left to send to one who still waits for it.
fn respond(response: Response<HttpBody>, stream: &mut SendResponse<Bytes>) -> Option<Sending> {
    let (head, body) = response.into_parts();
    let ended = body.is_end_stream();
    let stream = stream.send_response(Response::from_parts(head, ()), ended).ok()?;
    (!ended).then(|| Sending::new(body, stream))
}
