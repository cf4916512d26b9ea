//! The flow-control credit of what is received: it comes back when data is read, at the latest when
//! nobody will read it any more.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::HeaderMap;
use slab::Slab;

use super::sync::{FlowControl, Mutex, MutexGuard, PoisonError, RecvStream};

/// The streams of a connection that may hold data which nobody has read.
#[derive(Debug, Default)]
pub(crate) struct UnreadStreams(Mutex<Slab<FlowControl>>);

impl UnreadStreams {
    /// How many bytes all of them hold.
    pub(crate) fn bytes(&self) -> usize {
        self.streams().iter().map(|(_, stream)| stream.used_capacity()).sum()
    }

    fn streams(&self) -> MutexGuard<'_, Slab<FlowControl>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many bytes are returned as flow-control credit at once, while there are more to read.
const WINDOW_UPDATE_THRESHOLD: usize = 32 * 1024;

/// What comes on a stream: whatever it has given counts as read.
pub(crate) struct CreditedStream {
    stream: RecvStream,
    /// The bytes that were read, but not yet returned as flow-control credit.
    unreleased: usize,
    unread: Arc<UnreadStreams>,
    /// Where it is counted there, if it is.
    key: Option<usize>,
}

impl CreditedStream {
    pub(crate) fn new(stream: RecvStream, unread: &Arc<UnreadStreams>) -> Self {
        Self { stream, unreleased: 0, unread: Arc::clone(unread), key: None }
    }

    /// Counts what the stream holds among what is unread: from here on, somebody has it who may not read
    /// it. HTTP/2 keeps the stream as long as it is counted.
    pub(crate) fn track(&mut self) {
        if self.key.is_none() {
            let stream = self.stream.flow_control().clone();
            self.key = Some(self.unread.streams().insert(stream));
        }
    }

    /// Leaves what was read to HTTP/2, which returns it when nobody has the stream any more: for the last
    /// one who has it.
    pub(crate) fn leave_unreleased(&mut self) {
        self.unreleased = 0;
    }

    /// The next bytes, of which there are some.
    pub(crate) fn poll_data(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, h2::Error>>> {
        let data = loop {
            match self.stream.poll_data(cx) {
                Poll::Ready(Some(Ok(data))) if data.is_empty() => {}
                data => break data,
            }
        };
        match &data {
            Poll::Ready(Some(Ok(data))) => self.release(data.len(), WINDOW_UPDATE_THRESHOLD),
            // There may be nothing more for long.
            Poll::Pending | Poll::Ready(_) => self.release(0, 1),
        }
        data
    }

    pub(crate) fn poll_trailers(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<HeaderMap>, h2::Error>> {
        self.stream.poll_trailers(cx)
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        self.stream.is_end_stream()
    }

    /// Returns what was read as flow-control credit, once it is `enough`.
    fn release(&mut self, more: usize, enough: usize) {
        self.unreleased += more;
        if self.unreleased >= enough {
            // It fails only when more is released than was received.
            let _ = self.stream.flow_control().release_capacity(self.unreleased);
            self.unreleased = 0;
        }
    }
}

impl Drop for CreditedStream {
    /// HTTP/2 returns what was not read, but what was read only when the whole call is over.
    fn drop(&mut self) {
        self.release(0, 1);
        if let Some(key) = self.key {
            let stream = self.unread.streams().try_remove(key);
            // HTTP/2 is told behind the lock. It resets a stream that nobody wants any more when the last
            // handle of it is gone.
            drop(stream);
        }
    }
}
