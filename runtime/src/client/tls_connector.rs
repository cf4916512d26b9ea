//! The handshake of TLS on a client's connection, before HTTP/2's.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;

use crate::{
    channelz::{IS_COUNTED, SocketSecurity},
    h2::io::AsyncIo,
    tls::{
        ClientTls, TlsError, TlsInfo, crypto::ALPN_H2, failure, reload::Reloading,
        shown_certificate::with_shown_certificate,
    },
};

/// Speaks TLS on the connections of a channel.
pub(super) struct TlsConnector {
    config: Arc<Reloading<ClientTls>>,
    /// What the server's certificate has to be for.
    server_name: ServerName<'static>,
}

impl TlsConnector {
    /// Reads the certificates. The server has to be `host`, unless `tls` has another name.
    pub(super) fn new(tls: ClientTls, host: &str) -> Result<Self, TlsError> {
        let server_name = tls.name_of_server(host)?;
        Ok(Self { config: Reloading::new(tls)?, server_name })
    }

    /// Performs the handshake on `io`. Returns what it has shown as well, if that is of interest.
    pub(super) async fn handshake(
        &self,
        io: Box<dyn AsyncIo>,
    ) -> io::Result<(Box<dyn AsyncIo>, Option<SocketSecurity>)> {
        self.config.poll_if_due().await;
        let connector = tokio_rustls::TlsConnector::from(self.config.current());
        let connecting = connector.connect(self.server_name.clone(), io);
        let (connected, certificate) = with_shown_certificate(connecting).await;
        let stream = connected.map_err(failure::with_server)?;
        match stream.get_ref().1.alpn_protocol() {
            Some(ALPN_H2) => {
                let security = IS_COUNTED.then(|| {
                    let tls = TlsInfo::of(stream.get_ref().1);
                    tls.with_local_certificate(certificate).security()
                });
                Ok((Box::new(ExplainedIo(stream)), security))
            }
            other => Err(io::Error::new(io::ErrorKind::InvalidData, failure::no_http2(other))),
        }
    }
}

/// A connection whose errors say what to do.
struct ExplainedIo(TlsStream<Box<dyn AsyncIo>>);

impl AsyncRead for ExplainedIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer).map_err(failure::with_server)
    }
}

impl AsyncWrite for ExplainedIo {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes).map_err(failure::with_server)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, slices).map_err(failure::with_server)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
