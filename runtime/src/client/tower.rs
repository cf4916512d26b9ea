//! The tower transport: a call becomes an `http::Request`, and an `http::Response` its reply.

use std::{
    future::{Future as _, poll_fn},
    pin::pin,
    task::Poll,
};

use http::{HeaderMap, Method, Uri, Version, header, uri::PathAndQuery};
use tower_service::Service;

use super::{linked_bodies, origin::Origin, transport::Transport};
use crate::{
    call::{
        body::ReceivedBody,
        cancel_link::CancelLink,
        deadline::{self, Deadline},
        head::ClientCall,
        reply::{CallFuture, ReplyFuture},
        status::BoxError,
    },
    h2::error::from_transport,
    protocol::{
        foreign::ForeignStream,
        headers::APPLICATION_GRPC,
        http_body::{HttpBody, RequestBody},
        replies::reply,
        requests,
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
            let failed = |error: S::Error| from_transport(error.into());
            poll_fn(|cx| service.poll_ready(cx)).await.map_err(failed)?;
            if call.head.deadline.is_some_and(deadline::has_passed) {
                return Err(deadline::exceeded());
            }
            let accepted = call.head.accepted;
            let streams_responses = call.head.method.kind.streams_responses();
            let (request, mut link) = request(call);
            let mut answer = pin!(service.call(request));
            let response = poll_fn(|cx| {
                let answer = answer.as_mut().poll(cx);
                match link.poll_failure(cx) {
                    Some(status) => Poll::Ready(Err(status)),
                    None => answer.map_err(failed),
                }
            });
            let (mut head, body) = response.await?.into_parts();
            as_translated(&mut head.headers);
            let body = linked_bodies::hold(tonic::body::Body::new(body), link);
            let stream = ForeignStream::new(body, from_transport);
            let body = match streams_responses {
                true => ReceivedBody::Stream(stream),
                false => stream.read_ahead(),
            };
            reply(head, accepted, body)
        };
        ReplyFuture::new(Deadline::default(), Box::pin(reply))
    }

    fn send_http(
        &self,
        request: http::Request<HttpBody>,
    ) -> CallFuture<'static, http::Response<HttpBody>> {
        let mut service = self.0.clone();
        Box::pin(async move {
            let failed = |error: S::Error| from_transport(error.into());
            poll_fn(|cx| service.poll_ready(cx)).await.map_err(failed)?;
            let response =
                service.call(request.map(tonic::body::Body::new)).await.map_err(failed)?;
            Ok(response.map(HttpBody::new))
        })
    }
}

/// Names the content type after the body. tonic-web's client turns the body of a response from gRPC-Web into
/// gRPC, and leaves its headers.
fn as_translated(headers: &mut HeaderMap) {
    let grpc_web = [&b"application/grpc-web"[..], b"application/grpc-web+proto"];
    if let Some(content_type) = headers.get_mut(header::CONTENT_TYPE)
        && grpc_web.contains(&content_type.as_bytes())
    {
        *content_type = APPLICATION_GRPC;
    }
}

fn request(call: ClientCall) -> (http::Request<tonic::body::Body>, CancelLink) {
    let ClientCall { head: mut call, body } = call;
    call.method.insert_into(&mut call.extensions);
    let (body, link) = match body.is_stream() {
        true => linked_bodies::link(HttpBody::request(body)),
        false => (tonic::body::Body::new(HttpBody::request(body)), CancelLink::default()),
    };
    let mut request = http::Request::new(body);
    *request.headers_mut() = requests::headers(&call, None);
    *request.method_mut() = Method::POST;
    *request.version_mut() = Version::HTTP_2;
    let path = PathAndQuery::from_static(call.method.path);
    *request.uri_mut() = match call.extensions.get::<Origin>() {
        Some(origin) => origin.uri(path),
        None => Uri::from(path),
    };
    *request.extensions_mut() = call.extensions;
    (request, link)
}
