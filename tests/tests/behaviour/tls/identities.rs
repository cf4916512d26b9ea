//! Clients with certificates: whom a server accepts, and what it knows of them.

use rcgen::{ExtendedKeyUsagePurpose, SanType, SerialNumber};
use rust_scaffold::{ClientTls, ServerTls};

use super::{Authority, Listening, Pair, says};

/// A server and the CA of its clients.
struct Mutual {
    ca: Authority,
    clients: Authority,
}

impl Mutual {
    fn new() -> Self {
        Self { ca: Authority::new(), clients: Authority::new() }
    }

    fn server(&self) -> ServerTls {
        self.ca.issue(&["localhost"]).server().client_ca_pem(self.clients.pem())
    }

    fn client(&self, pair: &Pair) -> ClientTls {
        self.anonymous().client_certificate_pem(&pair.certificate, &pair.key)
    }

    fn anonymous(&self) -> ClientTls {
        ClientTls::new().ca_pem(self.ca.pem())
    }
}

#[tokio::test]
async fn a_handler_sees_whose_certificate_the_client_has() {
    let both = Mutual::new();
    let server = Listening::start(both.server()).await;
    let names = ["billing.example.org", "10.1.2.3", "::1", "spiffe://example.org/billing"];
    let pair = both.clients.issue_with(&names[..2], |params| {
        params.subject_alt_names.push(SanType::IpAddress(names[2].parse().unwrap()));
        params.subject_alt_names.push(SanType::URI(names[3].try_into().unwrap()));
        params.subject_alt_names.push(SanType::Rfc822Name("a@example.org".try_into().unwrap()));
    });
    let tls = server.call(both.client(&pair)).await.unwrap();
    assert_eq!(tls.dns_names(), [names[0]]);
    assert_eq!(tls.ip_addresses().iter().map(ToString::to_string).collect::<Vec<_>>(), names[1..3]);
    assert_eq!((tls.uris(), tls.spiffe_id()), (&[names[3].to_owned()][..], Some(names[3])));
    assert_eq!(tls.peer_certificates(), [pair.der]);
}

#[tokio::test]
async fn a_spiffe_id_is_the_only_uri() {
    let both = Mutual::new();
    let server = Listening::start(both.server()).await;
    for (uris, id) in [
        (&["spiffe://a/b"][..], Some("spiffe://a/b")),
        (&["spiffe://a/b", "https://a"], None),
        (&["https://a"], None),
        (&[], None),
    ] {
        let tls = server.call(both.client(&both.clients.issue(uris))).await.unwrap();
        assert_eq!(tls.uris(), uris);
        assert_eq!(tls.spiffe_id(), id);
    }
}

#[tokio::test]
async fn a_client_without_a_certificate_is_refused_unless_it_needs_none() {
    let both = Mutual::new();
    let server = Listening::start(both.server()).await;
    let refusal = server.refusal(both.anonymous()).await;
    says(&refusal, &["CertificateRequired", "`ClientTls::client_certificate`"]);
    let server = Listening::start(both.server().client_auth_optional(true)).await;
    assert!(server.call(both.anonymous()).await.unwrap().peer_certificates().is_empty());
    let pair = both.clients.issue(&["billing"]);
    let tls = server.call(both.client(&pair)).await.unwrap();
    assert_eq!(tls.dns_names(), ["billing"]);
    // One that is sent is checked all the same.
    let stranger = Authority::new().issue(&["billing"]);
    let refusal = server.refusal(both.client(&stranger)).await;
    says(&refusal, &["UnknownCA", "does not trust the CA of the client's certificate"]);
}

#[tokio::test]
async fn a_client_with_a_certificate_that_is_not_valid_is_refused() {
    let both = Mutual::new();
    let server = Listening::start(both.server()).await;
    // That of a server's CA is not one of clients.
    let other_ca = both.ca.issue(&["billing"]);
    let for_servers = both.clients.issue_with(&["billing"], |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    });
    let hint = "does not accept the client's certificate";
    for (pair, words) in
        [(other_ca, ["UnknownCA", "CA"]), (for_servers, ["UnsupportedCertificate", hint])]
    {
        says(&server.refusal(both.client(&pair)).await, &words);
    }
    server.call(both.client(&both.clients.issue(&["billing"]))).await.unwrap();
}

#[tokio::test]
async fn certificates_between_the_clients_and_the_root_are_sent_along() {
    let both = Mutual::new();
    let server = Listening::start(both.server()).await;
    let intermediate = both.clients.intermediate();
    let mut pair = intermediate.issue(&["billing"]);
    says(&server.refusal(both.client(&pair)).await, &["UnknownCA"]);
    pair.certificate += &intermediate.pem();
    let tls = server.call(both.client(&pair)).await.unwrap();
    assert_eq!((tls.peer_certificates().len(), tls.dns_names()), (2, &["billing".to_owned()][..]));
}

#[tokio::test]
async fn a_revoked_certificate_is_refused() {
    let both = Mutual::new();
    let numbered = |ca: &Authority, serial: u64| {
        ca.issue_with(&["billing"], |it| it.serial_number = Some(SerialNumber::from(serial)))
    };
    let intermediate = both.clients.intermediate();
    let crls = both.clients.crl(&[7]) + &intermediate.crl(&[9]);
    let server = Listening::start(both.server().crl_pem(crls)).await;
    says(&server.refusal(both.client(&numbered(&both.clients, 7))).await, &["CertificateRevoked"]);
    server.call(both.client(&numbered(&both.clients, 8))).await.unwrap();
    for (serial, is_revoked) in [(9, true), (10, false)] {
        let mut pair = numbered(&intermediate, serial);
        pair.certificate += &intermediate.pem();
        match is_revoked {
            true => says(&server.refusal(both.client(&pair)).await, &["CertificateRevoked"]),
            false => drop(server.call(both.client(&pair)).await.unwrap()),
        }
    }
    // A CA without a list has revoked nothing that is known.
    let server = Listening::start(both.server().crl_pem(both.ca.crl(&[]))).await;
    server.refusal(both.client(&numbered(&both.clients, 8))).await;
}
