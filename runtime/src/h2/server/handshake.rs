//! What happens on a new connection before HTTP/2.

use std::{future::Future, io};

use tokio::io::{AsyncRead, AsyncWrite};

use super::connected::Connected;

/// A connection as it was accepted, before HTTP/2 is spoken on it: what
/// [`Server::serve_incoming`](crate::Server::serve_incoming) takes.
///
/// I/O that is [`Connected`] has no handshake. For TLS, a proxy's header or the like, implement this for a
/// type around the I/O:
///
/// ```
/// use std::{io, net::SocketAddr};
///
/// use rust_scaffold::{Connected, ConnectedIo, Handshake, Server};
/// use tokio::{
///     io::{AsyncBufReadExt, AsyncReadExt, BufReader},
///     net::{TcpListener, TcpStream},
/// };
/// use tokio_stream::{StreamExt, wrappers::TcpListenerStream};
///
/// /// A connection from a proxy that starts with a PROXY protocol v1 header, such as
/// /// `PROXY TCP4 192.0.2.1 192.0.2.2 56324 443`.
/// struct Proxied(TcpStream);
///
/// impl Handshake for Proxied {
///     type Io = ConnectedIo<BufReader<TcpStream>>;
///
///     async fn handshake(self) -> io::Result<Self::Io> {
///         let info = self.0.connect_info();
///         let mut io = BufReader::new(self.0);
///         let mut line = String::new();
///         (&mut io).take(107).read_line(&mut line).await?;
///         let client = client(&line).ok_or(io::ErrorKind::InvalidData)?;
///         Ok(ConnectedIo::new(io, info.with_remote_addr(client)))
///     }
/// }
///
/// fn client(line: &str) -> Option<SocketAddr> {
///     let mut words = line.strip_suffix("\r\n")?.strip_prefix("PROXY TCP")?.split(' ').skip(1);
///     let (client, _, port) = (words.next()?, words.next()?, words.next()?);
///     Some(SocketAddr::new(client.parse().ok()?, port.parse().ok()?))
/// }
/// # assert_eq!(
/// #     client("PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n"),
/// #     Some("192.0.2.1:56324".parse().unwrap()),
/// # );
/// # assert_eq!(client("PROXY UNKNOWN\r\n"), None);
///
/// # async fn serve() -> io::Result<()> {
/// let incoming = TcpListenerStream::new(TcpListener::bind("[::]:50051").await?);
/// Server::new().serve_incoming(incoming.map(|tcp| tcp.map(Proxied))).await
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "a server cannot serve `{Self}`",
    label = "neither connected I/O nor a connection with a handshake",
    note = "I/O is served if it implements `Connected`, which says what is known about the connection; \
            `ConnectedIo::new(io, ConnectInfo::default())` does for any I/O",
    note = "what has to be done on a connection before HTTP/2 is an implementation of `Handshake`"
)]
pub trait Handshake: Send + 'static {
    /// The I/O on which the client speaks HTTP/2 afterwards.
    type Io: Connected + AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Performs the handshake. It runs on the connection's own task, so it delays no other connection as
    /// long as it does not block the thread. Together with HTTP/2's handshake, it is limited by
    /// [`handshake_timeout`](crate::Server::handshake_timeout). When that is over, it is dropped; if the server
    /// drains its connections, after a second, or earlier if
    /// [`shutdown_timeout`](crate::Server::shutdown_timeout) is shorter, or shutdown is forced.
    ///
    /// # Errors
    /// Any, and a panic, closes this connection and nothing else.
    fn handshake(self) -> impl Future<Output = io::Result<Self::Io>> + Send;
}

#[diagnostic::do_not_recommend]
impl<T: Connected + AsyncRead + AsyncWrite + Unpin + Send + 'static> Handshake for T {
    type Io = Self;

    async fn handshake(self) -> io::Result<Self> {
        Ok(self)
    }
}
