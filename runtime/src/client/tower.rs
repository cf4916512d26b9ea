//! The tower transport: a call becomes an `http::Request`, and an `http::Response` its reply.

use std::{
    future::{Future as _, poll_fn},
    pin::pin,
    task::Poll,
};

use http::{HeaderMap, HeaderValue, Method, Uri, Version, header, response, uri::PathAndQuery};
use tonic::{Code, Status, codec::EnabledCompressionEncodings, metadata::MetadataMap};
use tower_service::Service;

use super::{
    channel::{ClientCall, Transport},
    linked_bodies,
};
use crate::{
    call::{
        body::{Body, Side},
        cancel_link::CancelLink,
        deadline::{self, Deadline},
        reply::{Reply, ReplyFuture},
        status::{self, BoxError},
    },
    protocol::{
        compression, grpc_status,
        headers::{self, GrpcHeaders},
        http_body::{HttpBody, RequestBody},
    },
};

/// A tower service that speaks gRPC.
pub(super) struct TowerTransport<S>(pub(super) S);

impl<S, B> Transport for TowerTransport<S>
where
    S: Service<http::Request<tonic::body::Body>, Response = http::Response<B>>,
    S: Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: RequestBody,
{
    fn start(&self, call: ClientCall) -> ReplyFuture<'static> {
        let mut service = self.0.clone();
        let reply = async move {
            let failed = |error: S::Error| status::from_transport(error.into());
            poll_fn(|cx| service.poll_ready(cx)).await.map_err(failed)?;
            if call.head.deadline.is_some_and(deadline::has_passed) {
                return Err(deadline::exceeded());
            }
            let accepted = call.head.accepted;
            let (request, mut link) = request(call);
            let mut answer = pin!(service.call(request));
            let response = poll_fn(|cx| {
                let answer = answer.as_mut().poll(cx);
                match link.poll_failure(cx) {
                    Some(status) => Poll::Ready(Err(status)),
                    None => answer.map_err(failed),
                }
            });
            let (head, body) = response.await?.into_parts();
            let body = linked_bodies::hold(tonic::body::Body::new(body), link);
            reply(head, accepted, Body::from_http(body, Side::Response))
        };
        ReplyFuture::new(Deadline::default(), Box::pin(reply))
    }
}

fn request(call: ClientCall) -> (http::Request<tonic::body::Body>, CancelLink) {
    let ClientCall { head: mut call, body } = call;
    call.method.describe(&mut call.extensions);
    let (body, link) = match body.is_stream() {
        true => linked_bodies::link(HttpBody::request(body)),
        false => (tonic::body::Body::new(HttpBody::request(body)), CancelLink::default()),
    };
    let mut request = http::Request::new(body);
    *request.method_mut() = Method::POST;
    *request.version_mut() = Version::HTTP_2;
    *request.uri_mut() = Uri::from(PathAndQuery::from_static(call.method.path));
    *request.extensions_mut() = call.extensions;
    let fields = request.headers_mut();
    *fields = request_headers(call.metadata);
    if let Some(deadline) = call.deadline {
        deadline::insert_timeout(fields, deadline);
    }
    if let Some(encoding) = call.encoding {
        let name = HeaderValue::from_static(compression::name(encoding));
        fields.insert(headers::GRPC_ENCODING, name);
    }
    if let Some(accepted) = compression::accept_header(call.accepted) {
        fields.insert(headers::GRPC_ACCEPT_ENCODING, accepted);
    }
    (request, link)
}

fn request_headers(metadata: MetadataMap) -> HeaderMap {
    let mut fields = headers::from_metadata(metadata);
    fields.insert(header::TE, HeaderValue::from_static("trailers"));
    fields.insert(header::CONTENT_TYPE, headers::APPLICATION_GRPC);
    fields
}

/// The reply that starts with `head`. `body` is the rest.
pub(super) fn reply(
    head: response::Parts,
    accepted: EnabledCompressionEncodings,
    mut body: Body,
) -> Result<Reply, Status> {
    let grpc = GrpcHeaders::in_headers(&head.headers);
    let code = grpc_status::code(&grpc);
    match code {
        Some(Code::Ok) if body.is_headers_only() => return Ok(empty(grpc.custom, head)),
        Some(code) if body.is_headers_only() => {
            return Err(grpc_status::from_headers(code, head.headers));
        }
        _ if head.status.is_success() && grpc.is_grpc() => {}
        _ => return Err(status::from_http(head.status, &head.headers)),
    }
    let encoding = grpc.encoding(accepted).map_err(|name| unreadable(&name))?;
    if code.is_some() {
        // The status in the headers applies only if the rest of the response has none.
        body = body.after_status(head.headers.clone());
    }
    Ok(Reply {
        encoding,
        body,
        metadata: headers::into_metadata(grpc.custom, head.headers),
        extensions: head.extensions,
    })
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

fn unreadable(encoding: &str) -> Status {
    Status::internal(format!("the responses are compressed with `{encoding}`, unasked"))
}
