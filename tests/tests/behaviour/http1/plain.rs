//! Plain HTTP: the fallback service, and what HTTP/1.1 has besides requests and responses.

use std::convert::Infallible;

use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use rust_scaffold::{ConnectInfo, HttpBody, Server};
use tokio::net::TcpStream;
use tower::service_fn;

use super::{Raw, Serving, latest};
use crate::routes::listen;

/// A server that answers plain requests with what they say.
fn echo() -> Server {
    Server::new().connect_info(true).fallback(service_fn(async |request: Request<HttpBody>| {
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let client = head.extensions.get::<ConnectInfo>().and_then(ConnectInfo::remote_addr);
        let client = client.map(|client| client.to_string()).unwrap_or_default();
        let body = String::from_utf8_lossy(&body);
        let text = format!("{} {} {client} {body}", head.method, head.uri.path());
        Ok::<_, Infallible>(Response::new(Full::from(text)))
    }))
}

#[tokio::test(start_paused = true)]
async fn what_is_no_call_goes_to_the_fallback_service() {
    let serving = Serving::start(echo());
    let mut client = serving.connect();
    client.send("GET /page?a=1 HTTP/1.1\r\nhost: station\r\n\r\n").await;
    let (head, body) = client.response().await;
    assert_eq!((head.status.as_u16(), &*body), (200, &b"GET /page  "[..]));
    assert_eq!(head.get("content-length"), "11");

    client.send("HEAD /page HTTP/1.1\r\nhost: station\r\n\r\n").await;
    let head = client.head().await;
    assert_eq!((head.status.as_u16(), head.get("content-length")), (200, "12"));

    let chunks = "4\r\nWiki\r\n6;x=y\r\npedia \r\n0\r\nmore: later\r\n\r\n";
    let post = "POST /page HTTP/1.1\r\nhost: station\r\ntransfer-encoding: chunked\r\n\r\n";
    client.send(format!("{post}{chunks}")).await;
    assert_eq!(client.response().await.1, b"POST /page  Wikipedia ");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_waits_for_permission_gets_it() {
    let serving = Serving::start(echo());
    let mut client = serving.connect();
    let head =
        "POST / HTTP/1.1\r\nhost: station\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n";
    client.send(head).await;
    assert_eq!(client.head().await.status, 100);
    client.send("hi").await;
    assert_eq!(client.response().await.1, b"POST /  hi");
}

#[tokio::test(start_paused = true)]
async fn requests_that_come_together_are_answered_in_their_order() {
    let serving = Serving::start(echo());
    let mut client = serving.connect();
    let requests: String =
        (0..50).map(|n| format!("GET /{n} HTTP/1.1\r\nhost: station\r\n\r\n")).collect();
    client.send([requests.as_bytes(), &latest()].concat()).await;
    for n in 0..50 {
        assert_eq!(client.response().await.1, format!("GET /{n}  ").as_bytes());
    }
    client.web_response().await.has_status("0");
}

/// RFC 9113 has done away with it.
#[tokio::test(start_paused = true)]
async fn an_upgrade_to_http2_is_ignored() {
    let serving = Serving::start(echo());
    let mut client = serving.connect();
    let head = "GET / HTTP/1.1\r\nhost: station\r\nconnection: upgrade, http2-settings\r\n\
                upgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n";
    client.send(head).await;
    assert_eq!(client.response().await.0.status, 200);
    client.send(latest()).await;
    client.web_response().await.has_status("0");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_wants_one_answer_gets_one() {
    let serving = Serving::start(echo());
    for head in
        ["GET / HTTP/1.1\r\nconnection: close\r\nhost: station\r\n\r\n", "GET / HTTP/1.0\r\n\r\n"]
    {
        let mut client = serving.connect();
        client.send(head).await;
        let answer = String::from_utf8(client.closed().await).unwrap();
        assert!(answer.ends_with("\r\n\r\nGET /  "), "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_http_is_refused() {
    let serving = Serving::start(echo());
    for nonsense in [
        // The preface of HTTP/2, until it is no more.
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\r",
        "PRI * HTTP/2.1\r\n\r\n",
        "GET / HTTP/3\r\n\r\n",
        "EHLO station\r\n",
        "GET / HTTP/1.1\r\nhost : station\r\n\r\n",
        "POST / HTTP/1.1\r\ncontent-length: 1, 2\r\n\r\n",
    ] {
        let mut client = serving.connect();
        client.send(nonsense).await;
        let answer = String::from_utf8(client.closed().await).unwrap();
        assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{nonsense}: {answer}");
    }
}

#[tokio::test]
async fn handlers_learn_who_their_client_is() {
    let (listener, address) = listen().await;
    tokio::spawn(echo().serve_listener(listener));
    let stream = TcpStream::connect(address).await.unwrap();
    let here = stream.local_addr().unwrap();
    let mut client = Raw::new(stream);
    client.send("GET / HTTP/1.1\r\nhost: station\r\n\r\n").await;
    assert_eq!(client.response().await.1, format!("GET / {here} ").as_bytes());
}
