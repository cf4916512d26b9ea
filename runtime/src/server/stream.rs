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

/// Answers a call, until it is answered or nobody waits for the answer any more.
pub(super) enum Call {
    /// The service is at work.
    Waiting(Responding, SendResponse<Bytes>),
    Sending(Sending),
}

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// It was answered, or given up by its client.
    Well,
    /// Its connection is to break, before the end of the call can be told.
    ByBreak,
}

impl Future for Call {
    type Output = Ended;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ended> {
        loop {
            match &mut *self {
                Self::Waiting(responding, stream) => {
                    let Poll::Ready(response) = responding.poll(cx) else {
                        // When the client has gone, so may the handler.
                        return stream.poll_reset(cx).map(|_| Ended::Well);
                    };
                    if response.extensions().get::<BreakConnection>().is_some() {
                        return Poll::Ready(Ended::ByBreak);
                    }
                    match respond(response, stream) {
                        Some(sending) => *self = Self::Sending(sending),
                        None => return Poll::Ready(Ended::Well),
                    }
                }
                Self::Sending(sending) => {
                    if let Err(Unsent::Body(_)) = ready!(sending.poll(cx)) {
                        sending.reset(Reason::INTERNAL_ERROR);
                    }
                    return Poll::Ready(Ended::Well);
                }
            }
        }
    }
}

/// Sends the head of `response`; returns what is left to send to one who still waits for it.
fn respond(response: Response<HttpBody>, stream: &mut SendResponse<Bytes>) -> Option<Sending> {
    let (head, body) = response.into_parts();
    let ended = body.is_end_stream();
    let stream = stream.send_response(Response::from_parts(head, ()), ended).ok()?;
    (!ended).then(|| Sending::new(body, stream))
}
