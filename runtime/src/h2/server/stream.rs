//! One call on its stream of a connection.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use h2::{Reason, server::SendResponse};
use http::{Method, Response};
use http_body::Body as _;
use tonic::Status;

use crate::{
    call::{
        dropped::drop_ended,
        panics::{catch_panic, drop_catching_panics},
        status,
    },
    connection::http_service::{ServiceFuture, fit_head, response_protocol},
    h2::{
        counted::CountedStream,
        stream::{SendFailure, Sending},
    },
    protocol::{
        Protocol,
        header_list::HeaderLimit,
        http_body::HttpBody,
        http_reply::{AbortConnection, failed},
    },
};

/// A call, until it is answered or its client has cancelled it.
///
/// It runs user code: handlers, layers, bodies and their destructors. A panic in any of them fails this
/// call only.
pub(crate) struct ServerStream {
    /// Says what has become of a call that has failed. None for plain HTTP.
    protocol: Option<Protocol>,
    stream: SendResponse<Bytes>,
    /// The client's size limit for headers.
    header_limit: HeaderLimit,
    progress: ResponseState,
    /// Whether the client takes a body.
    has_body: bool,
    /// Until the response is sent, which counts from then on.
    counted: CountedStream,
}

enum ResponseState {
    /// The service has not answered yet.
    Waiting(ServiceFuture),
    Answered(Response<HttpBody>),
    Sending(Sending),
    /// The client has reset the stream.
    Reset,
    Over,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallOutcome {
    /// It was answered.
    Done,
    /// The client reset it before it was answered.
    Reset,
    /// The connection has to be aborted before the end of the call can be sent.
    AbortConnection,
}

impl ServerStream {
    pub(crate) fn new(
        mut service_future: ServiceFuture,
        stream: SendResponse<Bytes>,
        header_limit: HeaderLimit,
    ) -> Self {
        let protocol = service_future.protocol();
        service_future.fit_to(header_limit, protocol);
        let progress = ResponseState::Waiting(service_future);
        let counted = CountedStream::default();
        Self { protocol, stream, header_limit, progress, has_body: true, counted }
    }

    /// Leaves out the body if the client has asked for the head alone: with a body, the response would be malformed.
    pub(crate) fn answering(mut self, method: &Method) -> Self {
        self.has_body = method != Method::HEAD;
        self
    }

    /// Counts how the call ends.
    pub(crate) fn counted(mut self, counted: CountedStream) -> Self {
        self.counted = counted;
        self
    }

    /// Ready when the service has answered, or the client has gone.
    pub(crate) fn poll_service(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let advanced = catch_panic(|| self.advance_service(cx));
        advanced.unwrap_or_else(|_| {
            self.fail();
            Poll::Ready(())
        })
    }

    /// Ready when the client has reset the stream or the connection has ended. For calls that have not
    /// been answered: to h2, it is an error to ask this once the response has begun.
    pub(crate) fn poll_reset(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // h2 panics if an earlier panic has broken it; the client is then unreachable as well.
        catch_panic(|| self.stream.poll_reset(cx).map(drop)).unwrap_or(Poll::Ready(()))
    }

    /// Whether the service has answered and the whole response is buffered.
    pub(crate) fn is_buffered(&self) -> bool {
        matches!(&self.progress, ResponseState::Answered(response) if response.body().is_buffered())
    }

    fn advance_service(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let ResponseState::Waiting(service_future) = &mut self.progress else {
            return Poll::Ready(());
        };
        self.progress = match service_future.poll(cx) {
            Poll::Ready(response) => ResponseState::Answered(response),
            // The handler is dropped once the client has gone.
            Poll::Pending => {
                ready!(self.poll_reset(cx));
                ResponseState::Reset
            }
        };
        Poll::Ready(())
    }

