//! Counts calls of other libraries' clients, whose responses are HTTP.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::Response;
use http_body::{Body as _, Frame};
use tonic::Status;

use crate::{
    call::reply::CallFuture,
    channelz::CountedCall,
    h2::counted::{is_ok, is_ok_by_head},
    protocol::http_body::HttpBody,
};

/// `response`, which `call` counts. If nobody does, it is left as it is.
pub(super) fn count_http(
    mut call: CountedCall,
    response: CallFuture<'static, Response<HttpBody>>,
) -> CallFuture<'static, Response<HttpBody>> {
    if !call.is_counted() {
        return response;
    }
    Box::pin(async move {
        let response = response.await?;
        let is_ok = is_ok_by_head(response.status(), response.headers());
        if response.body().is_end_stream() {
            call.end(is_ok);
            return Ok(response);
        }
        Ok(response.map(|body| HttpBody::new(CountedBody { body, call, is_ok })))
    })
}

/// The body of a response whose status is at its end.
struct CountedBody {
    body: HttpBody,
    call: CountedCall,
    /// Whether the call is OK if no trailers follow. gRPC-Web has none, and its status is not looked for.
    is_ok: bool,
}

impl http_body::Body for CountedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        let frame = ready!(Pin::new(&mut this.body).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                if let Some(trailers) = frame.trailers_ref() {
                    this.call.end(is_ok(trailers).unwrap_or(this.is_ok));
                }
            }
            Some(Err(_)) => this.call.end(false),
            None => this.call.end(this.is_ok),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}
