//! The in-process transport: encoded calls go straight to the server's dispatch, without HTTP.

use std::sync::Arc;

use crate::{
    call::{
        deadline::Deadline,
        head::{IncomingCall, IncomingMessages, OutgoingCall, RequestParams},
        reply::{CallFuture, ReplyFuture},
    },
    client::transport::Transport,
    protocol::{compression, headers, http_body::HttpBody},
    server::{http::serve, registered::RegisteredService},
};

/// A server in this process.
pub(crate) struct InProcess(pub(crate) Arc<RegisteredService>);

impl Transport for InProcess {
    fn start(&self, call: OutgoingCall) -> ReplyFuture<'static> {
        start(&self.0, call)
    }

    fn send_http(
        &self,
        request: http::Request<HttpBody>,
    ) -> CallFuture<'static, http::Response<HttpBody>> {
        send_http(&self.0, request)
    }
}

/// Serves an HTTP request as a server on a socket would.
pub(super) fn send_http(
    server: &Arc<RegisteredService>,
    request: http::Request<HttpBody>,
) -> CallFuture<'static, http::Response<HttpBody>> {
    let response = serve(server, request);
    Box::pin(async move {
        let Ok(response) = response.await;
        Ok(response)
    })
}

fn start(
    server: &Arc<RegisteredService>,
    OutgoingCall { head, body }: OutgoingCall,
) -> ReplyFuture<'static> {
    let accepted = server.options.accepted;
    if let Some(encoding) = head.encoding.filter(|encoding| !accepted.is_enabled(*encoding)) {
        let refusal = headers::unsupported_encoding(compression::name(encoding), accepted);
        return ReplyFuture::new(Deadline::default(), Box::pin(async { Err(refusal) }));
    }
    let incoming = IncomingCall {
        metadata: head.metadata,
        extensions: head.extensions,
        messages: IncomingMessages::Encoded(body),
        options: RequestParams {
            encoding: head.encoding,
            accepted: head.accepted,
            deadline: head.deadline,
        },
    };
    match server.position(head.method.path) {
        Some(position) => server.start(position, incoming),
        None => server.no_method(head.method.path),
    }
}
