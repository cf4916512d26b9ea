//! What there is to do for the task of a connection.

use std::sync::Arc;

use slab::Slab;

use super::{call_state::RequestSender, pending_call::PendingCall};
use crate::wire::{
    credit::UnreadStreams,
    sync::{Mutex, MutexGuard, PoisonError},
    task_waker::TaskWaker,
};

/// The calls of a connection of which its task has something to do.
pub(super) struct Queue {
    state: Mutex<QueueState>,
    pub(super) task_waker: Arc<TaskWaker>,
    /// The responses that were handed to callers.
    pub(super) unread: Arc<UnreadStreams>,
}

#[derive(Default)]
struct QueueState {
    work: Work,
    /// Whether the channel has no more calls for this connection.
    is_released: bool,
    /// Whether the task of the connection is gone.
    is_closed: bool,
}

/// For how many calls room is kept.
const KEPT: usize = 256;

/// Calls, in the order in which they came.
#[derive(Default)]
pub(super) struct Work {
    new: Vec<Arc<PendingCall>>,
    woken: Vec<Arc<PendingCall>>,
    /// Those to which HTTP/2 owes an answer.
    sent: Slab<Arc<PendingCall>>,
    /// How many new ones there were when those were dropped that are not wanted any more.
    purged: usize,
}

impl Work {
    /// Whether there are calls that were not sent because nothing can be.
    pub(super) fn has_unsent(&self) -> bool {
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
        self.woken.shrink_to(KEPT);
    }

    fn send(&mut self, requests: Option<&RequestSender>) {
        for call in self.new.drain(..) {
            if call.send(requests) {
                let entry = self.sent.vacant_entry();
                call.set_key(entry.key());
                entry.insert(call);
            }
        }
        self.new.shrink_to(KEPT);
        self.purged = 0;
    }

    /// Ends all calls to which HTTP/2 owes an answer, and can give none.
    pub(super) fn break_off(&mut self) {
        for call in self.sent.drain() {
            call.break_off();
        }
    }

    /// Drops the calls that are not wanted any more: once in a while, as it takes a look at all.
    fn purge(&mut self) {
        if self.new.len() > 2 * self.purged + KEPT {
            self.new.retain(|call| !call.is_over());
            self.purged = self.new.len();
        }
    }
}

impl Queue {
    pub(super) fn new(unread: Arc<UnreadStreams>) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), task_waker: TaskWaker::new(), unread })
    }

    /// Has a call sent.
    pub(super) fn push(&self, call: &Arc<PendingCall>) {
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

    /// Has a call looked at that has been sent. Once the connection is closed, it has its answer.
    pub(super) fn wake(&self, call: &Arc<PendingCall>) {
        let mut state = self.state();
        // Listed under the lock: whoever is told that it is, as HTTP/2 when it ends, may rely on it that
        // the last look at the list sees it.
        if !state.is_closed && call.mark_queued() {
            state.work.woken.push(Arc::clone(call));
            drop(state);
            self.task_waker.wake_other();
        }
    }

    /// Does what there is to do, with room in `work` that is left from the last time. While the
    /// connection `is_blocked`, calls wait here, where they cost little and can be given up.
    pub(super) fn run(
        &self,
        work: &mut Work,
        requests: &mut Option<RequestSender>,
        is_blocked: bool,
    ) {
        let is_released = {
            let mut state = self.state();
            work.take(&mut state.work);
            state.is_released
        };
        work.resume();
        match is_blocked {
            true => work.purge(),
            false => work.send(requests.as_ref()),
        }
        if is_released && !work.has_unsent() {
            *requests = None;
        }
    }

    /// Lets the connection end with its last call.
    pub(super) fn release(&self) {
        self.state().is_released = true;
        self.task_waker.wake_other();
    }

    /// Does what is left to do in `work` and else, and takes no more calls.
    pub(super) fn close(&self, work: &mut Work) {
        {
            let mut state = self.state();
            state.is_closed = true;
            work.take(&mut state.work);
        }
        work.resume();
        work.send(None);
        // HTTP/2 has told all of them, if it could.
        work.break_off();
    }

    fn state(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
