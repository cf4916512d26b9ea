//! A stream of requests that may have to be sent once more.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker, ready},
    vec,
};

use bytes::Bytes;
use http_body::{Body as _, Frame};
use tonic::Status;

use super::progress::Payload;
use crate::wire::{body::Body, http_body::HttpBody};

/// How many bytes are kept to be sent again: a call that has sent more is not made again.
const KEPT: usize = 64 * 1024;

/// The requests of a call, as long as it may have to be made again.
pub(super) enum Repeatable {
    /// All of them.
    Message(Bytes),
    Stream(Requests),
}

impl Repeatable {
    pub(super) fn new(body: Body) -> Self {
        match body.at_hand() {
            Some(message) => Self::Message(message.clone()),
            None => Self::Stream(Requests::new(body)),
        }
    }

    /// What the next attempt sends.
    pub(super) fn payload(&self) -> Payload {
        match self {
            Self::Message(message) => Payload::Message(message.clone()),
            Self::Stream(requests) => Payload::Stream(Box::new(requests.attempt())),
        }
    }

    /// Ends the current attempt, in favour of another one. Says whether that has all requests.
    pub(super) fn rewind(&self) -> bool {
        match self {
            Self::Message(_) => true,
            Self::Stream(requests) => requests.rewind(),
        }
    }

    /// There will be no other attempt.
    pub(super) fn settle(&self) {
        if let Self::Stream(requests) = self {
            requests.settle();
        }
    }
}

/// A stream of requests, with those that have been sent, as long as they may be wanted again.
///
/// The lock is for handing them from one attempt to the next. It is not held while they are asked
/// for more, which runs the user's code.
#[derive(Clone)]
pub(super) struct Requests(Arc<Mutex<State>>);

struct State {
    /// None while an attempt has it.
    unsent: Option<Box<Unsent>>,
    /// None when they were too many, or are not wanted any more.
    sent: Option<Sent>,
    attempt: usize,
    /// The attempt that waits for the one before to give the unsent requests back.
    waiting: Option<Waker>,
}

/// The requests that no attempt has sent.
struct Unsent {
    body: HttpBody,
    /// What came out of it for an attempt that had ended meanwhile.
    next: Option<Polled>,
}

/// What comes out of the requests: data, a failure, or the end.
type Polled = Option<Result<Frame<Bytes>, Status>>;

#[derive(Default)]
struct Sent {
    chunks: Vec<Bytes>,
    size: usize,
}

impl Requests {
    fn new(body: Body) -> Self {
        let unsent = Unsent { body: HttpBody::request(body), next: None };
        Self(Arc::new(Mutex::new(State {
            unsent: Some(Box::new(unsent)),
            sent: Some(Sent::default()),
            attempt: 0,
            waiting: None,
        })))
    }

    fn rewind(&self) -> bool {
        let mut state = self.state();
        state.attempt += 1;
        state.sent.is_some()
    }

    /// All of them, to be sent.
    fn attempt(&self) -> Attempt {
        let number = self.state().attempt;
        Attempt { requests: self.clone(), number, again: Vec::new().into_iter(), unsent: None }
    }

    fn settle(&self) {
        self.state().sent = None;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn keep(&mut self, data: &Bytes) {
        let Some(sent) = &mut self.sent else { return };
        sent.size += data.len();
        sent.chunks.push(data.clone());
        if sent.size > KEPT {
            self.sent = None;
        }
    }
}

impl Unsent {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Polled> {
        match self.next.take() {
            Some(next) => Poll::Ready(next),
            None => Pin::new(&mut self.body).poll_frame(cx),
        }
    }
}

/// The body of one attempt to make the call.
pub(super) struct Attempt {
    requests: Requests,
    number: usize,
    /// What an attempt before has sent.
    again: vec::IntoIter<Bytes>,
    /// None until the attempt before has given it back.
    unsent: Option<Box<Unsent>>,
}

impl Attempt {
    /// Waits for the requests that are to be sent.
    fn poll_begin(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.unsent.is_some() {
            return Poll::Ready(());
        }
        let mut state = self.requests.state();
        if state.attempt != self.number {
            return Poll::Pending;
        }
        self.unsent = state.unsent.take();
        if self.unsent.is_none() {
            state.waiting = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let sent = state.sent.as_ref().map_or_else(Vec::new, |sent| sent.chunks.clone());
        self.again = sent.into_iter();
        Poll::Ready(())
    }

    /// Notes what is sent now, or leaves it to the next attempt if this one has ended.
    fn take(&mut self, polled: Polled) -> Poll<Polled> {
        let mut state = self.requests.state();
        if state.attempt == self.number {
            if let Some(Ok(frame)) = &polled
                && let Some(data) = frame.data_ref()
            {
                state.keep(data);
            }
            return Poll::Ready(polled);
        }
        drop(state);
        if let Some(unsent) = &mut self.unsent {
            unsent.next = Some(polled);
        }
        self.give_back();
        Poll::Pending
    }

    fn give_back(&mut self) {
        let Some(unsent) = self.unsent.take() else { return };
        let mut state = self.requests.state();
        // Nobody wants them any more, or could send them with those before.
        if state.sent.is_none() {
            drop(state);
            return drop(unsent);
        }
        state.unsent = Some(unsent);
        let waiting = state.waiting.take();
        drop(state);
        if let Some(waiting) = waiting {
            waiting.wake();
        }
    }
}

impl http_body::Body for Attempt {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Polled> {
        ready!(self.poll_begin(cx));
        if let Some(chunk) = self.again.next() {
            return Poll::Ready(Some(Ok(Frame::data(chunk))));
        }
        let Some(unsent) = &mut self.unsent else { return Poll::Pending };
        let polled = ready!(unsent.poll(cx));
        self.take(polled)
    }
}

impl Drop for Attempt {
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
        Streaming,
        wire::{deadline::Deadline, frame::Encoder},
    };

