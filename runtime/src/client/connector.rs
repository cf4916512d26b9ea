//! Opens connections: TCP, Unix sockets, or the user's connector.

#[cfg(unix)]
use std::path::PathBuf;
use std::{future::Future, io, pin::Pin, sync::Arc, time::Duration};

use http::Uri;
use tokio::io::{AsyncRead, AsyncWrite};
#[cfg(not(target_family = "wasm"))]
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

use super::resolver::Address;
#[cfg(all(feature = "_tls", not(target_family = "wasm")))]
use super::tls_connector::TlsConnector;
use crate::{
    channelz::{IS_COUNTED, SocketAddress, SocketFacts},
    h2::io::AsyncIo,
};

type Connecting = Pin<Box<dyn Future<Output = io::Result<Box<dyn AsyncIo>>> + Send>>;

/// Opens the connections of a subchannel.
#[derive(Clone)]
pub(super) struct Connector {
    kind: ConnectorKind,
    #[cfg(all(feature = "_tls", not(target_family = "wasm")))]
    tls: Option<Arc<TlsConnector>>,
}

#[derive(Clone)]
enum ConnectorKind {
    Builtin(TcpOptions),
    Custom(Arc<dyn Fn(Uri) -> Connecting + Send + Sync>),
}

/// The options of TCP sockets.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "Linux alone has all of them"))]
pub(super) struct TcpOptions {
    pub(super) nodelay: bool,
    /// How long what was sent may remain unacknowledged, if not as long as the system has it.
    pub(super) user_timeout: Option<Duration>,
}

#[cfg(not(target_family = "wasm"))]
impl TcpOptions {
    fn set_on(self, stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(self.nodelay)?;
        #[cfg(target_os = "linux")]
        if self.user_timeout.is_some() {
            // Best effort: where the system refuses it, PINGs find a dead connection somewhat later.
            let _ = socket2::SockRef::from(stream).set_tcp_user_timeout(self.user_timeout);
        }
        Ok(())
    }
}

impl Connector {
    /// Opens connections over sockets.
    pub(super) fn builtin(tcp: TcpOptions) -> Self {
        Self::new(ConnectorKind::Builtin(tcp))
    }

    /// Opens connections with `connect`, which is passed the target.
    pub(super) fn custom<C, F, Io>(connect: C) -> Self
    where
        C: Fn(Uri) -> F + Send + Sync + 'static,
        F: Future<Output = io::Result<Io>> + Send + 'static,
        Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        Self::new(ConnectorKind::Custom(Arc::new(move |uri| {
            let connection = connect(uri);
            Box::pin(async move { Ok(Box::new(connection.await?) as Box<dyn AsyncIo>) })
        })))
    }

    fn new(kind: ConnectorKind) -> Self {
        Self {
            kind,
            #[cfg(all(feature = "_tls", not(target_family = "wasm")))]
            tls: None,
        }
    }

    /// Speaks TLS on the connections, if there is a `tls` to.
    #[cfg(all(feature = "_tls", not(target_family = "wasm")))]
    pub(super) fn with_tls(mut self, tls: Option<TlsConnector>) -> Self {
        self.tls = tls.map(Arc::new);
        self
    }

    /// Opens the I/O to `address`, on which HTTP/2 is to be spoken.
    pub(super) async fn open(&self, address: Address) -> io::Result<OpenedIo> {
        let opened = self.kind.open(address).await?;
        #[cfg(all(feature = "_tls", not(target_family = "wasm")))]
        if let Some(tls) = &self.tls {
            let (io, security) = tls.handshake(opened.io).await?;
            return Ok(OpenedIo { io, facts: SocketFacts { security, ..opened.facts } });
        }
        Ok(opened)
    }
}

/// The I/O of a connection.
pub(super) struct OpenedIo {
    pub(super) io: Box<dyn AsyncIo>,
    /// Nothing if nobody counts.
    pub(super) facts: SocketFacts,
}

impl OpenedIo {
    /// `io`, of which `facts` tells what is known.
    fn new<Io: AsyncIo + 'static>(io: Io, facts: impl FnOnce(&Io) -> SocketFacts) -> Self {
        let facts = if IS_COUNTED { facts(&io) } else { SocketFacts::default() };
        Self { io: Box::new(io), facts }
    }
}

impl ConnectorKind {
    async fn open(&self, address: Address) -> io::Result<OpenedIo> {
        match (self, address) {
            (Self::Custom(connect), Address::Target(uri)) => {
                let name = IS_COUNTED.then(|| SocketAddress::Other(uri.to_string()));
                let io = connect(uri).await?;
                Ok(OpenedIo { io, facts: SocketFacts { remote: name, ..SocketFacts::default() } })
            }
            #[cfg(not(target_family = "wasm"))]
            (Self::Builtin(tcp), Address::Tcp(address)) => {
                let stream = TcpStream::connect(address).await?;
                tcp.set_on(&stream)?;
                Ok(OpenedIo::new(stream, |stream| SocketFacts {
                    local: stream.local_addr().ok().map(SocketAddress::Tcp),
                    remote: Some(SocketAddress::Tcp(address)),
                    security: None,
                }))
            }
            #[cfg(unix)]
            (Self::Builtin(_), Address::Unix(path)) => {
                Ok(OpenedIo::new(UnixStream::connect(&path).await?, |_| SocketFacts {
                    local: Some(SocketAddress::Unix(PathBuf::new())),
                    remote: Some(SocketAddress::Unix(path)),
                    security: None,
                }))
            }
            // A target that the platform has no sockets for.
            _ => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use socket2::SockRef;
    use tokio::net::TcpListener;

    use super::*;

    /// See [gRFC A18](https://github.com/grpc/proposal/blob/master/A18-tcp-user-timeout.md).
    #[tokio::test]
    async fn a18_what_is_not_acknowledged_within_the_timeout_of_keepalive_ends_the_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let systems = SockRef::from(&stream).tcp_user_timeout().unwrap();
        for (user_timeout, expected) in
            [(None, systems), (Some(Duration::from_secs(3)), Some(Duration::from_secs(3)))]
        {
            TcpOptions { nodelay: true, user_timeout }.set_on(&stream).unwrap();
            assert_eq!(SockRef::from(&stream).tcp_user_timeout().unwrap(), expected);
            assert!(stream.nodelay().unwrap());
        }
    }
}
