//! The work queue of a connection's task.

use std::sync::Arc;

use slab::Slab;

use super::{call_state::RequestSender, pending_call::PendingCall};
use crate::h2::{
    credit::UnreadStreams,
    sync::{Mutex, MutexGuard, PoisonError},
    task_waker::TaskWaker,
};

/// The calls that a connection's task has to send or to poll.
///
/// The lock is only held to move calls in and out. Calls are sent and polled without it, since that may
/// run user code.
pub(crate) struct Queue {
    state: Mutex<QueueState>,
    pub(crate) task_waker: Arc<TaskWaker>,
    /// The connection's responses that were passed on to callers.
    pub(crate) unread: Arc<UnreadStreams>,
}

#[derive(Default)]
struct QueueState {
    work: Work,
    /// Whether the subchannel has dropped the connection.
    is_released: bool,
    /// Whether the connection's task has ended.
    is_closed: bool,
}

/// The capacity that lists keep for further calls.
const SPARE_CAPACITY: usize = 256;

/// Calls in the order in which they were queued.
#[derive(Default)]
pub(crate) struct Work {
    new: Vec<Arc<PendingCall>>,
    woken: Vec<Arc<PendingCall>>,
    /// The calls that wait for h2.
    sent: Slab<Arc<PendingCall>>,
    /// The number of new calls after the last purge.
    purged: usize,
}

impl Work {
    /// Whether there are unsent calls, as while the connection is stalled.
    pub(crate) fn has_unsent(&self) -> bool {
        !self.new.is_empty()
    }

    fn take(&mut self, from: &mut Self) {
        if self.has_unsent() {
            self.new.append(&mut from.new);
        } else {
            std::mem::swap(&mut self.new, &mut from.new);
        }
        std::mem::swap(&mut self.woken, &mut from.woken);
    }

    fn resume(&mut self) {
        for call in self.woken.drain(..) {
            if !call.resume()
                && let Some(key) = call.take_key()
            {
                drop(self.sent.try_remove(key));
            }
        }
        self.woken.shrink_to(SPARE_CAPACITY);
    }

    fn send(&mut self, requests: Option<&RequestSender>) {
        for call in self.new.drain(..) {
            if call.send(requests) {
                let entry = self.sent.vacant_entry();
                call.set_key(entry.key());
                entry.insert(call);
            }
        }
        self.new.shrink_to(SPARE_CAPACITY);
        self.purged = 0;
    }

    /// Fails all calls that wait for h2, after a panic has broken it.
    pub(crate) fn abort(&mut self) {
        for call in self.sent.drain() {
            call.abort();
        }
    }

    /// Drops cancelled calls that were not sent. It visits all new calls, so it runs only after their
    /// number has doubled.
    fn purge(&mut self) {
        if self.new.len() > 2 * self.purged + SPARE_CAPACITY {
            self.new.retain(|call| !call.is_over());
            self.purged = self.new.len();
        }
    }
}

impl Queue {
    pub(crate) fn new(unread: Arc<UnreadStreams>) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), task_waker: TaskWaker::new(), unread })
    }

    /// Queues a call to be sent.
    pub(crate) fn push(&self, call: &Arc<PendingCall>) {
        let mut state = self.state();
        if state.is_closed {
            drop(state);
            call.send(None);
            return;
        }
        state.work.new.push(Arc::clone(call));
        drop(state);
        self.task_waker.wake_other();
    }

    /// Queues a sent call to be polled. A closed connection ignores it, because all its calls have
    /// results.
    pub(crate) fn wake(&self, call: &Arc<PendingCall>) {
        let mut state = self.state();
        // Marked and pushed under one lock: once a call is marked, as by h2 when it fails all calls, the
        // last `take` is guaranteed to see it in the list.
        if !state.is_closed && call.mark_queued() {
            state.work.woken.push(Arc::clone(call));
            drop(state);
            self.task_waker.wake_other();
        }
    }

    /// Polls woken calls and sends new ones. `work` is reused between runs for its capacity. While the
    /// connection `is_stalled`, new calls stay here, where they are cheap and can be cancelled.
    pub(crate) fn run(
        &self,
        work: &mut Work,
        requests: &mut Option<RequestSender>,
        is_stalled: bool,
    ) {
        let is_released = {
            let mut state = self.state();
            work.take(&mut state.work);
            state.is_released
        };
        work.resume();
        match is_stalled {
            true => work.purge(),
            false => work.send(requests.as_ref()),
        }
        if is_released && !work.has_unsent() {
            *requests = None;
        }
    }

    /// Closes the connection after its last call.
    pub(crate) fn release(&self) {
        self.state().is_released = true;
        self.task_waker.wake_other();
    }

    /// Finishes all calls, in `work` and in the queue, and accepts no more.
    pub(crate) fn close(&self, work: &mut Work) {
        {
            let mut state = self.state();
            state.is_closed = true;
            work.take(&mut state.work);
        }
        work.resume();
        work.send(None);
        // h2 has failed all others, unless it was broken.
        work.abort();
    }

    fn state(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
