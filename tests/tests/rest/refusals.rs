//! Requests that are refused, and calls that fail.

use http::{Request, StatusCode};
use http_body_util::Full;
use rust_scaffold::{CallLog, HttpBody, Server};

use crate::{
    contracts::rest::RestServer,
    rest::{Echo, answer, answer_of, get, send},
    written::Written,
};

#[tokio::test]
async fn a_failure_is_an_http_status_and_a_status_in_json() {
    let response = answer(Request::get("/v1/things/fail").body(Full::default()).unwrap()).await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    assert_eq!(response.headers()["content-type"], "application/json");
    assert_eq!(response.headers()["x-reason"], "none");
    assert_eq!(response.body(), r#"{"code":5,"message":"there is no \"fail\"","details":[]}"#);
    // Before anything was sent.
    for path in ["/v1/watch/-1", "/v1/files/fail", "/v1/files/!/bytes"] {
        assert_eq!(get(path).await.0, StatusCode::NOT_FOUND, "{path}");
    }
}

/// As one of gRPC.
#[tokio::test]
async fn every_call_is_logged() {
    let lines = Written::default();
    let log = CallLog::to_writer(lines.clone());
    let server = Server::new().log_calls_to(log.clone()).add_service(RestServer::new(Echo));
    let routes = server.into_service().unwrap();
    for path in [
        "/v1/things/a",
        "/v1/things/fail",
        "/v1/by/x/0/1970-01-01T00:00:00Z/true",
        "/v1/watch/1?string=fail",
    ] {
        answer_of(&routes, Request::get(path).body(Full::default()).unwrap()).await;
    }
    log.flush().await;
    let lines = lines.text();
    let lines = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let lines: Vec<_> = lines.map(|line| format!("{} {}", line["method"], line["code"])).collect();
    let expected = [
        r#""/rest.Rest/Get" "OK""#,
        r#""/rest.Rest/Get" "NOT_FOUND""#,
        r#""/rest.Rest/Get" "INVALID_ARGUMENT""#,
        r#""/rest.Rest/Watch" "NOT_FOUND""#,
    ];
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn a_path_without_a_rule_is_unknown() {
    for path in ["/v1/thing", "/v1/things/", "/v1/collect", "/"] {
        let (status, text) = get(path).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        let expected = format!(r#"{{"code":5,"message":"there is no GET {path}","details":[]}}"#);
        assert_eq!(text, expected);
    }
    let (_, text) = get(&format!("/{}", "x".repeat(5000))).await;
    assert!(text.len() < 400 && text.contains("xxx…"), "{text}");
    // Of a service, it is one of gRPC.
    assert_eq!(get("/rest.Rest/Plain").await.0, StatusCode::METHOD_NOT_ALLOWED);
    let call = Request::post("/no.Service/Method").header("content-type", "application/grpc");
    let response = answer(call.body(Full::default()).unwrap()).await;
    assert_eq!(response.headers()["grpc-status"], "12");
}

#[tokio::test]
async fn paths_without_a_rule_reach_the_fallback() {
    let fallback = tower::service_fn(async |_: Request<HttpBody>| {
        Ok::<_, std::convert::Infallible>(http::Response::new(Full::from("mine")))
    });
    let server = Server::new().fallback(fallback).add_service(RestServer::new(Echo));
    let routes = server.into_service().unwrap();
    for (method, path, body) in [
        ("GET", "/v1/thing", "mine"),
        ("GET", "/v1/things/a", r#"{"string":"a"}"#),
        // Of a path that has a rule for other methods, too.
        ("POST", "/v1/things/a", "mine"),
    ] {
        let request = Request::builder().method(method).uri(path);
        let response = answer_of(&routes, request.body(Full::default()).unwrap()).await;
        assert_eq!(response.body(), body, "{method} {path}");
    }
}

#[tokio::test]
async fn a_server_may_do_without_rest() {
    let server = Server::new().accept_rest(false).add_service(RestServer::new(Echo));
    let routes = server.openapi("/openapi.json").into_service().unwrap();
    for path in ["/v1/things/a", "/openapi.json"] {
        let request = Request::get(path).body(Full::default()).unwrap();
        let response = answer_of(&routes, request).await;
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
    }
}

#[tokio::test]
async fn another_method_of_a_path_is_not_allowed() {
    let (status, text) = send("POST", "/v1/things/a", "").await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(
        text,
        r#"{"code":12,"message":"this path takes DELETE, GET, HEAD, PUT","details":[]}"#
    );
    let request = Request::post("/v1/things/a").body(Full::default()).unwrap();
    assert_eq!(answer(request).await.headers()["allow"], "DELETE, GET, HEAD, PUT");
}

#[tokio::test]
async fn a_body_that_is_not_json_is_refused() {
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp"] {
        let request = Request::post("/v1/things").header("content-type", content_type);
        let response = answer(request.body(Full::from("{}")).unwrap()).await;
        assert_eq!(response.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE, "{content_type}");
        assert_eq!(response.headers()["accept"], "application/json");
    }
    for content_type in ["application/json; charset=utf-8", "application/merge-patch+json"] {
        let request = Request::post("/v1/things").header("content-type", content_type);
        let response = answer(request.body(Full::from("{}")).unwrap()).await;
        assert_eq!(response.status(), StatusCode::OK, "{content_type}");
    }
}

/// Browsers send such requests for any page, with the user's cookies, and without asking the server before.
#[tokio::test]
async fn what_a_page_of_another_site_sends_without_asking_is_refused() {
    let json = "application/json";
    for (path, content_type, origin, expected) in [
        ("/v1/things", None, [("sec-fetch-site", "cross-site")], 415),
        ("/v1/things", Some(json), [("sec-fetch-site", "cross-site")], 200),
        ("/v1/things", None, [("sec-fetch-site", "same-origin")], 200),
        ("/v1/things", None, [("x-script", "curl")], 200),
        ("/v1/lint/all", None, [("sec-fetch-site", "cross-site")], 415),
        ("/v1/lint/all", Some(json), [("sec-fetch-site", "cross-site")], 200),
        ("/v1/lint/all", Some("text/plain; x"), [("sec-fetch-site", "cross-site")], 415),
        (
            "/v1/lint/all",
            Some("multipart/form-data; boundary=x"),
            [("origin", "https://evil.example")],
            415,
        ),
        ("/v1/lint/all", None, [("origin", "null")], 415),
        ("/v1/lint/all", None, [("origin", "https://api.example")], 200),
        ("/v1/mirror", Some("Text/Plain"), [("sec-fetch-site", "cross-site")], 415),
        ("/v1/mirror", Some("image/png"), [("sec-fetch-site", "cross-site")], 200),
    ] {
        let mut request = Request::post(format!("https://api.example{path}"));
        for (name, value) in origin.into_iter().chain(content_type.map(|it| ("content-type", it))) {
            request = request.header(name, value);
        }
        let response = answer(request.body(Full::from("{}")).unwrap()).await;
        assert_eq!(response.status(), expected, "{path} {content_type:?} {origin:?}");
    }
    let request = Request::get("/v1/things/a").header("sec-fetch-site", "cross-site");
    assert_eq!(answer(request.body(Full::default()).unwrap()).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn limits_are_those_of_the_method() {
    let long = format!(r#"{{"string":"{}"}}"#, "x".repeat(1024));
    let (status, text) = send("POST", "/v1/things", &long).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS, "{text}");

    let request = Request::get("/v1/things/a").header("grpc-timeout", "1n");
    let response = answer(request.body(Full::default()).unwrap()).await;
    assert_eq!(response.status(), StatusCode::GATEWAY_TIMEOUT);
    let request = Request::get("/v1/things/a").header("grpc-timeout", "soon");
    let response = answer(request.body(Full::default()).unwrap()).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
}
