//! Connect, in terms of gRPC: the heads of requests and responses, and how calls fail and end.
//!
//! See [the Connect protocol](https://connectrpc.com/docs/protocol/).

use std::{fmt::Write as _, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use prost::Message as _;
use tonic::{Code, Status, metadata::MetadataMap};

use super::{
    content_type::Protocol,
    grpc_status,
    headers::{self, GRPC_ACCEPT_ENCODING, GRPC_ENCODING},
    http_body::HttpBody,
    json_text::JsonText,
    length_prefixed::HEADER,
};
use crate::call::{
    deadline::{self, GRPC_TIMEOUT},
    excerpt::quoted,
    status::code_name,
    trailers::append,
};

const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("connect-protocol-version");
const TIMEOUT: HeaderName = HeaderName::from_static("connect-timeout-ms");
const CONTENT_ENCODING: HeaderName = HeaderName::from_static("connect-content-encoding");
const ACCEPT_ENCODING: HeaderName = HeaderName::from_static("connect-accept-encoding");
/// The flag of the envelope that ends a stream.
const END_STREAM: u8 = 2;

/// How a call is written: whether it is a stream of envelopes or a single message each way, and in which codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ConnectFormat {
    pub(crate) is_stream: bool,
    pub(crate) codec: ConnectCodec,
}

/// How messages are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConnectCodec {
    Proto,
    #[cfg(feature = "json")]
    Json,
}

impl ConnectFormat {
    /// The format that a content type names.
    pub(crate) fn of_content_type(value: &HeaderValue) -> Option<Self> {
        let value = value.to_str().ok()?;
        let name = value.split(';').next()?.trim().to_ascii_lowercase();
        let name = name.strip_prefix("application/")?;
        let streamed = name.strip_prefix("connect+");
        let codec = ConnectCodec::by_name(streamed.unwrap_or(name))?;
        Some(Self { is_stream: streamed.is_some(), codec })
    }

    pub(crate) fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match (self.is_stream, self.codec) {
            (false, ConnectCodec::Proto) => "application/proto",
            #[cfg(feature = "json")]
            (false, ConnectCodec::Json) => "application/json",
            (true, ConnectCodec::Proto) => "application/connect+proto",
            #[cfg(feature = "json")]
            (true, ConnectCodec::Json) => "application/connect+json",
        })
    }

    /// Turns the headers of a request into those of gRPC, also if the call is to be refused.
    ///
    /// # Errors
    /// `InvalidArgument`: another version of the protocol, or a malformed timeout.
    pub(crate) fn request_into_grpc(self, headers: &mut HeaderMap) -> Result<(), Status> {
        head_into_grpc(headers, &self.encoding_headers());
        if let Some(version) = headers.remove(PROTOCOL_VERSION)
            && version != "1"
        {
            return Err(Status::invalid_argument(format!(
                "the server speaks version 1 of the Connect protocol, not {}",
                quoted(version)
            )));
        }
        headers.remove(GRPC_TIMEOUT);
        if let Some(timeout) = headers.remove(TIMEOUT) {
            deadline::set_timeout(headers, parse_timeout(&timeout)?);
        }
        Ok(())
    }

    /// Turns the headers of a successful response into those of Connect.
    pub(crate) fn response_from_grpc(self, headers: &mut HeaderMap) {
        let [encoding, _] = self.encoding_headers();
        rename(headers, &GRPC_ENCODING, encoding);
        headers.remove(header::CONTENT_LENGTH);
        headers.insert(header::CONTENT_TYPE, self.content_type());
    }

    fn encoding_headers(self) -> [HeaderName; 2] {
        match self.is_stream {
            true => [CONTENT_ENCODING, ACCEPT_ENCODING],
            false => [header::CONTENT_ENCODING, header::ACCEPT_ENCODING],
        }
    }

    /// The response to a call that has failed before there was another. The metadata of `status` is in its head, as in
    /// gRPC, beside `sent`, what there was of one.
    pub(crate) fn failure(self, sent: HeaderMap, status: &Status) -> Response<HttpBody> {
        let (content_type, http_status, body) = match self.is_stream {
            true => (
                self.content_type(),
                StatusCode::OK,
                end_of_stream(&HeaderMap::new(), Some(status)),
            ),
            false => {
                let json = HeaderValue::from_static("application/json");
                (json, http_status(status.code()), error(status).into())
            }
        };
        let length = HeaderValue::from(body.len());
        let mut response = Response::new(HttpBody::plain(body));
        *response.status_mut() = http_status;
        let headers = response.headers_mut();
        *headers = failed_head(sent, status);
        let [_, accepted] = self.encoding_headers();
        rename(headers, &GRPC_ACCEPT_ENCODING, accepted);
        headers.insert(header::CONTENT_TYPE, content_type);
        headers.insert(header::CONTENT_LENGTH, length);
        response
    }
}

