//! The I/O under an HTTP/2 connection. It counts bytes and frames, turns panics into errors, keeps the
//! reason of a GOAWAY, and hands the socket back after h2 has dropped it, for a clean shutdown.

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
    frame_inspector::FrameInspector, goaway::GoAway, greeting, peer_settings::PeerSettings,
};
use crate::call::panics::catch_panic;

/// The I/O of a connection, type-erased.
pub(crate) trait AsyncIo: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> AsyncIo for T {}

/// How long the peer may take to close its side after we have closed ours.
const LINGER: Duration = Duration::from_secs(1);

/// A connection's I/O, as h2 sees it.
#[derive(Debug)]
pub(crate) struct ConnectionIo<T> {
    /// None only during `drop`.
    io: Option<T>,
    received: FrameInspector,
    /// None until the peer's first PING: only the ping policy needs it.
    sent: Option<FrameInspector>,
    /// Bytes that were read before h2 took over, and that it still has to read.
    replayed: &'static [u8],
    state: Arc<IoState<T>>,
}

/// The connection task's view of its I/O.
#[derive(Debug)]
pub(crate) struct IoHandle<T>(Arc<IoState<T>>);

/// Only the connection's task uses it: h2 writes it through [`ConnectionIo`], which that task polls, and
/// the driver on the same task reads it. So `Relaxed` suffices throughout, and the lock is uncontended.
#[derive(Debug)]
struct IoState<T> {
    /// Bytes read.
    received: AtomicU64,
    /// Frames whose headers were read.
    frames: AtomicU64,
    /// How many of these were PINGs without ACK.
    pings: AtomicU64,
    /// The highest stream identifier among these frames.
    last_stream: AtomicU32,
    /// HEADERS and DATA frames written since the peer's first PING.
    sent: AtomicU64,
    /// Whether the last frame was written completely. h2 flushes only after it has written all buffered
    /// frames.
    is_between_frames: AtomicBool,
    /// The GOAWAY that the peer sent before it closed the connection.
    goaway: OnceLock<GoAway>,
    /// The error with which h2's next read fails.
    failure: OnceLock<String>,
    /// Whether the last write was pending.
    is_blocked: AtomicBool,
    /// Whether anything was written since the last [`is_stalled`](IoHandle::is_stalled).
    has_written: AtomicBool,
    /// How many bytes may still be read in this poll of the task.
    allowance: AtomicUsize,
    settings: Arc<PeerSettings>,
    /// The I/O, after h2 has dropped it.
    returned: Mutex<Option<T>>,
}

/// How much a connection has received so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ReceiveCounts {
    pub(crate) bytes: u64,
    pub(crate) frames: u64,
    pub(crate) pings: u64,
    pub(crate) last_stream: u32,
}

impl<T> ConnectionIo<T> {
    /// The client's side of a connection.
    pub(crate) fn of_client(io: T) -> (Self, IoHandle<T>) {
        Self::new(io, FrameInspector::of_frames())
    }

    /// The server's side of a connection.
    pub(crate) fn of_server(io: T) -> (Self, IoHandle<T>) {
        Self::new(io, FrameInspector::of_client())
    }

    fn new(io: T, received: FrameInspector) -> (Self, IoHandle<T>) {
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
            has_written: AtomicBool::new(false),
            allowance: AtomicUsize::new(usize::MAX),
            settings: Arc::clone(received.settings()),
            returned: Mutex::new(None),
        });
        let io =
            Self { io: Some(io), received, sent: None, replayed: &[], state: Arc::clone(&state) };
        (io, IoHandle(state))
    }

    /// Calls `poll`. A panic in it (the connector may be the user's) becomes an I/O error.
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
        catch_panic(|| poll(Pin::new(io)))
            .unwrap_or_else(|_| Poll::Ready(Err(io::Error::other("the connection's I/O panicked"))))
            .map_err(explain)
    }
}

impl<T> ConnectionIo<T> {
    /// Makes h2 read `bytes` first, which were already taken from the I/O.
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

    /// The end of the input: an error with the reason if the peer sent a GOAWAY before.
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
        if written.is_ready() {
            self.state.has_written.store(true, Ordering::Relaxed);
        }
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
            self.sent = Some(FrameInspector::of_frames());
        }
    }
}

