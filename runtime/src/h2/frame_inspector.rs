//! Observes the HTTP/2 frames of a connection for what the `h2` crate does not expose: how many there
//! are, the peer's settings, and the reason of a GOAWAY.

use std::sync::Arc;

use super::{
    goaway::{GOAWAY, GoAway},
    peer_settings::PeerSettings,
};

/// What a client sends before its first frame ([RFC
/// 9113](https://www.rfc-editor.org/rfc/rfc9113#section-3.4)).
pub(crate) const CLIENT_PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The length of a frame's header ([RFC 9113](https://www.rfc-editor.org/rfc/rfc9113#section-4.1)).
const HEADER: usize = 9;

// The types of frames ([RFC 9113](https://www.rfc-editor.org/rfc/rfc9113#section-6)).
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
/// The flag that acknowledges SETTINGS and PING frames.
const ACK: u8 = 1;
/// The highest stream identifier. The bit above it is reserved.
const MAX_STREAM: u32 = u32::MAX >> 1;

/// The length of one setting: a 16-bit identifier and a 32-bit value.
const SETTING: usize = 6;

/// Parses frame headers from bytes that arrive in pieces of any size.
#[derive(Debug)]
pub(crate) struct FrameInspector {
    /// A partly received header.
    header: [u8; HEADER],
    /// How many bytes of `header` have arrived.
    filled: usize,
    /// How many bytes of the current frame, or of the preface, are still expected.
    rest: usize,
    payload: FramePayload,
    counts: FrameCounts,
    settings: Arc<PeerSettings>,
    /// The payload of the last GOAWAY frame, truncated.
    goaway: Vec<u8>,
}

/// What is done with the current payload.
#[derive(Debug)]
enum FramePayload {
    Skipped,
    Settings(SettingsReader),
    GoAway,
}

/// The number of frames by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FrameCounts {
    pub(crate) all: u64,
    /// HEADERS and DATA frames.
    pub(crate) of_calls: u64,
    /// PING frames without ACK.
    pub(crate) pings: u64,
    /// The highest stream identifier that was opened.
    pub(crate) last_stream: u32,
}

impl FrameInspector {
    /// Counts what a client sends, its preface first.
    pub(crate) fn of_client() -> Self {
        Self { rest: CLIENT_PREFACE.len(), ..Self::of_frames() }
    }

    /// Counts what a server sends, or what follows a client's preface.
    pub(crate) fn of_frames() -> Self {
        Self {
            header: [0; HEADER],
            filled: 0,
            rest: 0,
            payload: FramePayload::Skipped,
            counts: FrameCounts::default(),
            settings: Arc::default(),
            goaway: Vec::new(),
        }
    }

    /// The peer's settings, which are updated as frames arrive.
    pub(crate) fn settings(&self) -> &Arc<PeerSettings> {
        &self.settings
    }

    pub(crate) fn counts(&self) -> FrameCounts {
        self.counts
    }

    /// Whether the next byte starts the first frame.
    pub(crate) fn is_at_first_frame(&self) -> bool {
        self.counts.all == 0 && self.is_between_frames()
    }

    /// Whether the last frame is complete.
    pub(crate) fn is_between_frames(&self) -> bool {
        self.rest == 0 && self.filled == 0
    }

    /// The last GOAWAY frame, if there was one.
    pub(crate) fn goaway(&self) -> Option<GoAway> {
        GoAway::parse(&self.goaway)
    }

    /// Parses `bytes`.
    pub(crate) fn read(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            bytes = match self.rest {
                0 => self.read_header(bytes),
                _ => self.read_payload(bytes),
            };
        }
    }

    /// Reads all or part of a header, and returns the bytes after it.
    fn read_header<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        // Fast path: the header arrives in one piece.
        if self.filled == 0
            && let Some((header, tail)) = bytes.split_first_chunk()
        {
            self.begin_frame(header);
            return tail;
        }
        let (part, tail) = bytes.split_at((HEADER - self.filled).min(bytes.len()));
        self.header[self.filled..self.filled + part.len()].copy_from_slice(part);
        self.filled += part.len();
        if self.filled == HEADER {
            self.filled = 0;
            self.begin_frame(&self.header.clone());
        }
        tail
    }

    /// Reads all or part of a payload, and returns the bytes after it.
    fn read_payload<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let (part, tail) = bytes.split_at(self.rest.min(bytes.len()));
        self.rest -= part.len();
        match &mut self.payload {
            FramePayload::Skipped => {}
            FramePayload::Settings(settings) => settings.read(part, &self.settings),
            FramePayload::GoAway => {
                let room = GoAway::MAX_LENGTH - self.goaway.len();
                self.goaway.extend_from_slice(&part[..room.min(part.len())]);
            }
        }
        tail
    }

    fn begin_frame(&mut self, header: &[u8; HEADER]) {
        let [high, middle, low, kind, flags, stream @ ..] = *header;
        self.rest = u32::from_be_bytes([0, high, middle, low]) as usize;
        self.counts.all += 1;
        self.payload = FramePayload::Skipped;
        match kind {
            DATA | HEADERS => {
                let stream = u32::from_be_bytes(stream) & MAX_STREAM;
                self.counts.of_calls += 1;
                self.counts.last_stream = self.counts.last_stream.max(stream);
            }
            SETTINGS if flags & ACK == 0 => {
                self.payload = FramePayload::Settings(SettingsReader::default());
            }
            PING if flags & ACK == 0 => self.counts.pings += 1,
            GOAWAY => {
                self.payload = FramePayload::GoAway;
                self.goaway.clear();
            }
            _ => {}
        }
    }
}

