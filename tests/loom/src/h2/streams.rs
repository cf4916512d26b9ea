//! What stands in for a stream of HTTP/2, with the interface of the crate `h2` as far as it is used:
//! one lock for all of a connection, and credit that is counted.

use std::{
    collections::VecDeque,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::HeaderMap;
use loom::sync::{Mutex, MutexGuard};

#[derive(Debug, Default)]
struct State {
    received: usize,
    /// What the peer may send once more.
    credit: usize,
    unread: VecDeque<Bytes>,
    ended: bool,
    /// Whether the receiver is gone.
    refused: bool,
    reader: Option<Waker>,
    /// Whatever keeps the stream.
    handles: usize,
}

impl State {
    /// What was received and not returned.
    fn used(&self) -> usize {
        self.received - self.credit
    }
}

/// A connection with one stream.
#[derive(Debug, Default)]
pub(crate) struct Http2(Arc<Mutex<State>>);

/// A handle of the stream.
#[derive(Debug)]
struct Handle(Arc<Mutex<State>>);

impl Handle {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

impl Clone for Handle {
    fn clone(&self) -> Self {
        self.state().handles += 1;
        Self(Arc::clone(&self.0))
    }
}

impl Drop for Handle {
    /// With the last handle, what is left of the credit comes back.
    fn drop(&mut self) {
        let mut state = self.state();
        state.handles -= 1;
        if state.handles == 0 {
            state.credit = state.received;
        }
    }
}

/// Somebody who still sends on the stream.
#[derive(Debug)]
pub(crate) struct SendStream(#[allow(dead_code, reason = "it is to be held")] Handle);

#[derive(Debug)]
pub(crate) struct RecvStream(FlowControl);

#[derive(Clone, Debug)]
pub(crate) struct FlowControl(Handle);

impl Http2 {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn open(&self) -> (SendStream, RecvStream) {
        self.state().handles = 1;
        let handle = Handle(Arc::clone(&self.0));
        (SendStream(handle.clone()), RecvStream(FlowControl(handle)))
    }

    /// So many bytes have come.
    pub(crate) fn receive(&self, bytes: usize) {
        self.change(|state| {
            state.received += bytes;
            match state.refused {
                true => state.credit += bytes,
                false => state.unread.push_back(Bytes::from(vec![0; bytes])),
            }
        });
    }

    pub(crate) fn end(&self) {
        self.change(|state| state.ended = true);
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state();
        change(&mut state);
        let reader = state.reader.take();
        drop(state);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    pub(crate) fn received(&self) -> usize {
        self.state().received
    }

    pub(crate) fn credit(&self) -> usize {
        self.state().credit
    }

    pub(crate) fn handles(&self) -> usize {
        self.state().handles
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

impl RecvStream {
    pub(crate) fn flow_control(&mut self) -> &mut FlowControl {
        &mut self.0
    }

    pub(crate) fn poll_data(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, h2::Error>>> {
        let mut state = self.0.0.state();
        match state.unread.pop_front() {
            Some(data) => Poll::Ready(Some(Ok(data))),
            None if state.ended => Poll::Ready(None),
            None => {
                state.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    pub(crate) fn poll_trailers(
        &mut self,
        _: &mut Context<'_>,
    ) -> Poll<Result<Option<HeaderMap>, h2::Error>> {
        Poll::Ready(Ok(None))
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        let state = self.0.0.state();
        state.ended && state.unread.is_empty()
    }
}

impl Drop for RecvStream {
    /// What was not read is returned; what was read is up to whoever read it.
    fn drop(&mut self) {
        let mut state = self.0.0.state();
        state.refused = true;
        let unread: usize = state.unread.drain(..).map(|data| data.len()).sum();
        state.credit += unread;
    }
}

impl FlowControl {
    pub(crate) fn used_capacity(&self) -> usize {
        self.0.state().used()
    }

    pub(crate) fn release_capacity(&mut self, bytes: usize) -> Result<(), h2::Error> {
        let mut state = self.0.state();
        let unread: usize = state.unread.iter().map(Bytes::len).sum();
        assert!(state.credit + unread + bytes <= state.received, "credit comes back twice");
        state.credit += bytes;
        Ok(())
    }
}
