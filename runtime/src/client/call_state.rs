//! How far a call has come on its stream of a connection.

use std::{
    future::{Future as _, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use h2::{
    Reason, RecvStream, SendStream,
    client::{ResponseFuture, SendRequest},
};
use http::{HeaderMap, Method, Request, Response, Uri, Version};
use tokio::sync::oneshot;
use tonic::Status;

use super::replay::ReplayAttempt;
use crate::wire::{
    body::{Body, Side},
    cancel_link::CancelLink,
    credit::{CreditedStream, UnreadStreams},
    h2::{ReceivedBody, SendFailure, Sending},
    header_list::Limit,
    http_body::HttpBody,
    status,
    stream_limiter::StreamPermit,
};

/// What calls are sent through.
pub(super) type RequestSender = SendRequest<Bytes>;

pub(super) type CallResult = Result<Response<Body>, CallFailure>;

/// A call that a connection is to make.
pub(super) struct OutboundCall {
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    pub(super) requests: OutboundBody,
    /// Whether the caller reads the response message by message.
    pub(super) streams_responses: bool,
    /// How long the trailers of the response may be.
    pub(super) header_limit: Limit,
    pub(super) permit: StreamPermit,
}

/// What is sent behind the head.
pub(super) enum OutboundBody {
    /// All of it.
    Message(Bytes),
    Stream(Box<ReplayAttempt>),
}

/// Why there is no response.
pub(super) enum CallFailure {
    /// The connection did not take the call.
    NotSent(Option<h2::Error>),
    /// The requests have failed, or something on the task of the connection.
    Status(Status),
    Stream(h2::Error),
}

impl CallFailure {
    pub(super) fn panicked() -> Self {
        Self::Status(Status::internal("sending the call panicked"))
    }

    pub(super) fn broken() -> Self {
        Self::Status(status::broken())
    }
}

pub(super) enum CallState {
    /// It is still to be sent.
    New(OutboundCall),
    Sent(SentCall),
    /// A response of one message, which the caller needs as a whole.
    Reading(Response<Body>),
    Answered(CallResult),
    /// The caller has its answer, or does not want it any more.
    Over,
}

/// A call that has been sent, or is being sent.
pub(super) struct SentCall {
    response: ResponseFuture,
    streams_responses: bool,
    header_limit: Limit,
    permit: StreamPermit,
    link: CancelLink,
}

impl CallState {
    /// Sends a call that is still to be sent: through `requests`, if that is still there.
    pub(super) fn begin(&mut self, requests: Option<&RequestSender>) -> Result<(), CallFailure> {
        let Self::New(_) = self else { return Ok(()) };
        let Self::New(outbound) = self.take() else { return Ok(()) };
        let requests = requests.ok_or(CallFailure::NotSent(None))?;
        let sent = send(outbound, requests).map_err(|error| CallFailure::NotSent(Some(error)))?;
        *self = Self::Sent(sent);
        Ok(())
    }

    /// Ready with the answer, once. What its stream holds from then on is counted among the `unread`.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        unread: &Arc<UnreadStreams>,
    ) -> Poll<CallResult> {
        let mut answer = ready!(self.poll_answer(cx, unread));
        if let Ok(response) = &mut answer {
            response.body_mut().track();
        }
        Poll::Ready(answer)
    }

    fn poll_answer(
        &mut self,
        cx: &mut Context<'_>,
        unread: &Arc<UnreadStreams>,
    ) -> Poll<CallResult> {
        if let Self::Sent(sent) = self {
            let response = ready!(sent.poll_response(cx)?);
            let Self::Sent(sent) = self.take() else { return Poll::Pending };
            let is_wanted_whole = !sent.streams_responses;
            let mut response = sent.answer(response, unread);
            if is_wanted_whole && response.body_mut().poll_ahead(cx).is_pending() {
                *self = Self::Reading(response);
                return Poll::Pending;
            }
            return Poll::Ready(Ok(response));
        }
        let Self::Reading(response) = self else { return Poll::Pending };
        ready!(response.body_mut().poll_ahead(cx));
        match self.take() {
            Self::Reading(response) => Poll::Ready(Ok(response)),
            _ => Poll::Pending,
        }
    }

    /// Whether there is more to come from HTTP/2.
    pub(super) fn is_waiting(&self) -> bool {
        matches!(self, Self::Sent(_) | Self::Reading(_))
    }

    pub(super) fn take(&mut self) -> Self {
        std::mem::replace(self, Self::Over)
    }
}

impl SentCall {
    fn poll_response(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Response<RecvStream>, CallFailure>> {
        let response = Pin::new(&mut self.response).poll(cx);
        match self.link.poll_failure(cx) {
            Some(status) => Poll::Ready(Err(CallFailure::Status(status))),
            None => response.map_err(CallFailure::Stream),
        }
    }

    fn answer(self, response: Response<RecvStream>, unread: &Arc<UnreadStreams>) -> Response<Body> {
        self.permit.note_answer();
        response.map(|body| {
            let stream = CreditedStream::new(body, unread);
            let received =
                ReceivedBody::response(stream, self.header_limit, self.link, self.permit);
            Body::from_h2(received, Side::Response)
        })
    }
}

/// Sends the head, and the message if it is at hand.
fn send(outbound: OutboundCall, requests: &RequestSender) -> Result<SentCall, h2::Error> {
    let OutboundCall { uri, headers, streams_responses, header_limit, mut permit, .. } = outbound;
    // A handle keeps hold of a call that takes the last stream: given up, such a call would not be reset
    // before the next one is sent. And asking a handle whether that call is open yet, as it has to be
    // before the next one, takes the place of whoever waits to send its requests. A clone does neither.
    //
    // HTTP/2 may still count streams that are free here: callers on other threads give up calls whose
    // resets are sent only when it is polled again, and the server may just have lowered its limit. It
    // opens the call as soon as it has sent a reset, or one of its streams ends: it looks for such calls
    // whenever it is polled, and both happen nowhere else.
    let begun = requests.clone().send_request(head(uri, headers), false);
    let (response, mut stream) = begun.inspect_err(|_| permit.close())?;
    let link = match outbound.requests {
        OutboundBody::Message(message) => {
            stream.send_data(message, true)?;
            CancelLink::default()
        }
        OutboundBody::Stream(attempt) => {
            let (failure, link) = CancelLink::new();
            // The response may be over while requests are being sent, and the stream is open then.
            tokio::spawn(send_stream(*attempt, stream, failure, permit.share()));
            link
        }
    };
    Ok(SentCall { response, streams_responses, header_limit, permit, link })
}

fn head(uri: Uri, headers: HeaderMap) -> Request<()> {
    let mut head = Request::new(());
    *head.method_mut() = Method::POST;
    *head.version_mut() = Version::HTTP_2;
    *head.uri_mut() = uri;
    *head.headers_mut() = headers;
    head
}

/// Sends `requests` until they end or nobody wants their answer any more; says what they fail with.
async fn send_stream(
    requests: ReplayAttempt,
    stream: SendStream<Bytes>,
    failure: oneshot::Sender<Status>,
    _permit: StreamPermit,
) {
    let mut failure = failure;
    let mut sending = Sending::new(HttpBody::new(requests), stream, Limit::Peers(u32::MAX));
    let unsent = poll_fn(|cx| match failure.poll_closed(cx) {
        Poll::Ready(()) => Poll::Ready(None),
        Poll::Pending => sending.poll(cx).map(Result::err),
    });
    let unsent = unsent.await;
    if let Some(SendFailure::Body(status)) = unsent {
        // Nobody wants to know when the answer is not wanted any more.
        let _ = failure.send(status);
        sending.reset(Reason::CANCEL);
    } else if failure.is_closed() {
        sending.reset(Reason::CANCEL);
    }
}
