//! The PROXY protocol, with which a connection begins.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use rust_scaffold::{Channel, ConnectInfo, Connected as _, ConnectedIo, ProxyProtocol, Server};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, duplex},
    net::TcpStream,
    time::{Instant, timeout},
};
use tokio_stream::{StreamExt as _, once, wrappers::TcpListenerStream};

use super::{Callers, VERSION_1, VERSION_2, add, through};
use crate::{
    admin::{server, server_id, server_sockets, socket},
    channelz_v1::address::Address as Shown,
    handshakes::Log,
    health_v1::{HealthCheckRequest, HealthClient},
    routes::listen,
};

/// Only against hanging.
const LONG: Duration = Duration::from_secs(60);

const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

fn loopback() -> ProxyProtocol {
    ProxyProtocol::from_trusted(["127.0.0.0/8"])
}

fn elsewhere() -> ProxyProtocol {
    ProxyProtocol::from_trusted(["192.0.2.0/24", "::1"])
}

/// Waits until the server has closed a connection that has begun with `bytes`, without having said anything.
async fn refuses(address: SocketAddr, bytes: &[u8]) {
    let mut tcp = TcpStream::connect(address).await.unwrap();
    // It may be closed already.
    let _ = tcp.write_all(bytes).await;
    let mut answer = Vec::new();
    match timeout(LONG, tcp.read_to_end(&mut answer)).await.expect("it is closed") {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset),
    }
    assert!(answer.is_empty(), "{answer:?}");
}

#[tokio::test]
async fn the_addresses_are_those_that_the_proxy_tells() {
    let callers = Callers::default();
    let address = Callers::serve(callers.server().proxy_protocol(loopback())).await;
    let mut channels = Vec::new();
    for (header, remote, local) in [
        (VERSION_1, "203.0.113.7:4711", "198.51.100.2:443"),
        (VERSION_2, "[2001:db8::7]:4711", "[2001:db8::2]:443"),
    ] {
        let channel = through("http://calculator", address, header).connect().await.unwrap();
        let caller = callers.of_call(add(), channel.clone()).await;
        channels.push(channel);
        assert_eq!(caller.info.remote_addr(), Some(remote.parse().unwrap()));
        assert_eq!(caller.info.local_addr(), Some(local.parse().unwrap()));
        let proxy = caller.info.proxy().unwrap();
        assert_eq!(proxy.local_addr(), Some(address));
        assert_eq!(proxy.remote_addr().unwrap().ip(), address.ip());
        assert!(proxy.proxy().is_none());
    }
    let server = server(address).await;
    let mut shown = Vec::new();
    for id in server_sockets(server_id(&server), 10).await {
        let address = socket(id).await.unwrap().remote.unwrap().address.unwrap();
        let Shown::TcpipAddress(address) = address else { panic!("{address:?}") };
        shown.push(address.ip_address);
    }
    let expected = ["203.0.113.7", "2001:db8::7"].map(|it| it.parse::<IpAddr>().unwrap());
    let expected = expected.map(|address| match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    });
    assert_eq!(shown, expected);
}

#[tokio::test]
async fn a_proxy_that_connects_for_itself_has_its_own_addresses() {
    let callers = Callers::default();
    let address = Callers::serve(callers.server().proxy_protocol(loopback())).await;
    for header in [LOCAL, b"PROXY UNKNOWN\r\n", b"PROXY UNKNOWN ff::1 ff::1 1 1\r\n"] {
        let channel = through("http://calculator", address, header).connect().await.unwrap();
        let caller = callers.of_call(add(), channel).await;
        assert_eq!(caller.info.local_addr(), Some(address));
        assert_eq!(caller.info.remote_addr().unwrap().ip(), address.ip());
        assert!(caller.info.proxy().is_none());
    }
}

