//! What happens on a new connection before HTTP/2.

use std::{future::Future, io};

use tokio::io::{AsyncRead, AsyncWrite};

use super::connected::Connected;

/// A connection as it was accepted, before HTTP/2 is spoken on it: what
/// [`Server::serve_incoming`](crate::Server::serve_incoming) takes.
///
/// I/O that is [`Connected`] has no handshake. For one of your own, implement this for a type around the I/O. For TLS and
/// the header of a proxy, there are [`tls`](crate::Server::tls) and
/// [`proxy_protocol`](crate::Server::proxy_protocol), whose handshakes come after this one.
///
/// ```
/// use std::io;
///
/// use rust_scaffold::{Connected, ConnectedIo, Handshake, Server};
/// use tokio::{
///     io::AsyncReadExt,
///     net::{TcpListener, TcpStream},
/// };
/// use tokio_stream::{StreamExt, wrappers::TcpListenerStream};
///
/// /// A connection whose client sends the number of its tenant first.
/// struct OfTenant(TcpStream);
///
/// #[derive(Clone)]
/// struct Tenant(u32);
///
/// impl Handshake for OfTenant {
///     type Io = ConnectedIo<TcpStream>;
///
///     async fn handshake(mut self) -> io::Result<Self::Io> {
///         let tenant = Tenant(self.0.read_u32().await?);
///         let info = self.0.connect_info().with_extension(tenant);
///         Ok(ConnectedIo::new(self.0, info))
///     }
/// }
///
/// # async fn serve() -> io::Result<()> {
/// let incoming = TcpListenerStream::new(TcpListener::bind("[::]:50051").await?);
/// Server::new().serve_incoming(incoming.map(|tcp| tcp.map(OfTenant))).await
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
