//! The calls of a connection: a server's services, as hyper sees them.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Method, Request, Response, header};
use http_body::{Body, Frame, SizeHint};
use hyper::{body::Incoming, service::Service, upgrade::OnUpgrade};
use tonic::Status;

use super::state::Http1State;
use crate::{
    call::{
        dropped::drop_ended,
        panics::{catch_panic, drop_catching_panics},
        status,
    },
    channelz::SocketNode,
    connection::{
        connect_info::ConnectInfo,
        http_service::{ServiceFuture, response_protocol},
    },
    h2::{counted::CountedStream, server::calls::ServerShared},
    protocol::{
        Protocol,
        http_body::HttpBody,
        http_reply::{AbortConnection, failed, needs_http2},
    },
};

/// The services of a server, for one connection.
pub(super) struct Http1Service {
    pub(super) shared: Arc<ServerShared>,
    pub(super) info: Option<ConnectInfo>,
    pub(super) socket: SocketNode,
    pub(super) state: Http1State,
}

impl Service<Request<Incoming>> for Http1Service {
    type Response = Response<Http1Body>;
    type Error = AbortedConnection;
    type Future = Http1Call;

    fn call(&self, mut request: Request<Incoming>) -> Http1Call {
        // The connection does not become another one, and nobody should find that out too late.
        request.extensions_mut().remove::<OnUpgrade>();
        self.state.start_call();
        let counted = CountedStream::start(&self.socket);
        let has_body = request.method() != Method::HEAD;
        let request = request.map(HttpBody::new);
        let info = self.info.as_ref();
        let service_future = match is_grpc(&request) {
            true => self.shared.services.refuse(request, needs_http2(), info),
            false => self.shared.call(request, info),
        };
        Http1Call {
            protocol: service_future.protocol(),
            service_future: Some(service_future),
            has_body,
            counted,
            state: self.state.clone(),
        }
    }
}

/// Whether the end of the response to `request` would have to be in HTTP trailers.
fn is_grpc(request: &Request<HttpBody>) -> bool {
    let content_type = request.headers().get(header::CONTENT_TYPE);
    content_type.and_then(Protocol::of_content_type).is_some_and(Protocol::has_http_trailers)
}

/// A call that is not answered, because its connection is to be aborted instead.
#[derive(Debug)]
pub(super) struct AbortedConnection;

impl fmt::Display for AbortedConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection is aborted instead of an answer")
    }
}

impl std::error::Error for AbortedConnection {}

/// A call until it is answered.
pub(super) struct Http1Call {
    /// Says what has become of a call that has failed. None for plain HTTP.
    protocol: Option<Protocol>,
    /// None once it is answered.
    service_future: Option<ServiceFuture>,
    /// Whether the client takes a body.
    has_body: bool,
    counted: CountedStream,
    state: Http1State,
}

impl Http1Call {
    fn answer(&mut self, response: Response<HttpBody>) -> Response<Http1Body> {
        let protocol = response_protocol(&response, self.protocol);
        let mut counted = std::mem::take(&mut self.counted);
        counted.note_head(response.status(), response.headers());
        if !self.has_body || response.body().is_end_stream() {
            counted.end(None);
        }
        response.map(|body| {
            self.state.put_body(body);
            Http1Body { protocol, counted, state: self.state.clone() }
        })
    }

    /// Ends the call with `status`.
    fn fail(&mut self, status: &Status) -> Response<Http1Body> {
        let response = match self.service_future.take() {
            Some(service_future) => service_future.fail(self.protocol, status),
            None => failed(self.protocol, status),
        };
        self.answer(response)
    }
}

impl Future for Http1Call {
    type Output = Result<Response<Http1Body>, AbortedConnection>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(status) = self.state.take_given_up() {
            return Poll::Ready(Ok(self.fail(&status)));
        }
        let Some(service_future) = &mut self.service_future else { return Poll::Pending };
        let response = ready!(service_future.poll(cx));
        drop_catching_panics(self.service_future.take());
        Poll::Ready(match response.extensions().get::<AbortConnection>() {
            Some(_) => Err(AbortedConnection),
            None => Ok(self.answer(response)),
        })
    }
}

impl Drop for Http1Call {
    fn drop(&mut self) {
        self.state.drop_call(self.service_future.take());
    }
}

/// The body of a response. The connection's state has it while it is not being polled, so that a deadline ends it
/// although the client does not read.
pub(super) struct Http1Body {
    /// None for plain HTTP.
    protocol: Option<Protocol>,
    counted: CountedStream,
    state: Http1State,
}

impl Http1Body {
    /// Ends a body with `status`, of which nothing more is wanted. Where a body cannot say that, hyper closes the
    /// connection, so that the client does not take what it has for all of it.
    fn fail(
        &mut self,
        mut body: HttpBody,
        status: &Status,
    ) -> Option<Result<Frame<Bytes>, Status>> {
        // What another library has written is passed on frame by frame, so that an end can follow it.
        let in_data = self.protocol.filter(|protocol| !protocol.has_http_trailers());
        let last = body.end_with(self.protocol, status).filter(Frame::is_data);
        let last = last.or_else(|| in_data.map(|protocol| protocol.end_of_response(Err(status))));
        drop_ended(body, status);
        if last.is_some() {
            self.counted.end_as(false);
        }
        Some(last.ok_or_else(|| status.clone()))
    }

    /// Counts `frame` of `body`, and the end of the response, if it is the last one.
    fn note_frame(&mut self, frame: &Frame<Bytes>, body: &HttpBody) {
        if let Some(data) = frame.data_ref() {
            self.counted.note_data(data);
        }
        // hyper does not ask for more then.
        if body.is_end_stream() {
            self.counted.end(frame.trailers_ref());
        }
    }
}

impl Body for Http1Body {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Some(mut body) = self.state.take_body() else { return Poll::Ready(None) };
        if let Some(status) = self.state.given_up() {
            return Poll::Ready(self.fail(body, &status));
        }
        let Ok(polled) = catch_panic(|| Pin::new(&mut body).poll_frame(cx)) else {
            return Poll::Ready(self.fail(body, &status::panicked()));
        };
        match &polled {
            Poll::Ready(Some(Ok(frame))) => self.note_frame(frame, &body),
            Poll::Ready(None) => self.counted.end(None),
            Poll::Ready(Some(Err(_))) | Poll::Pending => {}
        }
        self.state.put_body(body);
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.state.of_body(Body::is_end_stream).unwrap_or(true)
    }

    fn size_hint(&self) -> SizeHint {
        self.state.of_body(Body::size_hint).unwrap_or_default()
    }
}

impl Drop for Http1Body {
    fn drop(&mut self) {
        self.state.end_call();
    }
}
