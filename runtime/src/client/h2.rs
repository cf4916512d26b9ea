//! The way through HTTP/2: a call becomes a stream of a connection.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use h2::Reason;
use http::{HeaderMap, HeaderValue, Method, Response, header, uri::PathAndQuery};
use tonic::{Status, codec::EnabledCompressionEncodings};

use super::{
    builder::WaitForReady,
    channel::{Head, Outgoing},
    connection::Connection,
    exchange::Answering,
    http::reply,
    pool::Pool,
    progress::{Failure, Outbound},
    requests::{Repeatable, ReplayBuffer},
};
use crate::{
    server::{BoxFuture, Reply},
    wire::{
        body::Body, compression, deadline, h2::failed, header_list::Limit, headers,
        stream_limiter::StreamPermit,
    },
};

/// How often a call is handed to another connection when one turns out to be gone.
const HANDOVERS: usize = 8;

/// Connections to a server.
pub(super) struct H2 {
    pool: Arc<Pool>,
    user_agent: HeaderValue,
    replay_buffer: Arc<ReplayBuffer>,
}

impl H2 {
    pub(super) fn new(pool: Arc<Pool>) -> Self {
        let user_agent = pool.options.user_agent.clone();
        Self { pool, user_agent, replay_buffer: Arc::default() }
    }

    /// Starts `call`, at once if there is a connection.
    pub(super) fn start(self: &Arc<Self>, call: Outgoing) -> Calling {
        let accepted = call.head.accepted;
        let Outgoing { head, body } = call;
        let call = Call { head, requests: Repeatable::new(body, &self.replay_buffer) };
        let state = match self.pool.ready() {
            Some((connection, permit)) => match self.send(&connection, permit, &call) {
                Ok(sent) => State::Sent(sent, call),
                Err(refusal) => State::Connecting(Box::pin(std::future::ready(Err(refusal)))),
            },
            None => Calling::connecting(Arc::clone(self), call),
        };
        Calling { h2: Arc::clone(self), accepted, state, handovers: 0, again: false }
    }

    /// Hands `call` to a connection.
    fn send(
        &self,
        connection: &Connection,
        permit: StreamPermit,
        call: &Call,
    ) -> Result<Answering, Status> {
        let method = call.head.method;
        let uri = self.pool.target.uri(PathAndQuery::from_static(method.path));
        let headers = self.headers(&call.head);
        connection.settings().header_limit().check_request(&Method::POST, &uri, &headers)?;
        Ok(connection.send(Outbound {
            uri,
            headers,
            requests: call.requests.payload(connection.settings()),
            streams_responses: method.kind.streams_responses(),
            header_limit: Limit::Ours(self.pool.options.sizes.max_header_list_size),
            permit,
        }))
    }

    fn headers(&self, call: &Head) -> HeaderMap {
        let mut fields = headers::empty();
        fields.insert(header::TE, HeaderValue::from_static("trailers"));
        fields.insert(header::CONTENT_TYPE, headers::APPLICATION_GRPC);
        fields.insert(header::USER_AGENT, self.user_agent.clone());
        if let Some(encoding) = call.encoding {
            let name = HeaderValue::from_static(compression::name(encoding));
            fields.insert(headers::GRPC_ENCODING, name);
        }
        if let Some(accepted) = compression::accept_header(call.accepted) {
            fields.insert(headers::GRPC_ACCEPT_ENCODING, accepted);
        }
        headers::add_metadata(&mut fields, &call.metadata);
        if let Some(deadline) = call.deadline {
            deadline::insert_timeout(&mut fields, deadline);
        }
        fields
    }
}

/// A call, as long as it may have to be made again.
struct Call {
    head: Head,
    requests: Repeatable,
}

/// Hands `call` to a connection, once there is one.
async fn connect(h2: Arc<H2>, call: Call) -> Result<(Answering, Call), Status> {
    let wait_for_ready = match call.head.extensions.get() {
        Some(WaitForReady(wait)) => *wait,
        None => h2.pool.options.wait_for_ready,
    };
    let (connection, permit) = h2.pool.connection(wait_for_ready).await?;
    if call.head.deadline.is_some_and(deadline::has_passed) {
        return Err(deadline::exceeded());
    }
    Ok((h2.send(&connection, permit, &call)?, call))
}

