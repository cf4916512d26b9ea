//! The handshake of TLS on a server's connection, after its own and before HTTP/2's.

use std::{io, sync::Arc, time::Duration};

use tokio::{sync::Semaphore, task::JoinSet, time::timeout};
use tokio_rustls::{LazyConfigAcceptor, server::TlsStream};

use super::error::ServeError;
use crate::{
    connection::{
        connected::{Connected as _, ConnectedIo},
        handshake::Handshake,
    },
    h2::io::close,
    tls::{
        ServerTls, TlsInfo, failure, reload::Reloading, shown_certificate::with_shown_certificate,
    },
};

/// How long a client may take to answer the server's part of a handshake. Clients that begin one and leave it
/// would otherwise keep all permits for as long as the whole handshake may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);

/// The TLS of a server that serves.
pub(super) struct TlsServer {
    config: Arc<Reloading<ServerTls>>,
    /// The handshakes that may be in progress.
    permits: Semaphore,
    connect_info: bool,
}

impl TlsServer {
    /// Reads the certificates. Connections show what is known of them if `connect_info` says so.
    pub(super) fn new(tls: ServerTls, connect_info: bool) -> Result<Arc<Self>, ServeError> {
        let permits = Semaphore::new(tls.max_handshakes);
        let config = Reloading::new(tls)?;
        Ok(Arc::new(Self { config, permits, connect_info }))
    }

    /// Reads the files again when they change, until the result is dropped.
    pub(super) fn watch_files(&self) -> JoinSet<()> {
        let mut watching = JoinSet::new();
        watching.spawn(Arc::clone(&self.config).watch());
        watching
    }

    /// `accepted`, on which TLS is to be spoken.
    pub(super) fn handshake<C>(self: &Arc<Self>, accepted: C) -> TlsHandshake<C> {
        TlsHandshake { accepted, server: Arc::clone(self) }
    }
}

/// A connection on which TLS is to be spoken.
pub(super) struct TlsHandshake<C> {
    accepted: C,
    server: Arc<TlsServer>,
}

impl<C: Handshake> Handshake for TlsHandshake<C> {
    type Io = ConnectedIo<TlsStream<C::Io>>;

    async fn handshake(self) -> io::Result<Self::Io> {
        let Self { accepted, server } = self;
        let io = accepted.handshake().await?;
        let info = server.connect_info.then(|| io.connect_info());
        let mut hello = LazyConfigAcceptor::new(Default::default(), io);
        let hello = match (&mut hello).await {
            Ok(hello) => hello,
            Err(error) => {
                if let Some(io) = hello.take_io() {
                    // So that the client can read the alert that says why.
                    close(io).await;
                }
                return Err(failure::with_client(error));
            }
        };
        // Only now: a client that says nothing would keep others from theirs. The semaphore is never closed.
        let permit = server.permits.acquire().await;
        let config = server.config.current();
        // The certificate is chosen before the first poll.
        let accepting = async { hello.into_stream(config).into_fallible().await };
        let accepting = with_shown_certificate(accepting);
        let Ok((accepted, certificate)) = timeout(ANSWER_TIMEOUT, accepting).await else {
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the client left the TLS handshake",
            ));
        };
        let stream = match accepted {
            Ok(stream) => stream,
            Err((error, io)) => {
                drop(permit);
                close(io).await;
                return Err(failure::with_client(error));
            }
        };
        let tls = || TlsInfo::of(stream.get_ref().1).with_local_certificate(certificate);
        let info = info.map(|info| info.with_tls(tls()));
        Ok(ConnectedIo::known(stream, info))
    }
}
