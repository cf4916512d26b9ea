//! Sends each attempt to make a call on a stream of the subchannel that the picker picks.
//!
//! See [gRPC's load balancing](https://github.com/grpc/grpc/blob/master/doc/load-balancing.md).

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{Extensions, HeaderMap, HeaderValue, Method, header, request, uri::PathAndQuery};
use tokio::time::Instant;
use tonic::Status;

#[cfg(feature = "tracing")]
use super::target::Endpoint;
use super::{
    error::ConnectError,
    options::{ChannelOptions, WaitForReady},
    replay::ReplayableBody,
    subchannel::{ReservedStream, Subchannel},
    target::{Origin, Target},
};
#[cfg(feature = "tracing")]
use crate::intercept::trace_calls::ServerAddress;
use crate::{
    call::{deadline, head::CallHead},
    h2::client::{
        call_state::{CallFailure, CallResult, OutboundRequest},
        pending_call::PendingResponse,
    },
    protocol::{Protocol, header_list::HeaderLimit},
};

/// Distributes attempts over the subchannels of a channel.
pub(super) struct Balancer {
    target: Target,
    options: ChannelOptions,
    picker: Box<dyn Picker>,
}

impl Balancer {
    pub(super) fn new(target: Target, options: ChannelOptions, picker: Box<dyn Picker>) -> Self {
        Self { target, options, picker }
    }

    pub(super) fn options(&self) -> &ChannelOptions {
        &self.options
    }

    /// Waits until there is a connection.
    pub(super) async fn connect(&self) -> Result<(), ConnectError> {
        match self.picker.pick().stream(false).await {
            Ok(_) => Ok(()),
            Err(cause) => Err(self.unreachable(cause)),
        }
    }

    #[cfg(feature = "tracing")]
    pub(super) fn server_address(&self) -> ServerAddress {
        match &self.target.endpoint {
            Endpoint::Tcp { host, port } => {
                ServerAddress { address: host.clone(), port: Some(*port) }
            }
            Endpoint::Unix(path) => {
                ServerAddress { address: path.display().to_string(), port: None }
            }
        }
    }

    /// Starts an attempt to make `call`, which is sent immediately if a stream is free.
    pub(super) fn attempt(&self, call: &RetryableCall) -> Attempt {
        let subchannel = self.picker.pick();
        if let Some(stream) = subchannel.try_stream() {
            return match self.send_on(stream, call) {
                Ok(sent) => Attempt::Sent(sent),
                Err(failure) => Attempt::Oversized(failure),
            };
        }
        let wait_for_ready = match call.head.extensions().get() {
            Some(WaitForReady(wait)) => *wait,
            None => self.options.wait_for_ready,
        };
        let subchannel = Arc::clone(subchannel);
        Attempt::Waiting(Box::pin(async move { subchannel.stream(wait_for_ready).await }))
    }

    /// Sends a `call` that has waited for a stream.
    fn send_waiting(
        &self,
        stream: Result<ReservedStream, Arc<io::Error>>,
        call: &RetryableCall,
    ) -> Result<PendingResponse, Status> {
        let stream = stream.map_err(|cause| self.unreachable(cause))?;
        if call.head.deadline().is_some_and(deadline::has_passed) {
            return Err(deadline::exceeded());
        }
        self.send_on(stream, call)
    }

    /// Sends `call` on a stream.
    fn send_on(
        &self,
        ReservedStream { connection, permit }: ReservedStream,
        call: &RetryableCall,
    ) -> Result<PendingResponse, Status> {
        let path = call.head.path();
        let uri = match call.head.extensions().get::<Origin>() {
            Some(origin) => origin.uri(path),
            None => self.target.uri(path),
        };
        let headers = call.head.headers(&self.options.user_agent);
        connection.settings().header_limit().check_request(&Method::POST, &uri, &headers)?;
        Ok(connection.send(OutboundRequest {
            uri,
            headers,
            body: call.requests.payload(connection.settings()),
            streams_responses: call.head.streams_responses(),
            header_limit: HeaderLimit::Local(
                self.options.subchannel.connection.limits.max_header_list_size,
            ),
            permit,
        }))
    }

    fn unreachable(&self, cause: Arc<io::Error>) -> ConnectError {
        ConnectError::unreachable(self.target.address(), cause)
    }
}

/// An attempt to make a call.
pub(super) enum Attempt {
    /// Waits for a free stream of the subchannel that was picked.
    Waiting(Pin<Box<dyn Future<Output = Result<ReservedStream, Arc<io::Error>>> + Send>>),
    /// Waits for the headers of the response.
    Sent(PendingResponse),
    /// Not sent, because its headers exceed the server's limit.
    Oversized(Status),
}

impl Attempt {
    /// Ready with the response as it was received. `call` is the one that `balancer` attempts.
    #[inline]
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        balancer: &Balancer,
        call: &RetryableCall,
    ) -> Poll<CallResult> {
        loop {
            match self {
                Self::Sent(response) => return response.poll(cx),
                Self::Waiting(stream) => {
                    let stream = ready!(stream.as_mut().poll(cx));
                    let sent = balancer.send_waiting(stream, call).map_err(CallFailure::Failed)?;
                    *self = Self::Sent(sent);
                }
                Self::Oversized(status) => {
                    return Poll::Ready(Err(CallFailure::Failed(status.clone())));
                }
            }
        }
    }
}

/// Chooses the subchannel of a call, for each of its attempts anew.
pub(super) trait Picker: Send + Sync {
    fn pick(&self) -> &Arc<Subchannel>;
}

/// Picks the only subchannel, which connects to the first address that works.
pub(super) struct SingleSubchannel(pub(super) Arc<Subchannel>);

impl Picker for SingleSubchannel {
    fn pick(&self) -> &Arc<Subchannel> {
        &self.0
    }
}

/// A call that may have to be sent again.
pub(super) struct RetryableCall {
    pub(super) head: RequestHead,
    pub(super) requests: ReplayableBody,
}

/// A call without its requests.
pub(super) enum RequestHead {
    /// Of a generated client.
    Call(CallHead, Protocol),
    /// Of another library's client.
    Http { head: Box<request::Parts>, deadline: Option<Instant> },
}

impl RequestHead {
    #[inline]
    pub(super) fn path(&self) -> PathAndQuery {
        match self {
            Self::Call(call, _) => PathAndQuery::from_static(call.method.path),
            Self::Http { head, .. } => {
                head.uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"))
            }
        }
    }

    /// The headers, with the time that is left until the deadline.
    #[inline]
    pub(super) fn headers(&self, user_agent: &HeaderValue) -> HeaderMap {
        match self {
            Self::Call(call, protocol) => protocol.request_headers(call, Some(user_agent)),
            Self::Http { head, deadline } => {
                let mut headers = head.headers.clone();
                headers.entry(header::USER_AGENT).or_insert_with(|| user_agent.clone());
                if let Some(deadline) = *deadline {
                    deadline::insert_timeout(&mut headers, deadline);
                }
                headers
            }
        }
    }

    pub(super) fn streams_responses(&self) -> bool {
        match self {
            Self::Call(call, _) => call.method.kind.streams_responses(),
            Self::Http { .. } => true,
        }
    }

    pub(super) fn extensions(&self) -> &Extensions {
        match self {
            Self::Call(call, _) => &call.extensions,
            Self::Http { head, .. } => &head.extensions,
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Call(call, _) => call.deadline,
            Self::Http { deadline, .. } => *deadline,
        }
    }
}
