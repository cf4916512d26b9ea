//! The I/O under HTTP/2: its bytes are counted, its panics are errors, and it can be had back.

use std::{
    future::poll_fn,
    io::{self, IoSlice},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{frame_counter::FrameCounter, header_list::PeerLimit};

/// How long a peer may take to close its half of a connection that we have closed.
const LINGER: Duration = Duration::from_secs(1);

/// The I/O of a connection, for HTTP/2.
#[derive(Debug)]
pub(crate) struct ConnectionIo<T> {
    /// None only while it is dropped.
    io: Option<T>,
    frames: FrameCounter,
    shared: Arc<Shared<T>>,
}

/// What the connection's task knows of its I/O.
#[derive(Debug)]
pub(crate) struct IoHandle<T>(Arc<Shared<T>>);

#[derive(Debug)]
struct Shared<T> {
    /// How many bytes were read.
    received: AtomicU64,
    /// How many frames they began.
    frames: AtomicU64,
    /// Whether the peer does not read, and no more can be written for now.
    is_blocked: AtomicBool,
    /// How many bytes may still be read in this turn.
    allowance: AtomicUsize,
    header_limit: Arc<PeerLimit>,
    /// What HTTP/2 has dropped.
    returned: Mutex<Option<T>>,
}

/// How much a connection has received.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Received {
    pub(crate) bytes: u64,
    pub(crate) frames: u64,
}

impl<T> ConnectionIo<T> {
    /// Counts the `frames` that are read.
    pub(crate) fn new(io: T, frames: FrameCounter) -> (Self, IoHandle<T>) {
        let shared = Arc::new(Shared {
            received: AtomicU64::new(0),
            frames: AtomicU64::new(0),
            is_blocked: AtomicBool::new(false),
            allowance: AtomicUsize::new(usize::MAX),
            header_limit: Arc::clone(frames.header_limit()),
            returned: Mutex::new(None),
        });
        (Self { io: Some(io), frames, shared: Arc::clone(&shared) }, IoHandle(shared))
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
        catch_unwind(AssertUnwindSafe(|| poll(Pin::new(io))))
            .unwrap_or_else(|_| Poll::Ready(Err(io::Error::other("the connection's I/O panicked"))))
    }
}

impl<T> ConnectionIo<T> {
    fn note_blocked(&self, written: &Poll<io::Result<usize>>) {
        self.shared.is_blocked.store(written.is_pending(), Ordering::Relaxed);
    }
}

impl<T> IoHandle<T> {
    /// How much was read.
    pub(crate) fn received(&self) -> Received {
        Received {
            bytes: self.0.received.load(Ordering::Relaxed),
            frames: self.0.frames.load(Ordering::Relaxed),
        }
    }

    /// Whether the peer does not read, and no more can be written for now.
    pub(crate) fn is_blocked(&self) -> bool {
        self.0.is_blocked.load(Ordering::Relaxed)
    }

    /// How long headers the peer takes.
    pub(crate) fn header_limit(&self) -> &Arc<PeerLimit> {
        &self.0.header_limit
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
    /// Closes what HTTP/2 has dropped: our half, and then the other, when the peer closes it or has
    /// had the time to.
    ///
    /// A socket that is closed with bytes in it that were not read, say, window updates, is reset,
    /// and what the peer has not read yet is lost
    /// ([RFC 9112](https://www.rfc-editor.org/rfc/rfc9112#section-9.6)).
    pub(crate) async fn close(self) {
        let Some(io) = self.take() else { return };
        let (mut io, _) = ConnectionIo::new(io, FrameCounter::of_client());
        let closing = async {
            let mut unread = [0; 4096];
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
        *self.shared.returned.lock().unwrap_or_else(PoisonError::into_inner) = self.io.take();
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for ConnectionIo<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Only the connection's task reads, and sets the allowance: nothing of this is a race.
        let allowance = self.shared.allowance.load(Ordering::Relaxed);
        if allowance == 0 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        ready!(self.poll(|io| io.poll_read(cx, buffer)))?;
        let read = buffer.filled().len() - before;
        self.frames.read(&buffer.filled()[before..]);
        self.shared.frames.store(self.frames.frames(), Ordering::Relaxed);
        self.shared.allowance.store(allowance.saturating_sub(read), Ordering::Relaxed);
        self.shared.received.fetch_add(read as u64, Ordering::Relaxed);
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
        self.note_blocked(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = self.poll(|io| io.poll_write_vectored(cx, slices));
        self.note_blocked(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.io.as_ref().is_some_and(T::is_write_vectored)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(|io| io.poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(|io| io.poll_shutdown(cx))
    }
}
