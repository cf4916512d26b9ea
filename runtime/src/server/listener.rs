//! Accepts connections on sockets.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::net::{TcpListener, TcpStream, ToSocketAddrs, lookup_host};
use tokio_stream::Stream;

use super::error::ServeError;
use crate::{
    call::downcast::downcast_ref, channelz::SocketAddress, connection::handshake::Handshake,
};

/// A socket that a [`Server`](crate::Server) can listen on: TCP or, on Unix, a Unix socket.
///
/// The trait is sealed: for connections of other kinds, there is
/// [`serve_incoming`](crate::Server::serve_incoming).
pub trait Listener: sealed::Accept {}

impl<L: sealed::Accept> Listener for L {}

mod sealed {
    use super::{Context, Handshake, Poll, SocketAddress, TcpListener, TcpStream, io};

    /// Private, so that the trait can only be implemented here.
    pub trait Accept: Send {
        type Io: Handshake;

        fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Self::Io>>;

        #[allow(private_interfaces, reason = "nobody else can call or implement it")]
        fn local_address(&self) -> Option<SocketAddress>;
    }

    impl Accept for TcpListener {
        type Io = TcpStream;

        fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<TcpStream>> {
            Self::poll_accept(self, cx).map_ok(|(stream, _)| stream)
        }

        #[allow(private_interfaces, reason = "nobody else can call or implement it")]
        fn local_address(&self) -> Option<SocketAddress> {
            self.local_addr().ok().map(SocketAddress::Tcp)
        }
    }

    #[cfg(unix)]
    impl Accept for tokio::net::UnixListener {
        type Io = tokio::net::UnixStream;

        fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Self::Io>> {
            Self::poll_accept(self, cx).map_ok(|(stream, _)| stream)
        }

        #[allow(private_interfaces, reason = "nobody else can call or implement it")]
        fn local_address(&self) -> Option<SocketAddress> {
            self.local_addr().ok().map(|address| SocketAddress::of_unix(&address.into()))
        }
    }
}

/// A stream of the connections that a listener accepts.
pub(super) struct Accepted<L> {
    pub(super) listener: L,
    pub(super) nodelay: bool,
}

impl<L: Listener + Unpin> Stream for Accepted<L> {
    type Item = io::Result<L::Io>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let nodelay = self.nodelay;
        self.listener.poll_accept(cx).map(|accepted| {
            Some(accepted.inspect(|stream| {
                if let Some(tcp) = downcast_ref::<_, TcpStream>(stream) {
                    // If the socket is already closed, the first read reports it.
                    let _ = tcp.set_nodelay(nodelay);
                }
            }))
        })
    }
}

/// Listens on the first of the addresses that `address` is resolved to with which it succeeds.
pub(super) async fn bind(address: impl ToSocketAddrs) -> Result<TcpListener, ServeError> {
    // Resolved here rather than by tokio, to name the addresses in the error.
    let addresses: Vec<_> = match lookup_host(address).await {
        Ok(addresses) => addresses.collect(),
        Err(source) => return Err(ServeError::Bind { addresses: Vec::new(), source }),
    };
    let bound = TcpListener::bind(&*addresses).await;
    bound.map_err(|source| ServeError::Bind { addresses, source })
}

/// How long to pause before accepting again after `error`, or the error if it is permanent.
pub(super) fn pause_after(error: io::Error) -> Result<Duration, ServeError> {
    use io::ErrorKind as Kind;
    match error.kind() {
        Kind::InvalidInput | Kind::Unsupported | Kind::NotFound | Kind::AddrNotAvailable => {
            Err(ServeError::Accept { source: error })
        }
        // Errors of the connection that was to be accepted, not of the listener.
        Kind::ConnectionAborted
        | Kind::ConnectionReset
        | Kind::BrokenPipe
        | Kind::Interrupted
        | Kind::TimedOut
        | Kind::InvalidData
        | Kind::UnexpectedEof => Ok(Duration::ZERO),
        // Out of file descriptors or memory: wait for other connections to end.
        _ => Ok(Duration::from_millis(100)),
    }
}