#[tokio::test]
async fn what_a_handshake_has_learned_is_known_of_the_client_too() {
    let callers = Callers::default();
    let (listener, address) = listen().await;
    let incoming = TcpListenerStream::new(listener).map(|accepted| {
        let tcp = accepted?;
        let info = tcp.connect_info().with_extension("tenant");
        Ok(ConnectedIo::new(tcp, info))
    });
    tokio::spawn(callers.server().proxy_protocol(loopback()).serve_incoming(incoming));
    for header in [VERSION_1, LOCAL] {
        let channel = through("http://calculator", address, header).connect().await.unwrap();
        let caller = callers.of_call(add(), channel).await;
        assert_eq!(caller.info.extensions().get(), Some(&"tenant"));
        if let Some(proxy) = caller.info.proxy() {
            assert_eq!(proxy.extensions().get(), Some(&"tenant"));
        }
    }
}

#[tokio::test]
async fn a_connection_without_a_header_is_closed_and_the_first_is_a_warning_that_says_so() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let endless = [b"PROXY UNKNOWN ".as_slice(), &[b'x'; 1000]].concat();
    let oversized = [&LOCAL[..14], &[0xff; 70_000]].concat();
    for (bytes, reason) in [
        (PREFACE, "has no header"),
        (b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\0", "has no header"),
        (b"PROXY TCP4 203.0.113.7 198.51.100.2 4711\r\n", "malformed"),
        (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x04\0\0\0\0", "malformed"),
        (&endless, "does not end"),
        (&oversized, "more than 16 KiB"),
    ] {
        let address = Callers::serve(Callers::default().server().proxy_protocol(loopback())).await;
        for level in ["WARN", "DEBUG", "DEBUG"] {
            refuses(address, bytes).await;
            let lines = std::mem::take(&mut *log.0.lock().unwrap());
            assert_eq!(lines.len(), 1, "{lines:?}");
            assert!(lines[0].starts_with(level), "{lines:?}");
            assert!(lines[0].contains("the connection from 127.0.0.1:"), "{lines:?}");
            assert!(lines[0].contains(reason), "{lines:?}");
        }
    }
}

/// Port scans would otherwise hide that a proxy is not set up as it should be.
#[tokio::test]
async fn a_peer_that_is_not_trusted_does_not_use_up_the_warning_of_a_proxy() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let (clients, incoming): (Vec<_>, Vec<_>) = ["192.0.2.1:4711", "127.0.0.1:4711"]
        .map(|peer| {
            let (client, io) = duplex(1024);
            let info = ConnectInfo::default().with_remote_addr(peer.parse().unwrap());
            (client, Ok(ConnectedIo::new(io, info)))
        })
        .into_iter()
        .unzip();
    let server = Server::new().proxy_protocol(loopback());
    tokio::spawn(server.serve_incoming(tokio_stream::iter(incoming)));
    for mut client in clients {
        client.write_all(PREFACE).await.unwrap();
        client.read_to_end(&mut Vec::new()).await.unwrap();
    }
    let lines = log.0.lock().unwrap();
    let warnings = lines.iter().filter(|line| line.starts_with("WARN")).count();
    assert_eq!(warnings, 2, "{lines:?}");
}

#[tokio::test]
async fn whoever_looks_whether_the_port_is_open_is_no_warning() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let address = Callers::serve(Callers::default().server().proxy_protocol(loopback())).await;
    for sent in [b"", &VERSION_1[..20], VERSION_1] {
        let mut tcp = TcpStream::connect(address).await.unwrap();
        tcp.write_all(sent).await.unwrap();
        tcp.shutdown().await.unwrap();
        tcp.read_to_end(&mut Vec::new()).await.unwrap();
    }
    let lines = log.0.lock().unwrap();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines.iter().all(|line| line.starts_with("DEBUG")), "{lines:?}");
}

