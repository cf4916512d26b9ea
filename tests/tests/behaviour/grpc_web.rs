//! gRPC-Web: our servers and channels against each other (byte by byte here, and as routes of every other test),
//! and against tonic's layers.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use http_body_util::BodyExt as _;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use rust_scaffold::{Channel, Code, HttpBody, Protocol, Server};
use tokio::{net::TcpStream, task::JoinHandle};
use tokio_stream::StreamExt as _;
use tonic_web::{GrpcWebClientLayer, GrpcWebLayer};
use tower::util::MapRequestLayer;
use tower_layer::Layer as _;
use tower_service::Service as _;

use crate::{
    http::{Body, body, frames},
    routes::{Watching, listen, serve_ours, serve_routes_in_axum},
    station::{Station, point, query},
    telemetry::{TelemetryClient, TelemetryServer},
};

/// A server over both versions of HTTP, which speaks gRPC-Web itself or by tonic's layer.
async fn serve(by_layer: bool) -> (String, JoinHandle<()>) {
    let (listener, address) = listen().await;
    let server = Server::new().add_service(TelemetryServer::new(Station::default()));
    let server = if by_layer { server.layer(GrpcWebLayer::new()) } else { server };
    let routes = server.into_service().unwrap();
    (format!("http://{address}"), serve_routes_in_axum(routes, listener))
}

async fn check(client: TelemetryClient) {
    assert_eq!(client.latest(query("a", 3)).await.unwrap().into_inner(), point("xxx"));
    let failed = client.latest(query("fails", 1)).await.unwrap_err();
    assert_eq!(failed.code(), Code::FailedPrecondition);
    assert_eq!(failed.message(), "größer als 100 %");
    let points = client.watch(query("a", 2)).await.unwrap().into_inner();
    let points: Result<Vec<_>, _> = points.collect().await;
    assert_eq!(points.unwrap(), [point("a"), point("a"), point("end")]);
    let points = client.watch(query("fails", 1)).await.unwrap().into_inner();
    let failed = points.collect::<Result<Vec<_>, _>>().await.unwrap_err();
    assert_eq!(failed.code(), Code::FailedPrecondition);
}

#[tokio::test]
async fn tonics_client_speaks_grpc_web_over_http1() {
    for by_layer in [true, false] {
        let (address, serving) = serve(by_layer).await;
        let http1 = Client::builder(TokioExecutor::new()).build_http();
        let channel = Channel::new(GrpcWebClientLayer::new().layer(http1));
        check(TelemetryClient::with_origin(channel, address.parse::<Uri>().unwrap())).await;
        serving.abort();
    }
}

#[tokio::test]
async fn tonics_client_speaks_grpc_web_over_a_connection_of_ours() {
    for by_layer in [true, false] {
        let (address, serving) = serve(by_layer).await;
        let channel = Channel::connect(address).await.unwrap();
        check(TelemetryClient::new(channel.layer(GrpcWebClientLayer::new()))).await;
        serving.abort();
    }
}

#[tokio::test]
async fn our_client_speaks_grpc_web_over_http1() {
    for by_layer in [true, false] {
        for protocol in [Protocol::GrpcWeb, Protocol::GrpcWebText] {
            let (address, serving) = serve(by_layer).await;
            let http1 = Client::builder(TokioExecutor::new()).build_http();
            let channel = Channel::with_protocol(http1, protocol);
            check(TelemetryClient::with_origin(channel, address.parse::<Uri>().unwrap())).await;
            serving.abort();
        }
    }
}

fn post(content_type: &str, path: &str, requests: impl Into<Bytes>) -> Request<Body> {
    Request::post(path).header("content-type", content_type).body(body(requests)).unwrap()
}

/// The head and the whole body of the response.
async fn answer(request: Request<Body>) -> (StatusCode, HeaderMap, Bytes) {
    let response = TelemetryServer::new(Station::default()).call(request).await.unwrap();
    read(response).await
}

async fn read(response: Response<HttpBody>) -> (StatusCode, HeaderMap, Bytes) {
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap();
    assert_eq!(body.trailers(), None);
    (head.status, head.headers, body.to_bytes())
}

#[tokio::test]
async fn the_status_is_the_last_part_of_the_body() {
    let request = frames(&[query("a", 3)]);
    for content_type in ["application/grpc-web", "application/grpc-web+proto"] {
        let request = post(content_type, "/telemetry.Telemetry/Latest", request.clone());
        let (status, headers, body) = answer(request).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(headers["content-type"], "application/grpc-web+proto");
        assert_eq!(headers.get("grpc-status"), None);
        let message = frames(&[point("xxx")]);
        let (messages, end) = body.split_at(message.len());
        assert_eq!(messages, message);
        let (header, trailers) = end.split_at(5);
        assert_eq!(header, [0x80, 0, 0, 0, u8::try_from(trailers.len()).unwrap()]);
        let trailers = std::str::from_utf8(trailers).unwrap();
        assert!(trailers.contains("grpc-status: 0\r\n"), "{trailers}");
        assert!(trailers.ends_with("\r\n"), "{trailers}");
    }
}

