//! Hands out the free streams of a subchannel's connections to callers, in the order in which they came.
//!
//! Each connection counts its own calls against the server's limit. A semaphore shared by all connections
//! of the subchannel has a permit for each free stream, so that a caller can wait for any of them. It may
//! have too many permits, but never too few: each stream that becomes free adds one, and permits of
//! streams that have vanished (because the server lowered its limit or the connection was closed) stay
//! until a caller acquires one, finds no stream, and waits again. Revoking such a permit would be wrong:
//! if a caller has already acquired it, another permit would be revoked instead, and one would be
//! missing.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use tokio::sync::{AcquireError, Notify, Semaphore, SemaphorePermit, futures::Notified};

use crate::channelz::SocketNode;

/// Higher limits count as this one, so that a limit fits into the packed state.
const MAX_STREAMS: usize = 1 << 20;
/// With so many permits, nobody waits. Adding more could overflow the semaphore.
const ENOUGH: usize = 1 << 26;

/// The free streams of all connections of a subchannel.
#[derive(Debug)]
pub(crate) struct FreeStreams {
    permits: Semaphore,
    /// Notified when there may be a reason to connect.
    changed: Notify,
}

impl FreeStreams {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { permits: Semaphore::new(0), changed: Notify::new() })
    }

    /// Acquires a permit if one is available and nobody waits for it.
    pub(crate) fn try_acquire(&self) -> bool {
        self.permits.try_acquire().map(SemaphorePermit::forget).is_ok()
    }

    /// Waits for a permit. Dropping the future gives up the place in the queue.
    pub(crate) async fn acquire(&self) -> Result<(), AcquireError> {
        self.permits.acquire().await.map(SemaphorePermit::forget)
    }

    /// Waits until a connection is closed, or [`notify`](Self::notify) is called.
    pub(crate) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    /// Makes all waiting callers check again.
    pub(crate) fn notify(&self) {
        self.changed.notify_waiters();
    }

    fn apply(&self, StreamsChange { before, after }: StreamsChange) {
        if after > before && self.permits.available_permits() < ENOUGH {
            self.permits.add_permits(after - before);
        }
    }
}

/// How many streams a connection had free before and after a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct StreamsChange {
    before: usize,
    after: usize,
}

/// Limits the streams of one connection.
#[derive(Debug)]
pub(crate) struct StreamLimiter {
    streams: AtomicLimiterState,
    free: Arc<FreeStreams>,
    /// Whether the server has answered a call on this connection.
    has_answered: AtomicBool,
    /// Counts what is on these streams.
    socket: SocketNode,
}

impl StreamLimiter {
    pub(crate) fn new(free: Arc<FreeStreams>, socket: SocketNode) -> Arc<Self> {
        let has_answered = AtomicBool::new(false);
        Arc::new(Self { streams: AtomicLimiterState::default(), free, has_answered, socket })
    }

    /// The connection, as it is counted.
    pub(crate) fn socket(&self) -> &SocketNode {
        &self.socket
    }

    /// Offers the connection's streams to callers.
    pub(crate) fn offer(&self) {
        self.free.apply(self.streams.update(|state| state.offered = !state.closed));
    }

    /// Sets the server's limit for concurrent streams.
    pub(crate) fn set_limit(&self, limit: usize) {
        // Called after each poll of the connection's task, mostly without a change.
        let limit = limit.min(MAX_STREAMS);
        if self.streams.get().limit != limit {
            self.free.apply(self.streams.update(|state| state.limit = limit));
        }
    }

    /// The server's limit. Zero until its SETTINGS arrive.
    pub(crate) fn limit(&self) -> usize {
        self.streams.get().limit
    }

    /// Stops handing out streams.
    pub(crate) fn close(&self) {
        self.free.apply(self.streams.update(|state| state.closed = true));
        self.free.notify();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.streams.get().closed
    }

