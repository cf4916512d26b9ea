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
    Ended(Ended),
}

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// It was answered, or given up by its client.
    Well,
    /// Its connection is to break.
    ByBreak,
}

impl Call {
    fn poll_progress(&mut self, cx: &mut Context<'_>) -> Poll<Self> {
        Poll::Ready(match self {
            Self::Waiting(responding, stream) => match responding.poll(cx) {
                Poll::Ready(response) => respond(response, stream),
                // The client has gone: so may the handler.
                Poll::Pending => ready!(stream.poll_reset(cx)).map_or(OVER, |_| OVER),
            },
            Self::Sending(sending) => {
                if let Err(Unsent::Body(_)) = ready!(sending.poll(cx)) {
                    sending.reset(Reason::INTERNAL_ERROR);
                }
                OVER
            }
            Self::Ended(ended) => Self::Ended(*ended),
        })
    }
}

const OVER: Call = Call::Ended(Ended::Well);

/// Sends the head of `response`; an error means that nobody waits for it.
fn respond(response: Response<HttpBody>, stream: &mut SendResponse<Bytes>) -> Call {
    let (head, body) = response.into_parts();
    if head.extensions.get::<BreakConnection>().is_some() {
        return Call::Ended(Ended::ByBreak);
    }
    let ended = body.is_end_stream();
    match stream.send_response(Response::from_parts(head, ()), ended) {
        Ok(stream) if !ended => Call::Sending(Sending::new(body, stream)),
        Ok(_) | Err(_) => OVER,
    }
}

impl Future for Call {
    type Output = Ended;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ended> {
        loop {
            match *self {
                Self::Ended(ended) => return Poll::Ready(ended),
                _ => *self = ready!(self.poll_progress(cx)),
            }
        }
    }
}