    fn advance(&mut self, cx: &mut Context<'_>) -> Poll<CallOutcome> {
        ready!(self.advance_service(cx));
        if let ResponseState::Answered(_) = &self.progress
            && let ResponseState::Answered(response) = self.progress.take()
        {
            if response.extensions().get::<AbortConnection>().is_some() {
                return Poll::Ready(CallOutcome::AbortConnection);
            }
            self.progress = self.respond(response);
        }
        match &mut self.progress {
            ResponseState::Reset => return Poll::Ready(CallOutcome::Reset),
            ResponseState::Sending(sending) => match ready!(sending.poll(cx)) {
                Err(SendFailure::Body(_)) => sending.reset(Reason::INTERNAL_ERROR),
                Err(SendFailure::Expired) => sending.reset(Reason::CANCEL),
                Ok(()) | Err(SendFailure::Stream) => {}
            },
            _ => {}
        }
        Poll::Ready(CallOutcome::Done)
    }

    /// Sends the head of `response`. Returns the state in which the body is sent.
    fn respond(&mut self, mut response: Response<HttpBody>) -> ResponseState {
        fit_head(&mut response, self.header_limit, self.protocol);
        self.protocol = response_protocol(&response, self.protocol);
        let (head, body) = response.into_parts();
        let ended = !self.has_body || body.is_end_stream();
        self.counted.note_head(head.status, &head.headers);
        let messages = self.counted.messages(&head.headers);
        match self.stream.send_response(Response::from_parts(head, ()), ended) {
            Ok(_) if ended => {
                self.counted.end(None);
                ResponseState::Over
            }
            Ok(stream) => {
                let counted = std::mem::take(&mut self.counted);
                let sending = Sending::new(body, stream, self.header_limit);
                ResponseState::Sending(sending.counted(counted, messages))
            }
            // The stream is closed, probably by its client.
            Err(_) => ResponseState::Reset,
        }
    }

    /// Ends the call with `status`, whatever it is doing: its handler and its body are dropped. A response that
    /// is complete remains to be sent. Plain HTTP is reset once its head was sent.
    pub(crate) fn give_up(&mut self, status: &Status) {
        if self.is_buffered() {
            return;
        }
        self.progress = match self.progress.take() {
            ResponseState::Sending(mut sending) => {
                sending.end(self.protocol, status);
                drop_ended(sending, status);
                ResponseState::Over
            }
            progress @ (ResponseState::Waiting(_) | ResponseState::Answered(_)) => {
                self.replace(progress, status)
            }
            progress @ (ResponseState::Reset | ResponseState::Over) => progress,
        };
    }

    /// Turns a call that has panicked into a failed one.
    fn fail(&mut self) {
        let status = status::panicked();
        self.progress = match self.progress.take() {
            ResponseState::Sending(mut sending) => {
                sending.fail(self.protocol, &status);
                drop_ended(sending, &status);
                ResponseState::Over
            }
            // The panic lost the send half, so the trailers cannot be sent.
            ResponseState::Over => {
                self.stream.send_reset(Reason::INTERNAL_ERROR);
                ResponseState::Over
            }
            progress => self.replace(progress, &status),
        };
    }

    /// Drops a call that has sent nothing yet, and answers it with `status`.
    fn replace(&self, progress: ResponseState, status: &Status) -> ResponseState {
        let protocol = match progress {
            ResponseState::Waiting(service_future) => {
                return ResponseState::Answered(service_future.fail(self.protocol, status));
            }
            ResponseState::Answered(response) => {
                let protocol = response_protocol(&response, self.protocol);
                drop_ended(response, status);
                protocol
            }
            _ => self.protocol,
        };
        ResponseState::Answered(failed(protocol, status))
    }
}

impl Future for ServerStream {
    type Output = CallOutcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<CallOutcome> {
        let this = &mut *self;
        let advanced = catch_panic(|| this.advance(cx));
        advanced.unwrap_or_else(|_| {
            // No user code is left in the call. If it panics again, h2 is broken.
            let failed = catch_panic(|| {
                this.fail();
                this.advance(cx)
            });
            failed.unwrap_or(Poll::Ready(CallOutcome::AbortConnection))
        })
    }
}

impl Drop for ServerStream {
    fn drop(&mut self) {
        drop_catching_panics(self.progress.take());
    }
}

impl ResponseState {
    fn take(&mut self) -> Self {
        std::mem::replace(self, Self::Over)
    }
}
