//! Requests that are kept so that their call can be sent again.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker, ready},
    vec,
};

use bytes::Bytes;
use http_body::{Body as _, Frame};
use tonic::Status;

use crate::{
    call::body::Body,
    h2::{client::call_state::OutboundBody, peer_settings::PeerSettings},
    protocol::{Protocol, http_body::HttpBody},
};

/// The memory that all calls of a channel together may use to buffer requests for a replay.
///
/// See [gRFC
/// A6](https://github.com/grpc/proposal/blob/master/A6-client-retries.md#memory-management-buffering).
#[derive(Debug)]
pub(super) struct ReplayBudget {
    /// The remaining bytes.
    // A counter that guards no other data, so `Relaxed` suffices.
    room: AtomicUsize,
}

impl Default for ReplayBudget {
    fn default() -> Self {
        Self { room: AtomicUsize::new(16 * 1024 * 1024) }
    }
}

impl ReplayBudget {
    fn take(&self, bytes: usize) -> bool {
        let take = |room: usize| room.checked_sub(bytes);
        self.room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }

    fn give_back(&self, bytes: usize) {
        self.room.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// The requests of a call that may have to be sent again.
pub(super) enum ReplayableBody {
    /// A single, buffered request.
    Message(Bytes),
    Stream(ReplayBuffer),
}

impl ReplayableBody {
    /// The requests in `body`. If they are a stream, they are buffered within `budget`.
    pub(super) fn new(body: Body, protocol: Protocol, budget: &Arc<ReplayBudget>) -> Self {
        match body.buffered() {
            Some(message) => Self::Message(protocol.encode_data(message.clone())),
            None => Self::Stream(ReplayBuffer::new(HttpBody::request(body, protocol), budget)),
        }
    }

    /// The body of the next attempt, to a server with these `settings`.
    pub(super) fn payload(&self, settings: &Arc<PeerSettings>) -> OutboundBody {
        match self {
            Self::Message(message) => OutboundBody::Message(message.clone()),
            Self::Stream(requests) => {
                OutboundBody::Stream(HttpBody::new(requests.attempt(settings)))
            }
        }
    }

    /// Ends the current attempt in favour of another one. Returns whether all requests are still
    /// available.
    pub(super) fn rewind(&self) -> bool {
        match self {
            Self::Message(_) => true,
            Self::Stream(requests) => requests.rewind(),
        }
    }

    /// Ends buffering: there will be no further attempt.
    pub(super) fn commit(&self) {
        if let Self::Stream(requests) = self {
            requests.commit();
        }
    }
}

/// A request stream, and a copy of what was sent of it while it may be needed for a replay.
///
/// The lock is held to pass the stream from one attempt to the next, but not while it is polled, since
/// that runs user code.
#[derive(Clone)]
pub(super) struct ReplayBuffer(Arc<Mutex<ReplayState>>);

struct ReplayState {
    /// None while an attempt has it.
    remaining: Option<Box<Remaining>>,
    /// None once the call is committed, or after the budget was exceeded.
    buffered: Option<Buffered>,
    attempt: usize,
    /// The waker of an attempt that waits for the previous one to return the stream.
    waiting: Option<Waker>,
}

/// The part of the stream that no attempt has sent.
struct Remaining {
    body: HttpBody,
    /// A frame that was polled by an attempt that had already ended.
    next: Option<PolledFrame>,
}

/// What a body yields: data, a failure, or the end.
type PolledFrame = Option<Result<Frame<Bytes>, Status>>;

/// What buffering a chunk costs in addition to its bytes: the allocation, and the pointer to it.
const CHUNK_OVERHEAD: usize = 128;

/// The frames that were sent, kept for a replay.
struct Buffered {
    chunks: Vec<Bytes>,
    size: usize,
    budget: Arc<ReplayBudget>,
}

impl Buffered {
    /// Returns whether the budget allows it.
    fn push(&mut self, data: &Bytes) -> bool {
        let has_room = self.budget.take(data.len() + CHUNK_OVERHEAD);
        if has_room {
            self.size += data.len();
            self.chunks.push(data.clone());
        }
        has_room
    }
}

impl Drop for Buffered {
    fn drop(&mut self) {
        self.budget.give_back(self.size + self.chunks.len() * CHUNK_OVERHEAD);
    }
}

impl ReplayBuffer {
    fn new(body: HttpBody, budget: &Arc<ReplayBudget>) -> Self {
        let remaining = Remaining { body, next: None };
        let buffered = Buffered { chunks: Vec::new(), size: 0, budget: Arc::clone(budget) };
        Self(Arc::new(Mutex::new(ReplayState {
            remaining: Some(Box::new(remaining)),
            buffered: Some(buffered),
            attempt: 0,
            waiting: None,
        })))
    }

    fn rewind(&self) -> bool {
        let mut state = self.state();
        state.attempt += 1;
        state.buffered.is_some()
    }

    /// A new attempt to send all of them to a server with these `settings`.
    fn attempt(&self, settings: &Arc<PeerSettings>) -> ReplayAttempt {
        ReplayAttempt {
            requests: self.clone(),
            number: self.state().attempt,
            settings: Arc::clone(settings),
            replayed: Vec::new().into_iter(),
            remaining: None,
        }
    }

    fn commit(&self) {
        self.state().buffered = None;
    }

    fn state(&self) -> MutexGuard<'_, ReplayState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ReplayState {
    /// Buffers `data`, unless more than the initial stream `window` was sent before: then the server has
    /// sent a `WINDOW_UPDATE` for the stream, so it has seen the call and cannot report it as unprocessed.
    fn buffer(&mut self, data: &Bytes, window: usize) {
        let Some(buffered) = &mut self.buffered else { return };
        if buffered.size > window || !buffered.push(data) {
            self.buffered = None;
        }
    }
}

impl Remaining {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<PolledFrame> {
        match self.next.take() {
            Some(next) => Poll::Ready(next),
            None => Pin::new(&mut self.body).poll_frame(cx),
        }
    }
}

/// The request body of one attempt.
pub(super) struct ReplayAttempt {
    requests: ReplayBuffer,
    number: usize,
    /// The settings of the attempt's server.
    settings: Arc<PeerSettings>,
    /// The requests that earlier attempts have sent.
    replayed: vec::IntoIter<Bytes>,
    /// None until the previous attempt has returned it.
    remaining: Option<Box<Remaining>>,
}

impl ReplayAttempt {
    /// Waits for the stream, and for a copy of the requests to replay.
    fn poll_stream(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.remaining.is_some() {
            return Poll::Ready(());
        }
        let mut state = self.requests.state();
        if state.attempt != self.number {
            return Poll::Pending;
        }
        self.remaining = state.remaining.take();
        if self.remaining.is_none() {
            state.waiting = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let buffered =
            state.buffered.as_ref().map_or_else(Vec::new, |buffered| buffered.chunks.clone());
        self.replayed = buffered.into_iter();
        Poll::Ready(())
    }

    /// Buffers the frame that is about to be sent. If this attempt has ended, leaves the frame to the
    /// next one.
    fn take(&mut self, polled: PolledFrame) -> Poll<PolledFrame> {
        let mut state = self.requests.state();
        if state.attempt == self.number {
            if let Some(Ok(frame)) = &polled
                && let Some(data) = frame.data_ref()
            {
                state.buffer(data, self.settings.max_stream_window());
            }
            return Poll::Ready(polled);
        }
        drop(state);
        if let Some(remaining) = &mut self.remaining {
            remaining.next = Some(polled);
        }
        self.give_back();
        Poll::Pending
    }

    fn give_back(&mut self) {
        let Some(remaining) = self.remaining.take() else { return };
        let mut state = self.requests.state();
        // Without the buffered part, the rest can never be sent again.
        if state.buffered.is_none() {
            drop(state);
            return drop(remaining);
        }
        state.remaining = Some(remaining);
        let waiting = state.waiting.take();
        drop(state);
        if let Some(waiting) = waiting {
            waiting.wake();
        }
    }
}

impl http_body::Body for ReplayAttempt {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<PolledFrame> {
        ready!(self.poll_stream(cx));
        if let Some(chunk) = self.replayed.next() {
            return Poll::Ready(Some(Ok(Frame::data(chunk))));
        }
        let Some(remaining) = &mut self.remaining else { return Poll::Pending };
        let polled = ready!(remaining.poll(cx));
        self.take(polled)
    }
}

impl Drop for ReplayAttempt {
    fn drop(&mut self) {
        self.give_back();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            OnceLock,
            atomic::{AtomicBool, Ordering},
        },
        task::Wake,
    };

    use futures_core::Stream;

    use super::*;
    use crate::{
        call::{deadline::Deadline, streaming::Streaming},
        codec::{CodecMessage, ProstCodec},
        protocol::{encoded_stream::EncodedStream, length_prefixed::MessageEncoder},
    };

    /// A stream that ends the attempt by which it is polled.
    struct Rewinding {
        requests: Arc<OnceLock<ReplayBuffer>>,
        item: Option<Result<u32, Status>>,
    }

    impl Stream for Rewinding {
        type Item = Result<u32, Status>;

        fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            if let Some(requests) = self.requests.get().filter(|_| self.item.is_some()) {
                assert!(requests.rewind());
            }
            Poll::Ready(self.item.take())
        }
    }

    fn requests(
        stream: impl Stream<Item = Result<u32, Status>> + Send + 'static,
        budget: &Arc<ReplayBudget>,
    ) -> ReplayBuffer {
        let encoder = MessageEncoder { encoding: None, limit: 100 };
        let body = Body::outgoing(EncodedStream::new(
            Streaming::new(stream),
            CodecMessage::<ProstCodec, _>::new,
            encoder,
            Deadline::default(),
        ));
        ReplayBuffer::new(HttpBody::request(body, Protocol::Grpc), budget)
    }

    fn attempt(requests: &ReplayBuffer) -> ReplayAttempt {
        requests.attempt(&Arc::default())
    }

    fn rewinding(item: Result<u32, Status>) -> ReplayBuffer {
        let itself = Arc::new(OnceLock::new());
        let requests = requests(
            Rewinding { requests: Arc::clone(&itself), item: Some(item) },
            &Arc::default(),
        );
        itself.get_or_init(|| requests.clone()).clone()
    }

    /// The length of the data, or the message of the failure.
    fn next(attempt: &mut ReplayAttempt, waker: &Waker) -> Poll<Option<Result<usize, String>>> {
        let polled = Pin::new(attempt).poll_frame(&mut Context::from_waker(waker));
        let text = |status: Status| status.message().to_owned();
        polled.map(|it| it.map(|it| it.map(|it| it.into_data().unwrap().len()).map_err(text)))
    }

    #[test]
    fn what_an_attempt_gets_after_its_end_belongs_to_the_next() {
        let requests = rewinding(Ok(1));
        let mut first = attempt(&requests);
        assert_eq!(next(&mut first, Waker::noop()), Poll::Pending);
        let mut second = attempt(&requests);
        assert_eq!(next(&mut second, Waker::noop()), Poll::Ready(Some(Ok(7))));
        assert_eq!(next(&mut second, Waker::noop()), Poll::Ready(None));
        assert_eq!(next(&mut first, Waker::noop()), Poll::Pending);
    }

    #[test]
    fn a_failure_that_an_attempt_gets_after_its_end_is_not_lost() {
        let requests = rewinding(Err(Status::data_loss("broken")));
        assert_eq!(next(&mut attempt(&requests), Waker::noop()), Poll::Pending);
        let failure = Poll::Ready(Some(Err("broken".to_owned())));
        assert_eq!(next(&mut attempt(&requests), Waker::noop()), failure);
    }

    #[derive(Default)]
    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    #[test]
    fn an_attempt_waits_until_the_one_before_is_gone() {
        let requests = requests(tokio_stream::iter([Ok(1), Ok(2)]), &Arc::default());
        let mut first = attempt(&requests);
        assert_eq!(next(&mut first, Waker::noop()), Poll::Ready(Some(Ok(14))));
        assert!(requests.rewind());
        let woken = Arc::<Woken>::default();
        let mut second = attempt(&requests);
        assert_eq!(next(&mut second, &Waker::from(Arc::clone(&woken))), Poll::Pending);
        drop(first);
        assert!(woken.0.load(Ordering::SeqCst));
        assert_eq!(next(&mut second, Waker::noop()), Poll::Ready(Some(Ok(14))));
        assert_eq!(next(&mut second, Waker::noop()), Poll::Ready(None));
    }

    #[test]
    fn each_attempt_begins_with_what_all_before_it_have_sent() {
        let (sender, stream) = Streaming::channel(1);
        let requests = requests(stream, &Arc::default());
        for number in 1..=4 {
            sender.try_send(number).unwrap();
            let mut attempt = attempt(&requests);
            for _ in 0..number {
                assert_eq!(next(&mut attempt, Waker::noop()), Poll::Ready(Some(Ok(7))));
            }
            assert_eq!(next(&mut attempt, Waker::noop()), Poll::Pending);
            assert!(requests.rewind());
        }
    }

    #[test]
    fn a_channel_buffers_no_more_than_its_budget() {
        let buffer = Arc::new(ReplayBudget { room: AtomicUsize::new(20 + CHUNK_OVERHEAD) });
        let call = || {
            let requests = requests(tokio_stream::iter([Ok(1), Ok(2)]), &buffer);
            assert_eq!(next(&mut attempt(&requests), Waker::noop()), Poll::Ready(Some(Ok(14))));
            requests
        };
        let (first, second) = (call(), call());
        assert!(first.rewind());
        assert!(!second.rewind(), "there was no room for it");
        drop(first);
        assert!(call().rewind(), "what is not kept any more makes room");
    }

    #[test]
    fn requests_that_cannot_be_replayed_are_dropped_with_their_attempt() {
        let (sender, stream) = Streaming::channel(1);
        let requests = requests(stream, &Arc::default());
        let mut attempt = attempt(&requests);
        assert_eq!(next(&mut attempt, Waker::noop()), Poll::Pending);
        requests.commit();
        drop(attempt);
        let closed = std::pin::pin!(sender.closed());
        assert!(closed.poll(&mut Context::from_waker(Waker::noop())).is_ready());
    }
}