    /// Whether the server has answered a call.
    pub(crate) fn has_answered(&self) -> bool {
        // The subchannel asks only after it has seen the connection closed, and `close` (AcqRel) publishes the
        // stores before it. Missing a later one at most delays the next connection attempt.
        self.has_answered.load(Ordering::Relaxed)
    }

    /// How many calls the connection has.
    pub(crate) fn calls(&self) -> usize {
        self.streams.get().calls
    }

    /// Whether a call could be added.
    pub(crate) fn has_free(&self) -> bool {
        self.streams.get().free() > 0
    }

    /// A stream for a caller that has acquired a permit from [`FreeStreams`]. None if the permit's stream
    /// has vanished.
    pub(crate) fn try_acquire(self: &Arc<Self>) -> Option<StreamPermit> {
        self.streams.try_occupy().then(|| StreamPermit { limiter: Arc::clone(self), shared: None })
    }
}

/// Occupies a stream until it is dropped, and all that share it are.
#[derive(Debug)]
pub(crate) struct StreamPermit {
    limiter: Arc<StreamLimiter>,
    /// None unless it is shared.
    shared: Option<Arc<()>>,
}

impl StreamPermit {
    /// Stops the connection from handing out streams.
    pub(crate) fn close(&self) {
        self.limiter.close();
    }

    /// The connection, as it is counted.
    pub(crate) fn socket(&self) -> &SocketNode {
        &self.limiter.socket
    }

    pub(crate) fn note_answer(&self) {
        // Checked first: all calls of the connection come here, and unconditional stores would move the
        // cache line between their cores.
        if !self.limiter.has_answered() {
            self.limiter.has_answered.store(true, Ordering::Relaxed);
        }
    }

    /// Another handle of the same stream.
    pub(crate) fn share(&mut self) -> Self {
        let shared = Arc::clone(self.shared.get_or_insert_default());
        Self { limiter: Arc::clone(&self.limiter), shared: Some(shared) }
    }
}

impl Drop for StreamPermit {
    fn drop(&mut self) {
        // `into_inner` succeeds for exactly one of several handles that are dropped at the same time.
        if self.shared.take().is_none_or(|shared| Arc::into_inner(shared).is_some()) {
            let limiter = &self.limiter;
            limiter.free.apply(limiter.streams.update(|state| state.calls -= 1));
        }
    }
}

/// The state of a connection's streams, packed so that it changes atomically.
#[derive(Debug, Default)]
struct AtomicLimiterState(AtomicU64);

/// A snapshot of [`AtomicLimiterState`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct LimiterState {
    calls: usize,
    limit: usize,
    /// Whether callers can find the connection.
    offered: bool,
    closed: bool,
}

impl LimiterState {
    const OFFERED: u64 = 1 << 62;
    const CLOSED: u64 = 1 << 63;
    const COUNT_BITS: u32 = 31;
    const MASK: u64 = (1 << Self::COUNT_BITS) - 1;

    fn free(self) -> usize {
        match self.offered && !self.closed {
            true => self.limit.saturating_sub(self.calls),
            false => 0,
        }
    }

    fn from_bits(bits: u64) -> Self {
        Self {
            calls: (bits & Self::MASK) as usize,
            limit: ((bits >> Self::COUNT_BITS) & Self::MASK) as usize,
            offered: bits & Self::OFFERED != 0,
            closed: bits & Self::CLOSED != 0,
        }
    }

    fn to_bits(self) -> u64 {
        self.calls as u64
            | ((self.limit as u64) << Self::COUNT_BITS)
            | (u64::from(self.offered) * Self::OFFERED)
            | (u64::from(self.closed) * Self::CLOSED)
    }
}

impl AtomicLimiterState {
    fn get(&self) -> LimiterState {
        // Acquire: whoever sees the connection closed also sees `has_answered`.
        LimiterState::from_bits(self.0.load(Ordering::Acquire))
    }

