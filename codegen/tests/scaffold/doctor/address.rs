//! `cargo scaffold doctor ADDRESS`, with servers on loopback.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread,
};

use rcgen::{CertificateParams, CertifiedIssuer, KeyPair, date_time_ymd};
use rustls::{
    RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    crypto::ring,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    server::WebPkiClientVerifier,
};

use super::codes;
use crate::project::{Project, Ran};

/// Serves connections, one after the other, for as long as the test runs.
fn serve(connection: impl Fn(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || listener.incoming().flatten().for_each(connection));
    address
}

/// Answers once, if the peer begins as it should, and waits for its end.
fn answer(stream: &mut (impl Read + Write), begin: u8, answer: &[u8]) {
    let mut buffer = [0; 1024];
    // The peer may have gone, which is none of the server's business.
    if stream.read(&mut buffer).is_ok_and(|read| read > 0) && buffer[0] == begin {
        let _ = stream.write_all(answer);
        let _ = stream.flush();
        while stream.read(&mut buffer).is_ok_and(|read| read > 0) {}
    }
}

fn examine(address: &str) -> Ran {
    examine_for("60", address)
}

fn examine_for(seconds: &str, address: &str) -> Ran {
    let project = Project::new(&[]);
    // It is about no package.
    project.remove("Cargo.toml");
    project.run(&["doctor", address, "--timeout", seconds, "--message-format", "json"])
}

/// Settings, and two calls that are answered by these headers alone.
fn http2(headers: u8) -> Vec<u8> {
    let mut bytes = vec![0, 0, 0, 4, 0, 0, 0, 0, 0];
    for stream in [1, 3] {
        bytes.extend([0, 0, 1, 1, 5, 0, 0, 0, stream, headers]);
    }
    bytes
}

#[test]
fn cleartext_is_told_apart_by_the_answer() {
    for (said, code, exit) in [
        (http2(0x88), "no-reflection", 0),
        (http2(0x8d), "not-grpc", 1),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), "http1", 1),
        (b"220 mail.example.org\r\n".to_vec(), "not-http", 1),
    ] {
        let address = serve(move |mut stream| answer(&mut stream, b'P', &said));
        let ran = examine(&address.to_string()).exits(exit);
        assert_eq!(codes(&ran), [code]);
        assert_eq!(codes(&examine(&format!("https://{address}"))), ["other-scheme", code]);
    }
}

#[test]
fn a_server_with_reflection_is_well() {
    let mut said = vec![0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 1, 1, 4, 0, 0, 0, 1, 0x88];
    said.extend([0, 0, 5, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0]);
    said.extend([0, 0, 1, 1, 5, 0, 0, 0, 3, 0x88]);
    let address = serve(move |mut stream| answer(&mut stream, b'P', &said));
    let ran = Project::new(&[]).run(&["doctor", &address.to_string()]).exits(0);
    let expected =
        format!("note: `{address}` speaks HTTP/2 (cleartext) and gRPC, with reflection\n");
    assert_eq!(ran.stderr, expected);
}

#[test]
fn nobody_silence_and_an_end_are_told_apart() {
    // Nothing uses this port, and no other test gets it.
    assert_eq!(codes(&examine("127.0.0.1:1").exits(1)), ["unreachable"]);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    assert_eq!(codes(&examine_for("1", &address).exits(1)), ["silent"]);
    let ending = serve(|mut stream| answer(&mut stream, 0, b""));
    assert_eq!(codes(&examine(&ending.to_string()).exits(1)), ["ended"]);
    let ran = examine("localhost").exits(1);
    assert!(ran.stdout.contains("`localhost` is no address"), "{}", ran.stdout);
}

/// A server with TLS, whose certificate is valid until a year.
fn serve_tls(year: i32, alpn: &[&str], is_mutual: bool) -> SocketAddr {
    let mut parameters = CertificateParams::new(["localhost".to_owned()]).unwrap();
    parameters.not_after = date_time_ymd(year, 1, 1);
    let issuer = CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap();
    let provider = Arc::new(ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider.clone());
    let config = config.with_safe_default_protocol_versions().unwrap();
    let config = if is_mutual {
        let mut roots = RootCertStore::empty();
        roots.add(issuer.der().clone()).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
        config.with_client_cert_verifier(verifier.build().unwrap())
    } else {
        config.with_no_client_auth()
    };
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(issuer.key().serialize_der()));
    let mut config = config.with_single_cert(vec![issuer.der().clone()], key).unwrap();
    config.alpn_protocols = alpn.iter().map(|it| it.as_bytes().to_vec()).collect();
    let config = Arc::new(config);
    serve(move |stream| {
        let connection = ServerConnection::new(config.clone()).unwrap();
        answer(&mut StreamOwned::new(connection, stream), b'P', &http2(0x88));
    })
}

#[test]
fn tls_alpn_and_the_certificate_are_told() {
    for (year, alpn, expected) in [
        (2500, &["h2"][..], &["certificate", "no-reflection"][..]),
        (2500, &[], &["no-alpn", "certificate", "no-reflection"]),
        (2500, &["http/1.1"], &["certificate", "http1"]),
        (2020, &["h2"], &["certificate-expired", "no-reflection"]),
    ] {
        let address = serve_tls(year, alpn, false);
        assert_eq!(codes(&examine(&address.to_string())), expected);
    }
    let address = serve_tls(2500, &["h2"], false);
    let ran = examine(&format!("http://{address}")).exits(1);
    assert_eq!(codes(&ran), ["other-scheme", "certificate", "no-reflection"]);
    let ran = examine(&serve_tls(2500, &["spdy/3"], false).to_string()).exits(1);
    assert_eq!(codes(&ran), ["ended"]);
    assert!(ran.stdout.contains("NoApplicationProtocol"), "{}", ran.stdout);
}

/// It chooses TLS 1.1, which nobody should.
#[test]
fn a_server_whose_tls_is_too_old_speaks_tls() {
    let mut hello = vec![22, 3, 2, 0, 42, 2, 0, 0, 38, 3, 2];
    hello.extend([7; 32]);
    hello.extend([0, 0xc0, 0x13, 0]);
    let address = serve(move |mut stream| answer(&mut stream, 22, &hello));
    let ran = examine(&format!("https://{address}")).exits(1);
    assert_eq!(codes(&ran), ["ended"]);
    assert!(ran.stdout.contains("(TLS) ended: peer is incompatible"), "{}", ran.stdout);
}

#[test]
fn a_server_that_wants_certificates_of_its_clients_is_told() {
    let address = serve_tls(2500, &["h2"], true);
    let ran = examine(&address.to_string()).exits(1);
    assert_eq!(codes(&ran), ["certificate", "wants-certificate"]);
}
