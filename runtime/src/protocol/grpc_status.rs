//! Converts a status to and from headers.
//!
//! A received status is parsed leniently: its code must never be lost because of malformed bytes in the
//! message or in the details. See `Status-Message` in [gRPC over
//! HTTP/2](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#responses).

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode, utf8_percent_encode};
use tonic::{Code, Status, metadata::MetadataMap};

use super::{
    binary,
    headers::{self, GRPC_MESSAGE, GRPC_STATUS, GRPC_STATUS_DETAILS, GrpcHeaders},
};
use crate::call::{body::UserTrailers, status};

/// Accepts Base64 with and without padding, and with non-zero trailing bits.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const ALPHABETS: [GeneralPurpose; 2] = [
    GeneralPurpose::new(&alphabet::STANDARD, LENIENT),
    GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT),
];

/// The status code in received headers.
pub(crate) fn code(grpc: &GrpcHeaders<'_>) -> Option<Code> {
    grpc.status.map(|code| Code::from_bytes(code.as_bytes()))
}

/// The status code in the head of a response: that of a call that ended without a message.
pub(crate) fn code_of_head(headers: &HeaderMap) -> Option<Code> {
    headers.get(GRPC_STATUS).map(|code| Code::from_bytes(code.as_bytes()))
}

/// The user's trailers at the end of a response, if the status in `received` is OK.
pub(crate) fn end_of_response(received: Option<HeaderMap>) -> Result<UserTrailers, Status> {
    let received = received.unwrap_or_default();
    let grpc = GrpcHeaders::parse(&received);
    match code(&grpc) {
        Some(Code::Ok) => {
            let (custom, trailers) = (grpc.custom, received);
            let trailers = headers::into_trailers(custom, trailers);
            Ok((!trailers.is_empty()).then(|| Box::new(trailers)))
        }
        Some(code) => Err(from_headers(code, received)),
        None => Err(status::missing()),
    }
}

/// The status with this `code` and the rest of received `headers`.
pub(crate) fn from_headers(code: Code, mut headers: HeaderMap) -> Status {
    let message = headers.remove(GRPC_MESSAGE).map(|value| message(&value));
    let details = headers.remove(GRPC_STATUS_DETAILS).and_then(|value| details(&value));
    headers.remove(GRPC_STATUS);
    // In a trailers-only response, it is among the trailers, but it is not metadata.
    headers.remove(header::CONTENT_TYPE);
    Status::with_details_and_metadata(
        code,
        message.unwrap_or_default(),
        details.unwrap_or_default(),
        MetadataMap::from_headers(binary::separate(headers)),
    )
}

/// Invalid escapes stay as they are; invalid UTF-8 becomes replacement characters.
fn message(value: &HeaderValue) -> String {
    percent_decode(value.as_bytes()).decode_utf8_lossy().into_owned()
}

/// Invalid Base64 is ignored. If a proxy has joined several values, the first one counts.
fn details(value: &HeaderValue) -> Option<Bytes> {
    let first = value.as_bytes().split(|byte| *byte == b',').next()?.trim_ascii();
    ALPHABETS.iter().find_map(|alphabet| alphabet.decode(first).ok()).map(Bytes::from)
}

/// What is percent-encoded: what gRPC prescribes, and spaces, because leading and trailing ones do not
/// survive everywhere.
const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b'%');

/// The largest encoded message. gRPC C++ and Java limit all trailers together to 8 KiB by default; this
/// leaves room for metadata and details.
const MAX_MESSAGE: usize = 6 * 1024;

/// The percent-encoded message, truncated with a note if it is too long.
fn encoded(message: &str) -> String {
    let kept = truncated(message);
    let mut encoded = utf8_percent_encode(kept, ENCODED).to_string();
    if kept.len() < message.len() {
        let note = format!("... ({} bytes, of which these were sent)", message.len());
        encoded.extend(utf8_percent_encode(&note, ENCODED));
    }
    encoded
}

/// The longest prefix of `message` that fits when encoded.
fn truncated(message: &str) -> &str {
    let mut size = 0;
    for (at, char) in message.char_indices() {
        size += match char {
            '!'..='~' if char != '%' => 1,
            _ => 3 * char.len_utf8(),
        };
        if size > MAX_MESSAGE {
            return &message[..at];
        }
    }
    message
}

/// The trailers of a failed call.
pub(crate) fn to_headers(status: &Status) -> HeaderMap {
    let mut headers = headers::from_status_metadata(status.metadata());
    headers.insert(GRPC_STATUS, HeaderValue::from(status.code() as i32));
    if !status.message().is_empty() {
        insert(&mut headers, GRPC_MESSAGE, encoded(status.message()));
    }
    if !status.details().is_empty() {
        let details = general_purpose::STANDARD_NO_PAD.encode(status.details());
        insert(&mut headers, GRPC_STATUS_DETAILS, details);
    }
    headers
}

/// Cuts the last `over` bytes off the message in `headers`. False if the message is shorter.
pub(crate) fn shorten_message(headers: &mut HeaderMap, over: usize) -> bool {
    let Some(message) = headers.get(GRPC_MESSAGE).map(HeaderValue::as_bytes) else { return false };
    let Some(kept) = message.len().checked_sub(over).map(|length| &message[..length]) else {
        return false;
    };
    // An escape such as `%41` must not be cut in the middle.
    let whole = kept.len()
        - kept.iter().rev().take(2).position(|byte| *byte == b'%').map_or(0, |at| at + 1);
    let Ok(value) = HeaderValue::from_bytes(&kept[..whole]) else { return false };
    headers.insert(GRPC_MESSAGE, value);
    true
}

/// Inserts an ASCII value.
fn insert(headers: &mut HeaderMap, name: HeaderName, value: String) {
    if let Ok(value) = HeaderValue::from_maybe_shared(Bytes::from(value)) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_message_is_cut_between_characters_and_says_so() {
        for (piece, encoded) in [("x", 1), ("%", 3), (" ", 3), ("ß", 6), ("→", 9), ("🦀", 12)]
        {
            let whole = piece.repeat(MAX_MESSAGE / encoded);
            let sent = to_headers(&Status::not_found(&whole));
            assert_eq!(from_headers(Code::NotFound, sent).message(), whole);
            let long = piece.repeat(20_000);
            let sent = to_headers(&Status::not_found(&long));
            assert!(sent[GRPC_MESSAGE].len() < MAX_MESSAGE + 100);
            let read = from_headers(Code::NotFound, sent);
            let expected = format!("{whole}... ({} bytes, of which these were sent)", long.len());
            assert_eq!(read.message(), expected);
        }
    }
}
