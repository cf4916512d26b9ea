//! The log of a server: a line for each call, whatever becomes of it.

use std::{io, time::Duration};

use http::{HeaderMap, HeaderValue, Request as HttpRequest, header};
use rust_scaffold::{
    CallLog, Channel, Code, HttpBody, LogFormat, Protocol, Request, Server, Streaming,
    tonic::Status,
};
use serde_json::Value;
use tokio::{io::AsyncWriteExt as _, net::TcpListener, sync::oneshot, task::JoinHandle};
use tokio_stream::{StreamExt as _, iter};
use tower::util::MapResponseLayer;
use tower_service::Service as _;

use crate::{
    long_headers::{call, connect_to, talkative, text},
    routes::{Watching, listen},
    station::{Station, point, query},
    telemetry::{Point, Query, TelemetryClient, TelemetryServer},
    written::Written,
};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// A server that logs its calls, until it is dropped.
struct Logged {
    written: Written,
    log: CallLog,
    address: String,
    serving: JoinHandle<io::Result<()>>,
    stop: Option<oneshot::Sender<()>>,
}

impl Logged {
    async fn serve(server: Server) -> Self {
        Self::serve_with(server, LogFormat::Json).await
    }

    async fn serve_with(server: Server, format: LogFormat) -> Self {
        let (listener, address) = listen().await;
        Self::serve_on(server, format, listener, format!("http://{address}")).await
    }

    async fn serve_on(
        server: Server,
        format: LogFormat,
        listener: TcpListener,
        address: String,
    ) -> Self {
        let written = Written::default();
        let log = CallLog::to_writer(written.clone()).with_format(format);
        let (stop, stopped) = oneshot::channel();
        let server = server.log_calls_to(log.clone());
        let serving = tokio::spawn(server.serve_listener_with_shutdown(listener, async {
            let _ = stopped.await;
        }));
        Self { written, log, address, serving, stop: Some(stop) }
    }

    async fn client(&self) -> TelemetryClient {
        TelemetryClient::new(Channel::connect(&self.address).await.unwrap())
    }

