//! The certificates of CAs that are trusted.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::RootCertStore;

use super::{error::TlsError, pem::PemSource};

/// Those that are given, of which each has to be valid.
pub(super) fn given(sources: &[PemSource]) -> Result<Arc<RootCertStore>, TlsError> {
    let mut roots = RootCertStore::empty();
    for source in sources {
        for (position, certificate) in source.certificates()?.into_iter().enumerate() {
            roots.add(certificate).map_err(|error| {
                let reason = format!("certificate {} cannot be trusted: {error}", position + 1);
                TlsError::invalid(source, reason)
            })?;
        }
    }
    Ok(Arc::new(roots))
}

/// Those of the system, which are read once: there are more than a hundred.
pub(super) fn of_the_system() -> Result<Arc<RootCertStore>, TlsError> {
    static ROOTS: Mutex<Option<Arc<RootCertStore>>> = Mutex::new(None);

    // Locked while they are read, so that nobody reads them beside.
    let mut roots = ROOTS.lock().unwrap_or_else(PoisonError::into_inner);
    let roots = match &mut *roots {
        Some(roots) => roots,
        none => none.insert(Arc::new(read_from_the_system()?)),
    };
    Ok(Arc::clone(roots))
}

/// Without those that are malformed: each system has some.
fn read_from_the_system() -> Result<RootCertStore, TlsError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, ignored) = roots.add_parsable_certificates(found.certs);
    if added > 0 {
        tracing::debug!(added, ignored, "root certificates of the system");
        return Ok(roots);
    }
    let causes: Vec<_> = found.errors.iter().map(ToString::to_string).collect();
    let causes = match &*causes {
        [] => "found none".to_owned(),
        causes => causes.join("; "),
    };
    let reason = format!("{causes}: install them, such as ca-certificates, or use `ClientTls::ca`");
    Err(TlsError::NoSystemRoots { reason })
}
