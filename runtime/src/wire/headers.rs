//! The headers that belong to gRPC's protocol, kept apart from the metadata of the user.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use tonic::{
    Status, codec::CompressionEncoding, codec::EnabledCompressionEncodings, metadata::MetadataMap,
};

use super::compression;

pub(crate) const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_STATUS_DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");
pub(crate) const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
pub(crate) const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
pub(crate) const APPLICATION_GRPC: HeaderValue = HeaderValue::from_static("application/grpc");

/// Whether `name` is what the protocol itself says in headers, or what HTTP/2 forbids there.
fn is_protocol(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "content-type"
            | "te"
            | "grpc-status"
            | "grpc-message"
            | "grpc-encoding"
            | "grpc-accept-encoding"
            | "content-length"
            | "connection"
            | "transfer-encoding"
            | "upgrade"
    )
}

/// The user's part of received headers.
pub(crate) fn into_metadata(mut headers: HeaderMap) -> MetadataMap {
    remove_protocol(&mut headers);
    MetadataMap::from_headers(headers)
}

/// The user's part of trailers whose status was OK.
pub(crate) fn into_trailers(mut headers: HeaderMap) -> MetadataMap {
    headers.remove(GRPC_STATUS_DETAILS);
    into_metadata(headers)
}

/// Headers to send, with the user's metadata and without what only the protocol may say.
pub(crate) fn from_metadata(metadata: MetadataMap) -> HeaderMap {
    let mut headers = metadata.into_headers();
    remove_protocol(&mut headers);
    headers
}

/// Adds the user's `metadata` to `headers`, without what only the protocol may say.
pub(crate) fn add_metadata(headers: &mut HeaderMap, metadata: &MetadataMap) {
    let metadata = metadata.as_ref();
    if metadata.contains_key(header::USER_AGENT) {
        headers.remove(header::USER_AGENT);
    }
    for (name, value) in metadata {
        if !is_protocol(name) {
            headers.append(name, value.clone());
        }
    }
}

fn remove_protocol(headers: &mut HeaderMap) {
    while let Some(name) = headers.keys().find(|name| is_protocol(name)).cloned() {
        headers.remove(name);
    }
}

/// Which compression `grpc-encoding` names: none, or one among the `accepted`.
pub(crate) fn encoding(
    headers: &HeaderMap,
    accepted: EnabledCompressionEncodings,
) -> Result<Option<CompressionEncoding>, String> {
    let Some(value) = headers.get(GRPC_ENCODING) else {
        return Ok(None);
    };
    let name = String::from_utf8_lossy(value.as_bytes());
    if name == "identity" {
        return Ok(None);
    }
    match compression::by_name(&name) {
        Some(encoding) if accepted.is_enabled(encoding) => Ok(Some(encoding)),
        _ => Err(name.into_owned()),
    }
}

/// The encodings that the sender of `headers` reads.
pub(crate) fn accepted(headers: &HeaderMap) -> EnabledCompressionEncodings {
    let mut encodings = EnabledCompressionEncodings::default();
    let names = headers.get(GRPC_ACCEPT_ENCODING).and_then(|names| names.to_str().ok());
    for name in names.unwrap_or_default().split(',') {
        if let Some(encoding) = compression::by_name(name.trim()) {
            encodings.enable(encoding);
        }
    }
    encodings
}

/// Refuses a compression that the server does not accept, and says which it does.
pub(crate) fn unsupported_encoding(name: &str, accepted: EnabledCompressionEncodings) -> Status {
    let mut status = Status::unimplemented(format!(
        "the server does not accept messages that are compressed with `{name}`"
    ));
    let known = compression::accept_header(accepted)
        .unwrap_or_else(|| HeaderValue::from_static("identity"));
    let mut headers = HeaderMap::new();
    headers.insert(GRPC_ACCEPT_ENCODING, known);
    *status.metadata_mut() = MetadataMap::from_headers(headers);
    status
}

/// The trailers of a call that went well.
pub(crate) fn ok_trailers(trailers: MetadataMap) -> HeaderMap {
    let mut headers = from_metadata(trailers);
    headers.insert(GRPC_STATUS, HeaderValue::from_static("0"));
    headers
}

/// The trailers of a call that failed.
pub(crate) fn status_trailers(status: &Status) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Err(unwritable) = status.add_header(&mut headers) {
        headers.insert(GRPC_STATUS, HeaderValue::from(unwritable.code() as i32));
    }
    headers
}

/// Whether `content-type` announces gRPC with protobuf messages.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    let Some(rest) = value.and_then(|value| value.strip_prefix(b"application/grpc")) else {
        return false;
    };
    let format = rest.strip_prefix(b"+proto").unwrap_or(rest);
    format.is_empty() || format[0] == b';'
}

/// Whether `te` says that trailers get through, without which no gRPC does.
pub(crate) fn takes_trailers(headers: &HeaderMap) -> bool {
    headers.get(header::TE).is_some_and(|value| value == "trailers")
}