    /// A stream that ends the attempt that asks for its one item.
    struct Rewinding {
        requests: Arc<OnceLock<Requests>>,
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

    fn requests(stream: impl Stream<Item = Result<u32, Status>> + Send + 'static) -> Requests {
        let encoder = Encoder { encoding: None, limit: 100 };
        Requests::new(Body::outgoing(Streaming::new(stream), encoder, Deadline::default()))
    }

    fn rewinding(item: Result<u32, Status>) -> Requests {
        let itself = Arc::new(OnceLock::new());
        let requests = requests(Rewinding { requests: Arc::clone(&itself), item: Some(item) });
        itself.get_or_init(|| requests.clone()).clone()
    }

    /// The length of the data, or the message of the failure.
    fn next(attempt: &mut Attempt, waker: &Waker) -> Poll<Option<Result<usize, String>>> {
        let polled = Pin::new(attempt).poll_frame(&mut Context::from_waker(waker));
        let text = |status: Status| status.message().to_owned();
        polled.map(|it| it.map(|it| it.map(|it| it.into_data().unwrap().len()).map_err(text)))
    }

    #[test]
    fn what_an_attempt_gets_after_its_end_belongs_to_the_next() {
        let requests = rewinding(Ok(1));
        let mut first = requests.attempt();
        assert_eq!(next(&mut first, Waker::noop()), Poll::Pending);
        let mut second = requests.attempt();
        assert_eq!(next(&mut second, Waker::noop()), Poll::Ready(Some(Ok(7))));
        assert_eq!(next(&mut second, Waker::noop()), Poll::Ready(None));
        assert_eq!(next(&mut first, Waker::noop()), Poll::Pending);
    }

    #[test]
    fn a_failure_that_an_attempt_gets_after_its_end_is_not_lost() {
        let requests = rewinding(Err(Status::data_loss("broken")));
        assert_eq!(next(&mut requests.attempt(), Waker::noop()), Poll::Pending);
        let failure = Poll::Ready(Some(Err("broken".to_owned())));
        assert_eq!(next(&mut requests.attempt(), Waker::noop()), failure);
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
        let requests = requests(tokio_stream::iter([Ok(1), Ok(2)]));
        let mut first = requests.attempt();
        assert_eq!(next(&mut first, Waker::noop()), Poll::Ready(Some(Ok(14))));
        assert!(requests.rewind());
        let woken = Arc::<Woken>::default();
        let mut second = requests.attempt();
        assert_eq!(next(&mut second, &Waker::from(Arc::clone(&woken))), Poll::Pending);
        drop(first);
        assert!(woken.0.load(Ordering::SeqCst));
        assert_eq!(next(&mut second, Waker::noop()), Poll::Ready(Some(Ok(14))));
        assert_eq!(next(&mut second, Waker::noop()), Poll::Ready(None));
    }

    #[test]
    fn requests_that_nobody_can_want_again_are_dropped_with_their_attempt() {
        let (sender, stream) = Streaming::channel(1);
        let requests = requests(stream);
        let mut attempt = requests.attempt();
        assert_eq!(next(&mut attempt, Waker::noop()), Poll::Pending);
        requests.settle();
        drop(attempt);
        let closed = std::pin::pin!(sender.closed());
        assert!(closed.poll(&mut Context::from_waker(Waker::noop())).is_ready());
    }
}
