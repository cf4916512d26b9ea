//! The flow-control credit of what is received: it comes back when data is read, at the latest when
//! nobody will read it any more.

use std::{
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::HeaderMap;
use slab::Slab;

use super::{
    panics::{contain, drop_quietly},
    sync::{FlowControl, Mutex, MutexGuard, PoisonError, RecvStream},
};

/// The streams of a connection that may hold data which nobody has read.
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
    /// Who waits for data.
    reader: Option<Waker>,
}

impl UnreadStreams {
    /// How many bytes all of them hold.
    pub(crate) fn bytes(&self) -> usize {
        self.state().streams.iter().map(|(_, stream)| stream.flow.used_capacity()).sum()
    }

    /// Ends all of them: a panic has broken HTTP/2, which cannot tell its readers.
    pub(crate) fn break_off(&self) {
        let mut state = self.state();
        state.is_broken = true;
        let readers = state.streams.iter_mut().filter_map(|(_, stream)| stream.reader.take());
        let readers: Vec<_> = readers.collect();
        drop(state);
        for reader in readers {
            // One that panics, too, must not keep the others waiting.
            let _ = contain(|| reader.wake());
        }
    }

    fn state(&self) -> MutexGuard<'_, UnreadState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many bytes are returned as flow-control credit at once, while there are more to read.
const WINDOW_UPDATE_THRESHOLD: usize = 32 * 1024;

/// Why there is no more to read.
#[derive(Debug)]
pub(crate) enum Unreadable {
    Stream(h2::Error),
    /// A panic has broken HTTP/2: whoever asks it for anything would panic, too.
    Broken,
}

impl From<h2::Error> for Unreadable {
    fn from(error: h2::Error) -> Self {
        Self::Stream(error)
    }
}

/// What comes on a stream: whatever it has given counts as read.
pub(crate) struct CreditedStream {
    /// None only while it is dropped.
    stream: Option<RecvStream>,
    /// The bytes that were read, but not yet returned as flow-control credit.
    unreleased: usize,
    unread: Arc<UnreadStreams>,
    /// Where it is counted there, if it is.
    key: Option<usize>,
}

impl CreditedStream {
    pub(crate) fn new(stream: RecvStream, unread: &Arc<UnreadStreams>) -> Self {
        Self { stream: Some(stream), unreleased: 0, unread: Arc::clone(unread), key: None }
    }

    /// Counts what the stream holds among what is unread: from here on, somebody has it who may not read
    /// it. HTTP/2 keeps the stream as long as it is counted.
    pub(crate) fn track(&mut self) {
        if self.key.is_none()
            && let Ok(flow) = self.ask(|stream| stream.flow_control().clone())
        {
            let stream = UnreadStream { flow, reader: None };
            self.key = Some(self.unread.state().streams.insert(stream));
        }
    }

    /// Whether the streams that are counted have been broken off. If not, this one's reader is woken when
    /// they are.
    fn is_broken(&self, reader: &Waker) -> bool {
        // HTTP/2, or the connection's task, tells whoever reads a stream that is not.
        let Some(key) = self.key else { return false };
        // Somebody else's code runs before the lock is taken.
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

    /// Asks HTTP/2, if it can still be asked.
    fn ask<T>(&mut self, ask: impl FnOnce(&mut RecvStream) -> T) -> Result<T, Unreadable> {
        let stream = self.stream.as_mut().ok_or(Unreadable::Broken)?;
        contain(|| ask(stream)).map_err(|_| Unreadable::Broken)
    }

    /// Leaves what was read to HTTP/2, which returns it when nobody has the stream any more: for the last
    /// one who has it.
    pub(crate) fn leave_unreleased(&mut self) {
        self.unreleased = 0;
    }

    /// The next bytes, of which there are some.
    pub(crate) fn poll_data(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Unreadable>>> {
        let data = self.ask(|stream| {
            loop {
                match stream.poll_data(cx) {
                    Poll::Ready(Some(Ok(data))) if data.is_empty() => {}
                    data => break data,
                }
            }
        })?;
        match &data {
            Poll::Ready(Some(Ok(data))) => self.release(data.len(), WINDOW_UPDATE_THRESHOLD),
            // There may be nothing more for long.
            Poll::Pending | Poll::Ready(_) => self.release(0, 1),
        }
        if data.is_pending() && self.is_broken(cx.waker()) {
            return Poll::Ready(Some(Err(Unreadable::Broken)));
        }
        data.map(|data| data.map(|data| data.map_err(Unreadable::Stream)))
    }

    pub(crate) fn poll_trailers(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<HeaderMap>, Unreadable>> {
        let trailers = self.ask(|stream| stream.poll_trailers(cx))?;
        trailers.map_err(Unreadable::Stream)
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        self.stream
            .as_ref()
            .is_some_and(|stream| contain(|| stream.is_end_stream()).unwrap_or(false))
    }

    /// Returns what was read as flow-control credit, once it is `enough`.
    fn release(&mut self, more: usize, enough: usize) {
        self.unreleased += more;
        if self.unreleased >= enough {
            let unreleased = std::mem::take(&mut self.unreleased);
            // It fails only when more is released than was received.
            let _ = self.ask(|stream| stream.flow_control().release_capacity(unreleased));
        }
    }
}

impl Drop for CreditedStream {
    /// HTTP/2 returns what was not read, but what was read only when the whole call is over.
    fn drop(&mut self) {
        self.release(0, 1);
        if let Some(key) = self.key {
            let stream = self.unread.state().streams.try_remove(key);
            // HTTP/2 is told behind the lock. It resets a stream that nobody wants any more when the last
            // handle of it is gone.
            drop_quietly(stream);
        }
        drop_quietly(self.stream.take());
    }
}
