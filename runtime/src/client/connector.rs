//! Opens connections.

use std::{future::Future, io, pin::Pin, sync::Arc};

use http::{Uri, uri::PathAndQuery};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

use super::target::{Place, Target};

/// A connection, whatever it runs over.
pub(super) trait Io: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

type Connecting = Pin<Box<dyn Future<Output = io::Result<Box<dyn Io>>> + Send>>;

/// How connections are opened.
#[derive(Clone)]
pub(super) enum Connector {
    Builtin { tcp_nodelay: bool },
    Custom(Arc<dyn Fn(Uri) -> Connecting + Send + Sync>),
}

impl Connector {
    /// Opens connections with `connect`, which gets the address of the server.
    pub(super) fn custom<C, F, IO>(connect: C) -> Self
    where
        C: Fn(Uri) -> F + Send + Sync + 'static,
        F: Future<Output = io::Result<IO>> + Send + 'static,
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        Self::Custom(Arc::new(move |uri| {
            let connection = connect(uri);
            Box::pin(async move { Ok(Box::new(connection.await?) as Box<dyn Io>) })
        }))
    }

    pub(super) async fn connect(&self, target: &Target) -> io::Result<Box<dyn Io>> {
        match (self, &target.place) {
            (Self::Custom(connect), _) => connect(target.uri(PathAndQuery::from_static("/"))).await,
            (Self::Builtin { tcp_nodelay }, Place::Tcp { host, port }) => {
                let stream = TcpStream::connect((host.as_str(), *port)).await?;
                stream.set_nodelay(*tcp_nodelay)?;
                Ok(Box::new(stream))
            }
            #[cfg(unix)]
            (Self::Builtin { .. }, Place::Unix(path)) => {
                Ok(Box::new(tokio::net::UnixStream::connect(path).await?))
            }
            #[cfg(not(unix))]
            (Self::Builtin { .. }, Place::Unix(_)) => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}
