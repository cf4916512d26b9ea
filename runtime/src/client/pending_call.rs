//! One call on a stream of a connection. It is sent, and its answer read, by the task of the
//! connection: callers on other threads would wait for HTTP/2's lock, and hold it up.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, Wake, Waker},
};

use super::{
    call_state::{CallFailure, CallResult, CallState, OutboundCall, RequestSender},
    queue::Queue,
};
use crate::wire::{
    panics::{contain, drop_quietly},
    sync::{AtomicBool, Mutex, MutexGuard, Ordering, PoisonError},
};

/// What the caller and the task of the connection share of a call.
pub(super) struct PendingCall {
    state: Mutex<PendingState>,
    /// Whether the task of the connection is about to look at it. Set by the queue, under its lock.
    is_queued: AtomicBool,
    /// Where it is among the calls that have been sent, for the task of the connection alone.
    key: AtomicUsize,
    queue: Arc<Queue>,
}

/// The key of a call that is not among them.
const NONE: usize = usize::MAX;

struct PendingState {
    call_state: CallState,
    caller: Option<Waker>,
}

impl PendingCall {
    /// Sends the call, on the task of the connection: through `requests`, if that is still there. Says
    /// whether there is more to come.
    pub(super) fn send(self: &Arc<Self>, requests: Option<&RequestSender>) -> bool {
        self.guard(|| {
            let mut state = self.state();
            match state.call_state.begin(requests) {
                Ok(()) => self.poll_response(state),
                Err(failure) => {
                    answer(state, Err(failure));
                    false
                }
            }
        })
    }

    /// Goes on with the call, on the same task, after it was woken. Says whether there is more to come.
    pub(super) fn resume(self: &Arc<Self>) -> bool {
        // Before it is looked at: whoever wakes it from now on has something new for it.
        self.is_queued.store(false, Ordering::Release);
        self.guard(|| self.poll_response(self.state()))
    }

    /// Ends the call, of which HTTP/2 can tell nothing any more.
    pub(super) fn break_off(&self) {
        self.guard(|| {
            let mut state = self.state();
            if state.call_state.is_waiting() {
                let sent = state.call_state.take();
                answer(state, Err(CallFailure::broken()));
                drop_quietly(sent);
            }
            false
        });
    }

    /// Notes where it is among the calls that have been sent.
    pub(super) fn set_key(&self, key: usize) {
        self.key.store(key, Relaxed);
    }

    /// Where it was among them, once.
    pub(super) fn take_key(&self) -> Option<usize> {
        Some(self.key.swap(NONE, Relaxed)).filter(|key| *key != NONE)
    }

    /// Notes that the task of the connection will look at it; whether that is news.
    pub(super) fn mark_queued(&self) -> bool {
        !self.is_queued.swap(true, Ordering::AcqRel)
    }

    /// Whether nobody wants the answer any more.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.state().call_state, CallState::Over)
    }

    /// Works for the call. A panic, say, in a waker, or in a destructor of the user's, is the end of
    /// this call and of no other one.
    fn guard(&self, work: impl FnOnce() -> bool) -> bool {
        contain(work).unwrap_or_else(|_| {
            let mut state = self.state();
            let failed = match &state.call_state {
                CallState::Answered(_) => None,
                _ => {
                    let failure = CallState::Answered(Err(CallFailure::panicked()));
                    Some(std::mem::replace(&mut state.call_state, failure))
                }
            };
            let caller = state.caller.take();
            drop(state);
            drop_quietly(failed);
            // There is nobody left to tell of a waker that panics, too.
            let _ = contain(|| caller.map(Waker::wake));
            false
        })
    }

    /// Looks for the answer, of which there will be word if it has not come yet. Says whether there is
    /// more to come.
    fn poll_response(self: &Arc<Self>, mut state: MutexGuard<'_, PendingState>) -> bool {
        let waker = Waker::from(Arc::clone(self));
        let cx = &mut Context::from_waker(&waker);
        match state.call_state.poll(cx, &self.queue.unread) {
            Poll::Pending => state.call_state.is_waiting(),
            Poll::Ready(found) => {
                answer(state, found);
                false
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, PendingState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Leaves the answer for the caller.
fn answer(mut state: MutexGuard<'_, PendingState>, answer: CallResult) {
    state.call_state = CallState::Answered(answer);
    let caller = state.caller.take();
    drop(state);
    if let Some(caller) = caller {
        caller.wake();
    }
}

impl Wake for PendingCall {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Nothing is missed by not asking the queue: what it is woken for came before this, under a lock
        // that whoever looks at it takes, too.
        if !self.is_queued.load(Ordering::Acquire) {
            self.queue.wake(self);
        }
    }
}

/// The caller's end of an [`PendingCall`]. Dropping it cancels the call.
pub(super) struct PendingResponse(Arc<PendingCall>);

impl PendingResponse {
    /// Hands a call to the connection behind `queue`.
    pub(super) fn new(outbound: OutboundCall, queue: &Arc<Queue>) -> Self {
        let state = PendingState { call_state: CallState::New(outbound), caller: None };
        let call = Arc::new(PendingCall {
            state: Mutex::new(state),
            is_queued: AtomicBool::new(false),
            key: AtomicUsize::new(NONE),
            queue: Arc::clone(queue),
        });
        queue.push(&call);
        Self(call)
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<CallResult> {
        let mut state = self.0.state();
        if let CallState::Answered(_) = &state.call_state
            && let CallState::Answered(answer) = state.call_state.take()
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

impl Drop for PendingResponse {
    fn drop(&mut self) {
        let mut state = self.0.state();
        if !matches!(state.call_state, CallState::Over) {
            let was_waiting = state.call_state.is_waiting();
            let call_state = state.call_state.take();
            drop(state);
            drop_quietly(call_state);
            if was_waiting {
                // It is still among those that have been sent.
                self.0.wake_by_ref();
            }
        }
    }
}