/// Waits for the beginning of a response.
pub(super) struct Calling {
    h2: Arc<H2>,
    accepted: EnabledCompressionEncodings,
    state: State,
    /// How many connections were gone when they were to take the call.
    handovers: usize,
    /// Whether the call is made for the second time.
    again: bool,
}

#[allow(clippy::large_enum_variant, reason = "calls wait for connections when there are none yet")]
enum State {
    Connecting(BoxFuture<'static, (Answering, Call)>),
    Sent(Answering, Call),
    Answered,
}

impl Calling {
    fn connecting(h2: Arc<H2>, call: Call) -> State {
        State::Connecting(Box::pin(connect(h2, call)))
    }

    fn answered(&mut self, response: Response<Body>) -> Result<Reply, Status> {
        if let State::Sent(_, call) = &self.state {
            call.requests.settle();
        }
        self.state = State::Answered;
        let (head, body) = response.into_parts();
        let limit = Limit::Ours(self.h2.pool.options.sizes.max_header_list_size);
        limit.check_response(&head.headers)?;
        reply(head, self.accepted, body)
    }

    /// Hands the call to another connection: the one that was to take it goes away, or has had as
    /// many streams as a connection can have.
    fn hand_over(&mut self, error: Option<h2::Error>) -> Result<(), Status> {
        self.handovers += 1;
        match std::mem::replace(&mut self.state, State::Answered) {
            State::Sent(_, call) if self.handovers < HANDOVERS => {
                self.state = Self::connecting(Arc::clone(&self.h2), call);
                Ok(())
            }
            _ => Err(error.map_or_else(gone, failed)),
        }
    }

    /// What is left to do after `error`: to make the call once more, if the server has promised that
    /// it has not begun with it.
    ///
    /// See [transparent
    /// retries](https://github.com/grpc/proposal/blob/master/A6-client-retries.md#transparent-retries).
    fn retry(&mut self, error: h2::Error) -> Result<(), Status> {
        let is_repeated = match Unprocessed::of(&error) {
            Some(Unprocessed::Refused) => !std::mem::replace(&mut self.again, true),
            Some(Unprocessed::GoneAway) => {
                self.handovers += 1;
                self.handovers < HANDOVERS
            }
            None => false,
        };
        match std::mem::replace(&mut self.state, State::Answered) {
            State::Sent(_, call) if is_repeated && call.requests.rewind() => {
                self.state = Self::connecting(Arc::clone(&self.h2), call);
                Ok(())
            }
            _ => Err(failed(error)),
        }
    }
}

impl Future for Calling {
    type Output = Result<Reply, Status>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            match &mut self.state {
                State::Connecting(connecting) => {
                    let (sent, call) = ready!(connecting.as_mut().poll(cx))?;
                    self.state = State::Sent(sent, call);
                }
                State::Sent(answering, _) => match ready!(answering.poll(cx)) {
                    Ok(response) => return Poll::Ready(self.answered(response)),
                    Err(Failure::NotSent(error)) => self.hand_over(error)?,
                    Err(Failure::Status(status)) => return Poll::Ready(Err(status)),
                    Err(Failure::Stream(error)) => self.retry(error)?,
                },
                State::Answered => return Poll::Pending,
            }
        }
    }
}

/// Why the server has not begun with a call, as it has promised.
enum Unprocessed {
    /// It does not want it.
    Refused,
    /// The call was on its way while the connection was going away, as connections do: of their age, or
    /// with their server. It may well happen again on the next one.
    GoneAway,
}

impl Unprocessed {
    fn of(error: &h2::Error) -> Option<Self> {
        match error.reason()? {
            _ if !error.is_remote() => None,
            Reason::NO_ERROR if error.is_go_away() => Some(Self::GoneAway),
            _ if error.is_go_away() => Some(Self::Refused),
            Reason::REFUSED_STREAM if error.is_reset() => Some(Self::Refused),
            _ => None,
        }
    }
}

fn gone() -> Status {
    Status::unavailable("the connection is gone")
}
