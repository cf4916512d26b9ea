//! The I/O under an HTTP/1.1 connection, as hyper sees it.

use std::{
    io::{self, IoSlice},
    mem::MaybeUninit,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf as _, Bytes};
use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::state::Http1State;

/// How much is read at a time: through a buffer, as hyper's own can only be lent with `unsafe`.
const READ_SIZE: usize = 8 * 1024;

/// A connection's I/O, which begins with bytes that were read before.
pub(super) struct Http1Io<T> {
    io: T,
    begun: Bytes,
    state: Http1State,
}

impl<T> Http1Io<T> {
    pub(super) fn new(io: T, begun: Bytes, state: Http1State) -> Self {
        Self { io, begun, state }
    }

    pub(super) fn into_inner(self) -> T {
        self.io
    }

    fn note_written(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        self.state.note_write(false);
        written
    }
}

impl<T: AsyncRead + Unpin> Read for Http1Io<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut cursor: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if self.begun.has_remaining() {
            let length = self.begun.len().min(cursor.remaining());
            cursor.put_slice(&self.begun.split_to(length));
            self.state.note_read();
            return Poll::Ready(Ok(()));
        }
        let mut bytes = [const { MaybeUninit::uninit() }; READ_SIZE];
        let length = READ_SIZE.min(cursor.remaining());
        let mut buffer = ReadBuf::uninit(&mut bytes[..length]);
        ready!(Pin::new(&mut self.io).poll_read(cx, &mut buffer))?;
        if !buffer.filled().is_empty() {
            cursor.put_slice(buffer.filled());
            self.state.note_read();
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> Write for Http1Io<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.note_written(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, slices);
        self.note_written(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.io).poll_flush(cx))?;
        self.state.note_write(true);
        Poll::Ready(Ok(()))
    }

    /// Nothing: hyper asks for it when everything has been written. The connection is closed after that, so that its
    /// client can read all of it.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
