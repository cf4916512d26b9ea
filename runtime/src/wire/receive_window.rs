//! The flow-control window of a connection, which streams that nobody reads do not use up.
//!
//! HTTP/2 counts what was received and not read against the window of its stream, and against that of
//! the connection: without more, a few streams that wait for their readers stop all others.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use h2::{FlowControl, RecvStream};
use slab::Slab;

use super::{h2::MAX_WINDOW, io::Received};

/// The streams of a connection that may hold data which nobody has read.
#[derive(Debug, Default)]
pub(crate) struct UnreadStreams(Mutex<Slab<FlowControl>>);

impl UnreadStreams {
    /// Counts what `stream` holds, until the return value is dropped.
    pub(crate) fn track(self: &Arc<Self>, stream: &mut RecvStream) -> TrackedStream {
        let key = self.streams().insert(stream.flow_control().clone());
        TrackedStream { streams: Arc::clone(self), key }
    }

    /// How many bytes all of them hold.
    fn bytes(&self) -> usize {
        self.streams().iter().map(|(_, stream)| stream.used_capacity()).sum()
    }

    fn streams(&self) -> MutexGuard<'_, Slab<FlowControl>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream among the [`UnreadStreams`]. HTTP/2 keeps the stream as long as this.
#[derive(Debug)]
pub(crate) struct TrackedStream {
    streams: Arc<UnreadStreams>,
    key: usize,
}

impl Drop for TrackedStream {
    fn drop(&mut self) {
        // HTTP/2 is told behind the lock.
        let stream = self.streams.streams().try_remove(self.key);
        drop(stream);
    }
}

/// What HTTP/2 needs for a frame that nobody has read, whatever is in it: the price of small ones.
const FRAME_OVERHEAD: usize = 256;

/// Decides how large the window of a connection should be: as large as its options say, and what
/// unread streams hold on top of that, as long as the memory for it stays below a limit.
#[derive(Debug)]
pub(crate) struct ReceiveWindow {
    base: usize,
    limit: usize,
    target: usize,
    /// What had been received when the streams were looked at.
    looked_at: Received,
    is_full: bool,
    streams: Arc<UnreadStreams>,
}

impl ReceiveWindow {
    pub(crate) fn new(base: u32, limit: usize) -> Self {
        let base = base as usize;
        // No window is larger.
        let limit = limit.min(MAX_WINDOW as usize - base);
        let (looked_at, streams) = (Received::default(), Arc::default());
        Self { base, limit, target: base, looked_at, is_full: false, streams }
    }

    pub(crate) fn streams(&self) -> &Arc<UnreadStreams> {
        &self.streams
    }

    /// The window that the connection should have from now on, after it has `received` so much, if it
    /// should have another one.
    pub(crate) fn update(&mut self, received: Received) -> Option<u32> {
        let bytes = received.bytes - self.looked_at.bytes;
        // It takes a lock for each stream. Streams fill up only with what is received.
        if bytes < self.base as u64 / 4 {
            return None;
        }
        let frame_size = bytes / (received.frames - self.looked_at.frames).max(1);
        self.looked_at = received;
        self.resize(self.streams.bytes(), frame_size as usize)
    }

    /// With so many bytes `unread`, in frames of about this size.
    fn resize(&mut self, unread: usize, frame_size: usize) -> Option<u32> {
        let overhead = unread / frame_size.max(1) * FRAME_OVERHEAD;
        let more = unread.min(self.limit.saturating_sub(overhead));
        self.warn_when_full(more < unread);
        let target = self.base + more;
        // A change has to be worth a frame, but the window must not stay larger for nothing.
        if target.abs_diff(self.target) < self.base / 8 && more > 0 {
            return None;
        }
        (target != self.target).then(|| {
            self.target = target;
            target as u32
        })
    }

    fn warn_when_full(&mut self, is_full: bool) {
        if is_full && !self.is_full {
            tracing::warn!(
                limit = self.limit,
                "streams that nobody reads hold as much as they may: when the window of the \
                 connection is full, too, all of its calls wait for them"
            );
        }
        self.is_full = is_full;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LARGE: usize = 16 * 1024;

    #[test]
    fn the_window_grows_by_what_is_unread_up_to_the_limit_and_shrinks_again() {
        let mut window = ReceiveWindow::new(1000, 4000);
        assert_eq!(window.resize(0, LARGE), None);
        assert_eq!(window.resize(10, LARGE), None, "it is not worth a frame");
        assert_eq!(window.resize(500, LARGE), Some(1500));
        assert_eq!(window.resize(3900, LARGE), Some(4900));
        assert_eq!(window.resize(9000, LARGE), None, "it is not worth a frame");
        assert_eq!(window.resize(0, LARGE), Some(1000));
        assert_eq!(window.resize(9000, LARGE), Some(5000));
    }

    #[test]
    fn what_small_frames_cost_counts() {
        let mut window = ReceiveWindow::new(1000, 8000);
        assert_eq!(window.resize(2000, 256), Some(3000));
        assert_eq!(window.resize(5000, 256), Some(1000 + 8000 - 19 * 256));
        assert_eq!(window.resize(4000, 16), Some(1000));
    }

    #[test]
    fn no_window_is_larger_than_http2_allows() {
        let mut window = ReceiveWindow::new(1000, usize::MAX);
        assert_eq!(window.resize(usize::MAX, LARGE), None);
        assert_eq!(window.resize(1 << 30, LARGE), Some(1000 + (1 << 30)));
        let mut window = ReceiveWindow::new(MAX_WINDOW, 1000);
        assert_eq!(window.resize(1 << 30, LARGE), None);
    }
}
