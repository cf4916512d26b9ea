//! The I/O under HTTP/2: its bytes and frames are counted, its panics are errors, its end has a reason,
//! and it can be had back.

use std::{
    future::poll_fn,
    io::{self, IoSlice},
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};

use super::{
    frame_counter::FrameCounter, goaway::GoAway, greeting, panics::contain,
    peer_settings::PeerSettings,
};

/// How long a peer may take to close its half of a connection that we have closed.
const LINGER: Duration = Duration::from_secs(1);

/// The I/O of a connection, for HTTP/2.
#[derive(Debug)]
pub(crate) struct ConnectionIo<T> {
    /// None only while it is dropped.
    io: Option<T>,
    received: FrameCounter,
    /// None until the peer pings: before, nobody asks.
    sent: Option<FrameCounter>,
    /// What was read before HTTP/2 began, and belongs to it.
    replayed: &'static [u8],
    state: Arc<IoState<T>>,
}

/// What the connection's task knows of its I/O.
#[derive(Debug)]
pub(crate) struct IoHandle<T>(Arc<IoState<T>>);

#[derive(Debug)]
struct IoState<T> {
    /// How many bytes were read.
    received: AtomicU64,
    /// How many frames they began.
    frames: AtomicU64,
    /// How many of these were pings.
    pings: AtomicU64,
    /// The highest stream that they began.
    last_stream: AtomicU32,
    /// How many frames with headers or data were written since the peer's first ping.
    sent: AtomicU64,
    /// Whether the last frame was written as a whole: HTTP/2 flushes when it has written all that it has.
    is_between_frames: AtomicBool,
    /// What the peer said before it closed the connection.
    goaway: OnceLock<GoAway>,
    /// Why HTTP/2 is to end.
    failure: OnceLock<String>,
    /// Whether the peer does not read, and no more can be written for now.
    is_blocked: AtomicBool,
    /// How many bytes may still be read in this turn.
    allowance: AtomicUsize,
    settings: Arc<PeerSettings>,
    /// What HTTP/2 has dropped.
    returned: Mutex<Option<T>>,
}

/// How much a connection has received.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ReceiveCounts {
    pub(crate) bytes: u64,
    pub(crate) frames: u64,
    pub(crate) pings: u64,
    pub(crate) last_stream: u32,
}

impl<T> ConnectionIo<T> {
    /// That of a client.
    pub(crate) fn of_client(io: T) -> (Self, IoHandle<T>) {
        Self::new(io, FrameCounter::of_frames())
    }

    /// That of a server.
    pub(crate) fn of_server(io: T) -> (Self, IoHandle<T>) {
        Self::new(io, FrameCounter::of_client())
    }

    fn new(io: T, received: FrameCounter) -> (Self, IoHandle<T>) {
        let state = Arc::new(IoState {
            received: AtomicU64::new(0),
            frames: AtomicU64::new(0),
            pings: AtomicU64::new(0),
            last_stream: AtomicU32::new(0),
            sent: AtomicU64::new(0),
            is_between_frames: AtomicBool::new(true),
            goaway: OnceLock::new(),
            failure: OnceLock::new(),
            is_blocked: AtomicBool::new(false),
            allowance: AtomicUsize::new(usize::MAX),
            settings: Arc::clone(received.settings()),
            returned: Mutex::new(None),
        });
        let io =
            Self { io: Some(io), received, sent: None, replayed: &[], state: Arc::clone(&state) };
        (io, IoHandle(state))
    }

    /// Calls `poll`. One that panics, as a connector of the user's may, has failed.
    fn poll<R>(
        &mut self,
        poll: impl FnOnce(Pin<&mut T>) -> Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>>
    where
        T: Unpin,
    {
        let Some(io) = &mut self.io else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        contain(|| poll(Pin::new(io)))
            .unwrap_or_else(|_| Poll::Ready(Err(io::Error::other("the connection's I/O panicked"))))
    }
}

impl<T> ConnectionIo<T> {
    /// Has HTTP/2 read `bytes` first, which somebody else has read.
    pub(crate) fn replay(&mut self, bytes: &'static [u8]) {
        self.replayed = bytes;
    }

    fn note_read(&mut self, bytes: &[u8]) {
        self.received.read(bytes);
        let (counts, state) = (self.received.counts(), &self.state);
        state.received.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        state.frames.store(counts.all, Ordering::Relaxed);
        state.pings.store(counts.pings, Ordering::Relaxed);
        state.last_stream.store(counts.last_stream, Ordering::Relaxed);
    }

    /// The end of what is read, with the reason that the peer gave before.
    fn end(&self, end: io::Result<()>) -> io::Result<()> {
        let Some(goaway) = self.received.goaway() else { return end };
        let goaway = self.state.goaway.get_or_init(|| goaway);
        let kind = io::ErrorKind::ConnectionAborted;
        Err(io::Error::new(kind, format!("the peer closed the connection: {goaway}")))
    }

    fn note_written<'a>(
        &mut self,
        written: &Poll<io::Result<usize>>,
        slices: impl IntoIterator<Item = &'a [u8]>,
    ) {
        self.state.is_blocked.store(written.is_pending(), Ordering::Relaxed);
        self.state.is_between_frames.store(false, Ordering::Relaxed);
        let Some(sent) = &mut self.sent else { return };
        let Poll::Ready(Ok(mut rest)) = *written else { return };
        for slice in slices {
            let length = rest.min(slice.len());
            sent.read(&slice[..length]);
            rest -= length;
        }
        self.state.sent.store(sent.counts().of_calls, Ordering::Relaxed);
    }

