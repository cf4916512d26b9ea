//! The way through HTTP/2: a call becomes a stream of a connection.

use std::{
    future::{Future as _, poll_fn},
    pin::Pin,
    sync::Arc,
    task::Poll,
};

use bytes::Bytes;
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, HeaderValue, Method, Request, Response, Version, header, uri::PathAndQuery};
use tokio::sync::oneshot;
use tonic::Status;

use super::{
    builder::WaitForReady,
    channel::{Outgoing, Transport},
    connection::Sent,
    http::reply,
    pool::Pool,
};
use crate::{
    server::{Reply, ReplyFuture},
    wire::{
        body::{Body, Side},
        compression,
        deadline::Deadline,
        h2::{Received, Sending, Unsent, failed},
        headers,
        http_body::HttpBody,
        load::Busy,
        tie::Tie,
    },
};

/// How often a call is handed to another connection when one turns out to be gone.
const HANDOVERS: usize = 8;

/// Connections to a server.
pub(super) struct H2 {
    shared: Arc<Shared>,
}

struct Shared {
    pool: Arc<Pool>,
    /// What every request has.
    headers: HeaderMap,
}

impl H2 {
    pub(super) fn new(pool: Arc<Pool>) -> Self {
        let headers = HeaderMap::from_iter([
            (header::TE, HeaderValue::from_static("trailers")),
            (header::CONTENT_TYPE, headers::APPLICATION_GRPC),
            (header::USER_AGENT, pool.options.user_agent.clone()),
        ]);
        Self { shared: Arc::new(Shared { pool, headers }) }
    }
}

impl Transport for H2 {
    fn start(&self, call: Outgoing) -> ReplyFuture<'static> {
        let shared = Arc::clone(&self.shared);
        ReplyFuture::new(Deadline::default(), Box::pin(async move { shared.call(call).await }))
    }
}

impl Shared {
    /// Makes `call`, a second time if the server says that it has not begun with it.
    ///
    /// See [transparent
    /// retries](https://github.com/grpc/proposal/blob/master/A6-client-retries.md#transparent-retries).
    async fn call(&self, mut call: Outgoing) -> Result<Reply, Status> {
        let sent = self.send(&mut call).await?;
        let Some(message) = call.body.at_hand().cloned() else {
            return stream(sent, call).await;
        };
        match unary(sent, message.clone(), &mut call).await {
            Err(error) if was_not_begun(&error) => {}
            answer => return answer.map_err(failed)?,
        }
        let sent = self.send(&mut call).await?;
        unary(sent, message, &mut call).await.map_err(failed)?
    }

    /// Hands the head of `call` to a connection.
    async fn send(&self, call: &mut Outgoing) -> Result<Sent, Status> {
        let wait_for_ready = match call.extensions.get() {
            Some(WaitForReady(wait)) => *wait,
            None => self.pool.options.wait_for_ready,
        };
        let mut handovers = 0;
        loop {
            let (connection, busy) = self.pool.connection(wait_for_ready).await?;
            match connection.send(self.request(call), busy) {
                Ok(sent) => return Ok(sent),
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

    fn request(&self, call: &Outgoing) -> Request<()> {
        let mut request = Request::new(());
        *request.method_mut() = Method::POST;
        *request.version_mut() = Version::HTTP_2;
        *request.uri_mut() = self.pool.target.uri(PathAndQuery::from_static(call.method.path));
        let fields = request.headers_mut();
        *fields = self.headers.clone();
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

/// Sends the only `message` of a call and waits for the beginning of its answer.
async fn unary(
    mut sent: Sent,
    message: Bytes,
    call: &mut Outgoing,
) -> Result<Result<Reply, Status>, h2::Error> {
    sent.requests.send_data(message, true)?;
    drop(sent.requests);
    let response = sent.response.await?;
    Ok(received(response, sent.busy, Tie::default(), call))
}

/// Sends the messages of a call while it waits for the beginning of their answer.
async fn stream(sent: Sent, mut call: Outgoing) -> Result<Reply, Status> {
    let body = std::mem::replace(&mut call.body, Body::empty());
    let (failure, mut tie) = Tie::new();
    tokio::spawn(send(HttpBody::request(body), sent.requests, failure));
    let mut response = sent.response;
    let response = poll_fn(|cx| {
        let response = Pin::new(&mut response).poll(cx);
        match tie.poll_failure(cx) {
            Some(status) => Poll::Ready(Err(status)),
            None => response.map_err(failed),
        }
    });
    received(response.await?, sent.busy, tie, &call)
}

/// Sends `body` until it ends or nobody wants its answer any more; says what it fails with.
async fn send(body: HttpBody, stream: SendStream<Bytes>, failure: oneshot::Sender<Status>) {
    let mut failure = failure;
    let mut sending = Sending::new(body, stream);
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

fn received(
    response: Response<RecvStream>,
    busy: Busy,
    tie: Tie,
    call: &Outgoing,
) -> Result<Reply, Status> {
    busy.answered();
    let (head, body) = response.into_parts();
    reply(head, call.accepted, || Body::from_h2(Received::response(body, tie, busy), Side::Response))
}

/// Whether the server has promised that it has not begun with the call.
fn was_not_begun(error: &h2::Error) -> bool {
    let refused = error.is_reset() && error.reason() == Some(Reason::REFUSED_STREAM);
    error.is_remote() && (refused || error.is_go_away())
}
