//! HTTP responses of a gRPC server: replies, failures, and refusals of what is not gRPC.

use std::{
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{HeaderValue, Method, StatusCode, header};
use tonic::Status;

use super::{
    compression, grpc_status,
    headers::{self, GrpcHeaders},
    http_body::HttpBody,
    names,
};
use crate::call::{
    reply::{Reply, ReplyFuture},
    status,
};

pub(crate) type HttpResponse = http::Response<HttpBody>;

/// The response to a request that is not gRPC, whatever its path.
pub(crate) fn not_grpc(method: &Method, grpc: &GrpcHeaders<'_>) -> Option<Box<HttpResponse>> {
    if method != Method::POST {
        let allow = (header::ALLOW, HeaderValue::from_static("POST"));
        return Some(refuse(StatusCode::METHOD_NOT_ALLOWED, allow));
    }
    let accept = (header::ACCEPT, headers::APPLICATION_GRPC);
    (!grpc.is_grpc()).then(|| refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, accept))
}

/// The response to a call of an unknown service.
pub(crate) fn no_service(request: &http::Request<HttpBody>) -> Box<HttpResponse> {
    let grpc = GrpcHeaders::parse(request.headers());
    not_grpc(request.method(), &grpc).unwrap_or_else(|| {
        let path = request.uri().path();
        let status = Status::unimplemented(format!("the server has no service for {path}"));
        Box::new(failure(&status))
    })
}

/// The response to a request whose headers are too long, as `refusal` says.
pub(crate) fn too_long(request: &http::Request<HttpBody>, refusal: &Status) -> Box<HttpResponse> {
    let grpc = GrpcHeaders::parse(request.headers());
    let mut response = failure(refusal);
    if not_grpc(request.method(), &grpc).is_some() {
        response = http::Response::new(HttpBody::default());
        *response.status_mut() = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
    }
    Box::new(response)
}

/// A plain HTTP response to a request that is not gRPC.
fn refuse(status: StatusCode, hint: (header::HeaderName, HeaderValue)) -> Box<HttpResponse> {
    let mut response = http::Response::new(HttpBody::default());
    *response.status_mut() = status;
    response.headers_mut().extend([hint]);
    Box::new(response)
}

/// A trailers-only response.
pub(crate) fn failure(status: &Status) -> HttpResponse {
    let mut response = http::Response::new(HttpBody::default());
    *response.headers_mut() = grpc_status::to_headers(status);
    response.headers_mut().insert(header::CONTENT_TYPE, headers::APPLICATION_GRPC);
    if status::breaks_connection(status) {
        response.extensions_mut().insert(BreakConnection);
    }
    response
}

/// An extension of responses that are not sent: the connection is aborted instead.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BreakConnection;

fn success(reply: Reply) -> HttpResponse {
    let mut response = http::Response::new(HttpBody::response(reply.body));
    *response.extensions_mut() = reply.extensions;
    let fields = response.headers_mut();
    *fields = headers::from_metadata(reply.metadata);
    fields.insert(header::CONTENT_TYPE, headers::APPLICATION_GRPC);
    if let Some(encoding) = reply.encoding {
        let name = HeaderValue::from_static(compression::name(encoding));
        fields.insert(names::GRPC_ENCODING, name);
    }
    response
}

/// A future of the response to an HTTP request.
#[derive(Debug)]
pub struct HttpReplyFuture(HttpReplyState);

impl HttpReplyFuture {
    pub(crate) fn new(reply: ReplyFuture<'static>) -> Self {
        Self(HttpReplyState::Waiting(reply))
    }

    pub(crate) fn refused(refusal: Box<HttpResponse>) -> Self {
        Self(HttpReplyState::Refused(Some(refusal)))
    }
}

enum HttpReplyState {
    Waiting(ReplyFuture<'static>),
    Refused(Option<Box<HttpResponse>>),
}

impl Future for HttpReplyFuture {
    type Output = Result<HttpResponse, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(Ok(match &mut self.0 {
            HttpReplyState::Waiting(reply) => match ready!(Pin::new(reply).poll(cx)) {
                Ok(reply) => success(reply),
                Err(status) => failure(&status),
            },
            HttpReplyState::Refused(refusal) => match refusal.take() {
                Some(response) => *response,
                None => return Poll::Pending,
            },
        }))
    }
}

impl fmt::Debug for HttpReplyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Waiting(_) => "Waiting",
            Self::Refused(_) => "Refused",
        })
    }
}
