//! Certificates for the peers that speak TLS.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

/// A folder with the certificate of a CA, and a certificate of the loopback with its key.
pub(super) struct Certificates(TempDir);

impl Certificates {
    pub(super) fn new() -> Result<Self, String> {
        let folder = TempDir::new().map_err(text)?;
        let mut params = CertificateParams::new([]).map_err(text)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().map_err(text)?);
        let ca = ca.map_err(text)?;
        let key = KeyPair::generate().map_err(text)?;
        let params = CertificateParams::new(["127.0.0.1".to_owned()]).map_err(text)?;
        let certificate = params.signed_by(&key, &ca).map_err(text)?;
        let files = [
            ("ca.pem", ca.pem()),
            ("tls.crt", certificate.pem()),
            ("tls.key", key.serialize_pem()),
        ];
        for (name, contents) in files {
            fs::write(folder.path().join(name), contents).map_err(text)?;
        }
        Ok(Self(folder))
    }

    pub(super) fn folder(&self) -> PathBuf {
        Path::to_path_buf(self.0.path())
    }
}

fn text(error: impl fmt::Display) -> String {
    error.to_string()
}
