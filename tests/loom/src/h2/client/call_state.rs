//! What stands in for the runtime's module of this name: calls through an HTTP/2 that has one lock, and
//! wakes whoever waits as the crate `h2` does.

use std::{
    sync::Arc,
    task::{Context, Poll, Waker, ready},
};

use loom::sync::{Mutex, MutexGuard};

use crate::h2::credit::UnreadStreams;

/// How a call ends.
pub(super) type CallResult = Result<(), CallFailure>;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum CallFailure {
    NotSent,
    /// Its requests have failed.
    Requests,
    /// With its connection.
    Ended,
    Panicked,
    Broken,
}

impl CallFailure {
    pub(super) fn panicked() -> Self {
        Self::Panicked
    }

    pub(super) fn broken() -> Self {
        Self::Broken
    }
}

#[derive(Debug, Default)]
struct State {
    /// Frames for all calls that have come, but not been looked at.
    arrived: usize,
    /// How many are left until all calls are answered.
    missing: usize,
    ended: bool,
    is_blocked: bool,
    /// Calls that have been sent and are still wanted.
    open: usize,
    waiting: Vec<Waker>,
}

/// What the requests of a call have come to.
#[derive(Debug, Default)]
struct CancelLink {
    failed: bool,
    waiting: Option<Waker>,
}

/// A connection, of which calls are sent by one thread.
#[derive(Clone, Debug)]
pub(super) struct Http2 {
    state: Arc<Mutex<State>>,
    /// What it wakes its thread by.
    waker: Waker,
}

/// What calls are sent through.
#[derive(Debug)]
pub(super) struct RequestSender;

impl Http2 {
    pub(super) fn new(waker: Waker) -> Self {
        // Headers, and then the message.
        let state = State { missing: 2, ..State::default() };
        Self { state: Arc::new(Mutex::new(state)), waker }
    }

    /// The server sends so many of the two frames of which answers are made.
    pub(super) fn receive(&self, frames: usize) {
        self.state().arrived += frames;
        self.waker.wake_by_ref();
    }

    /// From now on, the peer does not read.
    pub(super) fn block(&self) {
        self.state().is_blocked = true;
    }

    /// The peer reads again.
    pub(super) fn unblock(&self) {
        self.state().is_blocked = false;
        self.waker.wake_by_ref();
    }

    pub(super) fn is_blocked(&self) -> bool {
        self.state().is_blocked
    }

    /// Looks at what has arrived.
    pub(super) fn poll(&self) {
        let mut state = self.state();
        let arrived = std::mem::take(&mut state.arrived);
        if arrived > 0 {
            state.missing -= arrived;
            // Under its lock, as HTTP/2 does.
            state.waiting.drain(..).for_each(Waker::wake);
        }
    }

    /// The connection is at its end, and with it all of its calls.
    pub(super) fn end(&self) {
        let mut state = self.state();
        state.ended = true;
        state.waiting.drain(..).for_each(Waker::wake);
    }

    pub(super) fn is_idle(&self) -> bool {
        self.state().open == 0
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

/// A call that is to be sent.
#[derive(Clone, Debug)]
pub(super) struct OutboundRequest {
    http2: Http2,
    link: Arc<Mutex<CancelLink>>,
}

impl OutboundRequest {
    pub(super) fn new(http2: &Http2) -> Self {
        Self { http2: http2.clone(), link: Arc::default() }
    }

    /// The requests fail, on whichever thread they are made.
    pub(super) fn fail(&self) {
        let mut link = self.link.lock().unwrap();
        link.failed = true;
        let waiting = link.waiting.take();
        drop(link);
        if let Some(waiting) = waiting {
            waiting.wake();
        }
    }
}

pub(super) enum CallState {
    New(OutboundRequest),
    SentCall(SentCall),
    Answered(CallResult),
    Over,
}

/// A call that has been sent.
pub(super) struct SentCall(OutboundRequest);

impl CallState {
    pub(super) fn begin(&mut self, requests: Option<&RequestSender>) -> Result<(), CallFailure> {
        let Self::New(_) = self else { return Ok(()) };
        let Self::New(request) = self.take() else { return Ok(()) };
        requests.ok_or(CallFailure::NotSent)?;
        request.http2.state().open += 1;
        *self = Self::SentCall(SentCall(request));
        Ok(())
    }

    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        _: &Arc<UnreadStreams>,
    ) -> Poll<CallResult> {
        let Self::SentCall(sent) = self else { return Poll::Pending };
        let answer = ready!(sent.poll(cx));
        drop(self.take());
        Poll::Ready(answer)
    }

    pub(super) fn is_waiting(&self) -> bool {
        matches!(self, Self::SentCall(_))
    }

    pub(super) fn take(&mut self) -> Self {
        std::mem::replace(self, Self::Over)
    }
}

impl SentCall {
    fn poll(&self, cx: &mut Context<'_>) -> Poll<CallResult> {
        let OutboundRequest { http2, link } = &self.0;
        let mut state = http2.state();
        let (answered, ended) = (state.missing == 0, state.ended);
        if !answered && !ended {
            state.waiting.push(cx.waker().clone());
        }
        drop(state);
        let mut link = link.lock().unwrap();
        match (link.failed, answered, ended) {
            (true, ..) => Poll::Ready(Err(CallFailure::Requests)),
            (_, true, _) => Poll::Ready(Ok(())),
            (.., true) => Poll::Ready(Err(CallFailure::Ended)),
            _ => {
                link.waiting = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for SentCall {
    fn drop(&mut self) {
        let http2 = &self.0.http2;
        http2.state().open -= 1;
        http2.waker.wake_by_ref();
    }
}
