//! Headers that are longer than the other end takes cost their call, and nothing beside it.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use h2::{
    RecvStream,
    client::{Builder, SendRequest},
};
use http::{HeaderMap, HeaderValue, StatusCode};
use rust_scaffold::{Channel, Code, Request, Response, Server, Status, Trailers};
use tokio::{net::TcpStream, time::timeout};

use crate::{
    http::frames,
    peer::{Answer, channels, map},
    routes::listen,
    station::{Station, point, query},
    telemetry::{MockTelemetry, Query, TelemetryClient, TelemetryServer},
};

const LIMIT: Duration = Duration::from_secs(60);
/// Over the limit, over what the limit lets pass many times, and more than anybody should send.
const SIZES: [usize; 4] = [20_000, 70_000, 200_000, 900_000];

fn long(name: &'static str, size: usize) -> HeaderMap {
    map(&[(name, "x".repeat(size).as_bytes())])
}

fn asking(mode: &str) -> Request<Query> {
    let mut request = Request::new(query("a", 1));
    request.metadata_mut().insert("mode", mode.parse().unwrap());
    request
}

/// An answer of which a part is long; `good 0` is none.
fn answer(mode: &str) -> Answer {
    let (what, size) = mode.split_once(' ').unwrap();
    let size = size.parse().unwrap();
    let status = |code: &'static [u8]| map(&[("grpc-status", code)]);
    let message = frames(&[point("a")]);
    let behind = |mut trailers: HeaderMap, code| {
        trailers.extend(status(code));
        Answer::whole(message.clone(), trailers)
    };
    match what {
        "metadata" => {
            let mut answer = behind(HeaderMap::new(), b"0");
            answer.headers.extend(long("x-long", size));
            answer
        }
        "trailers" => behind(long("x-long", size), b"0"),
        "message" => behind(long("grpc-message", size), b"5"),
        "details" => behind(long("grpc-status-details-bin", size), b"5"),
        "many" => {
            let name = |index| format!("x-{index}").parse::<http::HeaderName>().unwrap();
            let value = HeaderValue::from_static("a");
            behind((0..size / 40).map(|index| (name(index), value.clone())).collect(), b"0")
        }
        "only" => {
            let mut headers = long("grpc-message", size);
            headers.extend(status(b"5"));
            Answer::only(headers)
        }
        _ => behind(HeaderMap::new(), b"0"),
    }
}

fn names_the_limit(status: &Status, limit: usize, what: &str) {
    assert_eq!(status.code(), Code::ResourceExhausted, "{what}: {status}");
    assert!(status.message().contains(&format!("limit of {limit} bytes")), "{what}: {status}");
}

#[tokio::test]
async fn responses_with_too_long_headers_fail_alone_and_name_the_limit() {
    let script = |request: &http::request::Parts| answer(request.headers["mode"].to_str().unwrap());
    // The server takes one connection, and no other one.
    let [(_, channel), _] = channels(script).await;
    let client = TelemetryClient::new(channel);
    for what in ["metadata", "trailers", "message", "details", "many", "only"] {
        for size in SIZES {
            let mode = format!("{what} {size}");
            let beside = client.latest(asking("good 0"));
            let unary = client.latest(asking(&mode));
            let (unary, beside) =
                timeout(LIMIT, async { tokio::join!(unary, beside) }).await.unwrap();
            names_the_limit(&unary.unwrap_err(), 16_384, &mode);
            beside.expect(&mode);
            let stream = async {
                let mut points = client.watch(asking(&mode)).await?.into_inner();
                while points.message().await?.is_some() {}
                Ok::<_, Status>(())
            };
            names_the_limit(&timeout(LIMIT, stream).await.unwrap().unwrap_err(), 16_384, &mode);
        }
    }
    client.latest(asking("metadata 15000")).await.unwrap();
}

async fn connect(
    builder: &Builder,
    server: TelemetryServer<impl crate::telemetry::Telemetry>,
) -> SendRequest<Bytes> {
    let (listener, address) = listen().await;
    tokio::spawn(Server::new().add_service(server).serve_listener(listener));
    connect_to(builder, address).await
}

