//! What is behind the translation sees gRPC: the log, layers, interceptors, services of other libraries.

use http::{HeaderValue, Response, StatusCode};
use rust_scaffold::{CallLog, HttpBody, Server};
use tonic_health::{pb::HealthCheckRequest, server::health_reporter};
use tower::util::MapResponseLayer;

use crate::{
    contracts::mirror::MirrorServer,
    mirror::{Echo, answer, post, seen},
    written::Written,
};

#[tokio::test]
async fn every_request_is_logged_with_its_status() {
    let lines = Written::default();
    let log = CallLog::to_writer(lines.clone());
    let server = Server::new().log_calls_to(log.clone()).add_service(MirrorServer::new(Echo));
    let routes = server.into_service().unwrap();
    for (json, version) in [("{}", "1"), (r#"{"string":"fail"}"#, "1"), ("[]", "1"), ("{}", "2")] {
        let mut request = post("Reflect", "application/json", json);
        request.headers_mut().insert("connect-protocol-version", version.parse().unwrap());
        answer(&routes, request).await;
    }
    answer(&routes, post("Nothing", "application/json", "{}")).await;
    answer(&routes, post("ReflectAll", "application/json", "{}")).await;
    log.flush().await;
    let lines = lines.text();
    let lines = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let codes: Vec<_> = lines.map(|line| line["code"].as_str().unwrap().to_owned()).collect();
    let expected = [
        "OK",
        "FAILED_PRECONDITION",
        "INVALID_ARGUMENT",
        "INVALID_ARGUMENT",
        "UNIMPLEMENTED",
        "UNKNOWN",
    ];
    assert_eq!(codes, expected);
}

/// What the service has answered is one thing, that it has no JSON another.
#[tokio::test]
async fn a_stream_that_has_no_json_fails_for_the_log_as_well() {
    let lines = Written::default();
    let log = CallLog::to_writer(lines.clone());
    let server = Server::new().log_calls_to(log.clone()).add_service(MirrorServer::new(Echo));
    let routes = server.into_service().unwrap();
    let message = br#"{"string":"unpack","bytes":"CgN4L3k"}"#;
    let mut body = vec![0, 0, 0, 0, u8::try_from(message.len()).unwrap()];
    body.extend(message);
    let response = answer(&routes, post("ReflectAll", "application/connect+json", body)).await;
    assert!(String::from_utf8_lossy(response.body()).contains("internal"), "{response:?}");
    log.flush().await;
    let lines = lines.text();
    assert!(lines.contains(r#""code":"INTERNAL""#), "{lines}");
}

#[tokio::test]
async fn what_layers_add_is_in_the_head_of_every_response() {
    let layer = MapResponseLayer::new(|mut response: Response<HttpBody>| {
        response.headers_mut().insert("served-by", HeaderValue::from_static("mirror-1"));
        response
    });
    let server = Server::new().layer(layer).add_service(MirrorServer::new(Echo));
    let routes = server.into_service().unwrap();
    for (method, content_type, body) in [
        ("Reflect", "application/json", "{}"),
        ("Reflect", "application/json", "[]"),
        // Its response has no JSON.
        ("Reflect", "application/json", r#"{"string":"unpack","bytes":"CgN4L3k"}"#),
        ("Nothing", "application/json", "{}"),
        ("Nothing", "application/connect+json", ""),
        ("ReflectAll", "application/connect+json", ""),
        ("ReflectAll", "application/connect+json", "\0\0\0\0\x02[]"),
    ] {
        let response = answer(&routes, post(method, content_type, body)).await;
        assert_eq!(response.headers()["served-by"], "mirror-1", "{method}, {body:?}");
        assert!(!seen(&response).2.contains("served-by"), "{response:?}");
    }
}

#[tokio::test]
async fn services_of_other_libraries_are_called_in_protobuf() {
    use rust_scaffold::prost::Message as _;

    let (_reporter, health) = health_reporter();
    let routes = Server::new().add_tower_service(health).into_service().unwrap();
    let check = |content_type: &str, body: Vec<u8>| {
        let mut request = post("Check", content_type, body);
        *request.uri_mut() = "/grpc.health.v1.Health/Check".parse().unwrap();
        answer(&routes, request)
    };
    let serving = check("application/proto", Vec::new()).await;
    assert_eq!(seen(&serving), (StatusCode::OK, "application/proto", "\x08\x01"));
    let unknown = HealthCheckRequest { service: "nobody".into() }.encode_to_vec();
    let unknown = check("application/proto", unknown).await;
    assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
    // Its messages are not known.
    let json = check("application/json", b"{}".to_vec()).await;
    assert_eq!(json.status(), StatusCode::NOT_IMPLEMENTED);
}
