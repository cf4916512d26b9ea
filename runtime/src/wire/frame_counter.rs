//! Looks at the HTTP/2 frames that a connection receives, for what the `h2` crate does not tell of: how
//! many there are, and how long headers the peer takes.

use std::sync::Arc;

use super::header_list::PeerLimit;

/// The length of what a client sends before its first frame ([RFC
/// 9113](https://www.rfc-editor.org/rfc/rfc9113#section-3.4)).
const CLIENT_PREFACE: usize = 24;
/// The length of a frame's header ([RFC 9113](https://www.rfc-editor.org/rfc/rfc9113#section-4.1)).
const HEADER: usize = 9;
/// The type of SETTINGS frames, the flag of one that acknowledges ours, and the length of a setting in
/// one that does not ([RFC 9113](https://www.rfc-editor.org/rfc/rfc9113#section-6.5)).
const SETTINGS: u8 = 4;
const ACK: u8 = 1;
const SETTING: usize = 6;
const MAX_HEADER_LIST_SIZE: u16 = 6;

/// How many frames there were in bytes that come in pieces of any size.
#[derive(Debug)]
pub(crate) struct FrameCounter {
    /// How many bytes of the current frame, or of the preface, are still to come.
    rest: usize,
    header: [u8; HEADER],
    /// How much there is of a header.
    filled: usize,
    frames: u64,
    /// The settings of the current frame, if it has any.
    settings: Option<Settings>,
    limit: Arc<PeerLimit>,
}

/// One setting after the other.
#[derive(Debug, Default)]
struct Settings {
    setting: [u8; SETTING],
    filled: usize,
}

impl FrameCounter {
    /// For what a client sends.
    pub(crate) fn of_client() -> Self {
        Self { rest: CLIENT_PREFACE, ..Self::of_server() }
    }

    /// For what a server sends.
    pub(crate) fn of_server() -> Self {
        Self {
            rest: 0,
            header: [0; HEADER],
            filled: 0,
            frames: 0,
            settings: None,
            limit: Arc::default(),
        }
    }

    /// How long headers the peer takes, also when that changes.
    pub(crate) fn header_limit(&self) -> &Arc<PeerLimit> {
        &self.limit
    }

    pub(crate) fn frames(&self) -> u64 {
        self.frames
    }

    /// Goes on with `bytes`.
    pub(crate) fn read(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let skipped = self.rest.min(bytes.len());
            self.rest -= skipped;
            if let Some(settings) = &mut self.settings {
                settings.read(&bytes[..skipped], &self.limit);
            }
            bytes = &bytes[skipped..];
            let taken = (HEADER - self.filled).min(bytes.len());
            self.header[self.filled..self.filled + taken].copy_from_slice(&bytes[..taken]);
            self.filled += taken;
            bytes = &bytes[taken..];
            if self.filled == HEADER {
                self.filled = 0;
                self.frames += 1;
                let [high, middle, low, kind, flags, ..] = self.header;
                self.rest = u32::from_be_bytes([0, high, middle, low]) as usize;
                let has_settings = kind == SETTINGS && flags & ACK == 0;
                self.settings = has_settings.then(Settings::default);
            }
        }
    }
}

impl Settings {
    /// Goes on with `bytes`.
    fn read(&mut self, mut bytes: &[u8], limit: &PeerLimit) {
        while !bytes.is_empty() {
            let taken = (SETTING - self.filled).min(bytes.len());
            self.setting[self.filled..self.filled + taken].copy_from_slice(&bytes[..taken]);
            self.filled += taken;
            bytes = &bytes[taken..];
            if self.filled == SETTING {
                self.filled = 0;
                let [high, low, value @ ..] = self.setting;
                if u16::from_be_bytes([high, low]) == MAX_HEADER_LIST_SIZE {
                    limit.set(u32::from_be_bytes(value));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::header_list::Limit;

    fn frame(length: u8) -> Vec<u8> {
        let mut frame = vec![0, 0, length, 0, 0, 0, 0, 0, 1];
        frame.extend(vec![9; length.into()]);
        frame
    }

    #[test]
    fn frames_are_counted_in_whichever_pieces_they_come() {
        let bytes = [vec![b'P'; CLIENT_PREFACE], frame(0), frame(200), frame(1), frame(7)].concat();
        for size in 1..bytes.len() {
            let mut counter = FrameCounter::of_client();
            bytes.chunks(size).for_each(|piece| counter.read(piece));
            assert_eq!(counter.frames(), 4, "pieces of {size} bytes");
        }
    }

    #[test]
    fn the_limit_of_headers_is_read_in_whichever_pieces_it_comes() {
        let settings = |flags, values: &[(u8, u8)]| {
            let mut frame = vec![0, 0, values.len() as u8 * 6, SETTINGS, flags, 0, 0, 0, 0];
            values.iter().for_each(|(id, value)| frame.extend([0, *id, 0, 0, *value, 0]));
            frame
        };
        let first = settings(0, &[(3, 1), (6, 7), (4, 2)]);
        let bytes = [first, frame(200), settings(ACK, &[]), frame(6)].concat();
        for size in 1..bytes.len() {
            let mut counter = FrameCounter::of_server();
            assert!(matches!(counter.header_limit().get(), Limit::Peers(u32::MAX)));
            bytes.chunks(size).for_each(|piece| counter.read(piece));
            let limit = counter.header_limit().get();
            assert!(matches!(limit, Limit::Peers(1_792)), "{limit:?}, pieces of {size} bytes");
            counter.read(&settings(0, &[(6, 1)]));
            assert!(matches!(counter.header_limit().get(), Limit::Peers(256)));
        }
    }
}
