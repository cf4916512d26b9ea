//! What browsers ask and are told before pages may call a server.

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use rust_scaffold::{Cors, Routes, Server};

use crate::{
    contracts::mirror::MirrorServer,
    mirror::{Body, Echo, answer, post},
    raw::Raw,
};

const PAGE: &str = "https://app.example.com";

fn routes(cors: Cors) -> Routes {
    Server::new().cors(cors).add_service(MirrorServer::new(Echo)).into_service().unwrap()
}

async fn preflight(routes: &Routes, origin: &str) -> Response<Bytes> {
    let request = Request::options("/mirror.Mirror/Reflect")
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type,x-grpc-web")
        .body(Body::default());
    answer(routes, request.unwrap()).await
}

async fn called(routes: &Routes, origin: Option<&str>, body: &str) -> HeaderMap {
    let mut request = post("Reflect", "application/json", body.to_owned());
    if let Some(origin) = origin {
        request.headers_mut().insert("origin", origin.parse().unwrap());
    }
    answer(routes, request).await.headers().clone()
}

#[tokio::test]
async fn pages_of_listed_origins_are_allowed_and_others_are_not() {
    let routes = routes(Cors::allow_origins([PAGE, "http://localhost:3000"]));
    let response = preflight(&routes, PAGE).await;
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    let headers = response.headers();
    assert_eq!(headers["access-control-allow-origin"], PAGE);
    assert_eq!(headers["access-control-allow-methods"], "POST");
    assert_eq!(headers["access-control-allow-headers"], "content-type,x-grpc-web");
    assert_eq!(headers["access-control-max-age"], "7200");
    assert_eq!(headers["vary"], "origin");
    assert!(!headers.contains_key("access-control-allow-credentials"));
    for other in ["https://evil.example.com", "http://app.example.com", "null"] {
        let response = preflight(&routes, other).await;
        assert!(!response.headers().contains_key("access-control-allow-origin"));
        assert_eq!(response.headers()["vary"], "origin");
    }
}

#[tokio::test]
async fn pages_see_all_headers_of_responses_also_of_failed_ones() {
    let routes = routes(Cors::allow_origins([PAGE]).allow_credentials(true));
    for body in ["{}", r#"{"string":"fail"}"#, "[]"] {
        let headers = called(&routes, Some(PAGE), body).await;
        assert_eq!(headers["access-control-allow-origin"], PAGE, "{body}");
        assert_eq!(headers["access-control-allow-credentials"], "true");
        let exposed = headers["access-control-expose-headers"].to_str().unwrap();
        for name in headers.keys().filter(|name| *name != "vary") {
            let is_exposed = exposed.split(", ").any(|exposed| exposed == name);
            assert!(is_exposed || name.as_str().starts_with("access-control-"), "{name}");
        }
    }
    let headers = called(&routes, Some("https://evil.example.com"), "{}").await;
    assert!(!headers.contains_key("access-control-allow-origin"));
    // Whoever is no browser is asked for nothing.
    let headers = called(&routes, None, "{}").await;
    assert!(!headers.contains_key("vary"));
}

/// Otherwise their scripts would see no response, and no reason.
#[tokio::test]
async fn pages_see_what_is_refused_before_any_service_is_called() {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let server = Server::new().cors(Cors::allow_any_origin()).max_header_list_size(1024);
    let server = server.add_service(MirrorServer::new(Echo));
    let incoming = tokio_stream::once(Ok(far));
    tokio::spawn(server.serve_incoming(incoming));
    let mut client = Raw::new(near);
    let long = "x".repeat(2000);
    for (request, content_type, header, expected) in [
        ("POST /no.Service/Method", "application/json", "", 415),
        ("POST /no.Service/Method", "application/grpc-web", "", 200),
        ("POST /mirror.Mirror/Nothing", "application/json", "", 501),
        ("POST /mirror.Mirror/Reflect", "text/plain", "", 415),
        ("PUT /mirror.Mirror/Reflect", "application/grpc-web", "", 405),
        ("POST /mirror.Mirror/ReflectAll", "application/json", "", 415),
        ("POST /mirror.Mirror/Reflect", "application/json", &*long, 431),
        ("POST /mirror.Mirror/Reflect", "application/grpc-web", &*long, 200),
        ("POST /mirror.Mirror/Reflect", "application/grpc", "", 505),
    ] {
        let head = format!(
            "{request} HTTP/1.1\r\nhost: mirror\r\norigin: {PAGE}\r\ncontent-type: {content_type}\r\n\
             x-more: {header}\r\ncontent-length: 0\r\n\r\n"
        );
        client.send(head).await;
        let (head, _) = client.response().await;
        assert_eq!(head.status, expected, "{request}, {content_type}");
        assert_eq!(head.get("access-control-allow-origin"), "*", "{request}, {content_type}");
    }
}

#[tokio::test]
async fn caches_do_not_show_pages_what_was_for_nobody() {
    let get = || {
        let query = "/mirror.Mirror/Reflect?encoding=json&message=%7B%7D";
        Request::get(query).body(Body::default()).unwrap()
    };
    let response = answer(&routes(Cors::allow_origins([PAGE])), get()).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(response.headers().get_all("vary").iter().any(|name| name == "origin"));
    let response = answer(&routes(Cors::allow_any_origin()), get()).await;
    assert_eq!(response.headers()["access-control-allow-origin"], "*");
}

#[tokio::test]
async fn every_origin_can_be_allowed() {
    let routes = routes(Cors::allow_any_origin());
    assert_eq!(preflight(&routes, PAGE).await.headers()["access-control-allow-origin"], "*");
    let headers = called(&routes, Some("null"), "{}").await;
    assert_eq!(headers["access-control-allow-origin"], "*");
}

#[tokio::test]
async fn without_it_browsers_are_told_nothing() {
    let routes = crate::mirror::routes();
    let headers = called(&routes, Some(PAGE), "{}").await;
    assert!(!headers.contains_key("access-control-allow-origin"));
    let response = preflight(&routes, PAGE).await;
    assert!(!response.headers().contains_key("access-control-allow-origin"));
    // What is asked otherwise is not for a browser.
    let request = Request::builder().method(Method::OPTIONS).uri("/mirror.Mirror/Reflect");
    let response = answer(&routes, request.body(Body::default()).unwrap()).await;
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[test]
fn what_is_no_origin_or_allows_too_much_is_refused() {
    for origin in [
        "app.example.com",
        "https://app.example.com/",
        "*",
        "https://*.example.com/x",
        "https://App.example.com",
        "https://app.example.com:443",
        "https://user@app.example.com",
        "",
    ] {
        let server = Server::new().cors(Cors::allow_origins([origin]));
        let error = server.into_service().unwrap_err().to_string();
        assert!(error.starts_with("`Server::cors` has"), "{origin}: {error}");
    }
    let server = Server::new().cors(Cors::allow_any_origin().allow_credentials(true));
    let error = server.into_service().unwrap_err().to_string();
    assert!(error.contains("list those that may have them"), "{error}");
}
