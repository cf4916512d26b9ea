//! A client that speaks TLS by itself, and does what ours does not: it leaves a handshake, resumes sessions, and
//! speaks HTTP/1.1.

use std::{io, sync::Arc, time::Duration};

use rust_scaffold::{Channel, ClientTls, Server, ServerTls};
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, RootCertStore, SupportedProtocolVersion,
    client::{ClientSessionMemoryCache, Resumption},
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    version::{TLS12, TLS13},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex},
    net::TcpStream,
    sync::mpsc,
    time::{Instant, timeout},
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_stream::wrappers::UnboundedReceiverStream;

use super::{Authority, Listening, Pair, Peers, add, says};
use crate::{
    calculator::CalculatorServer,
    routes::{listen, serve_ours},
    station::Station,
    telemetry::TelemetryServer,
};

const LONG: Duration = Duration::from_secs(60);

/// The beginning of HTTP/2, with settings that are empty.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// Trusts `ca`, has the certificate of `pair`, and remembers sessions.
fn config(ca: &Authority, pair: &Pair, version: &'static SupportedProtocolVersion) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca.pem().as_bytes()).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_protocol_versions(&[version]).unwrap().with_root_certificates(roots);
    let certificate = CertificateDer::from_pem_slice(pair.certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
    let mut config = builder.with_client_auth_cert(vec![certificate], key).unwrap();
    config.resumption = Resumption::store(Arc::new(ClientSessionMemoryCache::new(8)));
    config
}

async fn connect(server: &Listening, config: &Arc<ClientConfig>) -> TlsStream<TcpStream> {
    let connector = TlsConnector::from(Arc::clone(config));
    let tcp = TcpStream::connect(server.address).await.unwrap();
    connector.connect("localhost".try_into().unwrap(), tcp).await.unwrap()
}

/// How a client's next handshake is made, which has read what the server sends after it.
async fn next_handshake(server: &Listening, config: &Arc<ClientConfig>) -> HandshakeKind {
    let mut stream = connect(server, config).await;
    stream.write_all(PREFACE).await.unwrap();
    timeout(LONG, stream.read_u8()).await.expect("settings").unwrap();
    stream.get_ref().1.handshake_kind().unwrap()
}

#[tokio::test]
async fn sessions_are_resumed_unless_clients_have_certificates() {
    let ca = Authority::new();
    let (pair, client) = (ca.issue(&["localhost"]), ca.issue(&["billing"]));
    let without = pair.server();
    let with = pair.server().client_ca_pem(ca.pem());
    let optional = with.clone().client_auth_optional(true);
    for (tls, second) in [
        (without, HandshakeKind::Resumed),
        (with, HandshakeKind::Full),
        (optional, HandshakeKind::Full),
    ] {
        let server = Listening::start(tls).await;
        for version in [&TLS12, &TLS13] {
            let config = Arc::new(config(&ca, &client, version));
            assert_eq!(next_handshake(&server, &config).await, HandshakeKind::Full);
            assert_eq!(next_handshake(&server, &config).await, second, "{version:?}");
        }
    }
}

/// How a handshake begins.
fn client_hello(ca: &Authority) -> Vec<u8> {
    let config = config(ca, &ca.issue(&["billing"]), &TLS13);
    let mut connection =
        ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    let mut hello = Vec::new();
    connection.write_tls(&mut hello).unwrap();
    hello
}

/// A server whose connections are in memory, in virtual time.
struct InMemory(mpsc::UnboundedSender<io::Result<DuplexStream>>);

impl InMemory {
    fn start(tls: ServerTls) -> Self {
        let (accepted, incoming) = mpsc::unbounded_channel();
        let server = Server::new().tls(tls).handshake_timeout(Duration::from_secs(3600));
        let server = server.connect_info(true).add_service(CalculatorServer::new(Peers::default()));
        tokio::spawn(server.serve_incoming(UnboundedReceiverStream::new(incoming)));
        Self(accepted)
    }

    /// The client's end of a new connection.
    fn connect(&self) -> DuplexStream {
        let (here, there) = duplex(64 * 1024);
        self.0.send(Ok(there)).unwrap();
        here
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_its_handshake_makes_room_for_others_after_three_seconds() {
    let ca = Authority::new();
    let server = InMemory::start(ca.issue(&["localhost"]).server().max_handshakes(1));
    let mut left = server.connect();
    left.write_all(&client_hello(&ca)).await.unwrap();
    // The server's part has begun.
    left.read_u8().await.unwrap();
    let start = Instant::now();
    let io = std::sync::Mutex::new(Some(server.connect()));
    let builder = Channel::builder("https://localhost").connector(move |_| {
        let io = io.lock().unwrap().take();
        async move { io.ok_or_else(|| io::ErrorKind::ConnectionRefused.into()) }
    });
    let channel = builder.tls(ClientTls::new().ca_pem(ca.pem())).connect().await.unwrap();
    add(channel).await.unwrap();
    let elapsed = start.elapsed();
    let limit = Duration::from_secs(3);
    assert!((limit..limit + Duration::from_millis(100)).contains(&elapsed), "{elapsed:?}");
    let mut rest = Vec::new();
    left.read_to_end(&mut rest).await.unwrap();
}

/// If the server closed the connection while there is more to read, the alert would be lost.
#[tokio::test]
async fn who_does_not_begin_with_tls_gets_the_alert() {
    let server = Listening::start(Authority::new().issue(&["localhost"]).server()).await;
    let mut tcp = TcpStream::connect(server.address).await.unwrap();
    tcp.write_all(&[b'x'; 256 * 1024]).await.unwrap();
    let mut answer = Vec::new();
    timeout(LONG, tcp.read_to_end(&mut answer)).await.expect("it is closed").unwrap();
    // The type of an alert, and a fatal one.
    assert_eq!((answer.first(), answer.get(5)), (Some(&21), Some(&2)), "{answer:?}");
}

#[tokio::test]
async fn who_speaks_something_else_is_told_what_this_port_takes() {
    let ca = Authority::new();
    let (listener, address) = listen().await;
    let _plain = serve_ours(TelemetryServer::new(Station::default()), listener);
    let mut tcp = TcpStream::connect(address).await.unwrap();
    tcp.write_all(&client_hello(&ca)).await.unwrap();
    let mut answer = String::new();
    timeout(LONG, tcp.read_to_string(&mut answer)).await.expect("it is closed").unwrap();
    says(&answer, &["without TLS", "http://"]);

    let server = Server::new().tls(ca.issue(&["localhost"]).server()).accept_http1(false);
    let server = Listening::start_as(server).await;
    let client = Arc::new(config(&ca, &ca.issue(&["billing"]), &TLS13));
    let mut http1 = connect(&server, &client).await;
    http1.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    timeout(LONG, http1.read_to_string(&mut answer)).await.expect("it is closed").unwrap();
    says(&answer, &["505", "HTTP/2", "HTTP/1.1"]);
    assert!(!answer.contains("TLS"), "{answer}");
}

/// The status of the answer to a client that offers the protocols `alpn`, and speaks HTTP/1.1. An error if the
/// handshake fails.
async fn http1_status(server: &Listening, ca: &Authority, alpn: &[&str]) -> io::Result<String> {
    let mut config = config(ca, &ca.issue(&["billing"]), &TLS13);
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    let connector = TlsConnector::from(Arc::new(config));
    let tcp = TcpStream::connect(server.address).await?;
    let mut stream = connector.connect("localhost".try_into().unwrap(), tcp).await?;
    // The sum of nothing.
    let head = "POST /calculator.Calculator/Add HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
                content-type: application/grpc-web\r\ncontent-length: 5\r\n\r\n\0\0\0\0\0";
    stream.write_all(head.as_bytes()).await?;
    let mut answer = Vec::new();
    timeout(LONG, stream.read_to_end(&mut answer)).await.expect("it is closed")?;
    Ok(String::from_utf8_lossy(&answer[..12]).into_owned())
}

#[tokio::test]
async fn http1_is_spoken_with_clients_that_offer_it_or_nothing() {
    let ca = Authority::new();
    let tls = || ca.issue(&["localhost"]).server();
    let server = Listening::start(tls()).await;
    for alpn in [&["http/1.1"][..], &[]] {
        assert_eq!(http1_status(&server, &ca, alpn).await.unwrap(), "HTTP/1.1 200");
        let alpn = alpn.first().map(|name| name.as_bytes());
        assert_eq!(server.peers.last().alpn_protocol(), alpn);
    }
    // HTTP/2 comes first.
    let mut both = config(&ca, &ca.issue(&["billing"]), &TLS13);
    both.alpn_protocols = vec![b"http/1.1".to_vec(), b"h2".to_vec()];
    let stream = connect(&server, &Arc::new(both)).await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));

    let server = Listening::start_as(Server::new().tls(tls()).accept_http1(false)).await;
    http1_status(&server, &ca, &["http/1.1"]).await.unwrap_err();
    assert_eq!(http1_status(&server, &ca, &[]).await.unwrap(), "HTTP/1.1 505");
}