#[tokio::test]
async fn a_call_without_messages_has_its_status_in_the_headers() {
    for (path, expected) in [("/telemetry.Telemetry/Nothing", "12"), ("/no.Service/Method", "12")] {
        let request = post("application/grpc-web-text", path, "");
        let (status, headers, body) = answer(request).await;
        assert_eq!((status, &*body), (StatusCode::OK, &b""[..]));
        assert_eq!(headers["content-type"], "application/grpc-web-text+proto");
        assert_eq!(headers["grpc-status"], expected);
    }
}

#[tokio::test]
async fn a_body_that_is_not_base64_is_refused() {
    for text in ["AAAA*", "AAAAAA"] {
        let request = post("application/grpc-web-text", "/telemetry.Telemetry/Latest", text);
        let (_, headers, _) = answer(request).await;
        assert_eq!(headers["grpc-status"], "13", "{text}");
    }
}

/// Otherwise the interceptors would not see the call.
#[tokio::test]
async fn a_service_of_another_library_behind_interceptors_gets_grpc_alone() {
    let service = TelemetryServer::new(Station::default());
    let server = Server::new().intercept(Watching).add_tower_service(service);
    let mut routes = server.into_service().unwrap();
    for (content_type, expected) in [
        ("application/grpc", StatusCode::OK),
        ("application/grpc-web", StatusCode::UNSUPPORTED_MEDIA_TYPE),
    ] {
        let request = frames(&[query("a", 3)]);
        let request = post(content_type, "/telemetry.Telemetry/Latest", request);
        let response = routes.call(request).await.unwrap();
        assert_eq!(response.status(), expected, "{content_type}");
    }
}

#[tokio::test]
async fn a_panic_in_a_layer_fails_the_call_in_the_protocol_of_the_request() {
    let service = TelemetryServer::new(Station::default());
    let panics = MapRequestLayer::new(|request: Request<HttpBody>| {
        assert!(request.headers().contains_key("calm"), "this layer panics");
        request
    });
    let mut routes = Server::new().layer(panics).add_service(service).into_service().unwrap();
    for content_type in ["application/grpc", "application/grpc-web+proto"] {
        let request = post(content_type, "/telemetry.Telemetry/Latest", "");
        let (status, headers, _) = read(routes.call(request).await.unwrap()).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(headers["content-type"], content_type);
        assert_eq!(headers["grpc-status"], "13");
    }
}

/// The status would be read as the rest of the message.
#[tokio::test]
async fn a_deadline_that_passes_inside_a_message_resets_the_stream() {
    let (listener, address) = listen().await;
    let task = serve_ours(TelemetryServer::new(Station::default()), listener);
    let stream = TcpStream::connect(address).await.unwrap();
    let mut builder = h2::client::Builder::new();
    let (mut client, connection) =
        builder.initial_window_size(8).handshake::<_, Bytes>(stream).await.unwrap();
    tokio::spawn(connection);
    for content_type in ["application/grpc-web", "application/grpc-web-text"] {
        let request = Request::post(format!("http://{address}/telemetry.Telemetry/Latest"))
            .header("content-type", content_type)
            .header("grpc-timeout", "100m")
            .body(())
            .unwrap();
        let (response, mut requests) = client.send_request(request, false).unwrap();
        let message = frames(&[query("a", 3)]);
        let message = match content_type.ends_with("text") {
            true => STANDARD.encode(message).into(),
            false => message,
        };
        requests.send_data(message, true).unwrap();
        let mut body = response.await.unwrap().into_body();
        // Whose window is never given back.
        assert_eq!(body.data().await.unwrap().unwrap().len(), 8);
        let reset = body.data().await.unwrap().unwrap_err();
        assert_eq!(reset.reason(), Some(h2::Reason::CANCEL), "{content_type}");
    }
    task.abort();
}

#[tokio::test]
async fn the_response_has_the_format_that_the_client_accepts() {
    for (content_type, accept, expected) in [
        ("application/grpc-web", "application/grpc-web-text", "application/grpc-web-text+proto"),
        ("application/grpc-web", "text/html, */*", "application/grpc-web+proto"),
        (
            "application/grpc-web+proto",
            "*/*, application/grpc-web-text+proto",
            "application/grpc-web-text+proto",
        ),
        ("application/grpc", "application/grpc-web-text", "application/grpc"),
    ] {
        let request = frames(&[query("a", 3)]);
        let mut request = post(content_type, "/telemetry.Telemetry/Latest", request);
        request.headers_mut().insert("accept", accept.parse().unwrap());
        let response = TelemetryServer::new(Station::default()).call(request).await.unwrap();
        assert_eq!(response.headers()["content-type"], expected, "{content_type}, {accept}");
    }
}

#[tokio::test]
async fn a_layer_of_a_channel_sees_its_protocol_and_interceptors_see_calls() {
    let service = TelemetryServer::new(Station::default());
    let checks = MapRequestLayer::new(|request: Request<tonic::body::Body>| {
        assert_eq!(request.headers()["content-type"], "application/grpc-web+proto");
        request
    });
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let interceptor = move |request: tonic::Request<()>| {
        counted.fetch_add(1, Ordering::SeqCst);
        Ok(request)
    };
    let channel = Channel::with_protocol(service, Protocol::GrpcWeb);
    let client = TelemetryClient::with_interceptor(channel.layer(checks), interceptor);
    check(client).await;
    assert_eq!(calls.load(Ordering::SeqCst), 4);
}