/// Parses the payload of SETTINGS frames.
#[derive(Debug, Default)]
struct SettingsReader {
    setting: [u8; SETTING],
    filled: usize,
}

impl SettingsReader {
    /// Parses `bytes`.
    fn read(&mut self, mut bytes: &[u8], peer: &PeerSettings) {
        while !bytes.is_empty() {
            let taken = (SETTING - self.filled).min(bytes.len());
            self.setting[self.filled..self.filled + taken].copy_from_slice(&bytes[..taken]);
            self.filled += taken;
            bytes = &bytes[taken..];
            if self.filled == SETTING {
                self.filled = 0;
                let [high, low, value @ ..] = self.setting;
                peer.set(u16::from_be_bytes([high, low]), u32::from_be_bytes(value));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use h2::Reason;

    use super::*;
    use crate::protocol::header_list::HeaderLimit;

    fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
        let length = u8::try_from(payload.len()).unwrap();
        [&[0, 0, length, kind, flags, 0, 0, 0, stream], payload].concat()
    }

    #[test]
    fn frames_are_counted_in_whichever_pieces_they_come() {
        let bytes = [
            CLIENT_PREFACE.to_vec(),
            frame(4, 0, 0, &[]),
            frame(HEADERS, 4, 3, &[9; 200]),
            frame(PING, 0, 0, &[9; 8]),
            frame(PING, ACK, 0, &[9; 8]),
            [&frame(DATA, 1, 1, &[9; 7])[..5], &[0x80, 0, 0, 1], &[9; 7]].concat(),
        ]
        .concat();
        for size in 1..bytes.len() {
            let mut counter = FrameInspector::of_client();
            bytes.chunks(size).for_each(|piece| counter.read(piece));
            let counts = FrameCounts { all: 5, of_calls: 2, pings: 1, last_stream: 3 };
            assert_eq!(counter.counts(), counts, "pieces of {size} bytes");
            assert!(counter.is_between_frames());
            assert_eq!(counter.goaway(), None);
        }
    }

    #[test]
    fn a_goaway_is_kept_in_whichever_pieces_it_comes() {
        let goaway = GoAway::too_many_pings();
        let early = GoAway { reason: Reason::NO_ERROR, debug_data: String::new() };
        let bytes =
            [early.frame(u32::MAX >> 1), frame(PING, 0, 0, &[9; 8]), goaway.frame(7)].concat();
        for size in 1..bytes.len() {
            let mut counter = FrameInspector::of_frames();
            bytes.chunks(size).for_each(|piece| counter.read(piece));
            assert_eq!(counter.goaway().unwrap(), goaway, "pieces of {size} bytes");
        }
        assert_eq!(goaway.to_string(), "GOAWAY with ENHANCE_YOUR_CALM `too_many_pings`");
        assert_eq!(early.to_string(), "GOAWAY with NO_ERROR");
    }

    #[test]
    fn a_long_goaway_is_truncated() {
        let mut counter = FrameInspector::of_frames();
        counter.read(&[&[0, 0xff, 0xff, GOAWAY, 0, 0, 0, 0, 0], &[b'x'; 0xff00][..]].concat());
        assert_eq!(counter.goaway().unwrap().debug_data.len(), GoAway::MAX_LENGTH - 8);
        assert!(!counter.is_between_frames());
    }

    #[test]
    fn settings_are_read_in_whichever_pieces_they_come() {
        let settings = |flags, values: &[(u8, u8)]| {
            let mut frame = vec![0, 0, values.len() as u8 * 6, SETTINGS, flags, 0, 0, 0, 0];
            values.iter().for_each(|(id, value)| frame.extend([0, *id, 0, *value, 0, 0]));
            frame
        };
        let first = settings(0, &[(3, 1), (6, 7), (4, 99)]);
        let bytes =
            [first, frame(DATA, 0, 1, &[9; 200]), settings(ACK, &[]), frame(DATA, 0, 1, &[9; 6])]
                .concat();
        for size in 1..bytes.len() {
            let mut counter = FrameInspector::of_frames();
            assert!(matches!(counter.settings().header_limit(), HeaderLimit::Remote(u32::MAX)));
            bytes.chunks(size).for_each(|piece| counter.read(piece));
            let limit = counter.settings().header_limit();
            assert!(
                matches!(limit, HeaderLimit::Remote(0x7_0000)),
                "{limit:?}, pieces of {size} bytes"
            );
            counter.read(&settings(0, &[(6, 1)]));
            assert!(matches!(counter.settings().header_limit(), HeaderLimit::Remote(0x1_0000)));
        }
    }
}
