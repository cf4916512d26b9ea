//! The state machine of one call on a connection.

use std::{
    future::{Future as _, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use h2::{
    Reason, RecvStream,
    client::{ResponseFuture, SendRequest},
};
use http::{HeaderMap, Method, Request, Response, Uri, Version};
use tokio::sync::oneshot;
use tonic::Status;

use crate::{
    call::{body::PrefetchedBody, cancel_link::CancelLink, status},
    h2::{
        counted::{CountedMessages, CountedStream},
        credit::{CreditedStream, UnreadStreams},
        error,
        stream::{Ahead, ReceivedStream, SendFailure, Sending},
        stream_limiter::StreamPermit,
    },
    protocol::{header_list::HeaderLimit, http_body::HttpBody},
};

/// h2's handle for opening streams.
pub(crate) type RequestSender = SendRequest<Bytes>;

pub(crate) type CallResult = Result<Response<PrefetchedBody<ReceivedStream>>, CallFailure>;

/// What a client sends on a stream, and what holds for its response.
pub(crate) struct OutboundRequest {
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: OutboundBody,
    /// Whether the caller reads the response message by message.
    pub(crate) streams_responses: bool,
    /// The size limit for headers, and for trailers, of the response.
    pub(crate) header_limit: HeaderLimit,
    pub(crate) permit: StreamPermit,
}

/// The body of a [`OutboundRequest`].
pub(crate) enum OutboundBody {
    /// A buffered request, sent with `END_STREAM`.
    Message(Bytes),
    Stream(HttpBody),
}

/// Why a call got no response.
pub(crate) enum CallFailure {
    /// The connection did not accept the call.
    NotSent(Option<Status>),
    /// The server guarantees that it has not processed the call.
    Unprocessed(Unprocessed, Status),
    Failed(Status),
}

/// How the server has guaranteed that it did not process a call.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unprocessed {
    /// `REFUSED_STREAM`.
    Refused,
    /// The call was in flight when the server sent GOAWAY, because of the connection's age or a shutdown.
    /// The same may well happen on the next connection.
    GoneAway,
}

impl CallFailure {
    pub(crate) fn panicked() -> Self {
        Self::Failed(Status::internal("sending the call panicked"))
    }

    pub(crate) fn broken() -> Self {
        Self::Failed(status::broken())
    }

    /// The status of a call that is not attempted again.
    pub(crate) fn into_status(self) -> Status {
        match self {
            Self::NotSent(None) => Status::unavailable("the connection is gone"),
            Self::NotSent(Some(status)) | Self::Unprocessed(_, status) | Self::Failed(status) => {
                status
            }
        }
    }

    fn not_sent(error: h2::Error) -> Self {
        Self::NotSent(Some(error::from_stream(error)))
    }

    fn of_stream(error: h2::Error) -> Self {
        match Unprocessed::of(&error) {
            Some(how) => Self::Unprocessed(how, error::from_stream(error)),
            None => Self::Failed(error::from_stream(error)),
        }
    }
}

impl Unprocessed {
    fn of(error: &h2::Error) -> Option<Self> {
        match error.reason()? {
            _ if !error.is_remote() => None,
            Reason::NO_ERROR if error.is_go_away() => Some(Self::GoneAway),
            _ if error.is_go_away() => Some(Self::Refused),
            Reason::REFUSED_STREAM if error.is_reset() => Some(Self::Refused),
            _ => None,
        }
    }
}

pub(crate) enum CallState {
    /// Not sent yet.
    New(OutboundRequest),
    Sent(SentCall),
    /// The headers of a unary response have arrived, its message has not.
    Reading(Response<ReceivedStream>),
    Answered(CallResult),
    /// The caller has taken the result, or has cancelled the call.
    Over,
}

/// A call whose headers were sent and whose response headers have not arrived.
pub(crate) struct SentCall {
    response: ResponseFuture,
    streams_responses: bool,
    header_limit: HeaderLimit,
    permit: StreamPermit,
    link: CancelLink,
    counted: CountedStream,
}

impl CallState {
    /// Sends a new call through `send_request`, which is `None` if the connection is closed.
    pub(crate) fn begin(
        &mut self,
        send_request: Option<&RequestSender>,
    ) -> Result<(), CallFailure> {
        let Self::New(_) = self else { return Ok(()) };
        let Self::New(request) = self.take() else { return Ok(()) };
        let send_request = send_request.ok_or(CallFailure::NotSent(None))?;
        let sent = send(request, send_request).map_err(CallFailure::not_sent)?;
        *self = Self::Sent(sent);
        Ok(())
    }

    /// Ready with the result, once. From then on, what the stream holds is tracked in `unread`.
    pub(crate) fn poll(
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
            sent.permit.note_answer();
            sent.note_head(&response);
            sent.header_limit.check_response(response.headers()).map_err(CallFailure::Failed)?;
            let Self::Sent(sent) = self.take() else { return Poll::Pending };
            let streams_responses = sent.streams_responses;
            let mut response = sent.answer(response, unread);
            if streams_responses {
                return Poll::Ready(Ok(response.map(PrefetchedBody::Stream)));
            }
            return match response.body_mut().poll_ahead(cx) {
                Poll::Ready(ahead) => Poll::Ready(Ok(read_ahead(response, ahead))),
                Poll::Pending => {
                    *self = Self::Reading(response);
                    Poll::Pending
                }
            };
        }
        let Self::Reading(response) = self else { return Poll::Pending };
        let ahead = ready!(response.body_mut().poll_ahead(cx));
        match self.take() {
            Self::Reading(response) => Poll::Ready(Ok(read_ahead(response, ahead))),
            _ => Poll::Pending,
        }
    }

    /// Whether the call waits for h2.
    pub(crate) fn is_waiting(&self) -> bool {
        matches!(self, Self::Sent(_) | Self::Reading(_))
    }

    pub(crate) fn take(&mut self) -> Self {
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
            Some(status) => Poll::Ready(Err(CallFailure::Failed(status))),
            None => response.map_err(CallFailure::of_stream),
        }
    }

    /// Counts the call as ended if nothing follows this head: its status is in there, and its body may not be read.
    fn note_head(&mut self, response: &Response<RecvStream>) {
        self.counted.note_head(response.status(), response.headers());
        if self.counted.is_counted() && response.body().is_end_stream() {
            self.counted.end(None);
        }
    }

    fn answer(
        self,
        response: Response<RecvStream>,
        unread: &Arc<UnreadStreams>,
    ) -> Response<ReceivedStream> {
        let messages = CountedMessages::received(self.permit.socket(), response.headers());
        response.map(|body| {
            let stream = CreditedStream::new(body, unread);
            ReceivedStream::response(stream, self.header_limit, self.link, self.permit)
                .counted(self.counted, messages)
        })
    }
}

