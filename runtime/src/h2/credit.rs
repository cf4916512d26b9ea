//! Flow-control credit for received data. It is returned when the data is read, at the latest when the
//! last reader is dropped.

use std::{
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::HeaderMap;
use slab::Slab;

use super::sync::{FlowControl, Mutex, MutexGuard, PoisonError, RecvStream};
use crate::call::panics::{catch_panic, drop_catching_panics};

/// The streams of a connection that may hold unread data.
///
/// The lock is held for bookkeeping alone. Wakers are cloned before it is taken and woken or dropped
/// after it is released: they run foreign code, which may come back here.
#[derive(Debug, Default)]
pub(crate) struct UnreadStreams(Mutex<UnreadState>);

#[derive(Debug, Default)]
struct UnreadState {
    streams: Slab<UnreadStream>,
    is_broken: bool,
}

#[derive(Debug)]
struct UnreadStream {
    flow: FlowControl,
    /// The task that waits for data.
    reader: Option<Waker>,
}

impl UnreadStreams {
    /// How many unread bytes all of these streams hold.
    pub(crate) fn bytes(&self) -> usize {
        self.state().streams.iter().map(|(_, stream)| stream.flow.used_capacity()).sum()
    }

    /// Fails all of these streams after a panic inside h2, which can no longer wake its readers.
    pub(crate) fn abort(&self) {
        let mut state = self.state();
        state.is_broken = true;
        let readers = state.streams.iter_mut().filter_map(|(_, stream)| stream.reader.take());
        let readers: Vec<_> = readers.collect();
        drop(state);
        for reader in readers {
            // A waker that panics must not keep the others from being woken.
            let _ = catch_panic(|| reader.wake());
        }
    }

    fn state(&self) -> MutexGuard<'_, UnreadState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many bytes are returned as flow-control credit at once while more data is buffered. It saves
/// `WINDOW_UPDATE` frames.
const WINDOW_UPDATE_THRESHOLD: usize = 32 * 1024;

/// Why no more data can be read.
#[derive(Debug)]
pub(crate) enum Unreadable {
    Stream(h2::Error),
    /// A panic inside h2 has poisoned its state: every further call into it would panic.
    Broken,
}

impl From<h2::Error> for Unreadable {
    fn from(error: h2::Error) -> Self {
        Self::Stream(error)
    }
}

/// The receiving half of a stream. Data counts as consumed once it was handed out.
pub(crate) struct CreditedStream {
    /// None only during `drop`.
    stream: Option<RecvStream>,
    /// Bytes that were read but not yet returned as flow-control credit.
    unreleased: usize,
    /// Bytes that were taken from h2 but not read: they still count as unread.
    held: usize,
    unread: Arc<UnreadStreams>,
    /// The stream's key in `unread`, if it is tracked.
    key: Option<usize>,
}

impl CreditedStream {
    pub(crate) fn new(stream: RecvStream, unread: &Arc<UnreadStreams>) -> Self {
        Self { stream: Some(stream), unreleased: 0, held: 0, unread: Arc::clone(unread), key: None }
    }

    /// Counts what the stream holds as unread. Called when the stream is handed to code that may not read
    /// it. h2 keeps the stream's state as long as it is tracked.
    pub(crate) fn track(&mut self) {
        if self.key.is_none()
            && let Ok(flow) = self.with_stream(|stream| stream.flow_control().clone())
        {
            let stream = UnreadStream { flow, reader: None };
            self.key = Some(self.unread.state().streams.insert(stream));
        }
    }

    /// Whether the tracked streams were broken off. If not, registers `reader` to be woken when they are.
    fn is_broken(&self, reader: &Waker) -> bool {
        // An untracked stream is read by the connection's task or woken by h2 itself.
        let Some(key) = self.key else { return false };
        // `Waker::clone` is foreign code, so it runs before the lock is taken; the old waker is dropped
        // after it is released.
        let reader = reader.clone();
        let mut state = self.unread.state();
        if state.is_broken {
            return true;
        }
        let former = state.streams.get_mut(key).and_then(|stream| stream.reader.replace(reader));
        drop(state);
        drop(former);
        false
    }

    /// Calls into h2, unless a panic has broken it.
    fn with_stream<T>(&mut self, work: impl FnOnce(&mut RecvStream) -> T) -> Result<T, Unreadable> {
        let stream = self.stream.as_mut().ok_or(Unreadable::Broken)?;
        catch_panic(|| work(stream)).map_err(|_| Unreadable::Broken)
    }

    /// Leaves the unreleased bytes to h2, which returns them when the last handle of the stream is
    /// dropped. Only the holder of the last handle may call this.
    pub(crate) fn leave_unreleased(&mut self) {
        self.unreleased = 0;
    }

    /// The next data, never empty.
    pub(crate) fn poll_data(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Unreadable>>> {
        let data = self.with_stream(|stream| {
            loop {
                match stream.poll_data(cx) {
                    Poll::Ready(Some(Ok(data))) if data.is_empty() => {}
                    data => break data,
                }
            }
        })?;
        match &data {
            Poll::Ready(Some(Ok(data))) => self.release(data.len(), WINDOW_UPDATE_THRESHOLD),
            // The next data may be a long time coming, so all credit is returned now.
            Poll::Pending | Poll::Ready(_) => self.release(0, 1),
        }
        if data.is_pending() && self.is_broken(cx.waker()) {
            return Poll::Ready(Some(Err(Unreadable::Broken)));
        }
        data.map(|data| data.map(|data| data.map_err(Unreadable::Stream)))
    }

    /// The data that has arrived first, and whether it is all there is. It counts as unread until
    /// [`consume_held`](Self::consume_held) is called. None if nothing has arrived.
    pub(crate) fn take_arrived(&mut self, cx: &mut Context<'_>) -> Option<(Bytes, bool)> {
        let arrived = self.with_stream(|stream| match stream.poll_data(cx) {
            Poll::Ready(None) => Some((Bytes::new(), stream.is_end_stream())),
            Poll::Ready(Some(Ok(data))) => Some((data, stream.is_end_stream())),
            Poll::Ready(Some(Err(_))) | Poll::Pending => None,
        });
        let (data, is_all) = arrived.ok()??;
        self.held = data.len();
        Some((data, is_all))
    }

    /// Counts what was held as read.
    pub(crate) fn consume_held(&mut self) {
        let held = std::mem::take(&mut self.held);
        self.release(held, WINDOW_UPDATE_THRESHOLD);
    }

    pub(crate) fn poll_trailers(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<HeaderMap>, Unreadable>> {
        let trailers = self.with_stream(|stream| stream.poll_trailers(cx))?;
        trailers.map_err(Unreadable::Stream)
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        self.stream
            .as_ref()
            .is_some_and(|stream| catch_panic(|| stream.is_end_stream()).unwrap_or(false))
    }

    /// Adds `more` to the bytes that were read, and returns them as flow-control credit once there are
    /// `enough`.
    fn release(&mut self, more: usize, enough: usize) {
        self.unreleased += more;
        if self.unreleased >= enough {
            let unreleased = std::mem::take(&mut self.unreleased);
            // It fails only if more is released than was received.
            let _ = self.with_stream(|stream| stream.flow_control().release_capacity(unreleased));
        }
    }
}

impl Drop for CreditedStream {
    /// When a handle is dropped, h2 returns the credit of unread data, but that of data already read only
    /// with the last handle.
    fn drop(&mut self) {
        self.release(self.held, 1);
        if let Some(key) = self.key {
            let stream = self.unread.state().streams.try_remove(key);
            // Dropped after the lock is released, because dropping the last handle calls into h2, which
            // then resets the stream.
            drop_catching_panics(stream);
        }
        drop_catching_panics(self.stream.take());
    }
}
