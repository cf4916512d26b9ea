//! A [`Channel`] as a tower service.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::Frame;
use tokio::time::Instant;
use tonic::Status;
use tower_service::Service;

use super::channel::Channel;
use crate::{
    call::{deadline::Deadline, reply::CallFuture},
    intercept::{
        Role,
        http::{SendHttp as _, intercept_http},
    },
    protocol::{
        headers::GrpcHeaders,
        http_body::{BytesBody, HttpBody},
    },
};

/// For clients of services that other libraries have generated, such as tonic's: they call through the
/// channel's connections, or its server in this process.
///
/// A request is sent as it is, to the channel's address: of its URI, only the path counts. Its
/// `grpc-timeout` limits the whole call. Transparent retries, keepalive and
/// [`WaitForReady`](crate::WaitForReady) hold as for generated clients.
///
/// ```
/// use rust_scaffold::{Channel, Status};
/// use tonic::client::Grpc;
///
/// # fn client() -> Result<Grpc<Channel>, Status> {
/// // As in `HealthClient::new(channel)`, which tonic has generated.
/// let channel = Channel::connect_lazy("http://localhost:50051")?;
/// let client = Grpc::new(channel);
/// # Ok(client)
/// # }
/// ```
impl<B: BytesBody> Service<http::Request<B>> for Channel {
    type Response = http::Response<HttpBody>;
    type Error = Status;
    type Future = ChannelFuture;

    /// Always ready: a call waits for its connection itself.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> ChannelFuture {
        let mut request = request.map(HttpBody::new);
        ChannelFuture(match self.inherit(request.headers_mut()) {
            Ok(deadline) if deadline.is_never() => self.send(request, None),
            Ok(deadline) => {
                let response = self.send(request, deadline.instant());
                Box::pin(limited(response, deadline))
            }
            Err(refusal) => Box::pin(std::future::ready(Err(refusal))),
        })
    }
}

impl Channel {
    /// Sends `request`, behind the interceptors if it is a call of gRPC.
    fn send(
        &self,
        request: http::Request<HttpBody>,
        deadline: Option<Instant>,
    ) -> CallFuture<'static, http::Response<HttpBody>> {
        let grpc = GrpcHeaders::parse(request.headers());
        if self.interceptors.is_empty() || !grpc.is_grpc_of_any_codec() {
            return self.send_http(request, deadline);
        }
        let channel = self.clone();
        Box::pin(async move {
            let request = (request, deadline);
            intercept_http(Role::Client, &channel.interceptors, request, &channel).await
        })
    }
}

/// `response`, cut off at the deadline.
async fn limited(
    mut response: CallFuture<'static, http::Response<HttpBody>>,
    mut deadline: Deadline,
) -> Result<http::Response<HttpBody>, Status> {
    let response = deadline.limit(Pin::new(&mut response)).await?;
    Ok(response.map(|body| HttpBody::new(LimitedBody { body: Some(body), deadline })))
}

/// A body that fails when the deadline passes.
struct LimitedBody {
    /// None once it has failed.
    body: Option<HttpBody>,
    deadline: Deadline,
}

impl http_body::Body for LimitedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        let Some(body) = &mut this.body else { return Poll::Ready(None) };
        if let Poll::Ready(frame) = Pin::new(body).poll_frame(cx) {
            return Poll::Ready(frame);
        }
        this.deadline.wait(cx).map(|late| {
            this.body = None;
            Some(late)
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(http_body::Body::is_end_stream)
    }
}

/// A future of the response to a request through a [`Channel`].
pub struct ChannelFuture(CallFuture<'static, http::Response<HttpBody>>);

impl Future for ChannelFuture {
    type Output = Result<http::Response<HttpBody>, Status>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for ChannelFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChannelFuture").finish_non_exhaustive()
    }
}
