//! [`ServerTls`]: the certificate of a server, and what it demands of clients.

use std::{collections::HashSet, path::PathBuf, sync::Arc, time::Duration};

use rustls::{
    ServerConfig,
    pki_types::CertificateRevocationListDer,
    server::{
        NoServerSessionStorage, VerifierBuilderError, WebPkiClientVerifier,
        danger::ClientCertVerifier,
    },
    sign::SingleCertAndKey,
};

use super::{
    certificate::issuer_of_crl,
    crypto::{ALPN_H2, ALPN_HTTP1, VERSIONS, provider},
    error::TlsError,
    identity::Identity,
    pem::PemSource,
    reload::{Material, RELOAD_INTERVAL},
    roots,
    shown_certificate::NotingResolver,
};

/// TLS for a [`Server`](crate::Server): its certificate and key, and whether clients need one (mTLS).
///
/// ```no_run
/// use rust_scaffold::{Server, ServerTls};
/// # use rust_scaffold::GeneratedServer;
///
/// # async fn serve(calculator: impl GeneratedServer) -> std::io::Result<()> {
/// let tls = ServerTls::from_pem_files("/etc/tls/tls.crt", "/etc/tls/tls.key")
///     .client_ca("/etc/tls/ca.crt");
/// Server::new().add_service(calculator).tls(tls).serve("[::]:50051").await
/// # }
/// ```
///
/// TLS 1.2 and 1.3 are spoken. A client that offers other protocols by ALPN than the server takes, which are HTTP/2 and
/// with the feature `http1` also HTTP/1.1, is refused; one without ALPN may go on. What a client's certificate says is in [`ConnectInfo::tls`](crate::ConnectInfo::tls).
///
/// # Rotation
/// Files are looked at every [`reload_interval`](Self::reload_interval), and read again when one has changed;
/// it may also be replaced, or be behind a symbolic link that is, as in a volume of Kubernetes. One that has
/// changed within the last second is looked at again first, as it may not be complete. New connections use the
/// certificate and key once they are valid together, and the CAs and revocation lists once all of them are;
/// until then, they use what was read before. Either is logged once by a `tracing` event. Open connections go on. Sessions are resumed only with the certificates with which
/// they began.
#[derive(Clone, Debug)]
pub struct ServerTls {
    identity: Identity,
    client_ca: Vec<PemSource>,
    client_auth_optional: bool,
    crls: Vec<PemSource>,
    reload_interval: Option<Duration>,
    pub(crate) max_handshakes: usize,
    /// Whether HTTP/1.1 is spoken, too.
    pub(crate) http1: bool,
}

impl ServerTls {
    /// With a certificate and its private key in PEM files. The first certificate in the file is the server's
    /// own; those of the CAs that lead to a root follow. The key is of PKCS #8, PKCS #1 or SEC 1, and not
    /// encrypted. The files may be one.
    pub fn from_pem_files(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self::new(Identity::files(certificate, key))
    }

