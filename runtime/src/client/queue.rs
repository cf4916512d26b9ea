//! The calls of a connection of which its task has something to do.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Wake as _,
};

use bytes::Bytes;
use h2::client::SendRequest;

use super::exchange::Exchange;
use crate::wire::wakes::Wakes;

#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    pub(super) wakes: Arc<Wakes>,
}

#[derive(Default)]
struct State {
    listed: Vec<Arc<Exchange>>,
    /// Whether no more calls will come from the channel.
    released: bool,
    /// Whether the task of the connection is gone.
    closed: bool,
}

impl Queue {
    /// Has the task of the connection look at `exchange`.
    pub(super) fn list(&self, exchange: &Arc<Exchange>) {
        let mut state = self.state();
        if state.closed {
            drop(state);
            return exchange.advance(None);
        }
        state.listed.push(Arc::clone(exchange));
        drop(state);
        self.wakes.wake_by_ref();
    }

    /// Looks at all exchanges that are listed.
    pub(super) fn advance(
        &self,
        spare: &mut Vec<Arc<Exchange>>,
        requests: &mut Option<SendRequest<Bytes>>,
    ) {
        let released = {
            let mut state = self.state();
            std::mem::swap(&mut state.listed, spare);
            state.released
        };
        for exchange in spare.drain(..) {
            exchange.advance(requests.as_mut());
        }
        if released {
            *requests = None;
        }
    }

    /// Lets the connection end with its last call.
    pub(super) fn release(&self) {
        self.state().released = true;
        self.wakes.wake_by_ref();
    }

    /// Looks at all exchanges for the last time.
    pub(super) fn close(&self) {
        let listed = {
            let mut state = self.state();
            state.closed = true;
            std::mem::take(&mut state.listed)
        };
        for exchange in listed {
            exchange.advance(None);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
