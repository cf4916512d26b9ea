//! gRPC's own headers, kept apart from the user's metadata.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use tonic::{
    Status, codec::CompressionEncoding, codec::EnabledCompressionEncodings, metadata::MetadataMap,
};

use super::{
    binary, compression,
    content_type::Protocol,
    header_maps::{empty, keep, with_room},
};
use crate::call::excerpt;
pub(crate) use crate::call::trailers::append;

pub(crate) const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
pub(crate) const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
pub(crate) const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
pub(crate) const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
pub(crate) const GRPC_STATUS_DETAILS: HeaderName =
    HeaderName::from_static("grpc-status-details-bin");

/// Whether gRPC uses the header itself, or HTTP/2 forbids it.
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
            | "keep-alive"
            | "proxy-connection"
            | "transfer-encoding"
            | "upgrade"
    )
}

/// gRPC's own headers in a received header map.
#[derive(Default)]
pub(crate) struct GrpcHeaders<'a> {
    pub(crate) content_type: Option<&'a HeaderValue>,
    pub(crate) te: Option<&'a HeaderValue>,
    pub(crate) timeout: Option<&'a HeaderValue>,
    pub(crate) encoding: Option<&'a HeaderValue>,
    pub(crate) accept_encoding: Option<&'a HeaderValue>,
    pub(crate) status: Option<&'a HeaderValue>,
    /// How many other headers there are.
    pub(crate) custom: usize,
}

impl<'a> GrpcHeaders<'a> {
    /// Collects them in one pass, which is faster than a look-up for each.
    pub(crate) fn parse(headers: &'a HeaderMap) -> Self {
        let mut grpc = Self::default();
        for (name, value) in headers {
            let known = match name.as_str() {
                "content-type" => &mut grpc.content_type,
                "te" => &mut grpc.te,
                "grpc-timeout" => &mut grpc.timeout,
                "grpc-encoding" => &mut grpc.encoding,
                "grpc-accept-encoding" => &mut grpc.accept_encoding,
                "grpc-status" => &mut grpc.status,
                _ => {
                    grpc.custom += usize::from(!is_protocol(name));
                    continue;
                }
            };
            known.get_or_insert(value);
        }
        grpc
    }

    /// The protocol that `content-type` names, with messages in protobuf.
    pub(crate) fn protocol(&self) -> Option<Protocol> {
        self.content_type.and_then(Protocol::of_content_type)
    }

    /// Whether `content-type` is gRPC, with messages of whatever codec.
    pub(crate) fn is_grpc_of_any_codec(&self) -> bool {
        let value = self.content_type.map(HeaderValue::as_bytes);
        let rest = value.and_then(|value| value.strip_prefix(b"application/grpc"));
        rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
    }

    /// Whether `te: trailers` is present, which tells that the path to here supports trailers.
    pub(crate) fn takes_trailers(&self) -> bool {
        self.te.is_some_and(|value| value == "trailers")
    }

