//! What there is to do for the task of a connection.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use h2::client::SendRequest;

use super::exchange::{Exchange, Outbound};
use crate::wire::wakes::Wakes;

/// The calls of a connection of which its task has something to do.
pub(super) struct Queue {
    state: Mutex<State>,
    pub(super) wakes: Arc<Wakes>,
}

#[derive(Default)]
struct State {
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
    new: Vec<(Arc<Exchange>, Outbound)>,
    woken: Vec<Arc<Exchange>>,
}

impl Work {
    fn run(&mut self, requests: &mut Option<SendRequest<Bytes>>) {
        for exchange in self.woken.drain(..) {
            exchange.go_on();
        }
        for (exchange, outbound) in self.new.drain(..) {
            exchange.begin(outbound, requests.as_mut());
        }
        self.woken.shrink_to(KEPT);
        self.new.shrink_to(KEPT);
    }
}

impl Queue {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), wakes: Wakes::new() })
    }

    /// Has a call sent.
    pub(super) fn push(&self, exchange: &Arc<Exchange>, outbound: Outbound) {
        let mut state = self.state();
        if state.is_closed {
            drop(state);
            return exchange.begin(outbound, None);
        }
        state.work.new.push((Arc::clone(exchange), outbound));
        drop(state);
        self.wakes.wake_other();
    }

    /// Has a call looked at that has been sent. Once the connection is closed, it has its answer.
    pub(super) fn wake(&self, exchange: &Arc<Exchange>) {
        let mut state = self.state();
        if !state.is_closed {
            state.work.woken.push(Arc::clone(exchange));
            drop(state);
            self.wakes.wake_other();
        }
    }

    /// Does what there is to do, with room in `work` that is left from the last time.
    pub(super) fn run(&self, work: &mut Work, requests: &mut Option<SendRequest<Bytes>>) {
        let is_released = {
            let mut state = self.state();
            std::mem::swap(&mut state.work, work);
            state.is_released
        };
        work.run(requests);
        if is_released {
            *requests = None;
        }
    }

    /// Lets the connection end with its last call.
    pub(super) fn release(&self) {
        self.state().is_released = true;
        self.wakes.wake_other();
    }

    /// Does what is left to do, and takes no more calls.
    pub(super) fn close(&self) {
        let mut work = {
            let mut state = self.state();
            state.is_closed = true;
            std::mem::take(&mut state.work)
        };
        work.run(&mut None);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
