//! Just enough of HTTP/2 to see whether somebody speaks it, and gRPC in it.
//!
//! Headers are not decoded: gRPC answers every call with the status 200, which is one byte of HPACK.

/// What is said first, and answers are awaited to: that HTTP/2 is spoken, and two calls.
///
/// Reflection asks for nothing that could change the server, and most servers have it. Old ones have
/// `v1alpha` alone.
pub(super) fn greeting(scheme: &str, authority: &str) -> Vec<u8> {
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    frame(&mut bytes, (SETTINGS, 0, 0), &[]);
    for (stream, version) in [(1, "v1"), (3, "v1alpha")] {
        let path = format!("/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo");
        // `:method: POST` and the scheme are in HPACK's static table, as are the names with numbers.
        let mut headers = vec![0x83, if scheme == "https" { 0x87 } else { 0x86 }];
        for (name, value) in [
            (&[0x04][..], &*path),
            (&[0x01], authority),
            (&[0x0f, 0x10], "application/grpc"),
            (b"\0\x02te", "trailers"),
        ] {
            headers.extend(name);
            // Values of up to 126 bytes have their length in one; hosts are not longer in practice.
            let value = &value.as_bytes()[..value.len().min(126)];
            headers.push(value.len().to_le_bytes()[0]);
            headers.extend(value);
        }
        frame(&mut bytes, (HEADERS, END_HEADERS, stream), &headers);
        frame(&mut bytes, (DATA, END_STREAM, stream), LIST_SERVICES);
    }
    bytes
}

/// A message of gRPC, a `ServerReflectionRequest` with `list_services`.
const LIST_SERVICES: &[u8] = &[0, 0, 0, 0, 2, 0x3a, 0];