    /// The compression that `grpc-encoding` names. None means identity; one that is not `accepted` is an
    /// error.
    pub(crate) fn encoding(
        &self,
        accepted: EnabledCompressionEncodings,
    ) -> Result<Option<CompressionEncoding>, String> {
        let Some(value) = self.encoding else {
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

    /// The encodings that the sender accepts.
    pub(crate) fn accepted(&self) -> EnabledCompressionEncodings {
        let mut encodings = EnabledCompressionEncodings::default();
        let names = self.accept_encoding.and_then(|names| names.to_str().ok());
        for name in names.into_iter().flat_map(|names| names.split(',')) {
            if let Some(encoding) = compression::by_name(name.trim()) {
                encodings.enable(encoding);
            }
        }
        encodings
    }
}

/// The compression that `value` names. None is identity.
///
/// # Errors
/// `Unimplemented`: this build does not know it.
#[cfg(feature = "web")]
pub(crate) fn message_encoding(value: &HeaderValue) -> Result<Option<CompressionEncoding>, Status> {
    let name = String::from_utf8_lossy(value.as_bytes());
    match compression::by_name(&name) {
        _ if name == "identity" => Ok(None),
        Some(encoding) => Ok(Some(encoding)),
        None => Err(unsupported_encoding(&name, EnabledCompressionEncodings::default())),
    }
}

/// The user's metadata in received headers. `custom` is how many of them are not gRPC's.
pub(crate) fn into_metadata(custom: usize, headers: HeaderMap) -> MetadataMap {
    let metadata = match custom {
        0 => MetadataMap::new(),
        _ => MetadataMap::from_headers(binary::separate(without_protocol(&headers, custom))),
    };
    keep(headers);
    metadata
}

/// What is gRPC's own in `headers`, without a status.
pub(crate) fn protocol_only(headers: &HeaderMap) -> HeaderMap {
    let mut rest = HeaderMap::new();
    for (name, value) in headers.iter().filter(|(name, _)| is_protocol(name)) {
        append(&mut rest, name, value);
    }
    rest.remove(GRPC_STATUS);
    rest
}

/// Copies the user's headers: removing the others from the map in place costs more.
fn without_protocol(headers: &HeaderMap, custom: usize) -> HeaderMap {
    let mut rest = with_room(custom);
    for (name, value) in headers.iter().filter(|(name, _)| !is_protocol(name)) {
        append(&mut rest, name, value);
    }
    rest
}

/// The user's metadata in trailers with status OK.
pub(crate) fn into_trailers(custom: usize, mut headers: HeaderMap) -> MetadataMap {
    if custom > 0 {
        headers.remove(GRPC_STATUS_DETAILS);
    }
    into_metadata(custom, headers)
}

/// Headers to send: the user's metadata without reserved headers.
pub(crate) fn from_metadata(metadata: MetadataMap) -> HeaderMap {
    if metadata.is_empty() {
        return empty();
    }
    match metadata.as_ref().keys().any(is_protocol) {
        true => without_protocol(metadata.as_ref(), metadata.len()),
        false => metadata.into_headers(),
    }
}

/// Adds the user's `metadata` to `headers`, without reserved headers.
pub(crate) fn add_metadata(headers: &mut HeaderMap, metadata: &MetadataMap) {
    let metadata = metadata.as_ref();
    if metadata.contains_key(header::USER_AGENT) {
        headers.remove(header::USER_AGENT);
    }
    for (name, value) in metadata {
        if !is_protocol(name) {
            append(headers, name, value);
        }
    }
}

/// The `Unimplemented` status for a compression that the server does not accept. It lists those that it
/// does.
pub(crate) fn unsupported_encoding(name: &str, accepted: EnabledCompressionEncodings) -> Status {
    let mut status = Status::unimplemented(format!(
        "the server does not accept messages that are compressed with `{}`",
        excerpt::name(name)
    ));
    let known = compression::accept_header(accepted)
        .unwrap_or_else(|| HeaderValue::from_static("identity"));
    let mut headers = HeaderMap::new();
    headers.insert(GRPC_ACCEPT_ENCODING, known);
    *status.metadata_mut() = MetadataMap::from_headers(headers);
    status
}

/// The trailers of a successful call.
pub(crate) fn ok_trailers(trailers: Option<MetadataMap>) -> HeaderMap {
    let mut headers = trailers.map_or_else(empty, from_metadata);
    headers.insert(GRPC_STATUS, HeaderValue::from_static("0"));
    headers
}

/// Headers with the `metadata` of a status, and room for the status itself. `grpc-accept-encoding` is
/// kept, because a status that refuses a compression carries it.
pub(crate) fn from_status_metadata(metadata: &MetadataMap) -> HeaderMap {
    let mut headers = with_room(metadata.len() + 3);
    for (name, value) in metadata.as_ref() {
        if name == GRPC_ACCEPT_ENCODING || !is_protocol(name) {
            append(&mut headers, name, value);
        }
    }
    headers
}
