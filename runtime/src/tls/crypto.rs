//! The cryptography and the versions of TLS, and the protocol that is spoken in it.

use std::sync::Arc;

use rustls::{
    SupportedProtocolVersion,
    crypto::CryptoProvider,
    version::{TLS12, TLS13},
};

/// HTTP/2's name in ALPN.
pub(crate) const ALPN_H2: &[u8] = b"h2";
/// That of HTTP/1.1.
pub(super) const ALPN_HTTP1: &[u8] = b"http/1.1";

pub(super) const VERSIONS: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];

/// The cryptography. It is passed on explicitly: the process's default belongs to the program, which may have
/// chosen none, or another one.
pub(super) fn provider() -> Arc<CryptoProvider> {
    #[cfg(feature = "tls-aws-lc")]
    use rustls::crypto::aws_lc_rs as chosen;
    #[cfg(not(feature = "tls-aws-lc"))]
    use rustls::crypto::ring as chosen;

    Arc::new(chosen::default_provider())
}
