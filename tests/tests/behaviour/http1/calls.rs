//! Calls of gRPC-Web.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::Response;
use http_body::{Body, Frame};
use rust_scaffold::{HttpBody, Server, Status};
use tokio::time::{Instant, timeout};
use tower::util::MapResponseLayer;

use super::{SECOND, Serving, call, latest, raw::WebBody, settle};
use crate::{
    http::frames,
    station::{point, query},
};

#[tokio::test(start_paused = true)]
async fn calls_are_answered_one_after_the_other_on_a_connection() {
    let serving = Serving::start(Server::new());
    let mut client = serving.connect();
    for _ in 0..3 {
        client.send(latest()).await;
        let (head, body) = client.response().await;
        assert_eq!((head.status.as_u16(), head.get("connection")), (200, ""));
        assert_eq!(head.get("content-type"), "application/grpc-web+proto");
        let message = frames(&[point("xxx")]);
        assert_eq!(body[..message.len()], message);
        WebBody::parse(&body).has_status("0");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_in_text_is_answered_in_text() {
    let serving = Serving::start(Server::new());
    let mut client = serving.connect();
    let message = STANDARD.encode(frames(&[query("a", 3)]));
    let head = "POST /telemetry.Telemetry/Latest HTTP/1.1\r\nhost: station\r\n\
                content-type: application/grpc-web-text\r\ntransfer-encoding: chunked\r\n\r\n";
    client.send(format!("{head}{:x}\r\n{message}\r\n0\r\n\r\n", message.len())).await;
    let head = client.head().await;
    assert_eq!(head.get("content-type"), "application/grpc-web-text+proto");
    let mut body = STANDARD.decode(client.chunk().await).unwrap();
    body.extend(STANDARD.decode(client.chunk().await).unwrap());
    let body = WebBody::parse(&body);
    body.has_status("0");
    assert_eq!(body.messages.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_stream_arrives_while_it_is_made() {
    let serving = Serving::start(Server::new());
    let mut client = serving.connect();
    let start = Instant::now();
    client.send(call("Watch", "hangs", 2, "")).await;
    assert_eq!(client.head().await.status, 200);
    let mut received = Vec::new();
    while WebBody::parse(&received).messages.len() < 2 {
        received.extend(client.chunk().await);
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
    serving.station.busy().await;
}

#[tokio::test(start_paused = true)]
async fn connect_is_spoken_too() {
    let serving = Serving::start(Server::new());
    let mut client = serving.connect();
    let head = "POST /telemetry.Telemetry/Latest HTTP/1.1\r\nhost: station\r\n\
                content-type: application/json\r\ncontent-length: 24\r\n\r\n";
    client.send(format!("{head}{{\"series\":\"a\",\"limit\":3}}")).await;
    let (head, body) = client.response().await;
    assert_eq!((head.status.as_u16(), head.get("content-type")), (200, "application/json"));
    assert_eq!(body, br#"{"series":"xxx"}"#);
}

/// Clients and proxies lose the trailers in which its status is.
#[tokio::test(start_paused = true)]
async fn grpc_itself_is_told_to_come_over_http2() {
    let serving = Serving::start(Server::new());
    let mut client = serving.connect();
    for content_type in ["application/grpc", "application/grpc+proto"] {
        let head = format!(
            "POST /telemetry.Telemetry/Latest HTTP/1.1\r\nhost: station\r\nte: trailers\r\n\
             content-type: {content_type}\r\ncontent-length: 0\r\n\r\n"
        );
        client.send(head).await;
        let (head, body) = client.response().await;
        let body = String::from_utf8(body).unwrap();
        assert_eq!((head.status.as_u16(), head.get("grpc-status")), (505, ""));
        assert!(body.contains("gRPC") && body.contains("HTTP/2"), "{body}");
    }
    // It can go on.
    client.send(latest()).await;
    client.web_response().await.has_status("0");
}

#[tokio::test(start_paused = true)]
async fn a_panic_ends_its_call_alone() {
    let serving = Serving::start(Server::new());
    let mut client = serving.connect();
    client.send(call("Latest", "panics", 1, "")).await;
    let (head, body) = client.response().await;
    assert_eq!((head.status.as_u16(), head.get("grpc-status"), &*body), (200, "13", &b""[..]));
    client.send(call("Watch", "panics", 2, "")).await;
    let body = client.web_response().await;
    body.has_status("13");
    assert_eq!(body.messages.len(), 2);
    client.send(latest()).await;
    client.web_response().await.has_status("0");
}

/// A body that panics when it has been read.
struct PanicsLast(HttpBody);

impl Body for PanicsLast {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        assert!(!self.0.is_end_stream(), "this body panics");
        Pin::new(&mut self.0).poll_frame(cx)
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_a_layers_body_is_told_as_well() {
    let layer = MapResponseLayer::new(|response: Response<HttpBody>| response.map(PanicsLast));
    let serving = Serving::start(Server::new().layer(layer));
    let mut client = serving.connect();
    for _ in 0..2 {
        client.send(latest()).await;
        let body = client.web_response().await;
        body.has_status("13");
        assert_eq!(body.messages.len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_away_cancels_its_call() {
    for (method, limit) in [("Latest", 1), ("Watch", 1), ("Watch", 100_000)] {
        let serving = Serving::start(Server::new());
        let mut client = serving.connect();
        client.send(call(method, "hangs", limit, "")).await;
        serving.station.busy().await;
        let start = Instant::now();
        drop(client);
        serving.station.idle().await;
        assert!(start.elapsed() < SECOND, "{method}: {:?}", start.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_deadline_ends_a_call_with_that_status() {
    let serving = Serving::start(Server::new());
    let mut client = serving.connect();
    let start = Instant::now();
    client.send(call("Latest", "hangs", 1, "grpc-timeout: 5S\r\n")).await;
    let (head, _) = client.response().await;
    assert_eq!(head.get("grpc-status"), "4");
    client.send(call("Watch", "hangs", 2, "grpc-timeout: 5S\r\n")).await;
    let body = client.web_response().await;
    body.has_status("4");
    assert_eq!((body.messages.len(), start.elapsed().as_secs()), (2, 9));
    client.send(latest()).await;
    client.web_response().await.has_status("0");
}

#[tokio::test(start_paused = true)]
async fn a_deadline_ends_a_stream_that_its_client_does_not_read() {
    let serving = Serving::start(Server::new());
    let mut client = serving.connect();
    let start = Instant::now();
    client.send(call("Watch", "a", 100_000, "grpc-timeout: 5S\r\n")).await;
    settle().await;
    serving.station.busy().await;
    timeout(60 * SECOND, serving.station.idle()).await.expect("it is dropped");
    assert_eq!(start.elapsed().as_secs(), 5);
    // What was sent before is whole.
    let body = client.web_response().await;
    body.has_status("4");
    assert!(body.messages.len() < 100_000);
    client.send(latest()).await;
    client.web_response().await.has_status("0");
}
