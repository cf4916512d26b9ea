//! Sizes a connection's flow-control window so that unread streams do not use it up.
//!
//! HTTP/2 counts unread data against the windows of both its stream and its connection. With a fixed
//! window, a few streams whose readers are slow would stop all others.

use std::sync::Arc;

use super::{credit::UnreadStreams, io::ReceiveCounts, stream::MAX_WINDOW};

/// The memory that h2 uses for each unread frame besides its payload.
const FRAME_OVERHEAD: usize = 256;
const FRAME_HEADER: usize = 9;

/// Chooses the connection's window: the configured size plus what unread streams hold, limited by the
/// memory that a full window would take.
#[derive(Debug)]
pub(crate) struct ReceiveWindow {
    base: usize,
    limit: usize,
    target: usize,
    /// What had been received at the last update.
    last_update: ReceiveCounts,
    is_full: bool,
    streams: Arc<UnreadStreams>,
}

impl ReceiveWindow {
    pub(crate) fn new(base: u32, limit: usize) -> Self {
        let base = base as usize;
        let (last_update, streams) = (ReceiveCounts::default(), Arc::default());
        Self { base, limit, target: base, last_update, is_full: false, streams }
    }

    pub(crate) fn streams(&self) -> &Arc<UnreadStreams> {
        &self.streams
    }

    /// The window to set after so much was `received`, if it has to change.
    pub(crate) fn update(&mut self, received: ReceiveCounts) -> Option<u32> {
        let bytes = received.bytes - self.last_update.bytes;
        // Summing up takes a lock for each stream. Streams fill only with what is received, so it is done
        // once per quarter of a window.
        if bytes < self.base as u64 / 4 {
            return None;
        }
        let frame_size = bytes / (received.frames - self.last_update.frames).max(1);
        self.last_update = received;
        self.resize(self.streams.bytes(), frame_size as usize)
    }

    /// Computes the window for this many `unread` bytes in frames of about this size.
    fn resize(&mut self, unread: usize, frame_size: usize) -> Option<u32> {
        let payload = frame_size.saturating_sub(FRAME_HEADER).max(1);
        let most = self.limit as u128 * payload as u128 / (payload + FRAME_OVERHEAD) as u128;
        let most = most.clamp(self.base as u128, MAX_WINDOW.into()) as usize;
        let wanted = self.base.saturating_add(unread);
        self.warn_when_full(wanted > most);
        let target = wanted.min(most);
        // A change has to be worth a `WINDOW_UPDATE`, but the window always shrinks back to its base.
        if target.abs_diff(self.target) < self.base / 8 && target > self.base {
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
                "unread streams have reached their memory limit: once the connection's window is full, \
                 all of its calls stall until one of them is read"
            );
        }
        self.is_full = is_full;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LARGE: usize = 1 << 20;
    const MIB: usize = 1 << 20;

    #[test]
    fn the_window_grows_by_what_is_unread_up_to_the_limit_and_shrinks_again() {
        let mut window = ReceiveWindow::new(MIB as u32, 5 * MIB);
        assert_eq!(window.resize(0, LARGE), None);
        assert_eq!(window.resize(10, LARGE), None, "it is not worth a frame");
        assert_eq!(window.resize(MIB / 2, LARGE), Some(3 * MIB as u32 / 2));
        let full = window.resize(9 * MIB, LARGE).unwrap() as usize;
        assert!((4 * MIB..5 * MIB).contains(&full), "{full}");
        assert!(window.is_full);
        assert_eq!(window.resize(8 * MIB, LARGE), None);
        assert_eq!(window.resize(0, LARGE), Some(MIB as u32));
        assert!(!window.is_full);
    }

    #[test]
    fn what_small_frames_cost_counts() {
        let limit = 64 * MIB;
        for (frame_size, expected) in
            [(MIB, 63), (1024, 51), (256 + FRAME_HEADER, 32), (30, 4), (10, 4)]
        {
            let mut window = ReceiveWindow::new(4 * MIB as u32, limit);
            let size = window.resize(limit, frame_size).map_or(4 * MIB, |size| size as usize);
            assert_eq!(size / MIB, expected, "frames of {frame_size} bytes");
        }
    }

    #[test]
    fn no_window_is_larger_than_http2_allows() {
        let mut window = ReceiveWindow::new(1000, usize::MAX);
        assert_eq!(window.resize(usize::MAX, LARGE), Some(MAX_WINDOW));
        let mut window = ReceiveWindow::new(MAX_WINDOW, 1000);
        assert_eq!(window.resize(1 << 30, LARGE), None);
    }
}
