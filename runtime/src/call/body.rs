//! The messages of one direction of a call, as bytes, over any transport.

use std::{
    fmt,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::HeaderMap;
use tokio::time::Instant;
use tonic::{Status, metadata::MetadataMap};

use super::{
    cause, context::Context as CallContext, deadline::Deadline, method::MethodDescriptor,
    observer::BoxObserver, trailers::merge,
};

/// A stream of length-prefixed messages that ends cleanly, with trailers, or with a status.
pub(crate) struct Body {
    kind: BodyKind,
    trailers: UserTrailers,
    /// Limits how long a buffered body may wait for flow-control window.
    deadline: Option<Box<Deadline>>,
}

/// Of a size that is moved without a call of `memcpy`, as bodies often are.
const _: () = assert!(size_of::<Body>() <= 64);

enum BodyKind {
    Ended,
    /// Nothing but a status.
    Failed(Status),
    /// One buffered message, and the status after it unless that is OK.
    Once(Bytes, Option<Status>),
    /// Messages that are encoded on demand.
    Outgoing(Box<dyn OutgoingMessages>),
    Received(Box<dyn RecvBody>, EndOfBody),
    Observed(Box<ObservedBody>),
    /// The messages are passed without a codec. What holds for a stream of them is boxed; None for a single one.
    Direct(Option<Box<DirectResponses>>),
}

/// What holds for responses that are passed without a codec.
#[derive(Default)]
pub(crate) struct DirectResponses {
    /// In which a stream of them makes calls, and whose deadline ends it. None for a single message.
    pub(crate) stream: Option<CallContext>,
    /// Of a stream. A single message is shown at once.
    pub(crate) observers: Vec<BoxObserver>,
    /// How many of them are the server's. They come first.
    pub(crate) server_observers: usize,
    /// The method, which is named in the log if there is a cause for the failure of a stream.
    pub(crate) method: Option<&'static MethodDescriptor>,
}

/// A body whose bytes are shown to an observer.
struct ObservedBody {
    inner: Body,
    observer: BoxObserver,
    /// The method of a served call, if this is the outermost of its observers.
    method: Option<&'static MethodDescriptor>,
}

/// An outgoing stream of messages, encoded and length-prefixed.
pub(crate) trait OutgoingMessages: Send {
    /// The next chunk of messages. An error is the status that ended the stream.
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Status>>>;

    /// The trailers of a stream that has ended cleanly.
    fn take_trailers(&mut self) -> MetadataMap;

    /// Whether the deadline has passed while the stream waits for flow-control window. If so, the stream
    /// ends with that status.
    fn poll_expired(&mut self, cx: &mut Context<'_>) -> bool;

    /// Ends the stream at `deadline`, unless it has a deadline of its own.
    fn limit(&mut self, deadline: Instant);

    /// Logs the cause of a failure of these responses of `method`, and keeps it from the client.
    fn withhold_cause(&mut self, method: &'static MethodDescriptor);
}

/// The receiving half of an HTTP message: data, then trailers.
pub(crate) trait RecvBody: Send {
    /// The next data, never empty.
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Status>>>;

    /// The trailers, after all data was read. Does not register a waker while data is buffered.
    fn poll_trailers(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<HeaderMap>, Status>>;

    fn is_end_stream(&self) -> bool;

    /// Counts what the stream holds as unread. Called when it is handed to code that may not read it.
    fn track(&mut self) {}

    /// Notes that the reader of a unary request is waiting for the end of the stream.
    fn note_awaiting(&self) {}
}

/// An HTTP message's body, as far as it was read ahead.
pub(crate) enum PrefetchedBody<S> {
    /// All of it: at most one chunk of data, and the trailers or a failure.
    Whole(Option<Bytes>, Result<Option<HeaderMap>, Status>),
    Stream(S),
}

/// The user's trailers, boxed because most bodies have none.
pub(crate) type UserTrailers = Option<Box<MetadataMap>>;

/// Where a received body ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum EndOfBody {
    /// After its data: a request. Its trailers carry nothing and are ignored.
    Data,
    /// With trailers that carry the status of the call: a response. The function returns the user's
    /// trailers if the status is OK.
    Status(fn(Option<HeaderMap>) -> Result<UserTrailers, Status>),
}

/// The direction of a body. The end of a response carries the status of the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Request,
    Response,
}

impl Body {
    fn of(kind: BodyKind) -> Self {
        Self { kind, trailers: None, deadline: None }
    }

    pub(crate) fn empty() -> Self {
        Self::of(BodyKind::Ended)
    }

    /// The body of a call whose messages are in a [`DirectSlot`](super::direct_slot::DirectSlot).
    pub(crate) fn direct(stream: Option<CallContext>) -> Self {
        let stream = stream.map(|it| DirectResponses { stream: Some(it), ..Default::default() });
        Self::of(BodyKind::Direct(stream.map(Box::new)))
    }

    pub(crate) fn once(message: Bytes) -> Self {
        Self::of(BodyKind::Once(message, None))
    }

    pub(crate) fn outgoing(messages: impl OutgoingMessages + 'static) -> Self {
        Self::of(BodyKind::Outgoing(Box::new(messages)))
    }

    #[inline]
    pub(crate) fn received(body: PrefetchedBody<impl RecvBody + 'static>, end: EndOfBody) -> Self {
        match body {
            PrefetchedBody::Stream(stream) => Self::stream(Box::new(stream), end),
            PrefetchedBody::Whole(data, trailers) => {
                let ended = trailers.and_then(|trailers| end.of_trailers(trailers));
                let (trailers, failure) = match ended {
                    Ok(trailers) => (trailers, None),
                    Err(status) => (None, Some(status)),
                };
                let kind = match (data, failure) {
                    (Some(data), failure) => BodyKind::Once(data, failure),
                    (None, Some(status)) => BodyKind::Failed(status),
                    (None, None) => BodyKind::Ended,
                };
                Self { trailers, ..Self::of(kind) }
            }
        }
    }

    pub(crate) fn stream(stream: Box<dyn RecvBody>, end: EndOfBody) -> Self {
        Self::of(BodyKind::Received(stream, end))
    }

    /// Fails this body at `deadline` if it has not been sent by then. Encoded streams have deadlines of
    /// their own.
    pub(crate) fn with_deadline(self, deadline: Option<Instant>) -> Self {
        let deadline = deadline.map(|deadline| Box::new(Deadline::at(Some(deadline))));
        Self { deadline, ..self }
    }

    /// Sends `trailers` once the body has ended cleanly.
    pub(crate) fn with_trailers(mut self, trailers: MetadataMap) -> Self {
        self.trailers = boxed(trailers);
        self
    }

    /// Shows what passes to `observer`: at once if all of it is here.
    pub(crate) fn observed(mut self, mut observer: BoxObserver) -> Self {
        let trailers = self.trailers.as_deref();
        let none = MetadataMap::new();
        let clean = Ok(trailers.unwrap_or(&none));
        match &mut self.kind {
            BodyKind::Ended => observer.on_end(clean),
            BodyKind::Failed(status) => observer.on_end(Err(status)),
            BodyKind::Once(message, status) => {
                observer.on_data(message);
                observer.on_end(status.as_ref().map_or(clean, Err));
            }
            BodyKind::Direct(Some(responses)) => responses.observers.push(observer),
            BodyKind::Direct(None) => {
                observer.on_message();
                observer.on_end(clean);
            }
            BodyKind::Outgoing(_) | BodyKind::Received(..) | BodyKind::Observed(_) => {
                return self.observed_by(observer);
            }
        }
        self
    }

    /// Like [`observed`](Self::observed), but shows a buffered message only when it is read: its reader may never
    /// take it.
    pub(crate) fn observed_by_reader(self, observer: BoxObserver) -> Self {
        match &self.kind {
            BodyKind::Once(..) => self.observed_by(observer),
            _ => self.observed(observer),
        }
    }

    fn observed_by(self, observer: BoxObserver) -> Self {
        let observed = ObservedBody { inner: self, observer, method: None };
        Self::of(BodyKind::Observed(Box::new(observed)))
    }

    /// Whether it ends with OK, if that is known already.
    pub(crate) fn is_ok(&self) -> Option<bool> {
        match &self.kind {
            BodyKind::Ended | BodyKind::Once(_, None) => Some(true),
            BodyKind::Failed(_) | BodyKind::Once(_, Some(_)) => Some(false),
            BodyKind::Direct(None) => Some(true),
            _ => None,
        }
    }

    /// Logs the cause of a failure of these responses of `method`, and keeps it from the client. Observers that
    /// there are by now see it.
    pub(crate) fn withhold_cause(&mut self, method: &'static MethodDescriptor) {
        match &mut self.kind {
            BodyKind::Outgoing(messages) => messages.withhold_cause(method),
            BodyKind::Observed(observed) => observed.method = Some(method),
            BodyKind::Direct(Some(responses)) => {
                responses.method = Some(method);
                responses.server_observers = responses.observers.len();
            }
            BodyKind::Failed(status) | BodyKind::Once(_, Some(status)) => {
                cause::withhold(method.path, status);
            }
            // What is received has no cause in this process.
            BodyKind::Once(_, None)
            | BodyKind::Ended
            | BodyKind::Received(..)
            | BodyKind::Direct(None) => {}
        }
    }

    /// Ends a stream of encoded messages at `deadline`, unless it has a deadline of its own.
    pub(crate) fn limit(&mut self, deadline: Instant) {
        match &mut self.kind {
            BodyKind::Outgoing(messages) => messages.limit(deadline),
            BodyKind::Observed(observed) => observed.inner.limit(deadline),
            _ => {}
        }
    }

    /// What holds for responses that are passed without a codec. None if they are in this body.
    pub(crate) fn take_direct(&mut self) -> Option<DirectResponses> {
        let BodyKind::Direct(responses) = &mut self.kind else { return None };
        let responses = responses.take().map_or_else(Default::default, |it| *it);
        self.kind = BodyKind::Ended;
        Some(responses)
    }

    /// Records that the reader gave up on the body with `status`, which is not the body's own.
    pub(crate) fn note_failure(&mut self, status: &Status) {
        if let BodyKind::Observed(observed) = &mut self.kind {
            observed.observer.on_end(Err(status));
            observed.inner.note_failure(status);
        }
    }

    /// The single message, if it is buffered.
    pub(crate) fn buffered(&self) -> Option<&Bytes> {
        match &self.kind {
            BodyKind::Once(message, _) => Some(message),
            _ => None,
        }
    }

    /// Whether the body may have any number of messages.
    pub(crate) fn is_stream(&self) -> bool {
        match &self.kind {
            BodyKind::Outgoing(_) => true,
            BodyKind::Observed(observed) => observed.inner.is_stream(),
            _ => false,
        }
    }

    /// Whether all of the body, one message at most, is buffered.
    pub(crate) fn is_buffered(&self) -> bool {
        matches!(self.kind, BodyKind::Once(..) | BodyKind::Ended)
    }

    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.kind, BodyKind::Ended)
    }

    /// The trailers of a body that has ended cleanly.
    pub(crate) fn take_trailers(&mut self) -> Option<MetadataMap> {
        self.trailers.take().map(|trailers| *trailers)
    }

    /// The next bytes. An error is the status that ended the body.
    pub(crate) fn poll_data(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Status>>> {
        let polled = match &mut self.kind {
            BodyKind::Ended | BodyKind::Direct(_) => return Poll::Ready(None),
            BodyKind::Once(message, status) => {
                let message = std::mem::take(message);
                self.kind = status.take().map_or(BodyKind::Ended, BodyKind::Failed);
                return Poll::Ready(Some(Ok(message)));
            }
            BodyKind::Failed(status) => Some(Err(status.clone())),
            BodyKind::Outgoing(messages) => ready!(messages.poll_data(cx)),
            BodyKind::Received(stream, end) => match ready!(stream.poll_data(cx)) {
                Some(data) => Some(data),
                None => {
                    let ended = ready!(end.poll(&mut **stream, cx));
                    self.keep_trailers(ended)
                }
            },
            BodyKind::Observed(observed) => {
                let polled = ready!(observed.poll_data(cx));
                if polled.is_none() {
                    self.trailers = observed.inner.trailers.take();
                }
                polled
            }
        };
        if !matches!(polled, Some(Ok(_))) {
            self.end();
        }
        Poll::Ready(polled)
    }

    /// [`poll_data`](Self::poll_data) with a fast path for end of stream.
    pub(crate) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Status>>> {
        let BodyKind::Received(stream, end) = &mut self.kind else { return self.poll_data(cx) };
        let ended = match end {
            EndOfBody::Data if stream.is_end_stream() => Ok(None),
            EndOfBody::Status(status) => match stream.poll_trailers(cx) {
                Poll::Ready(Ok(trailers)) => status(trailers),
                _ => return self.poll_data(cx),
            },
            EndOfBody::Data => return self.poll_data(cx),
        };
        self.end();
        Poll::Ready(self.keep_trailers(ended))
    }

    /// [`poll_data`](Self::poll_data) without the observers, for a reader who will tell them how the body has ended.
    pub(crate) fn poll_unobserved(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Status>>> {
        match &mut self.kind {
            BodyKind::Observed(observed) => observed.inner.poll_unobserved(cx),
            _ => self.poll_data(cx),
        }
    }

    /// Whether the body may wait for flow-control window indefinitely.
    pub(crate) fn may_wait_for_window(&self) -> bool {
        match &self.kind {
            BodyKind::Observed(observed) => observed.inner.may_wait_for_window(),
            _ => self.deadline.is_none(),
        }
    }

    /// Whether the deadline has passed while the body waits for flow-control window. If so, only the
    /// status is left of it.
    pub(crate) fn poll_expired(&mut self, cx: &mut Context<'_>) -> bool {
        match &mut self.kind {
            BodyKind::Outgoing(messages) => return messages.poll_expired(cx),
            BodyKind::Observed(observed) => return observed.inner.poll_expired(cx),
            _ => {}
        }
        let Some(deadline) = &mut self.deadline else { return false };
        let Err(late) = deadline.check(cx) else { return false };
        self.kind = BodyKind::Failed(late);
        true
    }

    /// Counts what the body holds as unread. Called when the body is handed to code that may not read it.
    pub(crate) fn track(&mut self) {
        match &mut self.kind {
            BodyKind::Received(stream, _) => stream.track(),
            BodyKind::Observed(observed) => observed.inner.track(),
            _ => {}
        }
    }

    /// Notes that the reader of a unary request is waiting for the end of the stream.
    pub(crate) fn note_awaiting(&self) {
        match &self.kind {
            BodyKind::Received(stream, _) => stream.note_awaiting(),
            BodyKind::Observed(observed) => observed.inner.note_awaiting(),
            _ => {}
        }
    }

    /// The end of the body, whose trailers are kept if it was a clean one.
    fn keep_trailers(
        &mut self,
        ended: Result<UserTrailers, Status>,
    ) -> Option<Result<Bytes, Status>> {
        match ended {
            Ok(trailers) => {
                self.trailers = trailers;
                None
            }
            Err(status) => Some(Err(status)),
        }
    }

    fn end(&mut self) {
        let ended = std::mem::replace(&mut self.kind, BodyKind::Ended);
        if let BodyKind::Outgoing(mut messages) = ended {
            let mut trailers = self.take_trailers().unwrap_or_default();
            merge(&mut trailers, messages.take_trailers());
            self.trailers = boxed(trailers);
        }
    }
}

impl ObservedBody {
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Status>>> {
        let mut polled = ready!(self.inner.poll_data(cx));
        match &mut polled {
            Some(Ok(data)) => self.observer.on_data(data),
            Some(Err(status)) => {
                self.observer.on_end(Err(status));
                if let Some(method) = self.method {
                    cause::withhold(method.path, status);
                }
            }
            None => {
                let none = MetadataMap::new();
                self.observer.on_end(Ok(self.inner.trailers.as_deref().unwrap_or(&none)));
            }
        }
        Poll::Ready(polled)
    }
}

impl EndOfBody {
    /// The user's trailers at the end of `stream`, after its data.
    fn poll(
        self,
        stream: &mut dyn RecvBody,
        cx: &mut Context<'_>,
    ) -> Poll<Result<UserTrailers, Status>> {
        match self {
            Self::Data => Poll::Ready(Ok(None)),
            Self::Status(status) => {
                let trailers = ready!(stream.poll_trailers(cx))?;
                Poll::Ready(status(trailers))
            }
        }
    }

    fn of_trailers(self, trailers: Option<HeaderMap>) -> Result<UserTrailers, Status> {
        match self {
            Self::Data => Ok(None),
            Self::Status(status) => status(trailers),
        }
    }
}

impl<S: RecvBody> PrefetchedBody<S> {
    /// Counts what the body holds as unread. Called when it is handed to code that may not read it.
    pub(crate) fn track(&mut self) {
        if let Self::Stream(stream) = self {
            stream.track();
        }
    }
}

fn boxed(trailers: MetadataMap) -> UserTrailers {
    (!trailers.is_empty()).then(|| Box::new(trailers))
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("is_stream", &self.is_stream()).finish_non_exhaustive()
    }
}
