//! One call on a stream of a connection. It is sent, and its answer read, by the task of the
//! connection: callers on other threads would wait for HTTP/2's lock, and hold it up.

use std::{
    future::{Future as _, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker, ready},
};

use bytes::Bytes;
use h2::{
    Reason, RecvStream, SendStream,
    client::{ResponseFuture, SendRequest},
};
use http::{Request, Response};
use tokio::sync::oneshot;
use tonic::Status;

use super::{queue::Queue, requests::Attempt};
use crate::wire::{
    body::{Body, Side},
    h2::{Received, Sending, Unsent},
    header_list::Limit,
    http_body::HttpBody,
    stream_limiter::StreamPermit,
    tie::Tie,
};

/// A call that a connection is to make.
pub(super) struct Outbound {
    pub(super) head: Request<()>,
    pub(super) requests: Payload,
    /// Whether the caller reads the response message by message.
    pub(super) streams_responses: bool,
    /// How long the trailers of the response may be.
    pub(super) header_limit: Limit,
    pub(super) permit: StreamPermit,
}

/// What is sent behind the head.
pub(super) enum Payload {
    /// All of it.
    Message(Bytes),
    Stream(Attempt),
}

/// Why there is no response.
pub(super) enum Failure {
    /// The connection did not take the call.
    NotSent(Option<h2::Error>),
    /// The requests have failed, or something on the task of the connection.
    Status(Status),
    Stream(h2::Error),
}

/// What the caller and the task of the connection share of a call.
pub(super) struct Exchange {
    state: Mutex<State>,
    /// Whether the task of the connection is about to look at it.
    is_listed: AtomicBool,
    queue: Arc<Queue>,
}

struct State {
    progress: Progress,
    caller: Option<Waker>,
}

enum Progress {
    /// It is still to be sent.
    New(Outbound),
    Sent(Sent),
    /// A response of one message, which the caller needs as a whole.
    Reading(Response<Body>),
    Answered(Result<Response<Body>, Failure>),
    /// The caller has its answer, or does not want it any more.
    Over,
}

/// A call that has been sent, or is being sent.
struct Sent {
    response: ResponseFuture,
    streams_responses: bool,
    header_limit: Limit,
    permit: StreamPermit,
    tie: Tie,
}

impl Exchange {
    /// Sends the call, on the task of the connection: through `requests`, if that is still there.
    pub(super) fn begin(self: &Arc<Self>, requests: Option<&mut SendRequest<Bytes>>) {
        self.guard(|| {
            let mut state = self.state();
            let Progress::New(_) = &state.progress else { return };
            let Progress::New(outbound) = state.progress.take() else { return };
            match requests.map(|requests| send(outbound, requests)) {
                Some(Ok(sent)) => {
                    state.progress = Progress::Sent(sent);
                    self.look(state);
                }
                Some(Err(error)) => answer(state, Err(Failure::NotSent(Some(error)))),
                None => answer(state, Err(Failure::NotSent(None))),
            }
        });
    }

    /// Goes on with the call, on the same task, after it was woken.
    pub(super) fn go_on(self: &Arc<Self>) {
        // Before it is looked at: whoever wakes it from now on has something new for it.
        self.is_listed.store(false, Ordering::Release);
        self.guard(|| self.look(self.state()));
    }

