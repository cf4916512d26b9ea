//! A status as headers spell it.
//!
//! What a peer has written is read as far as it can be: its code counts, and no byte of the rest may
//! cost it. See `Status-Message` in [gRPC over
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
    headers::{self, Said},
};

pub(crate) const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
pub(crate) const GRPC_STATUS_DETAILS: HeaderName =
    HeaderName::from_static("grpc-status-details-bin");

/// Base64 with padding or without, whatever the bits are that say nothing.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const ALPHABETS: [GeneralPurpose; 2] = [
    GeneralPurpose::new(&alphabet::STANDARD, LENIENT),
    GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT),
];

/// The code that received headers carry, if they carry one.
pub(crate) fn code(said: &Said<'_>) -> Option<Code> {
    said.status.map(|code| Code::from_bytes(code.as_bytes()))
}

/// The status with this code that received `headers` carry.
pub(crate) fn from_headers(code: Code, mut headers: HeaderMap) -> Status {
    let message = headers.remove(GRPC_MESSAGE).map(|value| message(&value));
    let details = headers.remove(GRPC_STATUS_DETAILS).and_then(|value| details(&value));
    headers.remove(GRPC_STATUS);
    // It is there when the trailers are the headers, too, and is no metadata.
    headers.remove(header::CONTENT_TYPE);
    Status::with_details_and_metadata(
        code,
        message.unwrap_or_default(),
        details.unwrap_or_default(),
        MetadataMap::from_headers(binary::separate(headers)),
    )
}

/// What is broken in a message stays as it is, or becomes a replacement character.
fn message(value: &HeaderValue) -> String {
    percent_decode(value.as_bytes()).decode_utf8_lossy().into_owned()
}

/// What is no base64 is nothing. Of values that somebody has joined, the first one counts.
fn details(value: &HeaderValue) -> Option<Bytes> {
    let first = value.as_bytes().split(|byte| *byte == b',').next()?.trim_ascii();
    ALPHABETS.iter().find_map(|alphabet| alphabet.decode(first).ok()).map(Bytes::from)
}

/// What a message is not sent as it is in: beside what gRPC says, spaces, which do not survive
/// everywhere at the ends of a header.
const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b'%');

/// The trailers of a call that failed.
pub(crate) fn to_headers(status: &Status) -> HeaderMap {
    let mut headers = headers::from_status_metadata(status.metadata());
    headers.insert(GRPC_STATUS, HeaderValue::from(status.code() as i32));
    if !status.message().is_empty() {
        let message = utf8_percent_encode(status.message(), ENCODED).to_string();
        insert(&mut headers, GRPC_MESSAGE, message);
    }
    if !status.details().is_empty() {
        let details = general_purpose::STANDARD_NO_PAD.encode(status.details());
        insert(&mut headers, GRPC_STATUS_DETAILS, details);
    }
    headers
}

/// Inserts a value that is ASCII.
fn insert(headers: &mut HeaderMap, name: HeaderName, value: String) {
    if let Ok(value) = HeaderValue::from_maybe_shared(Bytes::from(value)) {
        headers.insert(name, value);
    }
}
