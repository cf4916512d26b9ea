//! Ports and clients that speak something else than HTTP/2: somebody has to be able to find that out.

use std::time::Duration;

use rust_scaffold::{Channel, Code, Server};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::{
    routes::listen,
    station::{Station, query},
    telemetry::{TelemetryClient, TelemetryServer},
};

/// Only a hang takes so long.
const LONG: Duration = Duration::from_secs(30);

/// A server that answers whatever comes with `bytes`, and then closes the connection or keeps it.
async fn answering(bytes: &'static [u8], closes: bool) -> String {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        let mut kept = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut received = [0; 1024];
            assert!(stream.read(&mut received).await.unwrap() > 0);
            stream.write_all(bytes).await.unwrap();
            if closes {
                stream.shutdown().await.unwrap();
            }
            kept.push(stream);
        }
    });
    format!("http://{address}")
}

#[tokio::test]
async fn a_client_says_what_the_server_speaks_instead_of_http2() {
    let refusal = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    for (bytes, closes, words) in [
        (&b"\x15\x03\x03\x00\x02\x02\x46"[..], true, "TLS"),
        (b"\x15\x03\x01\x00\x02\x02\x0a", false, "TLS"),
        (refusal, true, "an HTTP/1 response, `HTTP/1.1 400 Bad Request`"),
        (refusal, false, "an HTTP/1 response, `HTTP/1.1 400 Bad Request`"),
        (
            b"220 mail.example ESMTP\r\n",
            false,
            "does not speak HTTP/2: it answered `220 mail.example",
        ),
        (b"\xff\x00\x01", false, "does not speak HTTP/2: its answer begins with ff 00 01"),
        (b"", true, "closed the connection before it said anything: does it speak HTTP/2?"),
    ] {
        let address = answering(bytes, closes).await;
        let connecting = timeout(LONG, Channel::connect(&address)).await.expect(words);
        let calling = TelemetryClient::new(Channel::connect_lazy(&address).unwrap());
        let calling = timeout(LONG, calling.latest(query("a", 1))).await.expect(words);
        for status in [connecting.unwrap_err().into(), calling.unwrap_err()] {
            assert_eq!(status.code(), Code::Unavailable, "{status}");
            assert!(status.message().contains(words), "{words}: {status}");
            assert!(status.message().contains(&address), "{status}");
        }
    }
}

/// All that a server that takes HTTP/2 alone answers to a client that sends `pieces`.
async fn answer_to(pieces: &[&[u8]]) -> Vec<u8> {
    let (listener, address) = listen().await;
    let server = Server::new().accept_http1(false);
    let server = server.add_service(TelemetryServer::new(Station::default()));
    let server = tokio::spawn(server.serve_listener(listener));
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    for piece in pieces {
        timeout(LONG, stream.write_all(piece)).await.expect("the server reads").unwrap();
    }
    let mut answer = Vec::new();
    timeout(LONG, stream.read_to_end(&mut answer)).await.expect("an end").unwrap();
    server.abort();
    answer
}

#[tokio::test]
async fn an_http1_request_gets_an_http1_answer_that_says_what_the_port_is() {
    let get = b"GET /healthz HTTP/1.1\r\nHost: station\r\n\r\n";
    let post = b"POST /telemetry.Telemetry/Latest HTTP/1.1\r\nContent-Length: 300000\r\n\r\n";
    let long = [0; 300_000];
    let by_bytes: Vec<&[u8]> = get.chunks(1).collect();
    let hello = b"\x16\x03\x01\x00\xc4\x01\x00\x00\xc0\x03\x03";
    for pieces in [&[&get[..]][..], &by_bytes, &[post, &long], &[hello], &[b"EHLO station\r\n"]] {
        let answer = String::from_utf8(answer_to(pieces).await).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 505 HTTP Version Not Supported\r\n"), "{head}");
        assert!(head.contains("connection: close"), "{head}");
        assert!(head.contains(&format!("content-length: {}", body.len())), "{head}");
        assert!(body.contains("gRPC") && body.contains("HTTP/2"), "{body}");
    }
    let head = answer_to(&[b"HEAD / HTTP/1.1\r\n\r\n"]).await;
    assert!(head.ends_with(b"\r\n\r\n") && head.starts_with(b"HTTP/1.1 505"), "no body");
}

#[tokio::test]
async fn a_client_that_begins_byte_by_byte_is_served() {
    let (here, there) = tokio::io::duplex(1);
    let server = Server::new().add_service(TelemetryServer::new(Station::default()));
    tokio::spawn(server.serve_incoming(tokio_stream::once(Ok(there))));
    let here = std::sync::Mutex::new(Some(here));
    let channel = Channel::builder("http://station").connector(move |_| {
        let here = here.lock().unwrap().take();
        async { here.ok_or_else(|| std::io::ErrorKind::ConnectionRefused.into()) }
    });
    let client = TelemetryClient::new(channel.connect().await.unwrap());
    let point = timeout(LONG, client.latest(query("a", 3))).await.expect("no hang").unwrap();
    assert_eq!(point.into_inner().series, "xxx");
}