impl ConnectCodec {
    /// The codec that clients call `name`.
    pub(crate) fn by_name(name: &str) -> Option<Self> {
        match name {
            "proto" => Some(Self::Proto),
            #[cfg(feature = "json")]
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

/// Turns the headers of a request into those of gRPC. Its encoding, and those that it accepts, are in these ones.
pub(crate) fn head_into_grpc(headers: &mut HeaderMap, [encoding, accepted]: &[HeaderName; 2]) {
    headers.insert(header::CONTENT_TYPE, Protocol::Grpc.content_type());
    headers.insert(header::TE, HeaderValue::from_static("trailers"));
    headers.remove(header::CONTENT_LENGTH);
    rename(headers, encoding, GRPC_ENCODING);
    rename_accepted(headers, accepted);
}

/// The headers of a response to a call that has failed with `status`: its metadata, and what was `sent` otherwise.
pub(crate) fn failed_head(sent: HeaderMap, status: &Status) -> HeaderMap {
    let mut headers = headers::from_metadata(MetadataMap::from_headers(sent));
    for (name, value) in &headers::from_status_metadata(status.metadata()) {
        append(&mut headers, name, value);
    }
    headers
}

fn rename(headers: &mut HeaderMap, from: &HeaderName, to: HeaderName) {
    // There may be one that means nothing here.
    headers.remove(&to);
    if let Some(value) = headers.remove(from) {
        headers.insert(to, value);
    }
}

/// Turns `accepted`, which may be several lines with weights, into the list that gRPC has.
fn rename_accepted(headers: &mut HeaderMap, accepted: &HeaderName) {
    let lines = headers.get_all(accepted).iter().filter_map(|line| line.to_str().ok());
    let encodings = lines.flat_map(|line| line.split(',')).filter_map(|encoding| {
        let (name, weight) = encoding.split_once(';').unwrap_or((encoding, ""));
        let weight = weight.trim().strip_prefix("q=").map(str::parse::<f32>);
        (weight != Some(Ok(0.0))).then(|| name.trim())
    });
    let list = HeaderValue::try_from(encodings.collect::<Vec<_>>().join(","));
    headers.remove(accepted);
    headers.remove(GRPC_ACCEPT_ENCODING);
    if let Ok(list) = list
        && !list.is_empty()
    {
        headers.insert(GRPC_ACCEPT_ENCODING, list);
    }
}

/// Up to ten digits of milliseconds.
fn parse_timeout(value: &HeaderValue) -> Result<Duration, Status> {
    let digits = value.as_bytes();
    let is_legal = (1..=10).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    let millis = value.to_str().ok().filter(|_| is_legal).and_then(|digits| digits.parse().ok());
    let millis = millis.ok_or_else(|| {
        Status::invalid_argument(format!(
            "malformed connect-timeout-ms {}: not 1 to 10 digits",
            quoted(value)
        ))
    })?;
    Ok(Duration::from_millis(millis))
}

/// The envelope after the messages of a stream that has failed.
pub(crate) fn end_of_failed_stream(status: &Status) -> Bytes {
    end_of_stream(&headers::from_status_metadata(status.metadata()), Some(status))
}

/// The envelope after the messages of a stream: how the call has ended, and its trailers.
pub(crate) fn end_of_stream(trailers: &HeaderMap, failure: Option<&Status>) -> Bytes {
    let mut json = String::from("{");
    // A stream may end well before it has begun.
    let failure = failure.filter(|status| status.code() != Code::Ok);
    if let Some(status) = failure {
        json.push_str("\"error\":");
        json.push_str(&error(status));
    }
    if !trailers.is_empty() {
        json.push_str(if failure.is_some() { ",\"metadata\":{" } else { "\"metadata\":{" });
        for (at, name) in trailers.keys().enumerate() {
            let comma = if at > 0 { "," } else { "" };
            let values = trailers.get_all(name).iter();
            let values = values.map(|value| String::from_utf8_lossy(value.as_bytes()));
            let values: Vec<_> = values.map(|value| JsonText(&value).to_string()).collect();
            // Writing to a string cannot fail.
            let _ = write!(json, "{comma}{}:[{}]", JsonText(name.as_str()), values.join(","));
        }
        json.push('}');
    }
    json.push('}');
    let mut envelope = BytesMut::with_capacity(HEADER + json.len());
    envelope.put_u8(END_STREAM);
    envelope.put_u32(json.len() as u32);
    envelope.put_slice(json.as_bytes());
    envelope.freeze()
}

/// The trailers of a unary call, which Connect has among the headers.
pub(crate) fn add_trailers(headers: &mut HeaderMap, trailers: &HeaderMap) {
    for (name, value) in trailers {
        if let Ok(name) = HeaderName::try_from(format!("trailer-{name}")) {
            append(headers, &name, value);
        }
    }
}

/// A failure as JSON.
fn error(status: &Status) -> String {
    let mut json = format!("{{\"code\":\"{}\"", error_code(status.code()));
    // Writing to a string cannot fail.
    if !status.message().is_empty() {
        let _ = write!(json, ",\"message\":{}", JsonText(status.message()));
    }
    let details = details(status);
    for (at, detail) in details.iter().enumerate() {
        json.push_str(if at == 0 { ",\"details\":[" } else { "," });
        let name = detail.type_url.rsplit('/').next().unwrap_or_default();
        let value = STANDARD_NO_PAD.encode(&detail.value);
        let _ = write!(json, "{{\"type\":{},\"value\":\"{value}\"}}", JsonText(name));
    }
    json.push_str(if details.is_empty() { "}" } else { "]}" });
    json
}

/// The details of a status; none if they are not those of a `google.rpc.Status`.
pub(crate) fn details(status: &Status) -> Vec<prost_types::Any> {
    /// `google.rpc.Status`
    #[derive(Clone, PartialEq, prost::Message)]
    struct RpcStatus {
        #[prost(message, repeated, tag = "3")]
        details: Vec<prost_types::Any>,
    }
    RpcStatus::decode(status.details()).map(|status| status.details).unwrap_or_default()
}

fn error_code(code: Code) -> String {
    match code {
        Code::Cancelled => "canceled".to_owned(),
        code => code_name(code).to_ascii_lowercase(),
    }
}

/// The HTTP status for a code, which is that of `google.rpc.Code` too.
pub(crate) fn http_status(code: Code) -> StatusCode {
    match code {
        Code::Ok => StatusCode::OK,
        // The client is gone; this is what nginx writes down then.
        Code::Cancelled => StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST),
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => {
            StatusCode::BAD_REQUEST
        }
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::AlreadyExists | Code::Aborted => StatusCode::CONFLICT,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::Unknown | Code::Internal | Code::DataLoss => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// How a call has ended, and its trailers, by the trailers of gRPC; what is gRPC's own in them is removed.
pub(crate) fn end_of_call(trailers: Option<HeaderMap>) -> Result<HeaderMap, Status> {
    let trailers = grpc_status::end_of_response(trailers)?;
    Ok(trailers.map(|trailers| trailers.into_headers()).unwrap_or_default())
}
