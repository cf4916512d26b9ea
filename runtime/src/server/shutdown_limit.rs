//! Ends the streams of built-in services when the connections of the server are drained: nobody else would.

// Without the features that have such services, there are none.
#![cfg_attr(not(any(feature = "health", feature = "reflection")), allow(dead_code))]

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};
use tonic::{Status, metadata::MetadataMap};

use super::observer::{ServerObserver, ServiceEntry};
use crate::{
    call::{
        body::{Body, OutgoingMessages},
        method::MethodDescriptor,
        reply::Reply,
    },
    intercept::{InterceptedCall, Next, interceptor::Interceptor},
};

/// How long a stream may go on after the drain has begun: long enough to send what there is to say.
const GRACE: Duration = Duration::from_secs(1);

/// Limits the streams of the services that it is an interceptor of, once it is told of the drain.
#[derive(Clone)]
pub(super) struct ShutdownLimit(Arc<watch::Sender<bool>>);

impl ShutdownLimit {
    pub(super) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }
}

impl ServerObserver for ShutdownLimit {
    fn starts(&self, _: &[ServiceEntry]) {}

    fn drain_begins(&self) {
        self.0.send_replace(true);
    }
}

impl Interceptor for ShutdownLimit {
    async fn intercept(&self, call: InterceptedCall, next: Next<'_>) -> Result<Reply, Status> {
        let mut reply = next.run(call).await?;
        if reply.body.is_stream() {
            let mut drain = self.0.subscribe();
            let end = Box::pin(async move {
                // Without a server that could shut down, there is nobody to tell of it.
                if drain.wait_for(|has_begun| *has_begun).await.is_err() {
                    std::future::pending::<()>().await;
                }
                sleep(GRACE).await;
            });
            let body = std::mem::replace(&mut reply.body, Body::empty());
            reply.body = Body::outgoing(LimitedStream { body, end, has_ended: false });
        }
        Ok(reply)
    }
}

/// A stream that ends with `Unavailable` when `end` completes, also while it waits for flow-control window.
struct LimitedStream<F> {
    body: Body,
    end: Pin<Box<F>>,
    has_ended: bool,
}

impl<F: Future> LimitedStream<F> {
    fn poll_end(&mut self, cx: &mut Context<'_>) -> bool {
        self.has_ended = self.has_ended || self.end.as_mut().poll(cx).is_ready();
        self.has_ended
    }
}

impl<F: Future + Send> OutgoingMessages for LimitedStream<F> {
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Status>>> {
        match self.poll_end(cx) {
            true => Poll::Ready(Some(Err(Status::unavailable("the server is shutting down")))),
            false => self.body.poll_data(cx),
        }
    }

    fn take_trailers(&mut self) -> MetadataMap {
        self.body.take_trailers().unwrap_or_default()
    }

    fn poll_expired(&mut self, cx: &mut Context<'_>) -> bool {
        self.poll_end(cx) || self.body.poll_expired(cx)
    }

    fn limit(&mut self, deadline: Instant) {
        self.body.limit(deadline);
    }

    fn withhold_cause(&mut self, method: &'static MethodDescriptor) {
        self.body.withhold_cause(method);
    }
}
