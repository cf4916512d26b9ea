//! The way through HTTP/2: a call becomes a stream of a connection.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use h2::{Reason, RecvStream, SendStream, client::ResponseFuture};
use http::{HeaderValue, Method, Request, Response, Version, header, uri::PathAndQuery};
use tokio::sync::oneshot;
use tonic::{Status, codec::EnabledCompressionEncodings};

use super::{
    builder::WaitForReady,
    channel::Outgoing,
    connection::Connection,
    http::reply,
    pool::Pool,
    requests::{Attempt, Requests},
};
use crate::{
    server::{BoxFuture, Reply},
    wire::{
        body::{Body, Side},
        compression,
        h2::{Received, Sending, Unsent, failed},
        headers,
        http_body::HttpBody,
        load::Busy,
        status,
        tie::Tie,
    },
};

/// How often a call is handed to another connection when one turns out to be gone.
const HANDOVERS: usize = 8;

/// Connections to a server.
pub(super) struct H2 {
    pool: Arc<Pool>,
    user_agent: HeaderValue,
}

impl H2 {
    pub(super) fn new(pool: Arc<Pool>) -> Self {
        Self { user_agent: pool.options.user_agent.clone(), pool }
    }

    /// Starts `call`, at once if there is a connection.
    pub(super) fn start(self: &Arc<Self>, call: Outgoing) -> Calling {
        let accepted = call.accepted;
        let call = Call::from(call);
        let sent = self
            .pool
            .ready()
            .and_then(|(connection, busy)| self.send(&connection, busy, &call).ok());
        let state = match sent {
            Some(sent) => State::Sent(sent, call),
            None => Calling::connecting(Arc::clone(self), call),
        };
        Calling { h2: Arc::clone(self), accepted, state, again: false }
    }

    /// Hands `call` to a connection.
    fn send(&self, connection: &Connection, busy: Busy, call: &Call) -> Result<Sent, h2::Error> {
        let (response, mut stream) = connection.send(self.request(&call.head))?;
        let tie = match &call.requests {
            Some(requests) => {
                let (failure, tie) = Tie::new();
                tokio::spawn(send(requests.attempt(), stream, failure));
                tie
            }
            None => {
                let message = call.head.body.at_hand().cloned().unwrap_or_default();
                stream.send_data(message, true)?;
                Tie::default()
            }
        };
        Ok(Sent { response, busy, tie })
    }

    fn request(&self, call: &Outgoing) -> Request<()> {
        let mut request = Request::new(());
        *request.method_mut() = Method::POST;
        *request.version_mut() = Version::HTTP_2;
        *request.uri_mut() = self.pool.target.uri(PathAndQuery::from_static(call.method.path));
        let fields = request.headers_mut();
        *fields = headers::empty();
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
        headers::add_metadata(fields, &call.metadata);
        request
    }
}

/// A call, as long as it may have to be made again.
struct Call {
    head: Outgoing,
    /// None for one that is at hand, in the body of the head.
    requests: Option<Requests>,
}

impl From<Outgoing> for Call {
    fn from(mut head: Outgoing) -> Self {
        let requests = match head.body.at_hand() {
            Some(_) => None,
            None => Some(Requests::new(std::mem::replace(&mut head.body, Body::empty()))),
        };
        Self { head, requests }
    }
}

/// Hands `call` to a connection, once there is one.
async fn connect(h2: Arc<H2>, call: Call) -> Result<(Sent, Call), Status> {
    let wait_for_ready = match call.head.extensions.get() {
        Some(WaitForReady(wait)) => *wait,
        None => h2.pool.options.wait_for_ready,
    };
    let mut handovers = 0;
    loop {
        let (connection, busy) = h2.pool.connection(wait_for_ready).await?;
        match h2.send(&connection, busy, &call) {
            Ok(sent) => return Ok((sent, call)),
            // It goes away, or has had as many streams as a connection can have.
            Err(error) => {
                connection.load().close();
                handovers += 1;
                if handovers == HANDOVERS {
                    return Err(failed(error));
                }
            }
        }
    }
}