fn read_ahead(
    response: Response<ReceivedStream>,
    ahead: Ahead,
) -> Response<PrefetchedBody<ReceivedStream>> {
    response.map(|stream| match ahead {
        Ahead::More => PrefetchedBody::Stream(stream),
        Ahead::Ended(data, end) => PrefetchedBody::Whole(data, end),
    })
}

/// Sends the headers, and the message if it is buffered.
fn send(request: OutboundRequest, send_request: &RequestSender) -> Result<SentCall, h2::Error> {
    let OutboundRequest { uri, headers, streams_responses, header_limit, mut permit, .. } = request;
    // Each call uses a clone of the handle. An h2 handle keeps a reference to a stream that is still
    // waiting to be opened: if that call were cancelled, its stream would not be reset before the next
    // call is sent. And polling the handle until the stream is open, as the next call would have to,
    // replaces the waker of the task that sends the stream's requests. A clone does neither.
    //
    // h2 may count more open streams than we do: when callers on other threads cancel calls, the resets
    // are only sent when h2 is polled next, and the server may just have lowered its limit. h2 opens the
    // waiting stream once it has sent a reset or a stream has ended. Both happen only while it is polled,
    // and it checks for waiting streams in every poll.
    let mut messages = CountedMessages::sent(permit.socket(), &headers);
    let sent = send_request.clone().send_request(head(uri, headers), false);
    let (response, mut stream) = sent.inspect_err(|_| permit.close())?;
    let counted = CountedStream::start(permit.socket());
    let link = match request.body {
        OutboundBody::Message(message) => {
            messages.push(&message);
            stream.send_data(message, true)?;
            CancelLink::default()
        }
        OutboundBody::Stream(requests) => {
            let (failure, link) = CancelLink::new();
            // The request stream may outlive the response; the HTTP/2 stream stays occupied until both
            // are done.
            let sending = Sending::new(requests, stream, HeaderLimit::Remote(u32::MAX))
                .counted(CountedStream::default(), messages);
            tokio::spawn(send_stream(sending, failure, permit.share()));
            link
        }
    };
    Ok(SentCall { response, streams_responses, header_limit, permit, link, counted })
}

fn head(uri: Uri, headers: HeaderMap) -> Request<()> {
    let mut head = Request::new(());
    *head.method_mut() = Method::POST;
    *head.version_mut() = Version::HTTP_2;
    *head.uri_mut() = uri;
    *head.headers_mut() = headers;
    head
}

/// Sends requests until they end or the caller drops the response. Passes a failure of the requests on
/// to `failure`.
async fn send_stream(sending: Sending, failure: oneshot::Sender<Status>, _permit: StreamPermit) {
    let (mut sending, mut failure) = (sending, failure);
    let unsent = poll_fn(|cx| match failure.poll_closed(cx) {
        Poll::Ready(()) => Poll::Ready(None),
        Poll::Pending => sending.poll(cx).map(Result::err),
    });
    let unsent = unsent.await;
    if let Some(SendFailure::Body(status)) = unsent {
        // The receiver is gone if the caller has dropped the response.
        let _ = failure.send(status);
        sending.reset(Reason::CANCEL);
    } else if failure.is_closed() {
        sending.reset(Reason::CANCEL);
    }
}
