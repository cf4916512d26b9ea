//! Retries: a call is attempted again when the server has certainly not processed it.
//!
//! Above balancing: each attempt picks a subchannel anew.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::Response;
use tokio::time::Instant;
use tonic::{Status, codec::EnabledCompressionEncodings};

use super::{
    balancer::{Attempt, Balancer},
    balancer::{RequestHead, RetryableCall},
    error::ConnectError,
    replay::{ReplayBudget, ReplayableBody},
};
#[cfg(feature = "opentelemetry")]
use crate::intercept::attempts::Attempts;
#[cfg(feature = "tracing")]
use crate::intercept::trace_calls::ServerAddress;
use crate::{
    call::{
        head::OutgoingCall,
        reply::{CallFuture, Reply},
    },
    h2::{
        client::call_state::{CallFailure, CallResult, Unprocessed},
        error::from_transport,
    },
    protocol::{Protocol, http_body::HttpBody},
};

/// Makes calls over HTTP/2, with as many attempts as a call may have.
pub(super) struct RetryTransport {
    balancer: Balancer,
    budget: Arc<ReplayBudget>,
}

impl RetryTransport {
    pub(super) fn new(balancer: Balancer) -> Self {
        Self { balancer, budget: Arc::default() }
    }

    /// Waits until there is a connection.
    pub(super) async fn connect(&self) -> Result<(), ConnectError> {
        self.balancer.connect().await
    }

    pub(super) fn protocol(&self) -> Protocol {
        self.balancer.options().protocol
    }

    #[cfg(feature = "tracing")]
    pub(super) fn server_address(&self) -> ServerAddress {
        self.balancer.server_address()
    }

    /// Starts `call`.
    pub(super) fn start(self: &Arc<Self>, call: OutgoingCall) -> RetryFuture {
        let accepted = call.head.accepted;
        let protocol = self.protocol();
        let requests = ReplayableBody::new(call.body, protocol, &self.budget);
        let head = RequestHead::Call(call.head, protocol);
        self.begin(RetryableCall { head, requests }, protocol, accepted)
    }

    /// Sends an HTTP request of another library's client. Its response is not looked into.
    pub(super) fn send_http(
        self: &Arc<Self>,
        request: http::Request<HttpBody>,
        deadline: Option<Instant>,
    ) -> CallFuture<'static, Response<HttpBody>> {
        let (head, body) = request.into_parts();
        // As tonic's client sends a unary request.
        let body = body.into_requests(true, from_transport);
        let requests = ReplayableBody::new(body, Protocol::Grpc, &self.budget);
        let head = RequestHead::Http { head: Box::new(head), deadline };
        let call = RetryableCall { head, requests };
        let accepted = EnabledCompressionEncodings::default();
        let mut response = self.begin(call, Protocol::Grpc, accepted);
        Box::pin(async move {
            let response = poll_fn(|cx| response.poll_response(cx)).await;
            Ok(response.map_err(CallFailure::into_status)?.map(HttpBody::received))
        })
    }

    fn begin(
        self: &Arc<Self>,
        call: RetryableCall,
        protocol: Protocol,
        accepted: EnabledCompressionEncodings,
    ) -> RetryFuture {
        #[cfg(feature = "opentelemetry")]
        let attempts = call.head.extensions().get::<Attempts>().cloned();
        #[cfg(feature = "opentelemetry")]
        attempts.iter().for_each(Attempts::begin);
        RetryFuture {
            #[cfg(feature = "opentelemetry")]
            attempts,
            retry: Arc::clone(self),
            protocol,
            accepted,
            attempt: self.balancer.attempt(&call),
            call: Some(call),
            retries: TransparentRetries::default(),
        }
    }
}

/// Waits for the headers of a response, over as many attempts as the call may have.
pub(super) struct RetryFuture {
    retry: Arc<RetryTransport>,
    protocol: Protocol,
    accepted: EnabledCompressionEncodings,
    /// None once the call is committed to the outcome of an attempt.
    call: Option<RetryableCall>,
    /// The current attempt.
    attempt: Attempt,
    retries: TransparentRetries,
    /// Observe the attempts.
    #[cfg(feature = "opentelemetry")]
    attempts: Option<Attempts>,
}

impl RetryFuture {
    /// Ready with the response as it was received.
    #[inline]
    fn poll_response(&mut self, cx: &mut Context<'_>) -> Poll<CallResult> {
        let balancer = &self.retry.balancer;
        loop {
            let Some(call) = &self.call else { return Poll::Pending };
            let outcome = ready!(self.attempt.poll(cx, balancer, call));
            if let Err(failure) = &outcome
                && self.retries.allow(failure)
                && call.requests.rewind()
            {
                #[cfg(feature = "opentelemetry")]
                self.attempts.iter().for_each(Attempts::begin);
                self.attempt = balancer.attempt(call);
                continue;
            }
            call.requests.commit();
            self.call = None;
            return Poll::Ready(outcome);
        }
    }
}

impl Future for RetryFuture {
    type Output = Result<Reply, Status>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match ready!(self.poll_response(cx)) {
            Ok(response) => {
                let (head, body) = response.into_parts();
                Poll::Ready(self.protocol.decode_reply(head, self.accepted, body))
            }
            Err(failure) => Poll::Ready(Err(failure.into_status())),
        }
    }
}

