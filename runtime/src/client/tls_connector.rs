//! The handshake of TLS on a client's connection, before HTTP/2's.

use std::{io, sync::Arc};

use rustls::pki_types::ServerName;

use crate::{
    h2::io::AsyncIo,
    tls::{ClientTls, TlsError, crypto::ALPN_H2, failure, reload::Reloading},
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

    /// Performs the handshake on `io`.
    pub(super) async fn handshake(&self, io: Box<dyn AsyncIo>) -> io::Result<Box<dyn AsyncIo>> {
        self.config.poll_if_due().await;
        let connector = tokio_rustls::TlsConnector::from(self.config.current());
        let connecting = connector.connect(self.server_name.clone(), io);
        let stream = connecting.await.map_err(failure::with_server)?;
        match stream.get_ref().1.alpn_protocol() {
            Some(ALPN_H2) => Ok(Box::new(stream)),
            other => Err(io::Error::new(io::ErrorKind::InvalidData, failure::no_http2(other))),
        }
    }
}
