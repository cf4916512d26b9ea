//! gRPC over HTTP: the heads of requests and responses, and how a response ends. gRPC-Web shares them, but for
//! the place of the trailers.

use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header, response};
use tonic::{Code, Status, codec::EnabledCompressionEncodings};

use super::{
    compression,
    content_type::Protocol,
    grpc_status, header_maps,
    headers::{self, GRPC_STATUS, GrpcHeaders},
    http_body::HttpBody,
    http_reply::{AbortConnection, HttpResponse},
};
use crate::call::{
    body::{Body, EndOfBody, PrefetchedBody, RecvBody},
    deadline, excerpt,
    head::CallHead,
    reply::Reply,
    status,
};

/// The headers of a request.
pub(super) fn request_headers(
    protocol: Protocol,
    call: &CallHead,
    user_agent: Option<&HeaderValue>,
) -> HeaderMap {
    let mut fields = header_maps::empty();
    match protocol.has_http_trailers() {
        true => fields.insert(header::TE, HeaderValue::from_static("trailers")),
        // Names the format of the response.
        false => fields.insert(header::ACCEPT, protocol.content_type()),
    };
    fields.insert(header::CONTENT_TYPE, protocol.content_type());
    if let Some(user_agent) = user_agent {
        fields.insert(header::USER_AGENT, user_agent.clone());
    }
    if let Some(encoding) = call.encoding {
        let name = HeaderValue::from_static(compression::name(encoding));
        fields.insert(headers::GRPC_ENCODING, name);
    }
    if let Some(accepted) = compression::accept_header(call.accepted) {
        fields.insert(headers::GRPC_ACCEPT_ENCODING, accepted);
    }
    headers::add_metadata(&mut fields, &call.metadata);
    if let Some(deadline) = call.deadline {
        deadline::insert_timeout(&mut fields, deadline);
    }
    fields
}

/// The reply that starts with `head`. `body` is the rest.
pub(super) fn reply(
    protocol: Protocol,
    head: response::Parts,
    accepted: EnabledCompressionEncodings,
    body: PrefetchedBody<impl RecvBody + 'static>,
) -> Result<Reply, Status> {
    let grpc = GrpcHeaders::parse(&head.headers);
    let code = grpc_status::code(&grpc);
    match code {
        Some(Code::Ok) if is_headers_only(&body) => return Ok(empty(grpc.custom, head)),
        Some(code) if is_headers_only(&body) => {
            return Err(grpc_status::from_headers(code, head.headers));
        }
        _ if head.status.is_success() && grpc.protocol() == Some(protocol) => {}
        _ => return Err(not_a_reply(protocol, head.status, &head.headers)),
    }
    let encoding = grpc.encoding(accepted).map_err(|name| unreadable(&name))?;
    let end = EndOfBody::Status(grpc_status::end_of_response);
    let body = match body {
        PrefetchedBody::Stream(stream) if code.is_some() => {
            let stream = AfterStatus { stream, headers: Some(head.headers.clone()) };
            Body::received(PrefetchedBody::Stream(stream), end)
        }
        body => Body::received(body, end),
    };
    Ok(Reply {
        encoding,
        body,
        metadata: headers::into_metadata(grpc.custom, head.headers),
        extensions: head.extensions,
    })
}

/// Whether the response consists of headers alone.
fn is_headers_only(body: &PrefetchedBody<impl RecvBody>) -> bool {
    match body {
        PrefetchedBody::Whole(None, Ok(trailers)) => !has_status(trailers.as_ref()),
        PrefetchedBody::Whole(..) => false,
        PrefetchedBody::Stream(stream) => stream.is_end_stream(),
    }
}

fn has_status(trailers: Option<&HeaderMap>) -> bool {
    trailers.is_some_and(|trailers| trailers.contains_key(GRPC_STATUS))
}

/// The reply of a trailers-only response with status OK, which has no messages.
fn empty(custom: usize, head: response::Parts) -> Reply {
    Reply {
        metadata: headers::into_trailers(custom, head.headers),
        extensions: head.extensions,
        encoding: None,
        body: Body::empty(),
    }
}

/// A stream received after headers that already carry a status, which applies if nothing follows.
struct AfterStatus<S> {
    stream: S,
    /// None once anything has followed.
    headers: Option<HeaderMap>,
}

impl<S: RecvBody> RecvBody for AfterStatus<S> {
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Status>>> {
        let data = ready!(self.stream.poll_data(cx));
        if data.is_some() {
            self.headers = None;
        }
        Poll::Ready(data)
    }

    fn poll_trailers(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<HeaderMap>, Status>> {
        let trailers = ready!(self.stream.poll_trailers(cx))?;
        let status = trailers.filter(|trailers| has_status(Some(trailers)));
        Poll::Ready(Ok(status.or_else(|| self.headers.take())))
    }

    fn is_end_stream(&self) -> bool {
        self.stream.is_end_stream()
    }

    fn track(&mut self) {
        self.stream.track();
    }
}

fn unreadable(encoding: &str) -> Status {
    let encoding = excerpt::name(encoding);
    Status::internal(format!("the responses are compressed with `{encoding}`, unasked"))
}

/// The status for an HTTP response that is not gRPC, for example from a proxy.
///
/// See [the mapping of HTTP to gRPC
/// statuses](https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md).
pub(super) fn not_a_reply(protocol: Protocol, status: StatusCode, headers: &HeaderMap) -> Status {
    let code = match status {
        StatusCode::BAD_REQUEST => Code::Internal,
        StatusCode::UNAUTHORIZED => Code::Unauthenticated,
        StatusCode::FORBIDDEN => Code::PermissionDenied,
        StatusCode::NOT_FOUND => Code::Unimplemented,
        // Not in the mapping, but it is what gRPC uses for headers that are too long.
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => Code::ResourceExhausted,
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => Code::Unavailable,
        _ => Code::Unknown,
    };
    let content_type = headers.get(http::header::CONTENT_TYPE);
    let content_type =
        content_type.map_or("none".into(), |it| String::from_utf8_lossy(it.as_bytes()));
    let content_type = excerpt::name(&content_type);
    Status::new(
        code,
        format!(
            "the response is not {protocol}: HTTP status {status}, content type {content_type}"
        ),
    )
}

/// The response that starts `reply`.
pub(super) fn response(protocol: Protocol, reply: Reply) -> HttpResponse {
    let mut response = http::Response::new(HttpBody::response(reply.body, protocol));
    *response.extensions_mut() = reply.extensions;
    let fields = response.headers_mut();
    *fields = headers::from_metadata(reply.metadata);
    fields.insert(header::CONTENT_TYPE, protocol.content_type());
    if let Some(encoding) = reply.encoding {
        let name = HeaderValue::from_static(compression::name(encoding));
        fields.insert(headers::GRPC_ENCODING, name);
    }
    response
}

/// A trailers-only response.
pub(super) fn trailers_only(protocol: Protocol, status: &Status) -> HttpResponse {
    let mut response = http::Response::new(HttpBody::default());
    *response.headers_mut() = grpc_status::to_headers(status);
    response.headers_mut().insert(header::CONTENT_TYPE, protocol.content_type());
    if status::aborts_connection(status) {
        response.extensions_mut().insert(AbortConnection);
    }
    // For whoever observes the response, in this process.
    if let Some(panic) = status::panic_of(status) {
        response.extensions_mut().insert(panic.clone());
    }
    response
}
