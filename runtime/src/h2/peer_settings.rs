//! The peer's SETTINGS that the `h2` crate does not expose.
//!
//! See [RFC 9113](https://www.rfc-editor.org/rfc/rfc9113#name-defined-settings).

use std::sync::atomic::{AtomicU32, Ordering};

use crate::protocol::header_list::HeaderLimit;

const INITIAL_WINDOW_SIZE: u16 = 4;
const MAX_HEADER_LIST_SIZE: u16 = 6;

/// The peer's settings, with their defaults until it sends its own.
// Independent numbers that guard no other data, so `Relaxed` suffices.
#[derive(Debug)]
pub(crate) struct PeerSettings {
    max_header_list_size: AtomicU32,
    stream_window: AtomicU32,
}

impl Default for PeerSettings {
    fn default() -> Self {
        Self {
            max_header_list_size: AtomicU32::new(u32::MAX),
            stream_window: AtomicU32::new(65_535),
        }
    }
}

impl PeerSettings {
    pub(crate) fn set(&self, setting: u16, value: u32) {
        match setting {
            MAX_HEADER_LIST_SIZE => self.max_header_list_size.store(value, Ordering::Relaxed),
            INITIAL_WINDOW_SIZE => {
                self.stream_window.fetch_max(value, Ordering::Relaxed);
            }
            _ => {}
        }
    }

    /// The peer's size limit for headers.
    pub(crate) fn header_limit(&self) -> HeaderLimit {
        HeaderLimit::Remote(self.max_header_list_size.load(Ordering::Relaxed))
    }

    /// The largest initial stream window that the peer has announced. More than this can only be sent
    /// after a `WINDOW_UPDATE`, that is, after the peer has seen the stream.
    pub(crate) fn max_stream_window(&self) -> usize {
        self.stream_window.load(Ordering::Relaxed) as usize
    }
}
