//! Who is connected to over TLS, and what those are told who are not.

use std::{io, time::Duration};

use rust_scaffold::{Channel, ClientTls, ConnectError, Server};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_stream::StreamExt as _;

use super::{Authority, Listening, Peers, add, says};
use crate::{
    calculator::CalculatorServer,
    routes::{listen, serve_ours},
    station::{Station, point, query},
    telemetry::{TelemetryClient, TelemetryServer},
};

const LONG: Duration = Duration::from_secs(30);

#[tokio::test]
async fn calls_of_all_kinds_are_made_over_tls() {
    let ca = Authority::new();
    let server = Listening::start(ca.issue(&["localhost"]).server()).await;
    let channel = server.channel().tls(ClientTls::new().ca_pem(ca.pem())).connect().await.unwrap();
    add(channel.clone()).await.unwrap();
    let tls = server.peers.last();
    assert_eq!((tls.version(), tls.alpn_protocol()), (Some("TLSv1.3"), Some(&b"h2"[..])));
    assert!(tls.peer_certificates().is_empty());

    let client = TelemetryClient::new(channel);
    // Larger than a TLS record, and than a window.
    let latest = client.latest(query("a", 3_000_000)).await.unwrap().into_inner();
    assert_eq!(latest.series.len(), 3_000_000);
    let points = ["a", "b", "a"].map(point);
    let summary = client.upload(tokio_stream::iter(points)).await.unwrap().into_inner();
    assert_eq!(summary.accepted, 3);
    let watched = client.watch(query("a", 100)).await.unwrap().into_inner();
    // One more says that it is the end.
    assert_eq!(watched.collect::<Vec<_>>().await.len(), 101);
    let queries = tokio_stream::iter([query("a", 1), query("b", 1)]);
    let tailed = client.tail(queries).await.unwrap().into_inner();
    assert_eq!(tailed.collect::<Vec<_>>().await.len(), 2);
}

#[tokio::test]
async fn a_server_of_an_unknown_ca_is_not_connected_to() {
    let (ca, other) = (Authority::new(), Authority::new());
    let server = Listening::start(ca.issue(&["localhost"]).server()).await;
    let error = server.call(ClientTls::new().ca_pem(other.pem())).await.unwrap_err();
    assert!(matches!(error, ConnectError::Unreachable { .. }));
    says(&error.to_string(), &["UnknownIssuer", "`ClientTls::ca`"]);
    // With several, one suffices.
    let both = ClientTls::new().ca_pem(other.pem()).ca_pem(ca.pem());
    server.call(both).await.unwrap();
}

#[tokio::test]
async fn a_ca_that_was_made_again_is_another_one() {
    let [ca, again] = [Authority::named("one"), Authority::named("one")];
    let server = Listening::start(ca.issue(&["localhost"]).server()).await;
    let error = server.call(ClientTls::new().ca_pem(again.pem())).await.unwrap_err();
    says(&error.to_string(), &["BadSignature", "`ClientTls::ca`"]);
}

