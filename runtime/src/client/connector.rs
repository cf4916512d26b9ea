//! Opens connections: TCP, Unix sockets, or the user's connector.

#[cfg(unix)]
use std::path::PathBuf;
use std::{future::Future, io, pin::Pin, sync::Arc};

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
    Builtin { tcp_nodelay: bool },
    Custom(Arc<dyn Fn(Uri) -> Connecting + Send + Sync>),
}

impl Connector {
    /// Opens connections over sockets.
    pub(super) fn builtin(tcp_nodelay: bool) -> Self {
        Self::new(ConnectorKind::Builtin { tcp_nodelay })
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
            (Self::Builtin { tcp_nodelay }, Address::Tcp(address)) => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(*tcp_nodelay)?;
                Ok(OpenedIo::new(stream, |stream| SocketFacts {
                    local: stream.local_addr().ok().map(SocketAddress::Tcp),
                    remote: Some(SocketAddress::Tcp(address)),
                    security: None,
                }))
            }
            #[cfg(unix)]
            (Self::Builtin { .. }, Address::Unix(path)) => {
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