#[tokio::test]
async fn whoever_is_not_trusted_is_refused_and_warned_of_once() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let callers = Callers::default();
    let address = Callers::serve(callers.server().proxy_protocol(elsewhere())).await;
    for _ in 0..3 {
        // Also with a header, and without a word.
        for bytes in [VERSION_1, VERSION_2, PREFACE, b""] {
            refuses(address, bytes).await;
        }
    }
    assert!(callers.0.lock().unwrap().is_empty());
    let lines = log.0.lock().unwrap();
    assert_eq!(lines.len(), 12, "{lines:?}");
    assert!(lines.iter().all(|line| line.contains("comes from no proxy")), "{lines:?}");
    let warnings = lines.iter().filter(|line| line.starts_with("WARN")).count();
    assert_eq!(warnings, 1, "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn a_header_has_to_come_within_the_time_for_handshakes() {
    for sent in [&b""[..], &VERSION_1[..20], &VERSION_2[..30]] {
        let (mut proxy, io) = duplex(1024);
        let peers = ["127.0.0.1:50051", "127.0.0.1:4711"].map(|it| it.parse().unwrap());
        let io = ConnectedIo::new(io, ConnectInfo::tcp(peers[0], peers[1]));
        let server = Server::new().proxy_protocol(loopback());
        let server = server.handshake_timeout(Duration::from_secs(7));
        let begun = Instant::now();
        tokio::spawn(server.serve_incoming(once(Ok(io))));
        proxy.write_all(sent).await.unwrap();
        proxy.read_to_end(&mut Vec::new()).await.unwrap();
        assert_eq!(begun.elapsed().as_secs(), 7);
    }
}

#[tokio::test]
async fn http1_is_spoken_behind_a_header() {
    let callers = Callers::default();
    let address = Callers::serve(callers.server().proxy_protocol(loopback())).await;
    let mut tcp = TcpStream::connect(address).await.unwrap();
    let request = "POST /calculator.Calculator/Add HTTP/1.1\r\nhost: calculator\r\n\
                   connection: close\r\ncontent-type: application/json\r\n\
                   content-length: 15\r\n\r\n{\"a\": 1, \"b\":2}";
    tcp.write_all(&[VERSION_1, request.as_bytes()].concat()).await.unwrap();
    let mut answer = String::new();
    timeout(LONG, tcp.read_to_string(&mut answer)).await.expect("it is closed").unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert_eq!(callers.last().info.remote_addr(), Some("203.0.113.7:4711".parse().unwrap()));
}

#[cfg(unix)]
#[tokio::test]
async fn a_proxy_on_a_unix_socket_is_trusted_if_it_is_said() {
    use tokio::net::{UnixListener, UnixStream};

    let folder = tempfile::tempdir().unwrap();
    for (name, networks, is_trusted) in
        [("trusted", ["unix:"], true), ("not", ["0.0.0.0/0"], false)]
    {
        let path = folder.path().join(name);
        let callers = Callers::default();
        let server = callers.server().proxy_protocol(ProxyProtocol::from_trusted(networks));
        tokio::spawn(server.serve_listener(UnixListener::bind(&path).unwrap()));
        let channel = Channel::builder("http://calculator").connector(move |_| {
            let path = path.clone();
            async move {
                let mut io = UnixStream::connect(path).await?;
                io.write_all(VERSION_1).await?;
                Ok(io)
            }
        });
        let channel = channel.connect().await;
        assert_eq!(channel.is_ok(), is_trusted);
        let Ok(channel) = channel else { continue };
        let caller = callers.of_call(add(), channel).await;
        assert_eq!(caller.info.remote_addr(), Some("203.0.113.7:4711".parse().unwrap()));
        // They are the proxy's.
        assert!(caller.info.remote_unix_addr().is_none());
        assert!(caller.info.peer_credentials().is_none());
        let proxy = caller.info.proxy().unwrap();
        assert_eq!(proxy.peer_credentials().unwrap().uid(), rustix::process::geteuid().as_raw());
    }
}

#[tokio::test]
async fn probes_come_without_a_header() {
    let (listener, probes) = listen().await;
    let server = Callers::default().server().proxy_protocol(elsewhere()).probe_listener(listener);
    Callers::serve(server).await;
    let channel = Channel::connect(format!("http://{probes}")).await.unwrap();
    HealthClient::new(channel).check(HealthCheckRequest::default()).await.unwrap();
}

#[tokio::test]
async fn serving_fails_if_a_network_is_none() {
    let server = Server::new().proxy_protocol(ProxyProtocol::from_trusted(["10.0.0.0/8", "lb"]));
    let error = server.serve("127.0.0.1:0").await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    assert!(error.to_string().contains("`Server::proxy_protocol` has \"lb\""), "{error}");
}
