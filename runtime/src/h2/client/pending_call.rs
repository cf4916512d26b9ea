//! A call in progress on a connection. The connection's task sends it and reads the response: if callers
//! did so on other threads, they would contend for h2's lock.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, Wake, Waker},
};

use super::{
    call_state::{CallFailure, CallResult, CallState, OutboundRequest, RequestSender},
    queue::Queue,
};
use crate::{
    call::panics::{catch_panic, drop_catching_panics},
    h2::sync::{AtomicBool, Mutex, MutexGuard, Ordering, PoisonError},
};

/// The state of a call, shared by its caller and the connection's task.
///
/// The lock is held while h2 is polled for this call, but not while the caller is woken or a call is
/// dropped: both may run user code.
pub(crate) struct PendingCall {
    state: Mutex<PendingState>,
    /// Whether the call is in the queue's list of woken calls. Set by the queue under its lock.
    is_queued: AtomicBool,
    /// The call's key among those sent. Only the connection's task uses it, so `Relaxed` suffices.
    key: AtomicUsize,
    queue: Arc<Queue>,
}

/// The key of a call that was not sent, or is no longer waiting.
const NONE: usize = usize::MAX;

struct PendingState {
    call_state: CallState,
    caller: Option<Waker>,
}

impl PendingCall {
    /// Sends the call on the connection's task through `requests`, which is `None` if the connection is
    /// closed. Returns whether the call is still waiting for h2.
    pub(crate) fn send(self: &Arc<Self>, requests: Option<&RequestSender>) -> bool {
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

    /// Polls the call on the connection's task after a wake-up. Returns whether it is still waiting for
    /// h2.
    pub(crate) fn resume(self: &Arc<Self>) -> bool {
        // Cleared before h2 is polled: a wake-up during the poll must queue the call again.
        self.is_queued.store(false, Ordering::Release);
        self.guard(|| self.poll_response(self.state()))
    }

    /// Fails the call after h2 was broken by a panic.
    pub(crate) fn abort(&self) {
        self.guard(|| {
            let mut state = self.state();
            if state.call_state.is_waiting() {
                let sent = state.call_state.take();
                answer(state, Err(CallFailure::broken()));
                drop_catching_panics(sent);
            }
            false
        });
    }

    pub(crate) fn set_key(&self, key: usize) {
        self.key.store(key, Relaxed);
    }

    /// Takes its key among the calls sent, if it has one.
    pub(crate) fn take_key(&self) -> Option<usize> {
        Some(self.key.swap(NONE, Relaxed)).filter(|key| *key != NONE)
    }

    /// Marks the call as queued. Returns whether it was not queued before.
    ///
    /// `AcqRel`: a later `resume` sees what was written before the wake-up that queued the call.
    pub(crate) fn mark_queued(&self) -> bool {
        !self.is_queued.swap(true, Ordering::AcqRel)
    }

    /// Whether the caller has cancelled the call.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.state().call_state, CallState::Over)
    }

    /// Runs `work`. A panic in it, for example in a waker or in a user's destructor, fails this call
    /// only.
    fn guard(&self, work: impl FnOnce() -> bool) -> bool {
        catch_panic(work).unwrap_or_else(|_| {
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
            drop_catching_panics(failed);
            // If the waker panics as well, there is nobody else to notify.
            let _ = catch_panic(|| caller.map(Waker::wake));
            false
        })
    }

    /// Polls h2 for the response, and registers the call's waker. Returns whether it is still waiting.
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

/// Stores the result for the caller and wakes it, after the lock is released.
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
        // Skipping the queue here loses no wake-up. What the wake-up reports was written under h2's lock.
        // If `resume` takes that lock later, it sees the event. If it took the lock before, that orders
        // its store of `false` before this load.
        if !self.is_queued.load(Ordering::Acquire) {
            self.queue.wake(self);
        }
    }
}

/// The caller's handle of a [`PendingCall`]. Dropping it cancels the call.
pub(crate) struct PendingResponse(Arc<PendingCall>);

impl PendingResponse {
    /// Sends a call on the connection that `queue` belongs to.
    pub(crate) fn new(request: OutboundRequest, queue: &Arc<Queue>) -> Self {
        let state = PendingState { call_state: CallState::New(request), caller: None };
        let call = Arc::new(PendingCall {
            state: Mutex::new(state),
            is_queued: AtomicBool::new(false),
            key: AtomicUsize::new(NONE),
            queue: Arc::clone(queue),
        });
        queue.push(&call);
        Self(call)
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<CallResult> {
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
            drop_catching_panics(call_state);
            if was_waiting {
                // Wakes the connection's task, which removes the call from those sent.
                self.0.wake_by_ref();
            }
        }
    }
}
