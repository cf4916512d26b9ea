//! [`ClientTls`]: which servers a client trusts, and the certificate that it has itself.

use std::{path::PathBuf, sync::Arc, time::Duration};

use rustls::{ClientConfig, RootCertStore, pki_types::ServerName, sign::SingleCertAndKey};

use super::{
    crypto::{ALPN_H2, VERSIONS, provider},
    error::TlsError,
    identity::Identity,
    pem::PemSource,
    reload::{Material, RELOAD_INTERVAL},
    roots,
    shown_certificate::NotingResolver,
};

/// TLS for a [`Channel`](crate::Channel): the CAs that are trusted, and a certificate of the client (mTLS).
///
/// An address with `https://` needs none to be set if the system trusts the server's CA.
///
/// ```no_run
/// use rust_scaffold::{Channel, ClientTls, ConnectError};
///
/// # async fn connect() -> Result<(), ConnectError> {
/// let public = Channel::connect("https://calculator.example.com").await?;
///
/// let tls = ClientTls::new()
///     .ca("/etc/tls/ca.crt")
///     .client_certificate("/etc/tls/tls.crt", "/etc/tls/tls.key");
/// let internal = Channel::builder("https://calculator.internal:50051").tls(tls).connect().await?;
/// # Ok(())
/// # }
/// ```
///
/// TLS 1.2 and 1.3 are spoken. A server that does not choose HTTP/2 by ALPN is not connected to.
///
/// # Rotation
/// Before it connects, a channel looks at the files if that was [`reload_interval`](Self::reload_interval)
/// ago, and reads them again when one has changed. New connections use the client's certificate and key once they
/// are valid together, and the CAs once all of them are; until then, they use what was read before. Either is
/// logged once by a `tracing` event. Open connections go on.
#[derive(Clone, Debug)]
pub struct ClientTls {
    ca: Vec<PemSource>,
    identity: Option<Identity>,
    server_name: Option<String>,
    reload_interval: Option<Duration>,
}

impl ClientTls {
    /// Trusts the CAs that the system trusts, which are read once, when the first channel is made. On Unix, the environment
    /// variables `SSL_CERT_FILE` and `SSL_CERT_DIR` name others.
    pub fn new() -> Self {
        Self {
            ca: Vec::new(),
            identity: None,
            server_name: None,
            reload_interval: Some(RELOAD_INTERVAL),
        }
    }

    /// Trusts the CAs in this PEM file, and no longer those of the system. More can be added.
    #[must_use]
    pub fn ca(mut self, file: impl Into<PathBuf>) -> Self {
        self.ca.push(PemSource::File(file.into()));
        self
    }

    /// As [`ca`](Self::ca), with the CAs in PEM.
    #[must_use]
    pub fn ca_pem(mut self, pem: impl AsRef<[u8]>) -> Self {
        self.ca.push(PemSource::memory(pem, "ClientTls::ca_pem"));
        self
    }

    /// The client's certificate and private key, in PEM files, for servers that ask for one. The first
    /// certificate in the file is the client's own; those of the CAs that lead to a root follow. The key is of
    /// PKCS #8, PKCS #1 or SEC 1, and not encrypted. The files may be one.
    #[must_use]
    pub fn client_certificate(
        mut self,
        certificate: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Self {
        self.identity = Some(Identity::files(certificate, key));
        self
    }

    /// As [`client_certificate`](Self::client_certificate), in PEM.
    #[must_use]
    pub fn client_certificate_pem(
        mut self,
        certificate: impl AsRef<[u8]>,
        key: impl AsRef<[u8]>,
    ) -> Self {
        let (certificate, key) = (certificate.as_ref(), key.as_ref());
        let method = "ClientTls::client_certificate_pem";
        self.identity = Some(Identity::memory(certificate, key, method));
        self
    }

    /// The DNS name or IP address that the server's certificate has to be for, which is also sent to the server
    /// (SNI). Default: the host of the address; for a Unix socket, `localhost`.
    #[must_use]
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// How long ago the files have to have been looked at to be looked at before connecting, or `None` if
    /// they are only read once. Default: 10 seconds.
    #[must_use]
    pub fn reload_interval(mut self, interval: Option<Duration>) -> Self {
        self.reload_interval = interval;
        self
    }

    /// Reads and validates everything, as making a channel does first.
    ///
    /// # Errors
    /// [`TlsError`] for the first file that cannot be used, with its name, or for a name that is none.
    pub fn check(&self) -> Result<(), TlsError> {
        self.name_of_server("localhost")?;
        self.load_identity()?;
        self.load_trust().map(drop)
    }

    /// The name that a server's certificate has to be for whose address has this `host`.
    pub(crate) fn name_of_server(&self, host: &str) -> Result<ServerName<'static>, TlsError> {
        let name = self.server_name.as_deref().unwrap_or(host).to_owned();
        ServerName::try_from(name.clone()).map_err(|_| TlsError::InvalidOption {
            option: "ClientTls::server_name",
            reason: format!("has to be a DNS name or an IP address, and `{name}` is neither"),
        })
    }
}

impl Default for ClientTls {
    fn default() -> Self {
        Self::new()
    }
}

impl Material for ClientTls {
    /// None if the client has none.
    type CertifiedKey = Option<Arc<SingleCertAndKey>>;
    type Trust = Arc<RootCertStore>;
    type Config = ClientConfig;

    fn load_identity(&self) -> Result<Self::CertifiedKey, TlsError> {
        self.identity.as_ref().map(Identity::load).transpose()
    }

    fn load_trust(&self) -> Result<Self::Trust, TlsError> {
        match &*self.ca {
            [] => roots::of_the_system(),
            given => roots::given(given),
        }
    }

    fn config(
        &self,
        identity: &Self::CertifiedKey,
        trust: &Self::Trust,
    ) -> Result<ClientConfig, TlsError> {
        let builder = ClientConfig::builder_with_provider(provider());
        let builder = builder.with_protocol_versions(VERSIONS).map_err(|error| {
            TlsError::InvalidOption { option: "ChannelBuilder::tls", reason: error.to_string() }
        })?;
        let builder = builder.with_root_certificates(Arc::clone(trust));
        let mut config = match identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                builder.with_client_cert_resolver(Arc::new(NotingResolver(Arc::clone(identity))))
            }
        };
        config.alpn_protocols = vec![ALPN_H2.to_vec()];
        Ok(config)
    }

    fn identity_sources(&self) -> Vec<&PemSource> {
        self.identity.iter().flat_map(Identity::sources).collect()
    }

    fn trust_sources(&self) -> Vec<&PemSource> {
        self.ca.iter().collect()
    }

    fn reload_interval(&self) -> Option<Duration> {
        self.reload_interval
    }
}
