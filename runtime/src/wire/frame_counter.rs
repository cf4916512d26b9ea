//! Looks at the HTTP/2 frames that pass on a connection, for what the `h2` crate does not tell of: how
//! many there are, what the peer takes, and why it ends the connection.

use std::sync::Arc;

use super::{goaway::GoAway, peer_settings::PeerSettings};

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
pub(super) const GOAWAY: u8 = 7;
/// The flag of SETTINGS and PING frames that answer ours.
const ACK: u8 = 1;
/// The highest number of a stream. The bit above it means nothing.
const MAX_STREAM: u32 = u32::MAX >> 1;

/// The length of a setting.
const SETTING: usize = 6;

/// What there was in bytes that come in pieces of any size.
#[derive(Debug)]
pub(crate) struct FrameCounter {
    /// A header of which a part is still to come.
    header: [u8; HEADER],
    /// How much there is of it.
    filled: usize,
    /// How many bytes of the current frame, or of the preface, are still to come.
    rest: usize,
    payload: FramePayload,
    counts: FrameCounts,
    settings: Arc<PeerSettings>,
    /// The payload of the last GOAWAY frame.
    goaway: Vec<u8>,
}

/// What the rest of a frame is worth.
#[derive(Debug)]
enum FramePayload {
    Skipped,
    Settings(SettingsReader),
    GoAway,
}

/// How many frames there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FrameCounts {
    pub(crate) all: u64,
    /// Those with headers or data.
    pub(crate) of_calls: u64,
    /// Pings, without answers to them.
    pub(crate) pings: u64,
    /// The highest stream that has begun.
    pub(crate) last_stream: u32,
}

impl FrameCounter {
    /// For all that a client sends.
    pub(crate) fn of_client() -> Self {
        Self { rest: CLIENT_PREFACE.len(), ..Self::of_frames() }
    }

    /// For what a server sends, or what follows a client's preface.
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

    /// What the peer takes, also when that changes.
    pub(crate) fn settings(&self) -> &Arc<PeerSettings> {
        &self.settings
    }

    pub(crate) fn counts(&self) -> FrameCounts {
        self.counts
    }

    /// Whether nothing has come yet where a frame is to begin.
    pub(crate) fn is_at_first_frame(&self) -> bool {
        self.counts.all == 0 && self.is_between_frames()
    }

    /// Whether the last frame was whole.
    pub(crate) fn is_between_frames(&self) -> bool {
        self.rest == 0 && self.filled == 0
    }

    /// What the last GOAWAY frame said, if there was one.
    pub(crate) fn goaway(&self) -> Option<GoAway> {
        GoAway::parse(&self.goaway)
    }

    /// Goes on with `bytes`.
    pub(crate) fn read(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            bytes = match self.rest {
                0 => self.read_header(bytes),
                _ => self.read_payload(bytes),
            };
        }
    }

    /// Takes a header from `bytes`, or a part of one, and returns the rest.
    fn read_header<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        // Most often, it has come as a whole.
        if self.filled == 0
            && let Some((header, behind)) = bytes.split_first_chunk()
        {
            self.begin_frame(header);
            return behind;
        }
        let (part, behind) = bytes.split_at((HEADER - self.filled).min(bytes.len()));
        self.header[self.filled..self.filled + part.len()].copy_from_slice(part);
        self.filled += part.len();
        if self.filled == HEADER {
            self.filled = 0;
            self.begin_frame(&self.header.clone());
        }
        behind
    }

    /// The same of a payload.
    fn read_payload<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let (part, behind) = bytes.split_at(self.rest.min(bytes.len()));
        self.rest -= part.len();
        match &mut self.payload {
            FramePayload::Skipped => {}
            FramePayload::Settings(settings) => settings.read(part, &self.settings),
            FramePayload::GoAway => {
                let room = GoAway::MAX_LENGTH - self.goaway.len();
                self.goaway.extend_from_slice(&part[..room.min(part.len())]);
            }
        }
        behind
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

/// One setting after the other.
#[derive(Debug, Default)]
struct SettingsReader {
    setting: [u8; SETTING],
    filled: usize,
}

impl SettingsReader {
    /// Goes on with `bytes`.
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
    use crate::wire::header_list::Limit;

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
            let mut counter = FrameCounter::of_client();
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
            let mut counter = FrameCounter::of_frames();
            bytes.chunks(size).for_each(|piece| counter.read(piece));
            assert_eq!(counter.goaway().unwrap(), goaway, "pieces of {size} bytes");
        }
        assert_eq!(goaway.to_string(), "GOAWAY with ENHANCE_YOUR_CALM `too_many_pings`");
        assert_eq!(early.to_string(), "GOAWAY with NO_ERROR");
    }

    #[test]
    fn no_more_of_a_goaway_is_kept_than_anybody_reads() {
        let mut counter = FrameCounter::of_frames();
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
            let mut counter = FrameCounter::of_frames();
            assert!(matches!(counter.settings().header_limit(), Limit::Peers(u32::MAX)));
            bytes.chunks(size).for_each(|piece| counter.read(piece));
            let limit = counter.settings().header_limit();
            assert!(matches!(limit, Limit::Peers(0x7_0000)), "{limit:?}, pieces of {size} bytes");
            counter.read(&settings(0, &[(6, 1)]));
            assert!(matches!(counter.settings().header_limit(), Limit::Peers(0x1_0000)));
        }
    }
}
