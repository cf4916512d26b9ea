//! Opens connections: TCP, Unix sockets, or the user's connector.

#[cfg(not(target_family = "wasm"))]
use std::net::SocketAddr;
use std::{future::Future, io, pin::Pin, sync::Arc};

use http::{Uri, uri::PathAndQuery};
use tokio::io::{AsyncRead, AsyncWrite};
#[cfg(not(target_family = "wasm"))]
use tokio::net::TcpStream;

#[cfg(not(target_family = "wasm"))]
use super::dial;
use super::target::{Endpoint, Target};
use crate::h2::io::Io;

type Connecting = Pin<Box<dyn Future<Output = io::Result<Box<dyn Io>>> + Send>>;

/// How connections are opened.
#[derive(Clone)]
pub(super) enum Connector {
    Builtin { tcp_nodelay: bool },
    Custom(Arc<dyn Fn(Uri) -> Connecting + Send + Sync>),
}

impl Connector {
    /// Opens connections with `connect`, which is passed the server's address.
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

    /// Connects to `target`, and runs `handshake` on the connection. If there are several
    /// addresses, the first one whose handshake succeeds wins: a server that accepts connections but does
    /// not respond is as dead as one that refuses them.
    pub(super) async fn open<T, F>(
        &self,
        target: &Target,
        handshake: impl Fn(Box<dyn Io>) -> F,
    ) -> io::Result<T>
    where
        F: Future<Output = io::Result<T>>,
    {
        match (self, &target.endpoint) {
            (Self::Custom(connect), _) => {
                handshake(connect(target.uri(PathAndQuery::from_static("/"))).await?).await
            }
            #[cfg(not(target_family = "wasm"))]
            (Self::Builtin { tcp_nodelay }, Endpoint::Tcp { host, port }) => {
                let addresses = dial::resolve(host, *port).await?;
                open_tcp(addresses, *tcp_nodelay, handshake).await
            }
            #[cfg(unix)]
            (Self::Builtin { .. }, Endpoint::Unix(path)) => {
                handshake(Box::new(tokio::net::UnixStream::connect(path).await?)).await
            }
            #[cfg(target_family = "wasm")]
            (Self::Builtin { .. }, Endpoint::Tcp { .. }) => Err(io::ErrorKind::Unsupported.into()),
            #[cfg(not(unix))]
            (Self::Builtin { .. }, Endpoint::Unix(_)) => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

#[cfg(not(target_family = "wasm"))]
async fn open_tcp<T, F>(
    addresses: Vec<SocketAddr>,
    nodelay: bool,
    handshake: impl Fn(Box<dyn Io>) -> F,
) -> io::Result<T>
where
    F: Future<Output = io::Result<T>>,
{
    let handshake = &handshake;
    let open = |address| async move {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(nodelay)?;
        handshake(Box::new(stream)).await
    };
    dial::race(addresses, open).await
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
        time::timeout,
    };

    use super::*;

    #[tokio::test]
    async fn a_silent_address_does_not_keep_the_next_from_being_connected_to() {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let alive = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addresses = vec![silent.local_addr().unwrap(), alive.local_addr().unwrap()];
        tokio::spawn(async move {
            let (mut stream, _) = alive.accept().await.unwrap();
            stream.write_all(b"!").await.unwrap();
            std::future::pending::<()>().await;
        });
        let greeting = open_tcp(addresses, true, |mut io| async move { io.read_u8().await });
        let greeting = timeout(Duration::from_secs(30), greeting).await.expect("no hang");
        assert_eq!(greeting.unwrap(), b'!');
    }
}
