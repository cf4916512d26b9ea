//! A call on its way to a transport, behind the interceptors if there are any.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use tonic::Status;

use super::channel::{Channel, ResponseFuture, WireTransport};
use crate::{
    call::{body::Body, deadline::Deadline, head::ClientCall, observer::BoxObserver, reply::Reply},
    intercept::{
        InterceptedCall, Role,
        interceptor::{Interceptors, OutgoingCall},
    },
};

/// A call in the future of its caller.
pub(super) struct Outgoing<'a> {
    transport: &'a WireTransport,
    interceptors: &'a Interceptors,
    state: OutgoingState,
    /// The call's, or an earlier one of an interceptor.
    pub(super) deadline: Deadline,
}

#[allow(clippy::large_enum_variant, reason = "most calls are sent at once")]
enum OutgoingState {
    /// Interceptors come first.
    Unsent(ClientCall),
    Sent(ResponseFuture),
    Over,
}

impl<'a> Outgoing<'a> {
    /// Starts `call` at once if there are no interceptors.
    pub(super) fn new(
        channel: &'a Channel,
        transport: &'a WireTransport,
        call: ClientCall,
    ) -> Self {
        let interceptors = &channel.interceptors;
        let deadline = Deadline::at(call.head.deadline);
        let state = match interceptors.is_empty() {
            true => OutgoingState::Sent(transport.start(call)),
            false => OutgoingState::Unsent(call),
        };
        Self { transport, interceptors, state, deadline }
    }

    /// Waits for the head of the response.
    pub(super) async fn reply(&mut self) -> Result<Reply, Status> {
        match &mut self.state {
            OutgoingState::Sent(response) => self.deadline.limit(Pin::new(response)).await,
            OutgoingState::Unsent(call) => {
                let head = &mut call.head;
                let metadata = std::mem::take(&mut head.metadata);
                let extensions = std::mem::take(&mut head.extensions);
                let call = InterceptedCall::new(Role::Client, head.method, metadata, extensions)
                    .with_deadline(head.deadline);
                let mut deadline = Deadline::at(head.deadline);
                let interceptors = self.interceptors;
                deadline.limit(Pin::new(&mut interceptors.send(call, self))).await
            }
            OutgoingState::Over => std::future::pending().await,
        }
    }
}

impl OutgoingCall for Outgoing<'_> {
    fn observe_requests(&mut self, observer: BoxObserver) {
        if let OutgoingState::Unsent(call) = &mut self.state {
            call.body = std::mem::replace(&mut call.body, Body::empty()).observed(observer);
        }
    }

    fn start(&mut self, intercepted: InterceptedCall) {
        if let OutgoingState::Unsent(mut call) =
            std::mem::replace(&mut self.state, OutgoingState::Over)
        {
            let head = &mut call.head;
            (head.metadata, head.extensions, head.deadline) = intercepted.into_parts();
            self.deadline = Deadline::at(head.deadline);
            self.state = OutgoingState::Sent(self.transport.start(call));
        }
    }

    fn cancel(&mut self) {
        self.state = OutgoingState::Over;
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Reply, Status>> {
        match &mut self.state {
            OutgoingState::Sent(response) => Pin::new(response).poll(cx),
            _ => Poll::Pending,
        }
    }
}
