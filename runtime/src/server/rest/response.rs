//! Responses of REST: failures as a `google.rpc.Status` in JSON, and streams as lines or events.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use tonic::Status;

use crate::{
    call::excerpt,
    codec::json::http_mapping::{HttpMapping, RawBody},
    connection::http_service::{HttpService, ServiceFuture},
    protocol::{
        Protocol,
        connect::{self, failed_head},
        http_body::HttpBody,
        http_reply::no_service,
        json_text::JsonText,
    },
    server::translate::{
        streaming::StreamFormat,
        transcoder::{Transcoder, no_response},
    },
};

pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");
pub(super) const JSON_LINES: HeaderValue = HeaderValue::from_static("application/x-ndjson");
pub(super) const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");

/// The response to a call that has failed before there was another. The metadata of `status` is in its head, beside
/// `sent`, what there was of one.
pub(super) fn failure(
    sent: HeaderMap,
    status: &Status,
    mapping: &HttpMapping,
) -> Response<HttpBody> {
    let mut response = json(connect::http_status(status.code()), failure_json(status, mapping));
    let written = std::mem::replace(response.headers_mut(), failed_head(sent, status));
    response.headers_mut().extend(written);
    response
}

/// The response to a request that is no call, with headers that say what would be one.
pub(super) fn refusal(
    http_status: StatusCode,
    hints: impl IntoIterator<Item = (HeaderName, HeaderValue)>,
    status: &Status,
) -> Box<Response<HttpBody>> {
    let mut response = json(http_status, status_json(status, &[]));
    response.headers_mut().extend(hints);
    Box::new(response)
}

/// Answers requests for paths that lead nowhere, if nothing else does.
pub(super) struct UnknownPaths;

impl HttpService for UnknownPaths {
    fn call(&self, request: Request<HttpBody>) -> ServiceFuture {
        ServiceFuture::Refused(Some(match Protocol::of_call(request.headers()) {
            Some(_) => no_service(&request),
            None => {
                let [method, path] =
                    [request.method().as_str(), request.uri().path()].map(excerpt::name);
                let status = Status::not_found(format!("there is no {method} {path}"));
                refusal(StatusCode::NOT_FOUND, None, &status)
            }
        }))
    }
}

fn json(http_status: StatusCode, text: String) -> Response<HttpBody> {
    let length = HeaderValue::from(text.len());
    let mut response = Response::new(HttpBody::plain(text.into()));
    *response.status_mut() = http_status;
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response.headers_mut().insert(header::CONTENT_LENGTH, length);
    response
}

/// A `google.rpc.Status`. Details of types that the service's files do not have are in Base64.
fn failure_json(status: &Status, mapping: &HttpMapping) -> String {
    let details = connect::details(status);
    status_json(status, &details.iter().map(|detail| mapping.write_any(detail)).collect::<Vec<_>>())
}

fn status_json(status: &Status, details: &[String]) -> String {
    let (code, message) = (i32::from(status.code()), JsonText(status.message()));
    format!("{{\"code\":{code},\"message\":{message},\"details\":[{}]}}", details.join(","))
}

/// A message a line. If the call fails, the last one is its status, as `error`.
pub(super) struct JsonLines(pub(super) Transcoder, pub(super) Arc<HttpMapping>);

impl StreamFormat for JsonLines {
    fn message(&mut self, message: Bytes) -> Result<Bytes, Status> {
        let json = self.0.write_response(message)?;
        Ok([&json[..], b"\n"].concat().into())
    }

    fn end(&mut self, end: Result<HeaderMap, &Status>) -> Result<Bytes, Status> {
        Ok(match end {
            Ok(_) => Bytes::new(),
            Err(status) => format!("{{\"error\":{}}}\n", failure_json(status, &self.1)).into(),
        })
    }
}

/// A message an event. The last event, `end` or `error`, tells a browser that the stream is not to be asked for again.
///
/// See [server-sent events](https://html.spec.whatwg.org/multipage/server-sent-events.html).
pub(super) struct ServerSentEvents(pub(super) Transcoder, pub(super) Arc<HttpMapping>);

impl StreamFormat for ServerSentEvents {
    fn message(&mut self, message: Bytes) -> Result<Bytes, Status> {
        // There are no line breaks in JSON as it is written here.
        let json = self.0.write_response(message)?;
        Ok([b"data: ", &json[..], b"\n\n"].concat().into())
    }

    fn end(&mut self, end: Result<HeaderMap, &Status>) -> Result<Bytes, Status> {
        Ok(match end {
            Ok(_) => Bytes::from_static(b"event: end\ndata: {}\n\n"),
            Err(status) => {
                format!("event: error\ndata: {}\n\n", failure_json(status, &self.1)).into()
            }
        })
    }
}

/// The data of messages that are bodies of any type, one after the other.
pub(super) struct RawChunks {
    mapping: Arc<HttpMapping>,
    /// That of the first message. None before it.
    pub(super) content_type: Option<String>,
}

impl RawChunks {
    pub(super) fn new(mapping: Arc<HttpMapping>) -> Self {
        Self { mapping, content_type: None }
    }
}

impl StreamFormat for RawChunks {
    fn message(&mut self, message: Bytes) -> Result<Bytes, Status> {
        let raw = self.mapping.raw_response(message).inspect_err(no_response);
        let RawBody { content_type, data } = raw?;
        self.content_type.get_or_insert(content_type);
        Ok(data)
    }

    fn end(&mut self, end: Result<HeaderMap, &Status>) -> Result<Bytes, Status> {
        match end {
            Ok(_) => Ok(Bytes::new()),
            Err(status) => Err(status.clone()),
        }
    }
}

/// The content type of a body that says what it is, or does not.
pub(super) fn content_type(named: &str) -> HeaderValue {
    let named = Some(named).filter(|named| !named.is_empty());
    let named = named.and_then(|named| HeaderValue::from_str(named).ok());
    named.unwrap_or_else(|| HeaderValue::from_static("application/octet-stream"))
}
