//! The tower transport: a call becomes an `http::Request`, and an `http::Response` its reply.

use std::{
    future::{Future as _, poll_fn},
    pin::pin,
    task::Poll,
};

use http::{HeaderMap, Method, Uri, Version, header, uri::PathAndQuery};
use tower_service::Service;

use super::{linked_bodies, target::Origin, transport::Transport};
use crate::{
    call::{
        body::PrefetchedBody,
        cancel_link::CancelLink,
        deadline::{self, Deadline},
        head::OutgoingCall,
        reply::{CallFuture, ReplyFuture},
        status::BoxError,
    },
    h2::error::from_transport,
    protocol::{
        Protocol,
        foreign::ForeignStream,
        http_body::{BytesBody, HttpBody},
    },
};

/// A tower service that speaks gRPC.
pub(super) struct TowerTransport<S> {
    pub(super) service: S,
    pub(super) protocol: Protocol,
}

impl<S, B> Transport for TowerTransport<S>
where
    S: Service<http::Request<tonic::body::Body>, Response = http::Response<B>>,
    S: Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: BytesBody,
{
    fn start(&self, call: OutgoingCall) -> ReplyFuture<'static> {
        let mut service = self.service.clone();
        let protocol = self.protocol;
        let reply = async move {
            let failed = |error: S::Error| from_transport(error.into());
            poll_fn(|cx| service.poll_ready(cx)).await.map_err(failed)?;
            if call.head.deadline.is_some_and(deadline::has_passed) {
                return Err(deadline::exceeded());
            }
            let accepted = call.head.accepted;
            let streams_responses = call.head.method.kind.streams_responses();
            let (request, mut link) = request(call, protocol);
            let mut answer = pin!(service.call(request));
            let response = poll_fn(|cx| {
                let answer = answer.as_mut().poll(cx);
                match link.poll_failure(cx) {
                    Some(status) => Poll::Ready(Err(status)),
                    None => answer.map_err(failed),
                }
            });
            let (mut head, body) = response.await?.into_parts();
            if protocol == Protocol::Grpc {
                as_translated(&mut head.headers);
            }
            let body = linked_bodies::hold(tonic::body::Body::new(body), link);
            let stream = ForeignStream::new(body, from_transport);
            let body = match streams_responses {
                true => PrefetchedBody::Stream(stream),
                false => stream.read_ahead(),
            };
            protocol.decode_reply(head, accepted, body)
        };
        ReplyFuture::new(Deadline::default(), Box::pin(reply))
    }

    fn protocol(&self) -> Protocol {
        self.protocol
    }

    fn send_http(
        &self,
        request: http::Request<HttpBody>,
    ) -> CallFuture<'static, http::Response<HttpBody>> {
        let mut service = self.service.clone();
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
        *content_type = Protocol::Grpc.content_type();
    }
}

fn request(
    call: OutgoingCall,
    protocol: Protocol,
) -> (http::Request<tonic::body::Body>, CancelLink) {
    let OutgoingCall { head: mut call, body } = call;
    call.method.insert_into(&mut call.extensions);
    let is_stream = body.is_stream();
    let body = HttpBody::request(body, protocol);
    let (body, link) = match is_stream {
        true => linked_bodies::link(body),
        false => (tonic::body::Body::new(body), CancelLink::default()),
    };
    let mut request = http::Request::new(body);
    *request.headers_mut() = protocol.request_headers(&call, None);
    *request.method_mut() = Method::POST;
    if protocol.has_http_trailers() {
        *request.version_mut() = Version::HTTP_2;
    }
    let path = PathAndQuery::from_static(call.method.path);
    *request.uri_mut() = match call.extensions.get::<Origin>() {
        Some(origin) => origin.uri(path),
        None => Uri::from(path),
    };
    *request.extensions_mut() = call.extensions;
    (request, link)
}
