//! Gathers small writes of a connection, so that many answers leave in one.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What is gathered at most.
const CAPACITY: usize = 64 * 1024;

/// Whether a connection's writes are gathered.
#[derive(Debug, Default)]
pub(crate) struct Cork(AtomicBool);

impl Cork {
    /// Gathers writes, or lets them go, with the next flush. Says what it was until now.
    pub(crate) fn set(&self, gather: bool) -> bool {
        // All of it happens on the task of the connection.
        let before = self.0.load(Ordering::Relaxed);
        self.0.store(gather, Ordering::Relaxed);
        before
    }
}

/// A connection whose writes can be gathered.
pub(crate) struct Corked<IO> {
    io: IO,
    cork: Arc<Cork>,
    gathered: BytesMut,
}

impl<IO: AsyncWrite + Unpin> Corked<IO> {
    pub(crate) fn new(io: IO, cork: Arc<Cork>) -> Self {
        Self { io, cork, gathered: BytesMut::new() }
    }

    /// Writes what was gathered.
    fn poll_gathered(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.gathered.is_empty() {
            let written = ready!(Pin::new(&mut self.io).poll_write(cx, &self.gathered))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.gathered.advance(written);
        }
        Poll::Ready(Ok(()))
    }

    /// Whether `more` bytes are to be gathered.
    fn gathers(&self, more: usize) -> bool {
        self.cork.0.load(Ordering::Relaxed) && self.gathered.len() + more <= CAPACITY
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Corked<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Corked<IO> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.gathers(bytes.len()) {
            self.gathered.extend_from_slice(bytes);
            return Poll::Ready(Ok(bytes.len()));
        }
        ready!(self.poll_gathered(cx))?;
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let size = slices.iter().map(|slice| slice.len()).sum();
        if self.gathers(size) {
            for slice in slices {
                self.gathered.extend_from_slice(slice);
            }
            return Poll::Ready(Ok(size));
        }
        ready!(self.poll_gathered(cx))?;
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.gathers(0) {
            return Poll::Ready(Ok(()));
        }
        ready!(self.poll_gathered(cx))?;
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_gathered(cx))?;
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
