//! The in-process transport: encoded calls go straight to the server's dispatch, without HTTP.

use crate::{
    call::{
        deadline::Deadline,
        head::{CallOptions, ClientCall, IncomingCall},
        reply::{CallFuture, ReplyFuture},
    },
    client::transport::Transport,
    protocol::{compression, headers, http_body::HttpBody},
    server::{
        call::{Serve, ServerCall, no_method},
        http::serve,
    },
};

/// A server in this process.
pub(crate) struct InProcess<S>(pub(crate) S);

impl<S: Serve> Transport for InProcess<S> {
    fn start(&self, call: ClientCall) -> ReplyFuture<'static> {
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
    server: &dyn Serve,
    request: http::Request<HttpBody>,
) -> CallFuture<'static, http::Response<HttpBody>> {
    let response = serve(server, request);
    Box::pin(async move {
        let Ok(response) = response.await;
        Ok(response)
    })
}

fn start(server: &dyn Serve, ClientCall { head, body }: ClientCall) -> ReplyFuture<'static> {
    let accepted = server.config().accepted;
    if let Some(encoding) = head.encoding.filter(|encoding| !accepted.is_enabled(*encoding)) {
        let refusal = headers::unsupported_encoding(compression::name(encoding), accepted);
        return ReplyFuture::new(Deadline::default(), Box::pin(async { Err(refusal) }));
    }
    let incoming = IncomingCall {
        metadata: head.metadata,
        extensions: head.extensions,
        body,
        options: CallOptions {
            encoding: head.encoding,
            accepted: head.accepted,
            deadline: head.deadline,
        },
    };
    match server.position(head.method.path) {
        Some(position) => ServerCall::start(server, position, incoming),
        None => no_method(server.service(), head.method.path),
    }
}
