//! The HTTP/2 transport: each call is a stream of a connection.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{
    Extensions, HeaderMap, HeaderValue, Method, Response, header, request, uri::PathAndQuery,
};
use tokio::time::Instant;
use tonic::{Status, codec::EnabledCompressionEncodings};

use super::{
    error::ConnectError,
    options::{ChannelOptions, WaitForReady},
    picker::Picker,
    replay::{ReplayBudget, ReplayableBody},
    subchannel::FreeStream,
    target::Target,
};
use crate::{
    call::{
        body::{Body, ReceivedBody},
        deadline,
        head::{CallHead, ClientCall},
        reply::{CallFuture, Reply},
    },
    h2::{
        client::{
            call_state::{CallFailure, OutboundCall, Unprocessed},
            pending_call::PendingResponse,
        },
        error::from_transport,
        header_list::Limit,
        stream::ReceivedStream,
    },
    protocol::{http_body::HttpBody, replies::reply, requests},
};

/// How often a call is redispatched when its connection turns out to be gone.
const MAX_REDISPATCHES: usize = 8;

/// The route over HTTP/2 connections to a server.
pub(super) struct H2Transport {
    target: Target,
    options: ChannelOptions,
    picker: Box<dyn Picker>,
    replay_budget: Arc<ReplayBudget>,
}

impl H2Transport {
    pub(super) fn new(target: Target, options: ChannelOptions, picker: Box<dyn Picker>) -> Self {
        Self { target, options, picker, replay_budget: Arc::default() }
    }

    /// Waits until there is a connection.
    pub(super) async fn connect(&self) -> Result<(), ConnectError> {
        self.stream(false).await.map(drop)
    }

    /// Waits for a free stream.
    async fn stream(&self, wait_for_ready: bool) -> Result<FreeStream, ConnectError> {
        let stream = self.picker.pick().stream(wait_for_ready).await;
        stream.map_err(|cause| ConnectError::unreachable(self.target.address(), cause))
    }

    /// Starts `call`, immediately if a stream is free.
    pub(super) fn start(self: &Arc<Self>, call: ClientCall) -> H2ResponseFuture {
        let accepted = call.head.accepted;
        self.dispatch(RequestHead::Call(call.head), call.body, accepted)
    }

    /// Sends an HTTP request of another library's client. Its response is not looked into.
    pub(super) fn send_http(
        self: &Arc<Self>,
        request: http::Request<HttpBody>,
        deadline: Option<Instant>,
    ) -> CallFuture<'static, http::Response<HttpBody>> {
        let (head, body) = request.into_parts();
        // As tonic's client sends a unary request.
        let body = body.into_requests(true, from_transport);
        let head = RequestHead::Http { head: Box::new(head), deadline };
        let mut response = self.dispatch(head, body, EnabledCompressionEncodings::default());
        Box::pin(async move {
            let response = poll_fn(|cx| response.poll_response(cx)).await?;
            Ok(response.map(HttpBody::received))
        })
    }

    fn dispatch(
        self: &Arc<Self>,
        head: RequestHead,
        body: Body,
        accepted: EnabledCompressionEncodings,
    ) -> H2ResponseFuture {
        let call = RetryableCall { head, requests: ReplayableBody::new(body, &self.replay_budget) };
        let state = match self.picker.pick().try_stream() {
            Some(stream) => match self.send_on(stream, &call) {
                Ok(sent) => DispatchState::Sent(sent, call),
                Err(refusal) => {
                    DispatchState::Connecting(Box::pin(std::future::ready(Err(refusal))))
                }
            },
            None => H2ResponseFuture::connecting(Arc::clone(self), call),
        };
        H2ResponseFuture { h2: Arc::clone(self), accepted, state, redispatches: 0, is_retry: false }
    }

    /// Sends `call` on a stream.
    fn send_on(
        &self,
        FreeStream { connection, permit }: FreeStream,
        call: &RetryableCall,
    ) -> Result<PendingResponse, Status> {
        let uri = self.target.uri(call.head.path());
        let headers = call.head.headers(&self.options.user_agent);
        connection.settings().header_limit().check_request(&Method::POST, &uri, &headers)?;
        Ok(connection.send(OutboundCall {
            uri,
            headers,
            requests: call.requests.payload(connection.settings()),
            streams_responses: call.head.streams_responses(),
            header_limit: self.header_limit(),
            permit,
        }))
    }

    /// The size limit for headers and trailers of responses.
    fn header_limit(&self) -> Limit {
        Limit::Ours(self.options.subchannel.connection.sizes.max_header_list_size)
    }
}

/// A call that may have to be sent again.
struct RetryableCall {
    head: RequestHead,
    requests: ReplayableBody,
}

/// A call without its requests.
enum RequestHead {
    /// Of a generated client.
    Call(CallHead),
    /// Of another library's client.
    Http { head: Box<request::Parts>, deadline: Option<Instant> },
}

impl RequestHead {
    fn path(&self) -> PathAndQuery {
        match self {
            Self::Call(call) => PathAndQuery::from_static(call.method.path),
            Self::Http { head, .. } => {
                head.uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"))
            }
        }
    }