/// The acknowledgement of the peer's settings.
pub(super) fn settings_ack() -> Vec<u8> {
    let mut bytes = Vec::new();
    frame(&mut bytes, (SETTINGS, ACK, 0), &[]);
    bytes
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;

const ACK: u8 = 0x1;
const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;

fn frame(bytes: &mut Vec<u8>, (kind, flags, stream): (u8, u8, u32), payload: &[u8]) {
    let length = u32::try_from(payload.len()).unwrap_or_default().to_be_bytes();
    bytes.extend(&length[1..]);
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
}

/// What a server has said so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Http2Reply {
    /// Its settings, with which HTTP/2 begins.
    pub(super) settings: bool,
    /// What became of the calls.
    pub(super) calls: [Answer; 2],
    /// It takes no more calls.
    pub(super) goaway: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Answer {
    #[default]
    None,
    /// Headers with the status 200, and nothing behind them yet.
    Begun,
    /// A message of gRPC.
    Message,
    /// A status of gRPC, and no message.
    Status,
    /// What gRPC does not answer.
    Other,
}

impl Http2Reply {
    /// Whether nothing more is awaited.
    pub(super) fn is_complete(&self) -> bool {
        let is_open = |answer: &Answer| matches!(answer, Answer::None | Answer::Begun);
        self.settings && (self.goaway || !self.calls.iter().any(is_open))
    }
}

/// Reads all whole frames; `None` if these bytes are no HTTP/2.
pub(super) fn parse_frames(mut bytes: &[u8]) -> Option<Http2Reply> {
    let mut reply = Http2Reply::default();
    while let Some((header, rest)) = bytes.split_first_chunk::<9>() {
        let [high, mid, low, kind, flags, stream @ ..] = *header;
        let length = u32::from_be_bytes([0, high, mid, low]);
        let stream = u32::from_be_bytes(stream) & 0x7fff_ffff;
        if !reply.settings && (kind, stream) != (SETTINGS, 0) {
            return None;
        }
        reply.settings = true;
        let Some((payload, rest)) = rest.split_at_checked(usize::try_from(length).ok()?) else {
            break;
        };
        bytes = rest;
        reply.goaway |= kind == GOAWAY;
        let call = match stream {
            1 => &mut reply.calls[0],
            3 => &mut reply.calls[1],
            _ => continue,
        };
        *call = call.after((kind, flags), payload);
    }
    Some(reply)
}

impl Answer {
    /// What an answer is with one more frame.
    fn after(self, (kind, flags): (u8, u8), payload: &[u8]) -> Self {
        let is_end = flags & END_STREAM != 0;
        match (self, kind) {
            (Self::None, HEADERS) if !is_ok(payload, flags) => Self::Other,
            (Self::None | Self::Begun, HEADERS) if is_end => Self::Status,
            (Self::None, HEADERS) => Self::Begun,
            (Self::Begun, DATA) => match unpadded(payload, flags) {
                [] if !is_end => Self::Begun,
                // Whether it is compressed, and its length.
                [0 | 1, _, _, _, _, ..] => Self::Message,
                _ => Self::Other,
            },
            (Self::None | Self::Begun, RST_STREAM) => Self::Other,
            _ => self,
        }
    }
}

/// Whether headers begin with `:status: 200`.
fn is_ok(payload: &[u8], flags: u8) -> bool {
    let block = unpadded(payload, flags);
    let block = block.get(if flags & PRIORITY == 0 { 0 } else { 5 }..).unwrap_or_default();
    // A change of the size of the table, of one byte or two, may come first.
    let is_change = |byte: &u8| byte & 0xe0 == 0x20;
    block.iter().find(|byte| !is_change(byte)) == Some(&0x88)
}

fn unpadded(payload: &[u8], flags: u8) -> &[u8] {
    match payload.split_first() {
        Some((padding, rest)) if flags & PADDED != 0 => {
            &rest[..rest.len().saturating_sub(usize::from(*padding))]
        }
        _ => payload,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Kind, flags, stream; payload.
    type Frame<'a> = ((u8, u8, u32), &'a [u8]);

    fn said(frames: &[Frame]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (head, payload) in frames {
            frame(&mut bytes, *head, payload);
        }
        bytes
    }

    const START: Frame = ((SETTINGS, 0, 0), &[]);

    fn answer(frames: &[Frame]) -> Answer {
        parse_frames(&said(&[&[START], frames].concat())).unwrap().calls[0]
    }

    #[test]
    fn answers_are_told_apart() {
        let begun = ((HEADERS, END_HEADERS, 1), &[0x88, 0x5f][..]);
        let message = ((DATA, 0, 1), &[0, 0, 0, 0, 0][..]);
        let end = ((HEADERS, END_HEADERS | END_STREAM, 1), &[0x40][..]);
        assert_eq!(answer(&[]), Answer::None);
        assert_eq!(answer(&[begun]), Answer::Begun);
        assert_eq!(answer(&[begun, message]), Answer::Message);
        assert_eq!(answer(&[begun, message, end]), Answer::Message);
        assert_eq!(answer(&[begun, end]), Answer::Status);
        assert_eq!(answer(&[((HEADERS, END_HEADERS | END_STREAM, 1), &[0x88])]), Answer::Status);
        assert_eq!(answer(&[((HEADERS, END_HEADERS | END_STREAM, 1), &[0x8d])]), Answer::Other);
        assert_eq!(answer(&[((HEADERS, END_HEADERS, 1), &[])]), Answer::Other);
        assert_eq!(answer(&[begun, ((DATA, 0, 1), b"<html>")]), Answer::Other);
        assert_eq!(answer(&[begun, ((DATA, END_STREAM, 1), b"")]), Answer::Other);
        assert_eq!(answer(&[((RST_STREAM, 0, 1), &[0; 4])]), Answer::Other);
        assert_eq!(answer(&[((HEADERS, END_STREAM, 5), &[0x88])]), Answer::None);
    }

    #[test]
    fn padding_priority_and_sizes_of_the_table_are_passed_by() {
        let flags = END_STREAM | PADDED | PRIORITY;
        let payload = [2, 0, 0, 0, 0, 16, 0x20, 0x88, 0, 0];
        assert_eq!(answer(&[((HEADERS, flags, 1), &payload)]), Answer::Status);
        assert_eq!(answer(&[((HEADERS, flags, 1), &[200])]), Answer::Other);
    }

    #[test]
    fn other_protocols_are_none_of_it_and_parts_are_no_end() {
        assert_eq!(parse_frames(b"HTTP/1.1 400 Bad Request\r\n\r\n"), None);
        assert_eq!(parse_frames(&said(&[((GOAWAY, 0, 0), &[0; 8])])), None);
        assert_eq!(parse_frames(b""), Some(Http2Reply::default()));
        let whole = said(&[
            START,
            ((HEADERS, END_STREAM, 1), &[0x88]),
            ((HEADERS, END_STREAM, 3), &[0x8d]),
        ]);
        for end in 0..whole.len() {
            assert!(!parse_frames(&whole[..end]).unwrap().is_complete(), "{end}");
        }
        assert!(parse_frames(&whole).unwrap().is_complete());
        assert!(parse_frames(&said(&[START, ((GOAWAY, 0, 0), &[0; 8])])).unwrap().is_complete());
        // A frame that says that it is as long as no frame can be.
        assert_eq!(parse_frames(&[0xff; 40]), None);
    }
}
