//! What the handshake of TLS has shown of the peer.

use std::{net::IpAddr, sync::Arc};

use rustls::{CommonState, ProtocolVersion};

use super::certificate::{Certificate, SubjectAltNames};
use crate::channelz::SocketSecurity;

/// What the TLS handshake of a connection has negotiated, and what the peer's certificate says of it:
/// [`ConnectInfo::tls`](crate::ConnectInfo::tls) of a connection to a [`Server`](crate::Server) with
/// [`tls`](crate::Server::tls).
///
/// The certificate was verified, if there is one. Whether a peer with these names may make a call is up to you:
///
/// ```
/// use rust_scaffold::{ConnectInfo, Request, Status, TlsInfo};
///
/// fn authorize<T>(request: &Request<T>) -> Result<(), Status> {
///     let tls = request.extensions().get::<ConnectInfo>().and_then(ConnectInfo::tls);
///     match tls.and_then(TlsInfo::spiffe_id) {
///         Some("spiffe://example.org/billing") => Ok(()),
///         _ => Err(Status::permission_denied("only billing may do this")),
///     }
/// }
///
/// // In a test of a handler, without a certificate:
/// let mut request = Request::new(());
/// request.extensions_mut().insert(ConnectInfo::default().with_tls(TlsInfo::default()));
/// assert!(authorize(&request).is_err());
/// ```
#[derive(Clone, Debug, Default)]
pub struct TlsInfo(Arc<TlsFacts>);

#[derive(Clone, Debug, Default)]
struct TlsFacts {
    version: Option<&'static str>,
    alpn_protocol: Option<Vec<u8>>,
    /// As IANA names it.
    cipher_suite: Option<String>,
    /// The own one, if it is of interest.
    local_certificate: Option<Vec<u8>>,
    certificates: Vec<Vec<u8>>,
    names: SubjectAltNames,
}

impl TlsInfo {
    /// What a completed handshake has shown.
    pub(crate) fn of(connection: &CommonState) -> Self {
        let version = match connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => Some("TLSv1.2"),
            Some(ProtocolVersion::TLSv1_3) => Some("TLSv1.3"),
            _ => None,
        };
        let certificates = connection.peer_certificates().unwrap_or_default();
        let certificates = certificates.iter().map(|certificate| certificate.to_vec()).collect();
        let alpn_protocol = connection.alpn_protocol().map(<[u8]>::to_vec);
        let cipher_suite = connection.negotiated_cipher_suite().and_then(|it| it.suite().as_str());
        let cipher_suite = cipher_suite.map(|name| match name.strip_prefix("TLS13_") {
            Some(name) => format!("TLS_{name}"),
            None => name.to_owned(),
        });
        let facts = TlsFacts { version, alpn_protocol, cipher_suite, ..TlsFacts::default() };
        Self(Arc::new(facts)).with_peer_certificates(certificates)
    }

    /// Sets the certificate that this side has shown, in DER.
    pub(crate) fn with_local_certificate(mut self, certificate: Option<Vec<u8>>) -> Self {
        Arc::make_mut(&mut self.0).local_certificate = certificate;
        self
    }

    /// What channelz shows of it.
    pub(crate) fn security(&self) -> SocketSecurity {
        SocketSecurity {
            cipher_suite: self.0.cipher_suite.clone(),
            local_certificate: self.0.local_certificate.clone().unwrap_or_default(),
            remote_certificate: self.0.certificates.first().cloned().unwrap_or_default(),
        }
    }

    /// The version of the protocol: `TLSv1.2` or `TLSv1.3`.
    pub fn version(&self) -> Option<&str> {
        self.0.version
    }

    /// The protocol that ALPN has negotiated, which is `h2` or `http/1.1`, if the client has sent ALPN.
    pub fn alpn_protocol(&self) -> Option<&[u8]> {
        self.0.alpn_protocol.as_deref()
    }

    /// The peer's certificate and those that it has sent with it, in DER. Empty if it has sent none.
    pub fn peer_certificates(&self) -> &[Vec<u8>] {
        &self.0.certificates
    }

    /// The DNS names in the peer's certificate: its subject alternative names of that kind.
    pub fn dns_names(&self) -> &[String] {
        &self.0.names.dns
    }

    /// The URIs in the peer's certificate: its subject alternative names of that kind.
    pub fn uris(&self) -> &[String] {
        &self.0.names.uris
    }

    /// The IP addresses in the peer's certificate: its subject alternative names of that kind.
    pub fn ip_addresses(&self) -> &[IpAddr] {
        &self.0.names.ips
    }

    /// The peer's [SPIFFE ID](https://spiffe.io/docs/latest/spiffe-about/spiffe-concepts/): the URI in its
    /// certificate, if there is only one and it begins with `spiffe://`.
    pub fn spiffe_id(&self) -> Option<&str> {
        match self.uris() {
            [id] if self.0.names.uri_count == 1 && id.starts_with("spiffe://") => Some(id),
            _ => None,
        }
    }

    /// Sets the peer's certificates, in DER and the peer's own first, and the names in it.
    #[must_use]
    pub fn with_peer_certificates(mut self, certificates: Vec<Vec<u8>>) -> Self {
        let first = certificates.first().map(|first| Certificate::parse(first));
        let names = first.and_then(Result::ok).map(|first| first.names).unwrap_or_default();
        let facts = Arc::make_mut(&mut self.0);
        (facts.certificates, facts.names) = (certificates, names);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::{super::certificate::tests::der, *};

    /// A SPIFFE ID is the only URI of its certificate; a second one may be what others go by.
    #[test]
    fn a_uri_that_is_none_is_one_more_all_the_same() {
        let of = |der| TlsInfo::default().with_peer_certificates(vec![der]);
        assert_eq!(of(der()).spiffe_id(), Some("spiffe://a/b"));
        // The email address as a URI that is not ASCII.
        let mut two = der();
        let email = two.windows(7).position(|bytes| bytes == b"\x81\x05a@b.c").unwrap();
        (two[email], two[email + 2]) = (0x86, 0xe4);
        let two = of(two);
        assert_eq!((two.uris().len(), two.dns_names().len()), (1, 1));
        assert_eq!(two.spiffe_id(), None);
    }
}
