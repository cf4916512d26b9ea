//! `x-forwarded-for`, which proxies add to requests.

use std::net::{IpAddr, SocketAddr};

use rust_scaffold::{
    CallLog, Channel, ConnectInfo, ForwardedFor, LogFormat, ProxyProtocol, Request, Server,
    TraceCalls,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tower::util::MapRequestLayer;
use tower_layer::Layer as _;

use super::{Callers, VERSION_1, add, through};
use crate::{
    calculator::{AddRequest, CalculatorClient},
    spans::Collected,
    written::Written,
};

fn loopback() -> ForwardedFor {
    ForwardedFor::from_trusted(["127.0.0.0/8"])
}

/// A call that a proxy has passed on, or somebody who says so.
fn forwarded(value: &str) -> Request<AddRequest> {
    let mut request = add();
    request.metadata_mut().insert("x-forwarded-for", value.parse().unwrap());
    request
}

fn ip(text: &str) -> Option<IpAddr> {
    Some(text.parse().unwrap())
}

async fn connect(address: SocketAddr) -> Channel {
    Channel::connect(format!("http://{address}")).await.unwrap()
}

#[tokio::test]
async fn each_call_of_a_connection_has_its_own_client() {
    let callers = Callers::default();
    let address = Callers::serve(callers.server().forwarded_for(loopback())).await;
    let channel = connect(address).await;
    for (value, client) in [
        ("203.0.113.7", "203.0.113.7"),
        ("6.6.6.6, 203.0.113.8, 127.0.0.9", "203.0.113.8"),
        ("nobody", "127.0.0.1"),
    ] {
        let caller = callers.of_call(forwarded(value), channel.clone()).await;
        assert_eq!(caller.client, ip(client), "{value}");
        // It remains that of the proxy.
        assert_eq!(caller.info.remote_addr().unwrap().ip(), address.ip());
    }
    assert_eq!(callers.of_call(add(), channel).await.client, ip("127.0.0.1"));
}

#[tokio::test]
async fn the_header_of_one_who_is_not_trusted_says_nothing() {
    let callers = Callers::default();
    let trusted = ForwardedFor::from_trusted(["10.0.0.0/8"]);
    let address = Callers::serve(callers.server().forwarded_for(trusted)).await;
    let caller = callers.of_call(forwarded("203.0.113.7"), connect(address).await).await;
    assert_eq!(caller.client, ip("127.0.0.1"));
}

#[tokio::test]
async fn nobody_looks_at_it_unless_the_server_is_told_to() {
    let callers = Callers::default();
    let address = Callers::serve(callers.server()).await;
    let caller = callers.of_call(forwarded("203.0.113.7"), connect(address).await).await;
    assert_eq!(caller.client, None);
}

/// It comes with what is known of connections, whatever is said of that.
#[tokio::test]
async fn the_peer_is_the_one_that_the_connections_header_tells() {
    let callers = Callers::default();
    let proxies = ForwardedFor::from_trusted(["203.0.113.7"]);
    let server = callers.server().forwarded_for(proxies).connect_info(false);
    let server = server.proxy_protocol(ProxyProtocol::from_trusted(["127.0.0.1"]));
    let address = Callers::serve(server).await;
    let channel = through("http://calculator", address, VERSION_1).connect().await.unwrap();
    let caller = callers.of_call(forwarded("192.0.2.1"), channel).await;
    assert_eq!(caller.client, ip("192.0.2.1"));
}

/// As another server would say it.
fn with_peer<B>(mut request: http::Request<B>) -> http::Request<B> {
    let [local, remote] = ["127.0.0.1:50051", "127.0.0.1:4711"].map(|it| it.parse().unwrap());
    request.extensions_mut().insert(ConnectInfo::tcp(local, remote));
    request
}

#[tokio::test]
async fn behind_another_server_only_a_layer_around_the_routes_tells_the_peer() {
    let callers = Callers::default();
    let server = || callers.server().forwarded_for(loopback());
    let around = MapRequestLayer::new(with_peer).layer(server().into_service().unwrap());
    let caller = callers.of_call(forwarded("203.0.113.7"), Channel::new(around)).await;
    assert_eq!(caller.client, ip("203.0.113.7"));
    let within = server().layer(MapRequestLayer::new(with_peer)).into_service().unwrap();
    let caller = callers.of_call(forwarded("203.0.113.7"), Channel::new(within)).await;
    assert_eq!(caller.client, None);
}

#[tokio::test]
async fn connect_and_http1_are_forwarded_as_well() {
    let callers = Callers::default();
    let address = Callers::serve(callers.server().forwarded_for(loopback())).await;
    let mut tcp = TcpStream::connect(address).await.unwrap();
    let request = "POST /calculator.Calculator/Add HTTP/1.1\r\nhost: calculator\r\n\
                   connection: close\r\ncontent-type: application/json\r\n\
                   X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: [2001:db8::7]:4711\r\n\
                   content-length: 2\r\n\r\n{}";
    tcp.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tcp.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert_eq!(callers.last().client, ip("2001:db8::7"));
}

#[tokio::test]
async fn the_log_names_the_client_and_the_proxy() {
    for (format, expected) in
        [(LogFormat::Json, "\"client\":\"203.0.113.7\""), (LogFormat::Text, "  203.0.113.7  ")]
    {
        let written = Written::default();
        let log = CallLog::to_writer(written.clone()).with_format(format);
        let server =
            Callers::default().server().forwarded_for(loopback()).log_calls_to(log.clone());
        let address = Callers::serve(server).await;
        let channel = connect(address).await;
        let calls = CalculatorClient::new(channel);
        calls.add(forwarded("203.0.113.7")).await.unwrap();
        // Refused before there is a call.
        let mut long = forwarded("203.0.113.7");
        long.metadata_mut().insert("x-long", "x".repeat(20_000).parse().unwrap());
        calls.add(long).await.unwrap_err();
        let text = loop {
            log.flush().await;
            match written.take(2) {
                Some(text) => break text,
                None => tokio::task::yield_now().await,
            }
        };
        for line in text.lines() {
            assert!(line.contains(expected), "{line}");
        }
        if format == LogFormat::Json {
            assert!(text.contains("\"peer\":\"127.0.0.1:"), "{text}");
        }
    }
}

#[tokio::test]
async fn spans_name_the_client_and_the_proxy() {
    let (collected, _guard) = Collected::here();
    for name in ["observer", "interceptor"] {
        let server = Callers::default().server().forwarded_for(loopback());
        let server = match name {
            "observer" => server.trace_calls(),
            _ => server.intercept(TraceCalls::new()),
        };
        let client = CalculatorClient::new(connect(Callers::serve(server).await).await);
        client.add(forwarded("203.0.113.7")).await.unwrap();
        let span = collected.ended(1).await.remove(0);
        assert_eq!(span.field("client.address"), Some("203.0.113.7"), "{name}");
        assert_eq!(span.field("network.peer.address"), Some("127.0.0.1"), "{name}");
    }
}

#[tokio::test]
async fn serving_fails_if_a_network_is_none() {
    let server = Server::new().forwarded_for(ForwardedFor::from_trusted(["10.0.0.0/33"]));
    let error = server.into_service().unwrap_err();
    assert!(error.to_string().contains("`Server::forwarded_for` has \"10.0.0.0/33\""), "{error}");
}