    /// With a certificate and its private key in PEM, as in [`from_pem_files`](Self::from_pem_files).
    pub fn from_pem(certificate: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> Self {
        let (certificate, key) = (certificate.as_ref(), key.as_ref());
        Self::new(Identity::memory(certificate, key, "ServerTls::from_pem"))
    }

    fn new(identity: Identity) -> Self {
        Self {
            identity,
            client_ca: Vec::new(),
            client_auth_optional: false,
            crls: Vec::new(),
            reload_interval: Some(RELOAD_INTERVAL),
            max_handshakes: 1024,
            http1: false,
        }
    }

    /// Demands that clients have a certificate that a CA in this PEM file has issued, directly or through
    /// others. It may have several, and more can be added. Default: none, clients are not asked for a certificate.
    #[must_use]
    pub fn client_ca(mut self, file: impl Into<PathBuf>) -> Self {
        self.client_ca.push(PemSource::File(file.into()));
        self
    }

    /// As [`client_ca`](Self::client_ca), with the CAs in PEM.
    #[must_use]
    pub fn client_ca_pem(mut self, pem: impl AsRef<[u8]>) -> Self {
        self.client_ca.push(PemSource::memory(pem, "ServerTls::client_ca_pem"));
        self
    }

    /// Whether clients without a certificate are served, too, if there is a [`client_ca`](Self::client_ca).
    /// One that is sent has to be valid nevertheless. Default: false.
    #[must_use]
    pub fn client_auth_optional(mut self, optional: bool) -> Self {
        self.client_auth_optional = optional;
        self
    }

    /// Refuses clients whose certificates are revoked by a list in this PEM file, or of whose CAs up to the root
    /// one has no list in it. More files can be added, with one list of each CA. A list that should have been replaced by now is used on.
    /// Default: none, nothing is revoked.
    #[must_use]
    pub fn crl(mut self, file: impl Into<PathBuf>) -> Self {
        self.crls.push(PemSource::File(file.into()));
        self
    }

    /// As [`crl`](Self::crl), with the lists in PEM.
    #[must_use]
    pub fn crl_pem(mut self, pem: impl AsRef<[u8]>) -> Self {
        self.crls.push(PemSource::memory(pem, "ServerTls::crl_pem"));
        self
    }

    /// The interval at which files are looked at, or `None` if they are only read at the start. Default: 10
    /// seconds; minimum: 10 milliseconds.
    #[must_use]
    pub fn reload_interval(mut self, interval: Option<Duration>) -> Self {
        self.reload_interval = interval.map(|it| it.max(Duration::from_millis(10)));
        self
    }

    /// The maximum number of TLS handshakes in progress, at least 1. Further connections wait for their turn,
    /// within [`handshake_timeout`](crate::Server::handshake_timeout). A handshake begins when the client has
    /// sent its part, so connections on which nothing comes take no place, and the client has 3 seconds to answer
    /// the server's. Default: 1024.
    #[must_use]
    pub fn max_handshakes(mut self, handshakes: usize) -> Self {
        self.max_handshakes = handshakes.clamp(1, tokio::sync::Semaphore::MAX_PERMITS);
        self
    }

    /// Reads and validates everything, as serving does first.
    ///
    /// # Errors
    /// [`TlsError`] for the first file that cannot be used, with its name.
    pub fn check(&self) -> Result<(), TlsError> {
        self.load_identity()?;
        self.load_trust().map(drop)
    }

    /// At most one list of each CA: rustls would use the first one alone.
    fn revocation_lists(&self) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsError> {
        let (mut crls, mut issuers) = (Vec::new(), HashSet::new());
        for source in &self.crls {
            for crl in source.crls()? {
                let issuer = issuer_of_crl(&crl).map_err(|error| {
                    TlsError::invalid(source, format!("a revocation list is malformed: {error}"))
                })?;
                if !issuers.insert(issuer) {
                    let reason =
                        "there is another revocation list of the same CA: keep the newest alone";
                    return Err(TlsError::invalid(source, reason));
                }
                crls.push(crl);
            }
        }
        Ok(crls)
    }

    fn client_verifier(&self) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
        let crls = self.revocation_lists()?;
        if self.client_ca.is_empty() {
            return match self.crls.first() {
                None => Ok(WebPkiClientVerifier::no_client_auth()),
                Some(crl) => {
                    let reason = "without a `ServerTls::client_ca`, there is nothing to be revoked";
                    Err(TlsError::invalid(crl, reason))
                }
            };
        }
        let roots = roots::given(&self.client_ca)?;
        let builder = WebPkiClientVerifier::builder_with_provider(roots, provider());
        let builder = builder.with_crls(crls);
        let builder = match self.client_auth_optional {
            true => builder.allow_unauthenticated(),
            false => builder,
        };
        builder.build().map_err(|error| {
            let sources = match error {
                VerifierBuilderError::InvalidCrl(_) => &self.crls,
                _ => &self.client_ca,
            };
            let sources: Vec<_> = sources.iter().map(ToString::to_string).collect();
            TlsError::invalid(sources.join(", "), error.to_string())
        })
    }
}

impl Material for ServerTls {
    type CertifiedKey = Arc<SingleCertAndKey>;
    type Trust = Arc<dyn ClientCertVerifier>;
    type Config = ServerConfig;

    fn load_identity(&self) -> Result<Self::CertifiedKey, TlsError> {
        self.identity.load()
    }

    fn load_trust(&self) -> Result<Self::Trust, TlsError> {
        self.client_verifier()
    }

    fn config(
        &self,
        identity: &Self::CertifiedKey,
        trust: &Self::Trust,
    ) -> Result<ServerConfig, TlsError> {
        let builder = ServerConfig::builder_with_provider(provider());
        let builder = builder.with_protocol_versions(VERSIONS).map_err(|error| {
            TlsError::InvalidOption { option: "Server::tls", reason: error.to_string() }
        })?;
        let mut config = builder
            .with_client_cert_verifier(Arc::clone(trust))
            .with_cert_resolver(Arc::new(NotingResolver(Arc::clone(identity))));
        config.alpn_protocols = vec![ALPN_H2.to_vec()];
        if self.http1 {
            config.alpn_protocols.push(ALPN_HTTP1.to_vec());
        }
        if !self.client_ca.is_empty() {
            // A session that is resumed is not verified again, and a certificate may have expired since.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        Ok(config)
    }

    fn identity_sources(&self) -> Vec<&PemSource> {
        self.identity.sources().collect()
    }

    fn trust_sources(&self) -> Vec<&PemSource> {
        self.client_ca.iter().chain(&self.crls).collect()
    }

    fn reload_interval(&self) -> Option<Duration> {
        self.reload_interval
    }
}