    /// What was logged since this was last called, at least `count` lines.
    async fn text(&self, count: usize) -> String {
        loop {
            self.log.flush().await;
            if let Some(text) = self.written.take(count) {
                return text;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    async fn lines(&self, count: usize) -> Vec<Value> {
        let text = self.text(count).await;
        assert!(text.ends_with('\n'), "{text}");
        let lines: Vec<_> =
            text.lines().map(|line| serde_json::from_str::<Value>(line).expect(line)).collect();
        assert_eq!(lines.len(), count, "{text}");
        lines
    }

    async fn line(&self) -> Value {
        self.lines(1).await.remove(0)
    }
}

impl Drop for Logged {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn station() -> TelemetryServer<Station> {
    TelemetryServer::new(Station::default())
}

/// The code and the message of a line.
fn end(line: &Value) -> (&str, &str) {
    let text = |name: &str| line.get(name).map_or("", |value| value.as_str().unwrap());
    (text("code"), text("message"))
}

/// The numbers of requests and responses, and of their bytes.
fn counts(line: &Value) -> [[u64; 2]; 2] {
    [["requests", "request_bytes"], ["responses", "response_bytes"]]
        .map(|names| names.map(|name| line[name].as_u64().unwrap()))
}

/// A server behind a layer after which the bodies of responses are another library's.
pub(crate) fn wrapping(server: Server) -> Server {
    server.layer(MapResponseLayer::new(|response: http::Response<HttpBody>| {
        response.map(rust_scaffold::tonic::body::Body::new)
    }))
}

#[tokio::test]
async fn calls_of_every_kind_are_logged_however_they_are_served() {
    let plain = || Server::new().add_service(station());
    for (name, server, protocol) in [
        ("plain", plain(), Protocol::Grpc),
        ("intercepted", plain().intercept(Watching), Protocol::Grpc),
        ("in a layer", wrapping(plain()), Protocol::Grpc),
        ("as a tower service", Server::new().add_tower_service(station()), Protocol::Grpc),
        ("as a fallback", Server::new().fallback(station()), Protocol::Grpc),
        ("gRPC-Web", plain(), Protocol::GrpcWeb),
        ("gRPC-Web as text", plain(), Protocol::GrpcWebText),
        ("gRPC-Web in a layer", wrapping(plain()), Protocol::GrpcWeb),
        ("gRPC-Web as text in a layer", wrapping(plain()), Protocol::GrpcWebText),
    ] {
        let logged = Logged::serve(server).await;
        let channel = Channel::builder(&logged.address).protocol(protocol).connect().await.unwrap();
        let client = TelemetryClient::new(channel);
        let mut calls = Vec::new();

        let mut request = Request::new(query("a", 3));
        let trace = format!("00-{TRACE}-00f067aa0ba902b7-01");
        request.metadata_mut().insert("traceparent", trace.parse().unwrap());
        client.latest(request).await.unwrap();
        // Series `a` and the limit 3 are 5 bytes; a point of series `xxx` is as many.
        calls.push(("Latest", "OK", [[1, 5], [1, 5]], logged.line().await));

        let mut points = client.watch(query("a", 2)).await.unwrap().into_inner();
        while points.message().await.unwrap().is_some() {}
        calls.push(("Watch", "OK", [[1, 5], [3, 11]], logged.line().await));

        client.upload(Streaming::from_iter([point("a"), point("bc")])).await.unwrap();
        calls.push(("Upload", "OK", [[2, 7], [1, 17]], logged.line().await));

        let queries = Streaming::from_iter([query("a", 2), query("fails", 1)]);
        let mut points = client.tail(queries).await.unwrap().into_inner();
        while let Ok(Some(_)) = points.message().await {}
        calls.push(("Tail", "FAILED_PRECONDITION", [[2, 14], [2, 6]], logged.line().await));

        for (method, code, mut expected, line) in calls {
            let what = format!("{method}, {name}: {line}");
            assert_eq!(line["method"], format!("/telemetry.Telemetry/{method}"), "{what}");
            assert_eq!(end(&line).0, code, "{what}");
            if protocol == Protocol::GrpcWebText {
                expected[0] = [0, 0];
            }
            assert_eq!(counts(&line), expected, "{what}");
            assert!(line["peer"].as_str().unwrap().starts_with("127.0.0.1:"), "{what}");
            assert!(line["duration_ms"].as_f64().unwrap() >= 0.0, "{what}");
            assert_eq!(line["time"].as_str().unwrap().len(), "2026-01-01T00:00:00.000Z".len());
            let trace = line.get("trace_id").map(|trace| trace.as_str().unwrap());
            assert_eq!(trace, (method == "Latest").then_some(TRACE), "{what}");
        }
    }
}

#[tokio::test]
async fn calls_that_are_refused_before_they_are_served_are_logged() {
    let logged = Logged::serve(Server::new().add_service(station()).intercept(Watching)).await;
    let mut channel = Channel::connect(&logged.address).await.unwrap();
    for (path, name, value, expected) in [
        ("/telemetry.Telemetry/Nothing", "word", "a", "UNIMPLEMENTED"),
        ("/nothing.Nothing/Nothing", "word", "a", "UNIMPLEMENTED"),
        ("/nothing", "word", "a", "UNIMPLEMENTED"),
        ("/telemetry.Telemetry/Latest", "grpc-encoding", "br", "UNIMPLEMENTED"),
        // Without a message.
        ("/telemetry.Telemetry/Latest", "word", "a", "UNIMPLEMENTED"),
    ] {
        let request = HttpRequest::post(path)
            .header(header::CONTENT_TYPE, "application/grpc")
            .header(name, value);
        let _ = channel.call(request.body(HttpBody::default()).unwrap()).await.unwrap();
        let line = logged.line().await;
        assert_eq!((&line["method"], end(&line).0), (&path.into(), expected));
        assert_ne!(end(&line).1, "", "{line}");
        assert_eq!(line.get("http_status"), None);
    }
}

/// A request that no client of ours would send, and the code and the HTTP status that are logged.
#[tokio::test]
async fn what_is_longer_than_its_client_takes_is_logged_as_it_is_sent() {
    let plain = || Server::new().add_service(TelemetryServer::new(talkative()));
    for server in [plain(), wrapping(plain())] {
        let logged = Logged::serve(server).await;
        let address = logged.address.strip_prefix("http://").unwrap().parse().unwrap();
        let mut builder = h2::client::Builder::new();
        let client = connect_to(builder.max_header_list_size(1_000), address).await;
        for what in ["metadata", "trailers", "details", "message"] {
            let (head, trailers) = call(&client, &query(what, 5_000), HeaderMap::new()).await;
            let sent = if what == "trailers" { trailers } else { head.headers };
            let line = logged.line().await;
            let (number, name) = match what {
                // It was cut.
                "message" => ("5", "NOT_FOUND"),
                _ => ("8", "RESOURCE_EXHAUSTED"),
            };
            assert_eq!(text(&sent, "grpc-status"), number, "{what}: {sent:?}");
            assert_eq!(end(&line).0, name, "{what}: {line}");
            if what != "message" {
                assert_eq!(end(&line).1, text(&sent, "grpc-message"), "{what}");
            }
        }
    }
}

#[tokio::test]
async fn requests_that_are_no_calls_are_logged() {
    let logged = Logged::serve(Server::new().add_service(station())).await;
    let address = logged.address.strip_prefix("http://").unwrap();
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let path = "/telemetry.Telemetry/Latest";
    let long = "x".repeat(20_000);
    for (method, content_type, (name, value), expected, http_status) in [
        ("GET", "application/grpc", ("word", "a"), "UNKNOWN", Some(405)),
        ("POST", "text/html", ("word", "a"), "UNKNOWN", Some(415)),
        ("POST", "application/grpc", ("grpc-timeout", "soon"), "INTERNAL", None),
        ("POST", "application/grpc", ("word", &long), "RESOURCE_EXHAUSTED", None),
        ("POST", "text/html", ("word", &long), "RESOURCE_EXHAUSTED", Some(431)),
    ] {
        let request = HttpRequest::builder()
            .method(method)
            .uri(format!("http://station{path}"))
            .header(header::CONTENT_TYPE, content_type)
            .header(name, HeaderValue::from_str(value).unwrap());
        sender = sender.ready().await.unwrap();
        let (response, _) = sender.send_request(request.body(()).unwrap(), true).unwrap();
        response.await.unwrap();
        let line = logged.line().await;
        assert_eq!((&line["method"], end(&line).0), (&path.into(), expected), "{line}");
        let logged_status = line.get("http_status").map(|status| status.as_u64().unwrap());
        assert_eq!(logged_status, http_status, "{line}");
    }
}

/// gRPC itself, and a call of gRPC-Web.
#[tokio::test]
async fn what_comes_over_http1_is_logged() {
    let logged = Logged::serve(Server::new().add_service(station())).await;
    let address = logged.address.strip_prefix("http://").unwrap();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let here = stream.local_addr().unwrap().to_string();
    let path = "/telemetry.Telemetry/Nothing";
    for (content_type, expected, http_status) in [
        ("application/grpc", "UNKNOWN", Some(505)),
        ("application/grpc-web", "UNIMPLEMENTED", None),
    ] {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: a\r\ncontent-type: {content_type}\r\n\
             content-length: 0\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let line = logged.line().await;
        assert_eq!((&line["method"], end(&line).0), (&path.into(), expected), "{line}");
        let logged_status = line.get("http_status").map(|status| status.as_u64().unwrap());
        assert_eq!((logged_status, &line["peer"]), (http_status, &here.clone().into()), "{line}");
    }
}

/// What a browser or an orchestrator asks the fallback for.
#[tokio::test]
async fn plain_http_that_goes_well_is_no_failure() {
    let page = tower::service_fn(|_: HttpRequest<HttpBody>| async {
        let body = http_body_util::Full::new(bytes::Bytes::from("this is not gRPC at all"));
        Ok::<_, std::convert::Infallible>(http::Response::new(body))
    });
    let logged = Logged::serve(Server::new().fallback(page)).await;
    let address = logged.address.strip_prefix("http://").unwrap();
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let (sender, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let request = HttpRequest::get("http://station/healthz").body(()).unwrap();
    let mut sender = sender.ready().await.unwrap();
    let (response, _) = sender.send_request(request, true).unwrap();
    let mut body = response.await.unwrap().into_body();
    while body.data().await.is_some() {}
    let line = logged.line().await;
    assert_eq!((&line["method"], end(&line).0), (&"/healthz".into(), "OK"), "{line}");
    assert_eq!(line["response_bytes"], 0, "{line}");
    assert_eq!(line.get("http_status"), None, "{line}");
}

#[tokio::test]
async fn a_path_forges_no_line_and_does_not_fill_the_log() {
    let logged = Logged::serve_with(Server::new(), LogFormat::Text).await;
    let mut channel = Channel::connect(&logged.address).await.unwrap();
    for (path, shown) in [
        ("/a\"b}\\c".to_owned(), "/a\"b}\\c".to_owned()),
        ("/\u{2028}\u{202e}ä".to_owned(), "/\\u{2028}\\u{202e}\\u{e4}".to_owned()),
        (format!("/{}", "x".repeat(9000)), format!("/{}  ", "x".repeat(255))),
    ] {
        let Ok(uri) = http::Uri::try_from(&path) else { continue };
        let request = HttpRequest::post(uri).header(header::CONTENT_TYPE, "application/grpc");
        let _ = channel.call(request.body(HttpBody::default()).unwrap()).await.unwrap();
        let text = logged.text(1).await;
        assert!(text.contains(&shown), "{text}");
        assert_eq!(text.matches('\n').count(), 1, "{text}");
        assert!(text.len() < 1000, "{text}");
        assert!(!text.contains(|char: char| char.is_control() && char != '\n'), "{text}");
    }
}

#[tokio::test]
async fn a_person_reads_columns() {
    let server = || Server::new().add_service(station());
    let logged = Logged::serve_with(server(), LogFormat::Text).await;
    let client = logged.client().await;
    client.latest(query("a", 3)).await.unwrap();
    client.latest(query("fails", 1)).await.unwrap_err();
    let text = logged.text(2).await;
    let [good, bad] = text.lines().collect::<Vec<_>>()[..] else { panic!("{text}") };
    let columns: Vec<_> = good.split_whitespace().collect();
    assert_eq!(columns[1], "OK");
    assert!(columns[3].starts_with("127.0.0.1:"), "{good}");
    assert_eq!(columns[4..], ["/telemetry.Telemetry/Latest", "1/5B", "in", "1/5B", "out"]);
    assert!(bad.contains("  FAILED_PRECONDITION "), "{bad}");
    assert!(bad.ends_with("1/9B in 0/0B out  \"größer als 100 %\""), "{bad}");
    let column = |line: &str| line.split("/telemetry").next().unwrap().chars().count();
    assert_eq!(column(good), column(bad), "{text}");

    let logged = Logged::serve_with(server(), LogFormat::ColoredText).await;
    logged.client().await.latest(query("a", 3)).await.unwrap();
    let text = logged.text(1).await;
    assert!(text.contains("\u{1b}[32mOK                 \u{1b}[0m"), "{text:?}");
}

/// Answers, then panics or is dropped, as a series says.
#[tokio::test]
async fn a_panic_is_logged_with_its_place() {
    let plain = || Server::new().add_service(station());
    let layer = MapResponseLayer::new(|response: http::Response<HttpBody>| {
        assert!(!response.headers().contains_key("word"), "this layer panics");
        response
    });
    for (server, place, message) in [
        (plain(), "station.rs:", "this series panics"),
        (wrapping(plain()), "station.rs:", "this series panics"),
        (plain().layer(layer), "call_log.rs:", "this layer panics"),
    ] {
        let logged = Logged::serve(server).await;
        let client = logged.client().await;
        let mut request = Request::new(query("panics", 1));
        if message == "this layer panics" {
            request = Request::new(query("a", 1));
            request.metadata_mut().insert("word", "a".parse().unwrap());
        }
        let status = client.latest(request).await.unwrap_err();
        assert_eq!(status.code(), Code::Internal);
        assert!(!status.message().contains(message), "what has panicked is nobody else's business");
        let line = logged.line().await;
        assert_eq!((end(&line).0, &line["panic"]), ("INTERNAL", &message.into()), "{line}");
        let logged_place = line["panic_place"].as_str().unwrap();
        let (file, position) = logged_place.split_once(place).expect(logged_place);
        assert!(!file.contains('\n') && position.split(':').count() == 2, "{logged_place}");
    }
    let logged = Logged::serve(plain()).await;
    let mut points = logged.client().await.watch(query("panics", 1)).await.unwrap().into_inner();
    assert!(points.message().await.unwrap().is_some());
    assert_eq!(points.message().await.unwrap_err().code(), Code::Internal);
    let line = logged.line().await;
    assert_eq!((end(&line).0, &line["panic"]), ("INTERNAL", &"this series panics".into()));
    assert!(line["panic_place"].as_str().unwrap().contains("station.rs:"), "{line}");
    // The next call is not blamed for it.
    logged.client().await.latest(query("fails", 1)).await.unwrap_err();
    assert_eq!(logged.line().await.get("panic"), None);
}

#[tokio::test]
async fn calls_that_are_given_up_are_logged_with_the_reason() {
    let busy = Station::default();
    let server = Server::new().add_service(TelemetryServer::new(busy.clone()));
    let logged = Logged::serve(server.shutdown_timeout(Some(Duration::ZERO))).await;
    let client = logged.client().await;

    let mut request = Request::new(query("hangs", 1));
    request.set_timeout(Duration::from_millis(20));
    client.latest(request).await.unwrap_err();
    assert_eq!(end(&logged.line().await).0, "DEADLINE_EXCEEDED");

    let calling = tokio::spawn({
        let client = client.clone();
        async move { client.latest(query("hangs", 1)).await }
    });
    busy.busy().await;
    calling.abort();
    assert_eq!(end(&logged.line().await).0, "CANCELLED");

    let mut points = client.watch(query("hangs", 1)).await.unwrap().into_inner();
    points.message().await.unwrap();
    drop(points);
    let line = logged.line().await;
    assert_eq!((end(&line).0, counts(&line)[1][0]), ("CANCELLED", 1), "{line}");
}

#[tokio::test]
async fn calls_that_outlive_their_server_are_logged_before_serving_ends() {
    let busy = Station::default();
    let server = Server::new().add_service(TelemetryServer::new(busy.clone()));
    let mut logged = Logged::serve(server.shutdown_timeout(Some(Duration::ZERO))).await;
    let client = logged.client().await;
    let mut points = client.watch(query("hangs", 1)).await.unwrap().into_inner();
    points.message().await.unwrap();
    let calling = tokio::spawn({
        let client = client.clone();
        async move { client.latest(query("hangs", 1)).await }
    });
    while busy.busy.load(std::sync::atomic::Ordering::SeqCst) < 2 {
        tokio::task::yield_now().await;
    }
    logged.stop.take().unwrap().send(()).unwrap();
    (&mut logged.serving).await.unwrap().unwrap();
    // Not flushed here.
    let text = logged.written.text();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2, "{text}");
    for line in &lines {
        let expected = ("UNAVAILABLE", "the server shut down before the call ended");
        assert_eq!(end(line), expected, "{line}");
    }
    assert_eq!(points.message().await.unwrap_err().code(), Code::Unavailable);
    assert_eq!(calling.await.unwrap().unwrap_err().code(), Code::Unavailable);
}

/// Mounted in another server, connections are not known, but calls are.
#[tokio::test]
async fn services_that_are_served_by_others_are_logged() {
    let written = Written::default();
    let log = CallLog::to_writer(written.clone());
    let server = Server::new().add_service(station()).log_calls_to(log.clone());
    let client = TelemetryClient::new(Channel::new(server.into_service().unwrap()));
    let failed: Result<_, Status> = client.latest(query("fails", 1)).await;
    assert!(failed.is_err());
    let _: Vec<Result<Point, Status>> = client
        .watch(Query { limit: 1, ..Query::default() })
        .await
        .unwrap()
        .into_inner()
        .collect()
        .await;
    let _ = client.upload(Streaming::new(iter([Ok(point("a"))]))).await.unwrap();
    log.flush().await;
    let text = written.text();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let codes: Vec<_> = lines.iter().map(|line| end(line).0).collect();
    assert_eq!(codes, ["FAILED_PRECONDITION", "OK", "OK"], "{text}");
    assert!(lines.iter().all(|line| line.get("peer").is_none()), "{text}");
}