    fn note_flush(&mut self) {
        self.state.is_between_frames.store(true, Ordering::Relaxed);
        if self.sent.is_none() && self.received.counts().pings > 0 {
            self.sent = Some(FrameCounter::of_frames());
        }
    }
}

impl<T> IoHandle<T> {
    /// How much was read.
    pub(crate) fn received(&self) -> ReceiveCounts {
        ReceiveCounts {
            bytes: self.0.received.load(Ordering::Relaxed),
            frames: self.0.frames.load(Ordering::Relaxed),
            pings: self.0.pings.load(Ordering::Relaxed),
            last_stream: self.0.last_stream.load(Ordering::Relaxed),
        }
    }

    /// How many frames with headers or data were written since the peer's first ping.
    pub(crate) fn sent(&self) -> u64 {
        self.0.sent.load(Ordering::Relaxed)
    }

    /// What the peer said before it closed the connection.
    pub(crate) fn goaway(&self) -> Option<&GoAway> {
        self.0.goaway.get()
    }

    /// Ends HTTP/2 with an error that says why, the next time that it reads.
    pub(crate) fn fail(&self, reason: String) {
        // The first reason is the reason.
        let _ = self.0.failure.set(reason);
    }

    /// Whether the peer does not read, and no more can be written for now.
    pub(crate) fn is_blocked(&self) -> bool {
        self.0.is_blocked.load(Ordering::Relaxed)
    }

    /// What the peer takes.
    pub(crate) fn settings(&self) -> &Arc<PeerSettings> {
        &self.0.settings
    }

    /// Lets HTTP/2 read no more than about `bytes` before it gives others their turn.
    pub(crate) fn allow(&self, bytes: usize) {
        self.0.allowance.store(bytes, Ordering::Relaxed);
    }

    /// The I/O, once HTTP/2 has dropped it.
    fn take(self) -> Option<T> {
        self.0.returned.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> IoHandle<T> {
    /// Closes what HTTP/2 has dropped: our half, when the peer has been told `goaway`, and then the
    /// other, when the peer closes it or has had the time to.
    ///
    /// A socket that is closed with bytes in it that were not read, say, window updates, is reset,
    /// and what the peer has not read yet is lost
    /// ([RFC 9112](https://www.rfc-editor.org/rfc/rfc9112#section-9.6)).
    pub(crate) async fn close(self, goaway: Option<GoAway>) {
        // Behind half a frame, it would be the rest of that.
        let goaway = goaway.filter(|_| self.0.is_between_frames.load(Ordering::Relaxed));
        let last_stream = self.received().last_stream;
        let Some(io) = self.take() else { return };
        let (mut io, _) = ConnectionIo::of_server(io);
        let closing = async {
            // In place, it would be a part of the connection's task from the beginning.
            let mut unread = vec![0; 4096];
            if let Some(goaway) = goaway {
                // Whether it gets there or not, the connection is closed.
                let _ = io.write_all(&goaway.frame(last_stream)).await;
            }
            let shut_down = poll_fn(|cx| Pin::new(&mut io).poll_shutdown(cx)).await;
            while shut_down.is_ok() && read(&mut io, &mut unread).await > 0 {}
        };
        // Whether it was in time does not matter any more.
        let _ = tokio::time::timeout(LINGER, pin!(closing)).await;
    }
}

/// Reads some bytes; none at the end, or when reading fails.
async fn read(io: &mut (impl AsyncRead + Unpin), bytes: &mut [u8]) -> usize {
    let mut buffer = ReadBuf::new(bytes);
    let read = poll_fn(|cx| Pin::new(&mut *io).poll_read(cx, &mut buffer)).await;
    read.map_or(0, |()| buffer.filled().len())
}

impl<T> Drop for ConnectionIo<T> {
    fn drop(&mut self) {
        *self.state.returned.lock().unwrap_or_else(PoisonError::into_inner) = self.io.take();
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for ConnectionIo<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Only the connection's task reads, and sets the allowance: nothing of this is a race.
        let allowance = self.state.allowance.load(Ordering::Relaxed);
        if allowance == 0 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if let Some(reason) = self.state.failure.get() {
            return Poll::Ready(Err(io::Error::other(reason.as_str())));
        }
        if !self.replayed.is_empty() {
            let (replayed, rest) =
                self.replayed.split_at(self.replayed.len().min(buffer.remaining()));
            buffer.put_slice(replayed);
            self.replayed = rest;
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let polled = ready!(self.poll(|io| io.poll_read(cx, buffer)));
        let bytes = &buffer.filled()[before..];
        if bytes.is_empty() || polled.is_err() {
            return Poll::Ready(self.end(polled));
        }
        if self.received.is_at_first_frame() && !greeting::may_be_http2(bytes) {
            return Poll::Ready(Err(io::Error::other(greeting::describe(bytes))));
        }
        self.note_read(bytes);
        self.state.allowance.store(allowance.saturating_sub(bytes.len()), Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for ConnectionIo<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = self.poll(|io| io.poll_write(cx, bytes));
        self.note_written(&written, [bytes]);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = self.poll(|io| io.poll_write_vectored(cx, slices));
        self.note_written(&written, slices.iter().map(|slice| &**slice));
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.io.as_ref().is_some_and(T::is_write_vectored)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.note_flush();
        self.poll(|io| io.poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(|io| io.poll_shutdown(cx))
    }
}
