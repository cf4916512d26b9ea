//! A certificate and its private key.

use std::{path::PathBuf, sync::Arc, time::SystemTime};

use der::DateTime;
use rustls::{
    Error, InconsistentKeys,
    sign::{CertifiedKey, SingleCertAndKey},
};

use super::{certificate::Certificate, crypto::provider, error::TlsError, pem::PemSource};

/// A certificate, with those of the CAs up to a root, and its private key.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) certificate: PemSource,
    pub(super) key: PemSource,
}

impl Identity {
    pub(super) fn files(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        let [certificate, key] = [certificate.into(), key.into()].map(PemSource::File);
        Self { certificate, key }
    }

    /// Both in PEM, as they were passed to `method`.
    pub(super) fn memory(certificate: &[u8], key: &[u8], method: &'static str) -> Self {
        let [certificate, key] = [certificate, key].map(|pem| PemSource::memory(pem, method));
        Self { certificate, key }
    }

    /// Reads both, which have to belong together and to be valid now.
    pub(super) fn load(&self) -> Result<Arc<SingleCertAndKey>, TlsError> {
        let chain = self.certificate.certificates()?;
        let key = self.key.private_key()?;
        if let Some(first) = chain.first() {
            self.check_validity(first)?;
        }
        let both =
            CertifiedKey::from_der(chain, key, &provider()).map_err(|error| match error {
                Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                    let reason = format!(
                        "the private key does not belong to the first certificate of {}",
                        self.certificate
                    );
                    TlsError::invalid(&self.key, reason)
                }
                Error::InvalidCertificate(error) => {
                    let reason = format!("the first certificate cannot be used: {error}");
                    TlsError::invalid(&self.certificate, reason)
                }
                error => {
                    let reason = format!("the private key cannot be used: {error}");
                    TlsError::invalid(&self.key, reason)
                }
            })?;
        Ok(Arc::new(SingleCertAndKey::from(both)))
    }

    /// Checks only the holder's own certificate: peers know other ways around an expired one of a CA.
    fn check_validity(&self, certificate: &[u8]) -> Result<(), TlsError> {
        let invalid = |reason| Err(TlsError::invalid(&self.certificate, reason));
        let Certificate { not_before, not_after, .. } = match Certificate::parse(certificate) {
            Ok(certificate) => certificate,
            Err(error) => return invalid(format!("the first certificate is malformed: {error}")),
        };
        // Fails only in the year 10,000.
        let Ok(now) = DateTime::from_system_time(SystemTime::now()) else { return Ok(()) };
        if now > not_after {
            return invalid(format!("the certificate expired at {not_after}"));
        }
        if now < not_before {
            return invalid(format!("the certificate is not valid before {not_before}"));
        }
        Ok(())
    }

    pub(super) fn sources(&self) -> impl Iterator<Item = &PemSource> {
        [&self.certificate, &self.key].into_iter()
    }
}