pub(crate) async fn connect_to(builder: &Builder, address: SocketAddr) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (client, connection) = builder.handshake(stream).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Calls `Latest` with more `headers`: what comes back, and its trailers.
pub(crate) async fn call(
    client: &SendRequest<Bytes>,
    query: &Query,
    headers: HeaderMap,
) -> (http::response::Parts, HeaderMap) {
    let path = "http://station/telemetry.Telemetry/Latest";
    let mut request = http::Request::post(path).body(()).unwrap();
    *request.headers_mut() = map(&[("content-type", b"application/grpc"), ("te", b"trailers")]);
    request.headers_mut().extend(headers);
    let mut client = client.clone().ready().await.unwrap();
    let (response, mut stream) = client.send_request(request, false).unwrap();
    // It may be answered before it is complete.
    let _ = stream.send_data(frames(std::slice::from_ref(query)), true);
    let (head, body) = timeout(LIMIT, response).await.unwrap().unwrap().into_parts();
    let trailers = timeout(LIMIT, trailers(body)).await.unwrap();
    (head, trailers)
}

async fn trailers(mut body: RecvStream) -> HeaderMap {
    while let Some(Ok(_)) = body.data().await {}
    body.trailers().await.ok().flatten().unwrap_or_default()
}

pub(crate) fn text(headers: &HeaderMap, name: &str) -> String {
    let value = headers.get(name).map(HeaderValue::as_bytes);
    String::from_utf8_lossy(value.unwrap_or_default()).replace("%20", " ")
}

#[tokio::test]
async fn requests_with_too_long_headers_are_refused_alone_and_hear_of_the_limit() {
    let client = connect(&Builder::new(), TelemetryServer::new(Station::default())).await;
    let query = query("a", 1);
    for size in SIZES {
        let (refused, beside) = tokio::join!(
            call(&client, &query, long("x-long", size)),
            call(&client, &query, HeaderMap::new()),
        );
        let head = refused.0;
        // Beyond what HTTP/2 is told to take, it says so itself.
        match size {
            ..200_001 => {
                assert_eq!(head.status, StatusCode::OK, "{size}");
                assert_eq!(text(&head.headers, "grpc-status"), "8", "{size}");
                let words = text(&head.headers, "grpc-message");
                assert!(words.contains("limit of 16384 bytes"), "{size}: {words}");
            }
            _ => assert_eq!(head.status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "{size}"),
        }
        assert_eq!(text(&beside.1, "grpc-status"), "0", "{size}");
    }
    let mut page = long("x-long", 20_000);
    page.extend(map(&[("content-type", b"text/html")]));
    let (head, _) = call(&client, &query, page).await;
    assert_eq!(head.status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "it is no call");
    let (_, trailers) = call(&client, &query, long("x-long", 15_000)).await;
    assert_eq!(text(&trailers, "grpc-status"), "0");
}

/// A service whose answers have long parts, as the series says.
pub(crate) fn talkative() -> MockTelemetry {
    let mock = MockTelemetry::new();
    mock.expect_latest().times(..).answers(|request: Request<Query>| async move {
        let Query { series, limit, .. } = request.into_inner();
        let text = "x".repeat(limit as usize);
        let mut response = Response::new(point("a"));
        match series.as_str() {
            "message" => return Err(Status::not_found(text)),
            "details" => return Err(Status::with_details(Code::NotFound, "gone", text.into())),
            "metadata" => drop(response.metadata_mut().insert("x-long", text.parse().unwrap())),
            "trailers" => {
                let mut trailers = rust_scaffold::metadata::MetadataMap::new();
                trailers.insert("x-long", text.parse().unwrap());
                response.extensions_mut().insert(Trailers(trailers));
            }
            _ => {}
        }
        Ok(response)
    });
    mock
}

#[tokio::test]
async fn a_long_message_of_a_status_is_cut_and_keeps_its_code() {
    let (listener, address) = listen().await;
    tokio::spawn(
        Server::new().add_service(TelemetryServer::new(talkative())).serve_listener(listener),
    );
    let far = Channel::connect(format!("http://{address}")).await.unwrap();
    let tower = Channel::new(TelemetryServer::new(talkative()));
    for channel in [far, tower] {
        let client = TelemetryClient::new(channel);
        let short = client.latest(query("message", 4_000)).await.unwrap_err();
        assert_eq!((short.code(), short.message().len()), (Code::NotFound, 4_000));
        for size in [20_000, 100_000, 1_500_000] {
            let status = client.latest(query("message", size)).await.unwrap_err();
            assert_eq!(status.code(), Code::NotFound);
            assert!(status.message().starts_with("xxxx"), "{status}");
            assert!(status.message().contains(&format!("({size} bytes")), "{status}");
            assert!(status.message().len() < 8_192);
        }
        let details = client.latest(query("details", 8_000)).await.unwrap_err();
        assert_eq!((details.code(), details.details().len()), (Code::NotFound, 8_000));
    }
}

