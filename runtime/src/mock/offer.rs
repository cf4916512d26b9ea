//! A call that the test is to answer: what the test gets, and what its caller waits for.

use std::task::{Context, Poll, Waker};

use tokio::sync::{mpsc, oneshot};
use tonic::{Request, Status, metadata::MetadataMap};

use super::{
    message::{AnyMessage, Content},
    pattern::shown,
};
use crate::call::{
    method::MethodDescriptor,
    panics::catch_panic,
    streaming::{Closed, Streaming},
};

/// What hands calls to the test.
pub(crate) type Offers = mpsc::UnboundedSender<Offer>;

/// How far the test has got with a call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Offered,
    Accepted,
    /// It has ended well.
    Finished,
    Failed,
}

/// A call on its way to the test, and what the test does with it.
pub(crate) struct Offer {
    pub(super) call: usize,
    pub(super) method: &'static MethodDescriptor,
    stage: Stage,
    pub(super) metadata: MetadataMap,
    pub(super) requests: Streaming<AnyMessage>,
    /// Whether the test knows that there are no further requests.
    pub(super) has_ended: bool,
    pub(super) header: MetadataMap,
    pub(super) trailers: MetadataMap,
    /// Until the response has begun.
    pub(super) begin: Option<oneshot::Sender<Result<MetadataMap, Status>>>,
    pub(super) responses: mpsc::UnboundedSender<Item>,
}

pub(super) enum Item {
    Message(AnyMessage),
    Failed(Status),
    Finished(MetadataMap),
}

impl Offer {
    pub(super) fn new(
        call: usize,
        method: &'static MethodDescriptor,
        request: Request<Content>,
    ) -> (Self, LiveResponse) {
        let (metadata, _, content) = request.into_parts();
        let (begin, begun) = oneshot::channel();
        let (responses, items) = mpsc::unbounded_channel();
        let offer = Self {
            call,
            method,
            stage: Stage::Offered,
            metadata,
            requests: match content {
                Content::One(request) => Streaming::from_iter([request]),
                Content::Many(requests) => requests,
            },
            has_ended: false,
            header: MetadataMap::new(),
            trailers: MetadataMap::new(),
            begin: Some(begin),
            responses,
        };
        (offer, LiveResponse { begun, items })
    }

    pub(super) fn accept(&mut self) {
        self.stage = Stage::Accepted;
    }

    pub(super) fn begin(&mut self) {
        if let Some(begin) = self.begin.take() {
            // The caller may have gone away.
            let _ = begin.send(Ok(std::mem::take(&mut self.header)));
        }
    }

    pub(super) fn finish(&mut self) -> Result<(), Closed> {
        self.stage = Stage::Finished;
        let trailers = std::mem::take(&mut self.trailers);
        self.put(Item::Finished(trailers))
    }

    pub(super) fn fail(&mut self, status: Status) {
        self.stage = Stage::Failed;
        // Whether the caller still wants to know makes no difference.
        let _ = match self.begin.take() {
            Some(begin) => begin.send(Err(status)).map_err(|_| Closed),
            None => self.put(Item::Failed(status)),
        };
    }

    pub(super) fn put(&mut self, item: Item) -> Result<(), Closed> {
        self.responses.send(item).map_err(|_| Closed)
    }

    /// What is wrong when the test lets go of the call now.
    pub(super) fn problem(&mut self) -> Option<String> {
        match self.stage {
            Stage::Accepted if !self.responses.is_closed() => Some(
                "the test has dropped it unfinished\n\
                 It has to finish or fail it, or to wait until its caller has gone away: `cancelled`."
                    .to_owned(),
            ),
            Stage::Finished if self.method.kind.streams_requests() && !self.has_ended => {
                let request = self.next_request()?;
                Some(format!("the test has not received a request: got {}", shown(&request)))
            }
            _ => None,
        }
    }

    /// The next request, if it is there already.
    fn next_request(&mut self) -> Option<AnyMessage> {
        let mut cx = Context::from_waker(Waker::noop());
        match catch_panic(|| self.requests.poll_message(&mut cx)) {
            Ok(Poll::Ready(Some(Ok(request)))) => Some(request),
            _ => None,
        }
    }
}

impl Drop for Offer {
    fn drop(&mut self) {
        // Behind the end, nobody reads it.
        self.fail(Status::internal("the test has dropped the call without finishing it"));
    }
}

/// The response to an [`Offer`], as its caller gets it.
pub(super) struct LiveResponse {
    pub(super) begun: oneshot::Receiver<Result<MetadataMap, Status>>,
    pub(super) items: mpsc::UnboundedReceiver<Item>,
}
