//! What a call comes back with, and the wait for it.

use std::{
    fmt,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
};

use http::Extensions;
use tonic::{Status, codec::CompressionEncoding, metadata::MetadataMap};

use crate::wire::{body::Body, deadline::Deadline, status};

/// The beginning of a response, with its messages still to come.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) metadata: MetadataMap,
    pub(crate) extensions: Extensions,
    pub(crate) encoding: Option<CompressionEncoding>,
    pub(crate) body: Body,
}

impl Reply {
    /// A reply of which nothing is left to be sent.
    pub(crate) fn empty() -> Self {
        Self {
            metadata: MetadataMap::new(),
            extensions: Extensions::new(),
            encoding: None,
            body: Body::empty(),
        }
    }
}

/// Waits for the reply to a call. The handler is dropped when it has answered, when the deadline
/// passes, or when this is dropped; if it panics, the call fails and nothing else does.
pub struct ReplyFuture<'a> {
    handler: Option<Handler<'a>>,
    deadline: Deadline,
}

type Handler<'a> = Pin<Box<dyn Future<Output = Result<Reply, Status>> + Send + 'a>>;

impl<'a> ReplyFuture<'a> {
    pub(crate) fn new(
        deadline: Deadline,
        handler: impl Future<Output = Result<Reply, Status>> + Send + 'a,
    ) -> Self {
        Self { handler: Some(Box::pin(handler)), deadline }
    }

    pub(crate) async fn reply(mut self) -> Result<Reply, Status> {
        poll_fn(|cx| self.poll(cx)).await
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Reply, Status>> {
        let Some(handler) = &mut self.handler else { return Poll::Pending };
        let result = match catch_unwind(AssertUnwindSafe(|| handler.as_mut().poll(cx))) {
            Ok(Poll::Ready(result)) => result,
            Ok(Poll::Pending) => match self.deadline.check(cx) {
                Ok(()) => return Poll::Pending,
                Err(late) => Err(late),
            },
            Err(_) => Err(status::panicked()),
        };
        self.handler = None;
        Poll::Ready(result)
    }
}

impl fmt::Debug for ReplyFuture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplyFuture")
            .field("answered", &self.handler.is_none())
            .finish_non_exhaustive()
    }
}