#[tokio::test]
async fn a_server_sends_nothing_that_is_longer_than_its_client_takes() {
    let mut builder = Builder::new();
    let client =
        connect(builder.max_header_list_size(1_000), TelemetryServer::new(talkative())).await;
    for what in ["metadata", "trailers", "details"] {
        for size in [1_000, 100_000, 5_000_000] {
            let (head, trailers) = call(&client, &query(what, size), HeaderMap::new()).await;
            let status = if what == "trailers" { trailers } else { head.headers };
            assert_eq!(text(&status, "grpc-status"), "8", "{what} {size}: {status:?}");
            let words = text(&status, "grpc-message");
            assert!(words.contains("limit of 1000 bytes"), "{what} {size}: {words}");
        }
    }
    let (head, _) = call(&client, &query("message", 4_000), HeaderMap::new()).await;
    assert_eq!(text(&head.headers, "grpc-status"), "5");
    assert!(
        text(&head.headers, "grpc-message").len() > 500,
        "of the message, what there is room for"
    );
    let (_, trailers) = call(&client, &query("nothing", 0), HeaderMap::new()).await;
    assert_eq!(text(&trailers, "grpc-status"), "0");
}

/// Headers with `count` names, or values of one name.
fn many(prefix: &str, names: bool, count: usize) -> HeaderMap {
    let mut map = HeaderMap::new();
    for index in 0..count {
        let name = if names { format!("{prefix}-{index}-bin") } else { prefix.to_owned() };
        map.append(name.parse::<http::HeaderName>().unwrap(), HeaderValue::from_static("a,b"));
    }
    map
}

#[tokio::test]
async fn more_headers_than_a_map_can_hold_are_no_panic() {
    for names in [true, false] {
        for status in ["0", "5"] {
            let mut trailers = many("x-last", names, 24_000);
            trailers.insert("grpc-status", HeaderValue::from_static(status));
            let mut answer = Answer::whole(frames(&[point("a")]), trailers);
            answer.headers.extend(many("x-first", names, 24_000));
            let [_, (_, tower)] = channels(move |_| answer.clone()).await;
            let client = TelemetryClient::new(tower);
            let metadata = match client.latest(query("a", 1)).await {
                Ok(response) => response.metadata().clone(),
                Err(status) => status.metadata().clone(),
            };
            assert!(metadata.len() >= 24_000, "{names} {status}: {}", metadata.len());
        }
    }
    // And on the way of a server.
    use tower_service::Service as _;
    let mut request = crate::http::request("Latest", &[query("a", 1)]);
    request.headers_mut().extend(many("x-first", false, 60_000));
    let response = TelemetryServer::new(Station::default()).call(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_request_that_is_longer_than_its_server_takes_is_not_sent() {
    let (listener, address) = listen().await;
    let (streams, mut seen) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut builder = h2::server::Builder::new();
        let handshake = builder.max_header_list_size(1_000).handshake::<_, Bytes>(stream);
        let mut connection = handshake.await.unwrap();
        while let Some(Ok((request, mut respond))) = connection.accept().await {
            streams.send(request.headers().clone()).unwrap();
            let mut head = http::Response::new(());
            *head.headers_mut() = Answer::only(map(&[("grpc-status", b"7")])).headers;
            respond.send_response(head, true).unwrap();
        }
    });
    let client = TelemetryClient::connect(format!("http://{address}")).await.unwrap();
    for size in [1_000, 100_000, 5_000_000] {
        let mut request = asking("any");
        request.metadata_mut().insert("x-long", "x".repeat(size).parse().unwrap());
        names_the_limit(&client.latest(request).await.unwrap_err(), 1_000, &size.to_string());
    }
    let status = client.latest(asking("short")).await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
    assert_eq!(seen.recv().await.unwrap()["mode"], "short", "it is the first that is seen");
}
