//! Which certificate a handshake has shown to the peer. rustls asks for one if it needs it, and does not tell.

use std::{cell::RefCell, future::Future, sync::Arc};

use rustls::{
    SignatureScheme,
    client::ResolvesClientCert,
    server::{ClientHello, ResolvesServerCert},
    sign::{CertifiedKey, SingleCertAndKey},
};

tokio::task_local! {
    /// What the handshake that is being polled has shown.
    static SHOWN: RefCell<Option<Arc<CertifiedKey>>>;
}

/// The output of `handshake`, and the certificate that it has shown, in DER. None if the peer did not ask for one, or
/// knows it from the session that is resumed.
pub(crate) async fn with_shown_certificate<F: Future>(
    handshake: F,
) -> (F::Output, Option<Vec<u8>>) {
    let noting = async {
        let output = handshake.await;
        (output, SHOWN.with(RefCell::take))
    };
    let (output, shown) = SHOWN.scope(RefCell::default(), noting).await;
    (output, shown.and_then(|key| Some(key.cert.first()?.to_vec())))
}

/// Notes that a certificate is shown. Shared by all handshakes of a configuration: rustls resumes a session only with
/// the resolver with which it began.
#[derive(Debug)]
pub(super) struct NotingResolver(pub(super) Arc<SingleCertAndKey>);

impl ResolvesClientCert for NotingResolver {
    fn resolve(&self, issuers: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let key = ResolvesClientCert::resolve(&*self.0, issuers, schemes)?;
        // Otherwise, rustls does not use it.
        if key.key.choose_scheme(schemes).is_some() {
            note(&key);
        }
        Some(key)
    }

    fn has_certs(&self) -> bool {
        self.0.has_certs()
    }
}

impl ResolvesServerCert for NotingResolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let key = ResolvesServerCert::resolve(&*self.0, hello)?;
        note(&key);
        Some(key)
    }
}

fn note(key: &Arc<CertifiedKey>) {
    // Elsewhere, nobody wants to know.
    let _ = SHOWN.try_with(|shown| shown.replace(Some(Arc::clone(key))));
}
