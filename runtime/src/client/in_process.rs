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

fn start(server: &dyn Serve, call: Outgoing) -> ReplyFuture<'static> {
    let accepted = server.config().accepted;
    if let Some(encoding) = call.encoding.filter(|encoding| !accepted.is_enabled(*encoding)) {
        let refusal = headers::unsupported_encoding(compression::name(encoding), accepted);
        return ReplyFuture::new(Deadline::default(), Box::pin(async { Err(refusal) }));
    }
    let incoming = Incoming {
        metadata: call.metadata,
        extensions: call.extensions,
        body: call.body,
        protocol: Protocol {
            encoding: call.encoding,
            accepted: call.accepted,
            deadline: call.deadline,
        },
    };
    ServerCall::start(server, call.method.path, incoming)
}
