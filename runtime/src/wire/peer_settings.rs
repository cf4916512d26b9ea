//! What a peer has said that it takes, as far as the `h2` crate does not tell.
//!
//! See [RFC 9113](https://www.rfc-editor.org/rfc/rfc9113#name-defined-settings).

use std::sync::atomic::{AtomicU32, Ordering};

use super::header_list::Limit;

const INITIAL_WINDOW_SIZE: u16 = 4;
const MAX_HEADER_LIST_SIZE: u16 = 6;

/// The settings of a peer: their defaults, until it says.
// They are numbers alone: nothing is ordered by them.
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
    pub(super) fn set(&self, setting: u16, value: u32) {
        match setting {
            MAX_HEADER_LIST_SIZE => self.max_header_list_size.store(value, Ordering::Relaxed),
            INITIAL_WINDOW_SIZE => {
                self.stream_window.fetch_max(value, Ordering::Relaxed);
            }
            _ => {}
        }
    }

    /// How long headers it takes.
    pub(crate) fn header_limit(&self) -> Limit {
        Limit::Peers(self.max_header_list_size.load(Ordering::Relaxed))
    }

    /// The most that it has let streams send from their beginning: for more, it must have seen the
    /// stream.
    pub(crate) fn max_stream_window(&self) -> usize {
        self.stream_window.load(Ordering::Relaxed) as usize
    }
}