/// The error with its reason, of which h2 keeps no more than "timed out" if it is the operating system's.
fn explain(error: io::Error) -> io::Error {
    let is_of_tcp = error.kind() == io::ErrorKind::TimedOut && error.raw_os_error().is_some();
    match is_of_tcp {
        true => {
            let reason = format!("the peer has acknowledged nothing for too long: {error}");
            io::Error::new(io::ErrorKind::TimedOut, reason)
        }
        false => error,
    }
}

impl<T> IoHandle<T> {
    pub(crate) fn received(&self) -> ReceiveCounts {
        ReceiveCounts {
            bytes: self.0.received.load(Ordering::Relaxed),
            frames: self.0.frames.load(Ordering::Relaxed),
            pings: self.0.pings.load(Ordering::Relaxed),
            last_stream: self.0.last_stream.load(Ordering::Relaxed),
        }
    }

    /// HEADERS and DATA frames written since the peer's first PING.
    pub(crate) fn sent(&self) -> u64 {
        self.0.sent.load(Ordering::Relaxed)
    }

    /// The GOAWAY that the peer sent before it closed the connection.
    pub(crate) fn goaway(&self) -> Option<&GoAway> {
        self.0.goaway.get()
    }

    /// Makes h2's next read fail with `reason`, which ends the connection.
    pub(crate) fn fail(&self, reason: String) {
        // If it was set before, the first reason stays.
        let _ = self.0.failure.set(reason);
    }

    /// Whether the peer does not read: the last write is pending, and there was no other since this was last
    /// asked. Beside a large message, the last write is always pending, however fast the peer reads.
    pub(crate) fn is_stalled(&self) -> bool {
        let has_written = self.0.has_written.swap(false, Ordering::Relaxed);
        self.0.is_blocked.load(Ordering::Relaxed) && !has_written
    }

    /// The peer's settings.
    pub(crate) fn settings(&self) -> &Arc<PeerSettings> {
        &self.0.settings
    }

    /// Limits how many bytes h2 reads, approximately, before the task yields to others.
    pub(crate) fn allow(&self, bytes: usize) {
        self.0.allowance.store(bytes, Ordering::Relaxed);
    }

    /// The I/O, once h2 has dropped it.
    pub(crate) fn take(self) -> Option<T> {
        self.0.returned.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> IoHandle<T> {
    /// Closes the connection that h2 has dropped: sends `goaway`, shuts down our side, and waits up to
    /// [`LINGER`] for the peer to close its own.
    ///
    /// Closing a socket with unread input (for example, `WINDOW_UPDATE` frames) resets the connection,
    /// which loses data that the peer has not read yet ([RFC
    /// 9112](https://www.rfc-editor.org/rfc/rfc9112#section-9.6)).
    pub(crate) async fn close(self, goaway: Option<GoAway>) {
        // After an incomplete frame, the peer would take it for the rest of that frame.
        let goaway = goaway.filter(|_| self.0.is_between_frames.load(Ordering::Relaxed));
        let last_stream = self.received().last_stream;
        let Some(io) = self.take() else { return };
        let (mut io, _) = ConnectionIo::of_server(io);
        let closing = async {
            // On the heap: an array would enlarge the future of every connection's task.
            let mut unread = vec![0; 4096];
            if let Some(goaway) = goaway {
                // Best effort: the connection is closed either way.
                let _ = io.write_all(&goaway.frame(last_stream)).await;
            }
            let shut_down = poll_fn(|cx| Pin::new(&mut io).poll_shutdown(cx)).await;
            while shut_down.is_ok() && read(&mut io, &mut unread).await > 0 {}
        };
        // Best effort, too.
        let _ = tokio::time::timeout(LINGER, pin!(closing)).await;
    }
}

/// Closes the connection on `io`, as [`IoHandle::close`] does.
#[cfg(any(feature = "http1", feature = "_tls"))]
pub(crate) async fn close(io: impl AsyncRead + AsyncWrite + Unpin) {
    let (io, handle) = ConnectionIo::of_server(io);
    // The handle gets the I/O.
    drop(io);
    handle.close(None).await;
}

/// Reads some bytes. Returns zero at the end and on errors.
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
        // Set and used by the connection's task only, so load and store need not be one step.
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
