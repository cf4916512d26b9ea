//! I/O that knows its connection.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, BufReader, BufStream, BufWriter, DuplexStream, ReadBuf},
    net::TcpStream,
};

use super::connect_info::ConnectInfo;
#[cfg(unix)]
use super::connect_info::PeerCredentials;

/// I/O that can say what is known about its connection. A [`Server`](crate::Server) with
/// [`connect_info`](crate::Server::connect_info), and any with the feature `admin`, asks once for each connection,
/// after its [`Handshake`](crate::Handshake).
///
/// A stream that wraps another one passes on what that one knows, and adds to it what it knows itself:
///
/// ```
/// use rust_scaffold::{ConnectInfo, Connected};
///
/// struct Encrypted<T> {
///     inner: T,
///     cipher: Cipher,
/// }
///
/// # #[derive(Clone)]
/// # struct Cipher;
/// impl<T: Connected> Connected for Encrypted<T> {
///     fn connect_info(&self) -> ConnectInfo {
///         self.inner.connect_info().with_extension(self.cipher.clone())
///     }
/// }
/// ```
///
/// For I/O of other crates, there is [`ConnectedIo`].
pub trait Connected {
    /// What is known about the connection.
    fn connect_info(&self) -> ConnectInfo;
}

impl Connected for TcpStream {
    fn connect_info(&self) -> ConnectInfo {
        let mut info = ConnectInfo::default();
        if let Ok(addr) = self.local_addr() {
            info = info.with_local_addr(addr);
        }
        // Fails if the peer has closed the connection already.
        if let Ok(addr) = self.peer_addr() {
            info = info.with_remote_addr(addr);
        }
        info
    }
}

#[cfg(unix)]
impl Connected for tokio::net::UnixStream {
    fn connect_info(&self) -> ConnectInfo {
        let mut info = match (self.local_addr(), self.peer_addr()) {
            (Ok(local), Ok(remote)) => ConnectInfo::unix(local.into(), remote.into()),
            _ => ConnectInfo::default(),
        };
        if let Ok(peer) = self.peer_cred() {
            let credentials = PeerCredentials::new(peer.uid(), peer.gid(), peer.pid());
            info = info.with_peer_credentials(credentials);
        }
        info
    }
}

/// Nothing is known about it.
impl Connected for DuplexStream {
    fn connect_info(&self) -> ConnectInfo {
        ConnectInfo::default()
    }
}

impl<T: Connected + ?Sized> Connected for Box<T> {
    fn connect_info(&self) -> ConnectInfo {
        (**self).connect_info()
    }
}

impl<T: Connected + AsyncRead> Connected for BufReader<T> {
    fn connect_info(&self) -> ConnectInfo {
        self.get_ref().connect_info()
    }
}

impl<T: Connected + AsyncWrite> Connected for BufWriter<T> {
    fn connect_info(&self) -> ConnectInfo {
        self.get_ref().connect_info()
    }
}

impl<T: Connected + AsyncRead + AsyncWrite> Connected for BufStream<T> {
    fn connect_info(&self) -> ConnectInfo {
        self.get_ref().connect_info()
    }
}

/// Any I/O, with what is known about its connection: for I/O of other crates, and for what a
/// [`Handshake`](crate::Handshake) has learned.
///
/// ```
/// # fn listen() -> impl tokio_stream::Stream<Item = std::io::Result<tokio::io::SimplexStream>> {
/// #     tokio_stream::empty()
/// # }
/// # async fn serve() -> std::io::Result<()> {
/// use rust_scaffold::{ConnectInfo, ConnectedIo, Server};
/// use tokio_stream::StreamExt;
///
/// // Connections whose type this crate does not know, and about which nothing is to be known.
/// let incoming = listen().map(|io| Ok(ConnectedIo::new(io?, ConnectInfo::default())));
/// Server::new().serve_incoming(incoming).await
/// # }
/// ```
#[derive(Debug)]
pub struct ConnectedIo<T> {
    io: T,
    /// None if nothing is, for which no memory is taken.
    info: Option<ConnectInfo>,
}

impl<T> ConnectedIo<T> {
    /// `io`, about whose connection `info` is known.
    pub fn new(io: T, info: ConnectInfo) -> Self {
        Self::known(io, Some(info))
    }

    /// `io`, about whose connection `info` is known, if anything is.
    pub(crate) fn known(io: T, info: Option<ConnectInfo>) -> Self {
        Self { io, info }
    }
}

impl<T> Connected for ConnectedIo<T> {
    fn connect_info(&self) -> ConnectInfo {
        self.info.clone().unwrap_or_default()
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for ConnectedIo<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for ConnectedIo<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
