//! The entry point for HTTP: `http::Request` in, `http::Response` out, for our own server, tonic, axum
//! and hyper.

use std::{sync::Arc, time::Duration};

use http::request;
use tokio::time::Instant;
use tonic::Status;

use super::call::{ServedService, ServiceOptions};
use crate::{
    call::{
        deadline,
        head::{CallOptions, IncomingCall, IncomingMessages},
        reply::ReplyFuture,
    },
    h2::error::from_transport,
    protocol::{
        headers::{self, GrpcHeaders},
        http_body::HttpBody,
        responses::{HttpReplyFuture, HttpResponse, failure, not_grpc},
    },
};

/// How much earlier the server's deadline is than the client's: its status can still arrive in time, and
/// is sent before a server around this one, such as tonic's, answers the timeout itself.
const DEADLINE_MARGIN: Duration = Duration::from_millis(1);

/// Serves one HTTP request.
pub(crate) fn serve(
    server: &Arc<ServedService>,
    request: http::Request<HttpBody>,
) -> HttpReplyFuture {
    let (head, body) = request.into_parts();
    match start(server, head, body) {
        Ok(reply) => HttpReplyFuture::new(reply),
        Err(refusal) => HttpReplyFuture::refused(refusal),
    }
}

fn start(
    server: &Arc<ServedService>,
    head: request::Parts,
    body: HttpBody,
) -> Result<ReplyFuture<'static>, Box<HttpResponse>> {
    let grpc = GrpcHeaders::parse(&head.headers);
    if let Some(refusal) = not_grpc(&head.method, &grpc) {
        return Err(refusal);
    }
    if server.options.requires_te_trailers && !grpc.takes_trailers() {
        let status = Status::internal("the request lacks `te: trailers`: does a proxy drop it?");
        return Err(Box::new(failure(&status)));
    }
    let options = options(&server.options, &grpc).map_err(|status| Box::new(failure(&status)))?;
    let path = head.uri.path();
    let Some(position) = server.position(path) else { return Ok(server.no_method(path)) };
    let is_unary = !server.descriptor.methods[position].kind.streams_requests();
    let requests = body.into_requests(is_unary, from_transport);
    let call = IncomingCall {
        messages: IncomingMessages::Encoded(requests),
        metadata: headers::into_metadata(grpc.custom, head.headers),
        extensions: head.extensions,
        options,
    };
    Ok(server.start(position, call))
}

fn options(service: &ServiceOptions, grpc: &GrpcHeaders<'_>) -> Result<CallOptions, Status> {
    let timeout = grpc.timeout.map(deadline::from_header).transpose()?;
    Ok(CallOptions {
        encoding: grpc
            .encoding(service.accepted)
            .map_err(|name| headers::unsupported_encoding(&name, service.accepted))?,
        accepted: grpc.accepted(),
        deadline: timeout.map(|timeout| Instant::now() + server_timeout(timeout)),
    })
}

/// The server's timeout for a client's `timeout`.
fn server_timeout(timeout: Duration) -> Duration {
    timeout - DEADLINE_MARGIN.min(timeout / 2)
}