    /// Whether nobody wants the answer any more.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.state().progress, Progress::Over)
    }

    /// Works for the call. A panic, say, in a waker, or in a destructor of the user's, is the end of
    /// this call and of no other one.
    fn guard(&self, work: impl FnOnce()) {
        if catch_unwind(AssertUnwindSafe(work)).is_err() {
            let mut state = self.state();
            if !matches!(state.progress, Progress::Answered(_)) {
                let panicked = Status::internal("sending the call panicked");
                state.progress = Progress::Answered(Err(Failure::Status(panicked)));
            }
            if let Some(caller) = state.caller.take() {
                drop(state);
                // There is nobody left to tell of a waker that panics, too.
                let _ = catch_unwind(AssertUnwindSafe(|| caller.wake()));
            }
        }
    }

    /// Looks for the answer, of which there will be word if it has not come yet.
    fn look(self: &Arc<Self>, mut state: MutexGuard<'_, State>) {
        let waker = Waker::from(Arc::clone(self));
        if let Poll::Ready(mut found) = state.progress.poll(&mut Context::from_waker(&waker)) {
            if let Ok(response) = &mut found {
                response.body_mut().track(&self.queue.unread);
            }
            answer(state, found);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Leaves the answer for the caller.
fn answer(mut state: MutexGuard<'_, State>, answer: Result<Response<Body>, Failure>) {
    state.progress = Progress::Answered(answer);
    let caller = state.caller.take();
    drop(state);
    if let Some(caller) = caller {
        caller.wake();
    }
}

impl Wake for Exchange {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.is_listed.swap(true, Ordering::AcqRel) {
            self.queue.wake(self);
        }
    }
}

impl Progress {
    /// Ready with the answer, once.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Response<Body>, Failure>> {
        if let Self::Sent(sent) = self {
            let response = ready!(sent.poll_response(cx)?);
            let Self::Sent(sent) = self.take() else { return Poll::Pending };
            let is_wanted_whole = !sent.streams_responses;
            let mut response = sent.answer(response);
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

    fn take(&mut self) -> Self {
        std::mem::replace(self, Self::Over)
    }
}

impl Sent {
    fn poll_response(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Response<RecvStream>, Failure>> {
        let response = Pin::new(&mut self.response).poll(cx);
        match self.tie.poll_failure(cx) {
            Some(status) => Poll::Ready(Err(Failure::Status(status))),
            None => response.map_err(Failure::Stream),
        }
    }

    fn answer(self, response: Response<RecvStream>) -> Response<Body> {
        response.map(|body| {
            let limit = self.header_limit;
            let received = Received::response(body, limit, self.tie, self.permit);
            Body::from_h2(received, Side::Response)
        })
    }
}

/// Sends the head, and the message if it is at hand.
fn send(outbound: Outbound, requests: &mut SendRequest<Bytes>) -> Result<Sent, h2::Error> {
    let Outbound { head, requests: payload, streams_responses, header_limit, mut permit } =
        outbound;
    let (response, mut stream) = begin(head, requests).inspect_err(|_| permit.close())?;
    let tie = match payload {
        Payload::Message(message) => {
            stream.send_data(message, true)?;
            Tie::default()
        }
        Payload::Stream(attempt) => {
            let (failure, tie) = Tie::new();
            // The response may be over while requests are being sent, and the stream is open then.
            tokio::spawn(send_stream(attempt, stream, failure, permit.share()));
            tie
        }
    };
    Ok(Sent { response, streams_responses, header_limit, permit, tie })
}

fn begin(
    head: Request<()>,
    requests: &mut SendRequest<Bytes>,
) -> Result<(ResponseFuture, SendStream<Bytes>), h2::Error> {
    // One that is queued, because the server has just lowered its limit, keeps others from being
    // queued through the same handle.
    match requests.poll_ready(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(ready) => ready.and_then(|()| requests.send_request(head, false)),
        Poll::Pending => requests.clone().send_request(head, false),
    }
}

/// Sends `requests` until they end or nobody wants their answer any more; says what they fail with.
async fn send_stream(
    requests: Attempt,
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
    if let Some(Unsent::Body(status)) = unsent {
        // Nobody wants to know when the answer is not wanted any more.
        let _ = failure.send(status);
        sending.reset(Reason::CANCEL);
    } else if failure.is_closed() {
        sending.reset(Reason::CANCEL);
    }
}

/// The caller's end of an [`Exchange`]. Dropping it cancels the call.
pub(super) struct Answering(Arc<Exchange>);

impl Answering {
    /// Hands a call to the connection behind `queue`.
    pub(super) fn new(outbound: Outbound, queue: &Arc<Queue>) -> Self {
        let state = State { progress: Progress::New(outbound), caller: None };
        let exchange = Arc::new(Exchange {
            state: Mutex::new(state),
            is_listed: AtomicBool::new(false),
            queue: Arc::clone(queue),
        });
        queue.push(&exchange);
        Self(exchange)
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Response<Body>, Failure>> {
        let mut state = self.0.state();
        if let Progress::Answered(_) = &state.progress
            && let Progress::Answered(answer) = state.progress.take()
        {
            return Poll::Ready(answer);
        }
        match &mut state.caller {
            Some(caller) => caller.clone_from(cx.waker()),
            None => state.caller = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        let mut state = self.0.state();
        if !matches!(state.progress, Progress::Over) {
            let progress = state.progress.take();
            drop(state);
            drop(progress);
        }
    }
}