#[tokio::test]
async fn a_server_with_another_name_is_not_connected_to_unless_that_is_expected() {
    let ca = Authority::new();
    let server = Listening::start(ca.issue(&["calculator.internal"]).server()).await;
    let tls = ClientTls::new().ca_pem(ca.pem());
    let error = server.call(tls.clone()).await.unwrap_err().to_string();
    says(&error, &["localhost", "calculator.internal", "`ClientTls::server_name`"]);
    server.call(tls.clone().server_name("calculator.internal")).await.unwrap();
    match server.call(tls.server_name("not a name")).await.unwrap_err() {
        error @ ConnectError::Tls { .. } => says(&error.to_string(), &["`not a name`"]),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn ip_addresses_are_names_too() {
    let ca = Authority::new();
    let server = Listening::start(ca.issue(&["127.0.0.1"]).server()).await;
    let tls = ClientTls::new().ca_pem(ca.pem());
    let builder = Channel::builder(format!("https://{}", server.address)).tls(tls.clone());
    add(builder.connect().await.unwrap()).await.unwrap();
    says(&server.call(tls).await.unwrap_err().to_string(), &["localhost"]);
}

/// The system does not know the CAs of tests.
#[tokio::test]
async fn https_alone_trusts_whom_the_system_trusts() {
    let ca = Authority::new();
    let server = Listening::start(ca.issue(&["localhost"]).server()).await;
    match server.channel().connect().await.unwrap_err() {
        error @ ConnectError::Unreachable { .. } => says(&error.to_string(), &["UnknownIssuer"]),
        error => panic!("{error}"),
    }
}

#[tokio::test]
async fn who_does_not_speak_tls_is_told_so() {
    let ca = Authority::new();
    let secure = Listening::start(ca.issue(&["localhost"]).server()).await;
    let error = Channel::connect(format!("http://{}", secure.address)).await.unwrap_err();
    says(&error.to_string(), &["in TLS", "https://"]);

    let (listener, address) = listen().await;
    let _plain = serve_ours(TelemetryServer::new(Station::default()), listener);
    let tls = ClientTls::new().ca_pem(ca.pem());
    let builder = Channel::builder(format!("https://localhost:{}", address.port())).tls(tls);
    says(&builder.connect().await.unwrap_err().to_string(), &["does not speak TLS", "http://"]);
}

#[tokio::test]
async fn tls_is_not_set_for_an_address_without() {
    match Channel::builder("http://localhost").tls(ClientTls::new()).connect_lazy().unwrap_err() {
        error @ ConnectError::InvalidOption { option: "tls", .. } => {
            says(&error.to_string(), &["http://localhost", "https://"]);
        }
        error => panic!("{error}"),
    }
}

#[tokio::test]
async fn connections_that_say_nothing_delay_nobody() {
    let ca = Authority::new();
    // With room for one handshake only.
    let tls = ca.issue(&["localhost"]).server().max_handshakes(1);
    let server = Server::new().tls(tls).handshake_timeout(Duration::from_secs(3600));
    let server = Listening::start_as(server).await;
    let mut idle = Vec::new();
    for _ in 0..500 {
        idle.push(TcpStream::connect(server.address).await.unwrap());
    }
    // Others have begun to say something.
    for connection in idle.iter_mut().take(100) {
        connection.write_all(&[22, 3, 1, 2, 0, 1]).await.unwrap();
    }
    let calls = (0..20).map(|_| server.call(ClientTls::new().ca_pem(ca.pem())));
    let calls = timeout(LONG, futures_util::future::join_all(calls)).await.expect("no delay");
    assert!(calls.iter().all(Result::is_ok), "{calls:?}");
}

#[tokio::test]
async fn a_handshake_that_does_not_go_on_ends_at_the_limit() {
    let ca = Authority::new();
    let server = Server::new().tls(ca.issue(&["localhost"]).server());
    let server = server.handshake_timeout(Duration::from_millis(100));
    let server = Listening::start_as(server).await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    let mut rest = Vec::new();
    timeout(LONG, idle.read_to_end(&mut rest)).await.expect("it is closed").unwrap();
}

#[tokio::test]
async fn tls_is_spoken_on_the_connections_of_a_connector_if_it_is_set() {
    let ca = Authority::new();
    let server = Listening::start(ca.issue(&["calculator"]).server()).await;
    let address = server.address;
    let builder = Channel::builder("https://calculator").connector(move |uri| {
        assert_eq!(uri.to_string(), "https://calculator/");
        TcpStream::connect(address)
    });
    let tls = ClientTls::new().ca_pem(ca.pem());
    add(builder.clone().tls(tls).connect().await.unwrap()).await.unwrap();
    // Without, the connector speaks it.
    says(&builder.connect().await.unwrap_err().to_string(), &["in TLS"]);
}

#[cfg(unix)]
#[tokio::test]
async fn unix_sockets_have_tls_as_well() {
    let ca = Authority::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calculator.sock");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let server = Server::new().tls(ca.issue(&["localhost"]).server()).connect_info(true);
    let server = server.add_service(CalculatorServer::new(Peers::default()));
    tokio::spawn(server.serve_listener(listener));
    let tls = ClientTls::new().ca_pem(ca.pem());
    let channel = Channel::builder(format!("unix:{}", path.display())).tls(tls);
    add(channel.connect().await.unwrap()).await.unwrap();
}

/// A server is asked for its certificate after the handshake of its own.
#[tokio::test]
async fn what_a_server_serves_from_a_stream_has_tls_as_well() {
    let ca = Authority::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
    let server = Server::new().tls(ca.issue(&["localhost"]).server()).connect_info(true);
    let server = server.add_service(CalculatorServer::new(Peers::default()));
    let serving = tokio::spawn(async move { server.serve_incoming(incoming.take(1)).await });
    let tls = ClientTls::new().ca_pem(ca.pem());
    let builder = Channel::builder(format!("https://localhost:{}", address.port())).tls(tls);
    let channel = builder.connect().await.unwrap();
    add(channel.clone()).await.unwrap();
    drop(channel);
    let served: io::Result<()> = timeout(LONG, serving).await.expect("it ends").unwrap();
    served.unwrap();
}

#[tokio::test]
async fn handshakes_in_progress_do_not_keep_a_server() {
    let ca = Authority::new();
    // A client that says nothing, and one that says the beginning of a TLS record.
    for bytes in [&[][..], &[22, 3, 1]] {
        let (listener, address) = listen().await;
        let server = Server::new()
            .tls(ca.issue(&["localhost"]).server())
            .handshake_timeout(Duration::from_secs(3600))
            .shutdown_timeout(None)
            .add_service(TelemetryServer::new(Station::default()));
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let serving = tokio::spawn(server.serve_listener_with_shutdown(listener, async {
            let _ = stopped.await;
        }));
        let mut silent = TcpStream::connect(address).await.unwrap();
        silent.write_all(bytes).await.unwrap();
        // Connections are accepted in their order.
        let channel = Channel::builder(format!("https://localhost:{}", address.port()));
        let channel = channel.tls(ClientTls::new().ca_pem(ca.pem())).connect().await.unwrap();
        TelemetryClient::new(channel).latest(query("a", 1)).await.unwrap();
        stop.send(()).unwrap();
        timeout(LONG, serving).await.expect("it stops").unwrap().unwrap();
        drop(silent);
    }
}
