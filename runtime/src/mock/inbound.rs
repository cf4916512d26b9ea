//! The requests of a call on their way to its answer: looked at beforehand, and remembered.

use std::{
    collections::VecDeque,
    future::{Future, poll_fn},
    pin::Pin,
    slice,
    sync::Arc,
    task::{Context, Poll},
};

use tonic::{Request, Status};

use super::{
    core::Core,
    explain,
    kind::Peek,
    message::{AnyMessage, Content, mixed_up},
    record::Head,
    tape::trace::Trace,
    timer,
};
use crate::call::{
    panics::{self, catch_panic, drop_catching_panics},
    streaming::{Source, Streaming},
};

/// What an answer is made from.
pub(crate) struct Incoming {
    pub(crate) call: usize,
    pub(crate) head: Head,
    pub(crate) requests: Inbound,
}

impl Incoming {
    pub(crate) fn into_request(self) -> Result<Request<Content>, Status> {
        let content = self.requests.into_content()?;
        Ok(Request::from_parts(self.head.metadata, self.head.extensions, content))
    }
}

/// A request was waited for that does not come.
pub(crate) struct TooLong;

/// The requests of a call.
pub(crate) enum Inbound {
    /// One, until it is taken.
    One(Option<AnyMessage>),
    Many(InboundStream),
}

/// A stream of requests. Each is remembered when it is read.
pub(crate) struct InboundStream {
    core: Arc<Core>,
    call: usize,
    peeked: VecDeque<AnyMessage>,
    stream: Streaming<AnyMessage>,
    /// What the stream failed with while it was peeked at.
    failure: Option<Status>,
    has_panicked: bool,
}

impl Inbound {
    pub(crate) fn new(core: &Arc<Core>, call: usize, content: Content) -> Self {
        match content {
            Content::One(message) => Self::One(Some(message)),
            Content::Many(stream) => Self::Many(InboundStream {
                core: Arc::clone(core),
                call,
                peeked: VecDeque::new(),
                stream,
                failure: None,
                has_panicked: false,
            }),
        }
    }

    /// Waits for as many requests as `peek` wants to see, or fails when one does not come.
    pub(crate) async fn peek(&mut self, peek: Peek) -> Result<(), TooLong> {
        if let Self::Many(requests) = self {
            while requests.wants(peek) && soon(requests.peek_next()).await? {}
        }
        Ok(())
    }

    /// What the call ends with whose requests have panicked while they were peeked at.
    pub(crate) fn panicked(&mut self) -> Option<Status> {
        match self {
            Self::One(_) => None,
            Self::Many(requests) => requests.failure.take_if(|_| requests.has_panicked),
        }
    }

    /// What has been peeked at.
    pub(crate) fn peeked(&mut self) -> &[AnyMessage] {
        match self {
            Self::One(None) => &[],
            Self::One(Some(message)) => slice::from_ref(message),
            Self::Many(requests) => requests.peeked.make_contiguous(),
        }
    }

    /// The next request; `None` behind the last.
    pub(crate) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<AnyMessage, Status>>> {
        match self {
            Self::One(message) => Poll::Ready(message.take().map(Ok)),
            Self::Many(requests) => requests.poll_next(cx),
        }
    }

    pub(crate) async fn next(&mut self) -> Option<Result<AnyMessage, Status>> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Reads all that is left, up to the status that it may end with.
    pub(crate) async fn drain(&mut self) -> Result<Result<(), Status>, TooLong> {
        while let Some(request) = soon(self.next()).await? {
            if let Err(status) = request {
                return Ok(Err(status));
            }
        }
        Ok(Ok(()))
    }

    /// What a method of the contract gets. Nothing must have been taken yet.
    pub(crate) fn into_content(self) -> Result<Content, Status> {
        match self {
            Self::One(message) => message.map(Content::One).ok_or_else(mixed_up),
            Self::Many(requests) => Ok(Content::Many(Streaming::from_source(requests))),
        }
    }
}

/// Waits for a request.
async fn soon<T>(request: impl Future<Output = T>) -> Result<T, TooLong> {
    tokio::select! {
        biased;
        request = request => Ok(request),
        _ = timer::patience() => Err(TooLong),
    }
}

impl InboundStream {
    fn wants(&self, peek: Peek) -> bool {
        match peek {
            Peek::Nothing => false,
            Peek::First => self.peeked.is_empty(),
            Peek::All => true,
        }
    }

    /// Whether there was another one.
    async fn peek_next(&mut self) -> bool {
        match poll_fn(|cx| self.poll_stream(cx)).await {
            Some(Ok(request)) => {
                self.peeked.push_back(request);
                true
            }
            Some(Err(status)) => {
                self.failure = Some(status);
                false
            }
            None => false,
        }
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<AnyMessage, Status>>> {
        if let Some(request) = self.peeked.pop_front() {
            return Poll::Ready(Some(Ok(request)));
        }
        match self.failure.take() {
            Some(status) => Poll::Ready(Some(Err(status))),
            None => self.poll_stream(cx),
        }
    }

    fn poll_stream(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<AnyMessage, Status>>> {
        let next = self.poll_caller(cx);
        match &next {
            Poll::Ready(Some(Ok(request))) => {
                let request = request.clone();
                self.core.note(self.call, |record| record.push(request));
            }
            Poll::Ready(None) => self.core.trace(self.call, Trace::requests_end),
            Poll::Ready(Some(Err(_))) | Poll::Pending => {}
        }
        next
    }
}

impl InboundStream {
    /// What the caller gives. A panic of what makes the requests is the caller's, whoever reads them.
    fn poll_caller(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<AnyMessage, Status>>> {
        let stream = &mut self.stream;
        let (next, panic) = panics::note_apart(|| catch_panic(|| stream.poll_message(cx)));
        let Some(panic) = panic else { return next.unwrap_or(Poll::Pending) };
        let method = explain::full_name(self.core.method_of(self.call));
        self.core.problem(format!("call of {method}: its requests panicked: {panic}"));
        self.has_panicked = true;
        drop_catching_panics(std::mem::take(&mut self.stream));
        Poll::Ready(Some(Err(Status::internal("the requests of the call panicked"))))
    }
}

impl Source<AnyMessage> for InboundStream {
    fn poll_message(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<AnyMessage, Status>>> {
        self.poll_next(cx)
    }
}
