//! Interceptors around HTTP requests, for clients and services that other libraries have generated.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{HeaderMap, Request, Response, header, request};
use tokio::time::Instant;
use tonic::{Status, codec::EnabledCompressionEncodings};

use super::{
    call::{CallTarget, InterceptedCall, Role},
    interceptor::{Interceptors, StartCall},
};
use crate::{
    call::{
        body::PrefetchedBody,
        cause,
        deadline::{self, Deadline},
        observer::BoxObserver,
        reply::{CallFuture, Reply},
    },
    h2::error::from_transport,
    protocol::{
        Protocol,
        foreign::ForeignStream,
        headers::GRPC_ENCODING,
        headers::{self, GrpcHeaders},
        http_body::HttpBody,
    },
};

/// What a request goes to after the interceptors.
pub(crate) trait SendHttp: Send + Sync {
    /// Sends `request` and returns a future of its response. `deadline` is the one in its headers.
    fn send_http(
        &self,
        request: Request<HttpBody>,
        deadline: Option<Instant>,
    ) -> CallFuture<'static, Response<HttpBody>>;
}

/// The response to a gRPC call that another library has made or serves.
///
/// # Errors
/// The status with which an interceptor or the transport has ended the call before there was a response.
pub(crate) async fn intercept_http(
    role: Role,
    interceptors: &Interceptors,
    (request, deadline): (Request<HttpBody>, Option<Instant>),
    sender: &dyn SendHttp,
) -> Result<Response<HttpBody>, Status> {
    let (mut head, body) = request.into_parts();
    let grpc = GrpcHeaders::parse(&head.headers);
    let call = InterceptedCall {
        role,
        target: CallTarget::Path(head.uri.path().into()),
        metadata: headers::into_metadata(grpc.custom, head.headers.clone()),
        extensions: std::mem::take(&mut head.extensions),
        deadline,
        is_shortened: false,
    };
    let uri = head.uri.clone();
    let mut outgoing =
        HttpCall { sender, request: Some((head, body)), sent: None, received: None, deadline };
    let mut replying = interceptors.send(call, &mut outgoing);
    let mut reply = Deadline::at(deadline).limit(Pin::new(&mut replying)).await;
    drop(replying);
    if let (Role::Server, Err(status)) = (role, &mut reply) {
        cause::withhold(uri.path(), status);
    }
    match (reply, &outgoing.received) {
        (Ok(reply), _) => Ok(outgoing.response(reply)),
        // As it has come: with a response.
        (Err(status), Some(Received::Failure)) => Ok(Protocol::Grpc.trailers_only(&status)),
        (Err(status), _) => Err(status),
    }
}

/// A call as HTTP. What is gRPC's own in its headers passes as it is.
struct HttpCall<'a> {
    sender: &'a dyn SendHttp,
    /// None once it is sent.
    request: Option<(request::Parts, HttpBody)>,
    sent: Option<CallFuture<'static, Response<HttpBody>>>,
    received: Option<Received>,
    /// The call's, or an earlier one of an interceptor.
    deadline: Option<Instant>,
}

/// What the response was.
enum Received {
    /// The beginning of a reply, with these gRPC headers.
    Reply(HeaderMap),
    Failure,
}

impl HttpCall<'_> {
    /// The response that says what `reply` does.
    fn response(self, reply: Reply) -> Response<HttpBody> {
        let mut response = Response::new(HttpBody::response(reply.body, Protocol::Grpc));
        *response.extensions_mut() = reply.extensions;
        if let Some(Received::Reply(headers)) = self.received {
            *response.headers_mut() = headers;
        }
        response.headers_mut().entry(header::CONTENT_TYPE).or_insert(Protocol::Grpc.content_type());
        headers::add_metadata(response.headers_mut(), &reply.metadata);
        response
    }

    /// The reply that `response` is the beginning of.
    fn reply(&mut self, response: Response<HttpBody>) -> Result<Reply, Status> {
        let (mut head, body) = response.into_parts();
        let headers = headers::protocol_only(&head.headers);
        self.received = Some(Received::Failure);
        // The client decodes the messages, not this.
        head.headers.remove(GRPC_ENCODING);
        if GrpcHeaders::parse(&head.headers).is_grpc_of_any_codec() {
            head.headers.insert(header::CONTENT_TYPE, Protocol::Grpc.content_type());
        }
        let stream = ForeignStream::new(tonic::body::Body::new(body), from_transport)
            .with_deadline(Deadline::at(self.deadline));
        let accepted = EnabledCompressionEncodings::default();
        let reply = Protocol::Grpc.decode_reply(head, accepted, PrefetchedBody::Stream(stream))?;
        self.received = Some(Received::Reply(headers));
        Ok(reply)
    }
}

impl StartCall for HttpCall<'_> {
    fn observe_requests(&mut self, observer: BoxObserver) {
        if let Some((_, body)) = &mut self.request {
            let requests = std::mem::take(body).into_requests(false, from_transport);
            *body = HttpBody::request(requests.observed(observer), Protocol::Grpc);
        }
    }

    fn start(&mut self, call: InterceptedCall) {
        let Some((mut head, body)) = self.request.take() else { return };
        let (metadata, extensions, deadline) = call.into_parts();
        self.deadline = deadline;
        head.headers = headers::protocol_only(&head.headers);
        headers::add_metadata(&mut head.headers, &metadata);
        if let Some(deadline) = deadline {
            deadline::insert_timeout(&mut head.headers, deadline);
        }
        head.extensions = extensions;
        self.sent = Some(self.sender.send_http(Request::from_parts(head, body), deadline));
    }

    fn cancel(&mut self) {
        self.sent = None;
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Reply, Status>> {
        let Some(sent) = &mut self.sent else { return Poll::Pending };
        let response = ready!(sent.as_mut().poll(cx))?;
        Poll::Ready(self.reply(response))
    }
}
