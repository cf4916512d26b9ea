//! Where connections come from.

use std::{
    any::Any,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
};
use tokio_stream::Stream;

/// A socket that a [`Server`](crate::Server) can listen on: TCP or, on Unix, a Unix socket.
pub trait Listener: sealed::Accept {}

impl<L: sealed::Accept> Listener for L {}

mod sealed {
    use super::{AsyncRead, AsyncWrite, Context, Poll, TcpListener, TcpStream, io};

    /// Not for use outside of the crate.
    pub trait Accept: Send {
        type IO: AsyncRead + AsyncWrite + Unpin + Send + 'static;

        fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Self::IO>>;
    }

    impl Accept for TcpListener {
        type IO = TcpStream;

        fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<TcpStream>> {
            Self::poll_accept(self, cx).map_ok(|(stream, _)| stream)
        }
    }

    #[cfg(unix)]
    impl Accept for tokio::net::UnixListener {
        type IO = tokio::net::UnixStream;

        fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Self::IO>> {
            Self::poll_accept(self, cx).map_ok(|(stream, _)| stream)
        }
    }
}

/// The connections that a listener accepts.
pub(super) struct Accepted<L> {
    pub(super) listener: L,
    pub(super) nodelay: bool,
}

impl<L: Listener + Unpin> Stream for Accepted<L> {
    type Item = io::Result<L::IO>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let nodelay = self.nodelay;
        self.listener.poll_accept(cx).map(|accepted| {
            Some(accepted.inspect(|stream| {
                if let Some(tcp) = (stream as &dyn Any).downcast_ref::<TcpStream>() {
                    // A socket that is gone already tells so when it is read.
                    let _ = tcp.set_nodelay(nodelay);
                }
            }))
        })
    }
}

/// How long to wait before accepting again after `error`; an error if there is no use in it.
pub(super) fn pause_after(error: io::Error) -> io::Result<Duration> {
    use io::ErrorKind as Kind;
    match error.kind() {
        Kind::InvalidInput | Kind::Unsupported | Kind::NotFound | Kind::AddrNotAvailable => {
            Err(error)
        }
        // Of the one connection that was to be accepted.
        Kind::ConnectionAborted
        | Kind::ConnectionReset
        | Kind::BrokenPipe
        | Kind::Interrupted
        | Kind::TimedOut
        | Kind::InvalidData
        | Kind::UnexpectedEof => Ok(Duration::ZERO),
        // Too many open files, no memory: until other connections have ended.
        _ => Ok(Duration::from_millis(100)),
    }
}
