//! The in-process transport: encoded calls go straight to the server's dispatch, without HTTP.

use super::channel::{ClientCall, Transport};
use crate::{
    server::{CallOptions, IncomingCall, ReplyFuture, Serve, ServerCall},
    wire::{compression, deadline::Deadline, headers},
};

/// A server in this process.
pub(super) struct InProcess<S>(pub(super) S);

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
    ServerCall::start(server, head.method.path, incoming)
}