    fn update(&self, change: impl Fn(&mut LimiterState)) -> StreamsChange {
        let changed = |bits| {
            let mut state = LimiterState::from_bits(bits);
            change(&mut state);
            state.to_bits()
        };
        let mut bits = self.0.load(Ordering::Acquire);
        loop {
            let new = changed(bits);
            // AcqRel: the next user of a stream sees everything that the previous one did with the
            // connection.
            match self.0.compare_exchange_weak(bits, new, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => break,
                Err(current) => bits = current,
            }
        }
        StreamsChange {
            before: LimiterState::from_bits(bits).free(),
            after: LimiterState::from_bits(changed(bits)).free(),
        }
    }

    /// Occupies a stream if one is free.
    fn try_occupy(&self) -> bool {
        let change = self.update(|state| state.calls += usize::from(state.free() > 0));
        change.before > 0
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::Future,
        pin::Pin,
        task::{Context, Poll, Waker},
    };

    use super::*;
    use crate::h2::interleavings::{Step, Thread, explore};

    fn limiter(free: &Arc<FreeStreams>, limit: usize) -> Arc<StreamLimiter> {
        let limiter = StreamLimiter::new(Arc::clone(free), SocketNode::default());
        limiter.set_limit(limit);
        limiter.offer();
        limiter
    }

    fn acquire(free: &FreeStreams, limiter: &Arc<StreamLimiter>) -> Option<StreamPermit> {
        free.try_acquire().then(|| limiter.try_acquire()).flatten()
    }

    #[test]
    fn there_are_streams_up_to_the_limit_until_the_connection_is_closed() {
        let free = FreeStreams::new();
        let limiter = limiter(&free, 2);
        let (first, second) =
            (acquire(&free, &limiter).unwrap(), acquire(&free, &limiter).unwrap());
        assert!(acquire(&free, &limiter).is_none());
        drop(first);
        let third = acquire(&free, &limiter).unwrap();
        drop((second, third));
        assert_eq!(limiter.calls(), 0);
        limiter.close();
        assert!(acquire(&free, &limiter).is_none());
    }

    #[test]
    fn a_stream_that_is_shared_is_free_when_all_have_let_go_of_it() {
        let free = FreeStreams::new();
        let limiter = limiter(&free, 1);
        let mut first = acquire(&free, &limiter).unwrap();
        let (second, third) = (first.share(), first.share());
        drop(first);
        drop(third);
        assert!(acquire(&free, &limiter).is_none());
        drop(second);
        assert!(acquire(&free, &limiter).is_some());
        assert_eq!(limiter.calls(), 0);
    }

    #[test]
    fn a_limit_that_changes_changes_what_is_free() {
        let free = FreeStreams::new();
        let limiter = limiter(&free, 3);
        let calls: Vec<_> = (0..3).map(|_| acquire(&free, &limiter).unwrap()).collect();
        limiter.set_limit(1);
        drop(calls);
        let only = acquire(&free, &limiter).unwrap();
        assert!(acquire(&free, &limiter).is_none());
        limiter.set_limit(usize::MAX);
        assert!(acquire(&free, &limiter).is_some());
        drop(only);
    }

    #[test]
    fn a_limit_that_changes_without_end_is_no_trouble() {
        let free = FreeStreams::new();
        let limiter = limiter(&free, 0);
        for _ in 0..1000 {
            limiter.set_limit(usize::MAX);
            limiter.set_limit(0);
        }
        assert!(free.permits.available_permits() < 2 * ENOUGH);
        assert!(limiter.try_acquire().is_none());
    }

    #[test]
    fn a_connection_that_is_not_offered_has_no_free_streams() {
        let free = FreeStreams::new();
        let limiter = StreamLimiter::new(Arc::clone(&free), SocketNode::default());
        limiter.set_limit(5);
        assert!(!free.try_acquire());
        limiter.close();
        limiter.offer();
        assert!(!free.try_acquire());
    }

