//! The entry point for HTTP: `http::Request` in, `http::Response` out, for our own server, tonic, axum
//! and hyper.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;
use tonic::Status;

use super::{dispatch::ServiceOptions, registered::RegisteredService};
use crate::{
    call::{
        deadline::{self, TimeoutLimit},
        head::{IncomingCall, IncomingMessages, RequestParams},
    },
    h2::error::from_transport,
    protocol::{
        Protocol,
        headers::{self, GrpcHeaders},
        http_body::HttpBody,
        http_reply::HttpReplyFuture,
    },
};

/// How much earlier the server's deadline is than the client's: its status can still arrive in time, and
/// is sent before a server around this one, such as tonic's, answers the timeout itself.
const DEADLINE_MARGIN: Duration = Duration::from_millis(1);

/// Serves one HTTP request.
pub(crate) fn serve(
    server: &Arc<RegisteredService>,
    request: http::Request<HttpBody>,
) -> HttpReplyFuture {
    let (mut head, body) = request.into_parts();
    let limit = head.extensions.remove().map(|TimeoutLimit(limit)| limit);
    let grpc = GrpcHeaders::parse(&head.headers);
    let protocol = match Protocol::of_request(&head.method, &grpc) {
        Ok(protocol) => protocol,
        Err(refusal) => return HttpReplyFuture::refused(refusal),
    };
    let options = match options(&server.options, protocol, &grpc, limit) {
        Ok(options) => options,
        Err(status) => return HttpReplyFuture::refused(Box::new(protocol.trailers_only(&status))),
    };
    let path = head.uri.path();
    let Some(position) = server.position(path) else {
        return HttpReplyFuture::new(protocol, server.no_method(path));
    };
    let has_single_request = !server.descriptor.methods[position].kind.streams_requests();
    let response_protocol = protocol.of_response(&head.headers);
    let requests = protocol.decode_requests(body, has_single_request, from_transport);
    let call = IncomingCall {
        messages: IncomingMessages::Encoded(requests),
        metadata: headers::into_metadata(grpc.custom, head.headers),
        extensions: head.extensions,
        options,
    };
    HttpReplyFuture::new(response_protocol, server.start(position, call))
}

fn options(
    service: &ServiceOptions,
    protocol: Protocol,
    grpc: &GrpcHeaders<'_>,
    limit: Option<Duration>,
) -> Result<RequestParams, Status> {
    if service.requires_te_trailers && protocol.has_http_trailers() && !grpc.takes_trailers() {
        let lacking = "the request lacks `te: trailers`: does a proxy drop it?";
        return Err(Status::internal(lacking));
    }
    let timeout = grpc.timeout.map(deadline::from_header).transpose()?;
    let timeout = [timeout, limit].into_iter().flatten().min();
    Ok(RequestParams {
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
