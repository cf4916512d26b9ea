//! What a server answers over HTTP: replies in the protocol of the request, and refusals of requests in none.

use std::{
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{HeaderValue, Method, StatusCode, header};
use tonic::{Code, Status};

use super::{content_type::Protocol, headers::GrpcHeaders, http_body::HttpBody};
use crate::call::{excerpt, reply::ReplyFuture};

pub(crate) type HttpResponse = http::Response<HttpBody>;

/// An extension of responses that are not sent: the connection is aborted instead.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AbortConnection;

impl Protocol {
    /// The protocol of a request. An error is the response that refuses one that the server does not speak.
    pub(crate) fn of_request(
        method: &Method,
        headers: &GrpcHeaders<'_>,
    ) -> Result<Self, Box<HttpResponse>> {
        if method != Method::POST {
            let allow = (header::ALLOW, HeaderValue::from_static("POST"));
            return Err(refuse(StatusCode::METHOD_NOT_ALLOWED, allow));
        }
        headers.protocol().ok_or_else(unsupported_media_type)
    }
}

/// The response to a request in a protocol that its service does not speak. It names gRPC, which all do.
pub(crate) fn unsupported_media_type() -> Box<HttpResponse> {
    let accept = (header::ACCEPT, Protocol::Grpc.content_type());
    refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, accept)
}

/// The response to a call of an unknown service.
pub(crate) fn no_service(request: &http::Request<HttpBody>) -> Box<HttpResponse> {
    match Protocol::of_request(request.method(), &GrpcHeaders::parse(request.headers())) {
        Ok(protocol) => {
            let path = excerpt::name(request.uri().path());
            let status = Status::unimplemented(format!("the server has no service for {path}"));
            Box::new(protocol.trailers_only(&status))
        }
        Err(refusal) => refusal,
    }
}

/// The response to a request whose headers are too long, as `refusal` says.
pub(crate) fn too_long(request: &http::Request<HttpBody>, refusal: &Status) -> Box<HttpResponse> {
    match Protocol::of_request(request.method(), &GrpcHeaders::parse(request.headers())) {
        Ok(protocol) => Box::new(protocol.trailers_only(refusal)),
        Err(_) => plain(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
    }
}

/// The response to gRPC over HTTP/1.1: clients, and what is between, need not read its trailers, in which the status is.
#[cfg(feature = "http1")]
pub(crate) fn needs_http2() -> Box<HttpResponse> {
    const TEXT: &str =
        "gRPC takes HTTP/2. Over HTTP/1.1, there may be gRPC-Web and Connect on this port.\n";
    let mut response = plain(StatusCode::HTTP_VERSION_NOT_SUPPORTED);
    let content_type = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    *response.body_mut() = HttpBody::new(TEXT.to_owned());
    response
}

/// The response to a request that has failed with `status`: plain HTTP if it was no call.
pub(crate) fn failed(protocol: Option<Protocol>, status: &Status) -> HttpResponse {
    match (protocol, status.code()) {
        (Some(protocol), _) => protocol.trailers_only(status),
        (None, Code::Unavailable) => *plain(StatusCode::SERVICE_UNAVAILABLE),
        (None, Code::DeadlineExceeded) => *plain(StatusCode::GATEWAY_TIMEOUT),
        (None, _) => *plain(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

/// A plain HTTP response to a request in no protocol that the server speaks.
pub(crate) fn refuse(
    status: StatusCode,
    hint: (header::HeaderName, HeaderValue),
) -> Box<HttpResponse> {
    let mut response = plain(status);
    response.headers_mut().extend([hint]);
    response
}

fn plain(status: StatusCode) -> Box<HttpResponse> {
    let mut response = http::Response::new(HttpBody::default());
    *response.status_mut() = status;
    Box::new(response)
}

/// A future of the response to an HTTP request.
#[derive(Debug)]
pub struct HttpReplyFuture(HttpReplyState);

impl HttpReplyFuture {
    /// A future of `reply`, encoded in `protocol`.
    pub(crate) fn new(protocol: Protocol, reply: ReplyFuture<'static>) -> Self {
        Self(HttpReplyState::Waiting(protocol, reply))
    }

    pub(crate) fn refused(refusal: Box<HttpResponse>) -> Self {
        Self(HttpReplyState::Refused(Some(refusal)))
    }

    /// The protocol of the response. None if it is plain HTTP.
    pub(crate) fn protocol(&self) -> Option<Protocol> {
        match &self.0 {
            HttpReplyState::Waiting(protocol, _) => Some(*protocol),
            HttpReplyState::Refused(refusal) => Protocol::of_call(refusal.as_ref()?.headers()),
        }
    }
}

enum HttpReplyState {
    Waiting(Protocol, ReplyFuture<'static>),
    Refused(Option<Box<HttpResponse>>),
}

impl Future for HttpReplyFuture {
    type Output = Result<HttpResponse, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(Ok(match &mut self.0 {
            HttpReplyState::Waiting(protocol, reply) => match ready!(Pin::new(reply).poll(cx)) {
                Ok(reply) => protocol.encode_reply(reply),
                Err(status) => protocol.trailers_only(&status),
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
            Self::Waiting(..) => "Waiting",
            Self::Refused(_) => "Refused",
        })
    }
}