/// A call that has been handed to a connection.
struct Sent {
    response: ResponseFuture,
    busy: Busy,
    tie: Tie,
}

/// Why there is no response.
enum Failure {
    /// The requests have failed.
    Requests(Status),
    Stream(h2::Error),
}

impl Sent {
    fn poll_response(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Response<RecvStream>, Failure>> {
        let response = Pin::new(&mut self.response).poll(cx);
        match self.tie.poll_failure(cx) {
            Some(status) => Poll::Ready(Err(Failure::Requests(status))),
            None => response.map_err(Failure::Stream),
        }
    }

    fn reply(
        self,
        response: Response<RecvStream>,
        accepted: EnabledCompressionEncodings,
    ) -> Result<Reply, Status> {
        let (head, body) = response.into_parts();
        reply(head, accepted, || {
            Body::from_h2(Received::response(body, self.tie, self.busy), Side::Response)
        })
    }
}

/// Waits for the beginning of a response.
pub(super) struct Calling {
    h2: Arc<H2>,
    accepted: EnabledCompressionEncodings,
    state: State,
    /// Whether the call is made for the second time.
    again: bool,
}

#[allow(clippy::large_enum_variant, reason = "calls wait for connections when there are none yet")]
enum State {
    Connecting(BoxFuture<'static, (Sent, Call)>),
    Sent(Sent, Call),
    Answered,
}

impl Calling {
    fn connecting(h2: Arc<H2>, call: Call) -> State {
        State::Connecting(Box::pin(connect(h2, call)))
    }

    fn answered(&mut self, response: Response<RecvStream>) -> Result<Reply, Status> {
        match std::mem::replace(&mut self.state, State::Answered) {
            State::Sent(sent, call) => {
                if let Some(requests) = call.requests {
                    requests.settle();
                }
                sent.reply(response, self.accepted)
            }
            _ => Err(status::missing()),
        }
    }

    /// What is left to do after `error`: to make the call once more, if the server has promised that
    /// it has not begun with it.
    ///
    /// See [transparent
    /// retries](https://github.com/grpc/proposal/blob/master/A6-client-retries.md#transparent-retries).
    fn retry(&mut self, error: h2::Error) -> Result<(), Status> {
        match std::mem::replace(&mut self.state, State::Answered) {
            State::Sent(_, call)
                if !self.again
                    && was_not_begun(&error)
                    && call.requests.as_ref().is_none_or(Requests::rewind) =>
            {
                self.again = true;
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
                State::Sent(sent, _) => match ready!(sent.poll_response(cx)) {
                    Ok(response) => return Poll::Ready(self.answered(response)),
                    Err(Failure::Requests(status)) => return Poll::Ready(Err(status)),
                    Err(Failure::Stream(error)) => self.retry(error)?,
                },
                State::Answered => return Poll::Pending,
            }
        }
    }
}

/// Sends `requests` until they end or nobody wants their answer any more; says what they fail with.
async fn send(requests: Attempt, stream: SendStream<Bytes>, failure: oneshot::Sender<Status>) {
    let mut failure = failure;
    let mut sending = Sending::new(HttpBody::new(requests), stream);
    let unsent = poll_fn(|cx| match failure.poll_closed(cx) {
        Poll::Ready(()) => Poll::Ready(None),
        Poll::Pending => sending.poll(cx).map(Result::err),
    });
    let unsent = unsent.await;
    if let Some(Unsent::Body(status)) = unsent {
        // Nobody wants to know when the answer is not wanted any more.
        let _ = failure.send(status);
        sending.reset(Reason::CANCEL);
    } else if failure.is_closed() {
        sending.reset(Reason::CANCEL);
    }
}

/// Whether the server has promised that it has not begun with the call.
fn was_not_begun(error: &h2::Error) -> bool {
    let refused = error.is_reset() && error.reason() == Some(Reason::REFUSED_STREAM);
    error.is_remote() && (refused || error.is_go_away())
}
