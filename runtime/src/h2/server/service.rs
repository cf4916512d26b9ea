//! What the requests of a connection are given to.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http::{Request, Response};

use crate::{
    call::{panics::catch_panic, status},
    protocol::{
        Protocol,
        http_body::HttpBody,
        http_reply::{HttpReplyFuture, failed},
    },
};

/// A service, type-erased.
pub(crate) trait HttpService: Send + Sync {
    fn call(&self, request: Request<HttpBody>) -> ServiceFuture;
}

/// A future of a service's response.
pub(crate) enum ServiceFuture {
    Ours(HttpReplyFuture),
    /// The future of another library's service, and the protocol of the call; None if it is plain HTTP.
    Other(Option<Protocol>, Pin<Box<dyn Future<Output = Response<HttpBody>> + Send>>),
    Refused(Option<Box<Response<HttpBody>>>),
}

impl ServiceFuture {
    /// A panic of the service fails this call only.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Response<HttpBody>> {
        match self {
            Self::Ours(reply) => Pin::new(reply).poll(cx).map(|Ok(response)| response),
            Self::Other(protocol, response) => catch_panic(|| response.as_mut().poll(cx))
                .unwrap_or_else(|_| Poll::Ready(failed(*protocol, &status::panicked()))),
            Self::Refused(refusal) => match refusal.take() {
                Some(response) => Poll::Ready(*response),
                None => Poll::Pending,
            },
        }
    }
}