    fn headers(&self, user_agent: &HeaderValue) -> HeaderMap {
        match self {
            Self::Call(call) => requests::headers(call, Some(user_agent)),
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

    fn streams_responses(&self) -> bool {
        match self {
            Self::Call(call) => call.method.kind.streams_responses(),
            Self::Http { .. } => true,
        }
    }

    fn extensions(&self) -> &Extensions {
        match self {
            Self::Call(call) => &call.extensions,
            Self::Http { head, .. } => &head.extensions,
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Call(call) => call.deadline,
            Self::Http { deadline, .. } => *deadline,
        }
    }
}

/// Sends `call` once a stream is free.
async fn connect(
    h2: Arc<H2Transport>,
    call: RetryableCall,
) -> Result<(PendingResponse, RetryableCall), Status> {
    let wait_for_ready = match call.head.extensions().get() {
        Some(WaitForReady(wait)) => *wait,
        None => h2.options.wait_for_ready,
    };
    let stream = h2.stream(wait_for_ready).await?;
    if call.head.deadline().is_some_and(deadline::has_passed) {
        return Err(deadline::exceeded());
    }
    Ok((h2.send_on(stream, &call)?, call))
}

/// Waits for the headers of a response.
pub(super) struct H2ResponseFuture {
    h2: Arc<H2Transport>,
    accepted: EnabledCompressionEncodings,
    state: DispatchState,
    /// How often the call was redispatched.
    redispatches: usize,
    /// Whether the call was retried after `REFUSED_STREAM`.
    is_retry: bool,
}

#[allow(clippy::large_enum_variant, reason = "calls wait for connections when there are none yet")]
enum DispatchState {
    Connecting(CallFuture<'static, (PendingResponse, RetryableCall)>),
    Sent(PendingResponse, RetryableCall),
    Answered,
}

impl H2ResponseFuture {
    fn connecting(h2: Arc<H2Transport>, call: RetryableCall) -> DispatchState {
        DispatchState::Connecting(Box::pin(connect(h2, call)))
    }

    /// Ends the call, whose response has these `headers`.
    fn end(&mut self, headers: &HeaderMap) -> Result<(), Status> {
        if let DispatchState::Sent(_, call) = &self.state {
            call.requests.commit();
        }
        self.state = DispatchState::Answered;
        self.h2.header_limit().check_response(headers)
    }

    /// Sends the call on another connection: its own is going away, or has no stream identifiers left.
    fn redispatch(&mut self, failure: Option<Status>) -> Result<(), Status> {
        self.redispatches += 1;
        match std::mem::replace(&mut self.state, DispatchState::Answered) {
            DispatchState::Sent(_, call) if self.redispatches < MAX_REDISPATCHES => {
                self.state = Self::connecting(Arc::clone(&self.h2), call);
                Ok(())
            }
            _ => Err(failure.unwrap_or_else(gone)),
        }
    }

    /// Retries the call transparently, as the server has guaranteed that it did not process it.
    ///
    /// See [transparent
    /// retries](https://github.com/grpc/proposal/blob/master/A6-client-retries.md#transparent-retries).
    fn retry(&mut self, how: Unprocessed, failure: Status) -> Result<(), Status> {
        let is_repeated = match how {
            Unprocessed::Refused => !std::mem::replace(&mut self.is_retry, true),
            Unprocessed::GoneAway => {
                self.redispatches += 1;
                self.redispatches < MAX_REDISPATCHES
            }
        };
        match std::mem::replace(&mut self.state, DispatchState::Answered) {
            DispatchState::Sent(_, call) if is_repeated && call.requests.rewind() => {
                self.state = Self::connecting(Arc::clone(&self.h2), call);
                Ok(())
            }
            _ => Err(failure),
        }
    }

    /// Ready with the response as it was received.
    #[inline]
    fn poll_response(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Response<ReceivedBody<ReceivedStream>>, Status>> {
        loop {
            match &mut self.state {
                DispatchState::Connecting(connecting) => {
                    let (sent, call) = ready!(connecting.as_mut().poll(cx))?;
                    self.state = DispatchState::Sent(sent, call);
                }
                DispatchState::Sent(answering, _) => match ready!(answering.poll(cx)) {
                    Ok(response) => {
                        self.end(response.headers())?;
                        return Poll::Ready(Ok(response));
                    }
                    Err(CallFailure::NotSent(failure)) => self.redispatch(failure)?,
                    Err(CallFailure::Unprocessed(how, failure)) => self.retry(how, failure)?,
                    Err(CallFailure::Failed(status)) => return Poll::Ready(Err(status)),
                },
                DispatchState::Answered => return Poll::Pending,
            }
        }
    }
}

impl Future for H2ResponseFuture {
    type Output = Result<Reply, Status>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (head, body) = ready!(self.poll_response(cx))?.into_parts();
        Poll::Ready(reply(head, self.accepted, body))
    }
}

fn gone() -> Status {
    Status::unavailable("the connection is gone")
}