/// How often a call is attempted at most, if its connection turns out to be gone each time.
const MAX_ATTEMPTS: u8 = 8;

/// The retries of a call that the server has not processed, which need no policy.
///
/// See [transparent
/// retries](https://github.com/grpc/proposal/blob/master/A6-client-retries.md#transparent-retries).
#[derive(Debug)]
struct TransparentRetries {
    attempts: u8,
    /// Whether the call was retried after the server had refused it.
    was_refused: bool,
}

impl Default for TransparentRetries {
    fn default() -> Self {
        Self { attempts: 1, was_refused: false }
    }
}

impl TransparentRetries {
    /// Whether the call may be attempted again after `failure`.
    fn allow(&mut self, failure: &CallFailure) -> bool {
        match failure {
            CallFailure::Failed(_) => false,
            CallFailure::Unprocessed(Unprocessed::Refused, _) => {
                !std::mem::replace(&mut self.was_refused, true)
            }
            // The connection is going away, or has no stream identifiers left: another one may do.
            CallFailure::NotSent(_) | CallFailure::Unprocessed(Unprocessed::GoneAway, _) => {
                self.attempts += 1;
                self.attempts <= MAX_ATTEMPTS
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use h2::Reason;
    use tokio::io::DuplexStream;

    use super::*;
    use crate::{
        call::body::Body,
        client::{
            balancer::Picker, connector::Connector, options::ChannelOptions, resolver,
            subchannel::Subchannel, target::Target,
        },
        h2::keep_alive::ChannelKeepAlive,
    };

    /// Picks one subchannel after the other.
    struct RoundRobin {
        subchannels: [Arc<Subchannel>; 2],
        picks: Arc<AtomicUsize>,
    }

    impl Picker for RoundRobin {
        fn pick(&self) -> &Arc<Subchannel> {
            &self.subchannels[self.picks.fetch_add(1, Ordering::SeqCst) % 2]
        }
    }

    /// A subchannel of a server that refuses all calls, or answers them.
    fn subchannel(target: &Target, refuses: bool) -> Arc<Subchannel> {
        let connector = Connector::custom(move |_| async move {
            let (client, server) = tokio::io::duplex(1 << 16);
            tokio::spawn(serve(server, refuses));
            Ok(client)
        });
        let ChannelOptions { subchannel, keep_alive, .. } = ChannelOptions::default();
        let keep_alive = ChannelKeepAlive::new(keep_alive);
        Arc::new(Subchannel::new(resolver::passthrough(target), connector, subchannel, keep_alive))
    }

    async fn serve(io: DuplexStream, refuses: bool) {
        let mut connection = h2::server::handshake(io).await.unwrap();
        while let Some(call) = connection.accept().await {
            let (_, mut stream) = call.unwrap();
            match refuses {
                true => stream.send_reset(Reason::REFUSED_STREAM),
                false => drop(stream.send_response(Response::new(()), true).unwrap()),
            }
        }
    }

    #[tokio::test]
    async fn each_attempt_picks_a_subchannel_anew() {
        let target = Target::parse("http://localhost").unwrap();
        let picks = Arc::<AtomicUsize>::default();
        let subchannels = [true, false].map(|refuses| subchannel(&target, refuses));
        let picker = RoundRobin { subchannels, picks: Arc::clone(&picks) };
        let balancer = Balancer::new(target, ChannelOptions::default(), Box::new(picker));
        let retry = Arc::new(RetryTransport::new(balancer));
        for attempts in [2, 4] {
            let request = http::Request::new(HttpBody::request(Body::empty(), Protocol::Grpc));
            assert!(retry.send_http(request, None).await.is_ok());
            assert_eq!(picks.load(Ordering::SeqCst), attempts);
        }
    }

    fn allowed(failures: impl IntoIterator<Item = CallFailure>) -> usize {
        let mut retries = TransparentRetries::default();
        failures.into_iter().take_while(|failure| retries.allow(failure)).count()
    }

    fn refused() -> CallFailure {
        CallFailure::Unprocessed(Unprocessed::Refused, Status::unavailable("refused"))
    }

    fn gone_away() -> CallFailure {
        CallFailure::Unprocessed(Unprocessed::GoneAway, Status::unavailable("gone"))
    }

    #[test]
    fn what_the_server_may_have_processed_is_not_attempted_again() {
        assert_eq!(allowed([CallFailure::Failed(Status::unavailable("broken"))]), 0);
    }

    #[test]
    fn a_refused_call_is_attempted_once_more() {
        assert_eq!(allowed([refused(), refused()]), 1);
        assert_eq!(allowed([gone_away(), refused(), gone_away(), refused()]), 3);
    }

    #[test]
    fn a_call_whose_connection_goes_away_is_attempted_eight_times() {
        let failures = (0..20).map(|attempt| match attempt % 2 {
            0 => gone_away(),
            _ => CallFailure::NotSent(None),
        });
        assert_eq!(1 + allowed(failures), 8);
    }
}
