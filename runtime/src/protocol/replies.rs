//! Replies of a gRPC server, as its client receives them.

use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, StatusCode, response};
use tonic::{Code, Status, codec::EnabledCompressionEncodings};

use super::{
    grpc_status,
    headers::{self, GrpcHeaders},
    names::GRPC_STATUS,
};
use crate::call::{
    body::{Body, EndOfBody, ReceivedBody, RecvBody},
    reply::Reply,
};

/// The reply that starts with `head`. `body` is the rest.
pub(crate) fn reply(
    head: response::Parts,
    accepted: EnabledCompressionEncodings,
    body: ReceivedBody<impl RecvBody + 'static>,
) -> Result<Reply, Status> {
    let grpc = GrpcHeaders::parse(&head.headers);
    let code = grpc_status::code(&grpc);
    match code {
        Some(Code::Ok) if is_headers_only(&body) => return Ok(empty(grpc.custom, head)),
        Some(code) if is_headers_only(&body) => {
            return Err(grpc_status::from_headers(code, head.headers));
        }
        _ if head.status.is_success() && grpc.is_grpc() => {}
        _ => return Err(not_grpc(head.status, &head.headers)),
    }
    let encoding = grpc.encoding(accepted).map_err(|name| unreadable(&name))?;
    let end = EndOfBody::Status(grpc_status::end_of_response);
    let body = match body {
        ReceivedBody::Stream(stream) if code.is_some() => {
            let stream = AfterStatus { stream, headers: Some(head.headers.clone()) };
            Body::received(ReceivedBody::Stream(stream), end)
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
fn is_headers_only(body: &ReceivedBody<impl RecvBody>) -> bool {
    match body {
        ReceivedBody::Whole(None, Ok(trailers)) => !has_status(trailers.as_ref()),
        ReceivedBody::Whole(..) => false,
        ReceivedBody::Stream(stream) => stream.is_end_stream(),
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
    Status::internal(format!("the responses are compressed with `{encoding}`, unasked"))
}

/// The status for an HTTP response that is not gRPC, for example from a proxy.
///
/// See [the mapping of HTTP to gRPC
/// statuses](https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md).
fn not_grpc(status: StatusCode, headers: &HeaderMap) -> Status {
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
    Status::new(
        code,
        format!("the response is not gRPC: HTTP status {status}, content type {content_type}"),
    )
}
