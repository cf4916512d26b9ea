//! The in-process transport: encoded calls go straight to the server's dispatch, without HTTP.

use crate::{
    call::{
        deadline::Deadline,
        head::{CallOptions, ClientCall, IncomingCall},
        reply::ReplyFuture,
    },
    client::transport::Transport,
    protocol::{compression, headers},
    server::call::{Serve, ServerCall, no_method},
};

/// A server in this process.
pub(crate) struct InProcess<S>(pub(crate) S);

impl<S: Serve> Transport for InProcess<S> {
    fn start(&self, call: ClientCall) -> ReplyFuture<'static> {
        start(&self.0, call)
    }
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
