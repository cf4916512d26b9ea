//! The door without HTTP: a call goes from the client straight into the dispatch.

use super::channel::{Outgoing, Transport};
use crate::{
    server::{Incoming, Protocol, ReplyFuture, Serve, ServerCall},
    wire::{compression, deadline::Deadline, headers},
};

/// A server in this process.
pub(super) struct InProcess<S>(pub(super) S);

impl<S: Serve> Transport for InProcess<S> {
    fn start(&self, call: Outgoing) -> ReplyFuture<'static> {
        start(&self.0, call)
    }
}

fn start(server: &dyn Serve, Outgoing { head, body }: Outgoing) -> ReplyFuture<'static> {
    let accepted = server.config().accepted;
    if let Some(encoding) = head.encoding.filter(|encoding| !accepted.is_enabled(*encoding)) {
        let refusal = headers::unsupported_encoding(compression::name(encoding), accepted);
        return ReplyFuture::new(Deadline::default(), Box::pin(async { Err(refusal) }));
    }
    let incoming = Incoming {
        metadata: head.metadata,
        extensions: head.extensions,
        body,
        protocol: Protocol {
            encoding: head.encoding,
            accepted: head.accepted,
            deadline: head.deadline,
        },
    };
    ServerCall::start(server, head.method.path, incoming)
}