    /// The connections among which callers look for a stream.
    #[derive(Clone)]
    struct Connections(Vec<Arc<StreamLimiter>>);

    fn acquire_permit(
        free: &Arc<FreeStreams>,
    ) -> Pin<Box<dyn Future<Output = Result<(), AcquireError>>>> {
        let free = Arc::clone(free);
        Box::pin(async move { free.acquire().await })
    }

    /// A call: it acquires a permit, finds a stream, and ends. Between any two steps, other threads may
    /// run.
    fn call(free: &Arc<FreeStreams>, connections: &Connections) -> Thread {
        let (free, connections) = (Arc::clone(free), connections.clone());
        let mut taking = acquire_permit(&free);
        let mut has_permit = false;
        let mut used: Option<Arc<StreamLimiter>> = None;
        let mut given_back: Option<StreamsChange> = None;
        Box::new(move || {
            if let Some(change) = given_back.take() {
                free.apply(change);
                return Step::Done;
            }
            if let Some(limiter) = used.take() {
                given_back = Some(limiter.streams.update(|state| state.calls -= 1));
                return Step::Went;
            }
            if std::mem::take(&mut has_permit) {
                let found = connections.0.iter().find(|limiter| limiter.streams.try_occupy());
                used = found.cloned();
                if used.is_none() {
                    taking = acquire_permit(&free);
                }
                return Step::Went;
            }
            match taking.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(taken) => {
                    taken.unwrap();
                    has_permit = true;
                    Step::Went
                }
                Poll::Pending => Step::Waits,
            }
        })
    }

    /// A server that changes a connection's limit repeatedly.
    fn limits(free: &Arc<FreeStreams>, limiter: &Arc<StreamLimiter>, limits: [usize; 2]) -> Thread {
        let (free, limiter) = (Arc::clone(free), Arc::clone(limiter));
        let mut limits = limits.into_iter();
        let mut changed: Option<StreamsChange> = None;
        Box::new(move || match changed.take() {
            Some(change) => {
                free.apply(change);
                if limits.len() == 0 { Step::Done } else { Step::Went }
            }
            None => {
                let limit = limits.next().unwrap();
                changed = Some(limiter.streams.update(|state| state.limit = limit));
                Step::Went
            }
        })
    }

    fn closes(free: &Arc<FreeStreams>, limiter: &Arc<StreamLimiter>) -> Thread {
        let (free, limiter) = (Arc::clone(free), Arc::clone(limiter));
        let mut changed: Option<StreamsChange> = None;
        Box::new(move || match changed.take() {
            Some(change) => {
                free.apply(change);
                Step::Done
            }
            None => {
                changed = Some(limiter.streams.update(|state| state.closed = true));
                Step::Went
            }
        })
    }

    #[test]
    fn no_call_waits_for_ever_in_whichever_order_things_happen() {
        explore(|| {
            let free = FreeStreams::new();
            let found = Connections(vec![limiter(&free, 1)]);
            (0..3).map(|_| call(&free, &found)).collect()
        });
    }

    #[test]
    fn no_call_waits_for_ever_while_the_limit_changes() {
        for (first, then) in [(1, [0, 1]), (2, [1, 2]), (0, [2, 1])] {
            explore(|| {
                let free = FreeStreams::new();
                let only = limiter(&free, first);
                let found = Connections(vec![Arc::clone(&only)]);
                vec![call(&free, &found), call(&free, &found), limits(&free, &only, then)]
            });
        }
    }

    #[test]
    fn no_call_waits_for_ever_for_a_connection_that_is_closed_beside_another() {
        explore(|| {
            let free = FreeStreams::new();
            let (first, second) = (limiter(&free, 1), limiter(&free, 1));
            let found = Connections(vec![Arc::clone(&first), second]);
            vec![call(&free, &found), call(&free, &found), closes(&free, &first)]
        });
    }
}
