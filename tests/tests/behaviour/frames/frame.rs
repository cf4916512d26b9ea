//! Frames of HTTP/2, as [RFC 9113](https://www.rfc-editor.org/rfc/rfc9113#section-4) has them, and
//! header fields that are not compressed.

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const ACK: u8 = 1;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;
pub(crate) const PADDED: u8 = 8;
pub(crate) const WITH_PRIORITY: u8 = 0x20;

pub(crate) const HEADER_TABLE_SIZE: u16 = 1;
pub(crate) const MAX_CONCURRENT_STREAMS: u16 = 3;
pub(crate) const INITIAL_WINDOW_SIZE: u16 = 4;
pub(crate) const MAX_FRAME_SIZE: u16 = 5;

/// The bytes in front of a frame's payload.
pub(crate) const HEAD: usize = 9;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    pub(crate) fn new(kind: u8, flags: u8, stream: u32, payload: impl Into<Vec<u8>>) -> Self {
        Self { kind, flags, stream, payload: payload.into() }
    }

    pub(crate) fn data(stream: u32, data: impl Into<Vec<u8>>) -> Self {
        Self::new(DATA, 0, stream, data)
    }

    /// All the headers that there are.
    pub(crate) fn headers(stream: u32, fields: &[(&str, &str)]) -> Self {
        Self::new(HEADERS, END_HEADERS, stream, block(fields))
    }

    pub(crate) fn reset(stream: u32, reason: h2::Reason) -> Self {
        Self::new(RST_STREAM, 0, stream, u32::from(reason).to_be_bytes())
    }

    pub(crate) fn settings(settings: &[(u16, u32)]) -> Self {
        let payload = settings.iter().flat_map(|(name, value)| {
            let (name, value) = (name.to_be_bytes(), value.to_be_bytes());
            name.into_iter().chain(value)
        });
        Self::new(SETTINGS, 0, 0, payload.collect::<Vec<_>>())
    }

    /// That no stream above `last` was begun with.
    pub(crate) fn goaway(last: u32, reason: h2::Reason) -> Self {
        let payload = [last.to_be_bytes(), u32::from(reason).to_be_bytes()].concat();
        Self::new(GOAWAY, 0, 0, payload)
    }

    pub(crate) fn window_update(stream: u32, more: u32) -> Self {
        Self::new(WINDOW_UPDATE, 0, stream, more.to_be_bytes())
    }

    /// The same, as the last one of its stream.
    pub(crate) fn ends(mut self) -> Self {
        self.flags |= END_STREAM;
        self
    }

    pub(crate) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let length = u32::try_from(self.payload.len()).unwrap().to_be_bytes();
        let mut bytes = vec![length[1], length[2], length[3], self.kind, self.flags];
        bytes.extend(self.stream.to_be_bytes());
        bytes.extend(&self.payload);
        bytes
    }

    /// The number that the payload has at `at`.
    pub(crate) fn number(&self, at: usize) -> u32 {
        u32::from_be_bytes(self.payload[at..at + 4].try_into().unwrap())
    }
}

/// Header fields [without indexing](https://www.rfc-editor.org/rfc/rfc7541#section-6.2.2).
pub(crate) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        text(&mut block, name.as_bytes());
        text(&mut block, value.as_bytes());
    }
    block
}

fn text(block: &mut Vec<u8>, text: &[u8]) {
    const SHORT: usize = 127;
    match text.len() {
        length @ ..SHORT => block.push(length as u8),
        length => {
            block.push(SHORT as u8);
            let mut rest = length - SHORT;
            while rest >= 128 {
                block.push((rest % 128 + 128) as u8);
                rest /= 128;
            }
            block.push(rest as u8);
        }
    }
    block.extend(text);
}

/// A message as gRPC frames it.
pub(crate) fn message(message: &impl rust_scaffold::prost::Message) -> Vec<u8> {
    let length = u32::try_from(message.encoded_len()).unwrap().to_be_bytes();
    [&[0], &length[..], &message.encode_to_vec()].concat()
}
