//! Unary calls.

use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use rust_scaffold::{
    Context, Limits, Request as Call, Response as Answer, Server, Status, prost::Message as _,
};
use tokio::time::Instant;

use crate::{
    contracts::{
        calculator::{
            AddRequest, AddResponse, Calculator, CalculatorServer, SubtractRequest,
            SubtractResponse,
        },
        mirror::{Everything, MirrorServer},
    },
    mirror::{Body, Echo, answer, gunzipped, gzipped, post, routes, seen},
};

fn everything(number: i32) -> Everything {
    Everything { int32: number, ..Everything::default() }
}

#[tokio::test]
async fn a_message_is_the_whole_body() {
    let request = post("Reflect", "application/proto", everything(5).encode_to_vec());
    let response = answer(&routes(), request).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "application/proto");
    assert_eq!(response.headers()["content-length"], response.body().len().to_string());
    assert_eq!(Everything::decode(response.into_body()).unwrap(), everything(5));
}

#[tokio::test]
async fn content_types_are_read_as_http_has_it() {
    for content_type in ["application/json", "Application/JSON; charset=utf-8"] {
        let response = answer(&routes(), post("Reflect", content_type, r#"{"int32":5}"#)).await;
        assert_eq!(seen(&response), (StatusCode::OK, "application/json", r#"{"int32":5}"#));
    }
    let response = answer(&routes(), post("Reflect", "application/xml", "")).await;
    assert_eq!(response.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn an_empty_body_is_an_empty_message_in_protobuf_and_nothing_in_json() {
    let response = answer(&routes(), post("Reflect", "application/proto", "")).await;
    assert_eq!(seen(&response), (StatusCode::OK, "application/proto", ""));
    let response = answer(&routes(), post("Reflect", "application/json", "")).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_failure_is_an_http_status_and_json() {
    for (content_type, body) in [
        (
            "application/proto",
            Everything { string: "fail".into(), ..Everything::default() }.encode_to_vec(),
        ),
        ("application/json", br#"{"string":"fail"}"#.to_vec()),
    ] {
        let response = answer(&routes(), post("Reflect", content_type, body)).await;
        let json = r#"{"code":"failed_precondition","message":"größer als \"100 %\"","details":[{"type":"google.protobuf.StringValue","value":"CgN3aHk"}]}"#;
        assert_eq!(seen(&response), (StatusCode::BAD_REQUEST, "application/json", json));
        assert_eq!(response.headers()["x-reason"], "full");
        assert_eq!(response.headers()["content-length"], json.len().to_string());
        assert!(!response.headers().contains_key("grpc-status"));
    }
}

#[tokio::test]
async fn metadata_passes_both_ways() {
    let mut request = post("Reflect", "application/json", "{}");
    request.headers_mut().insert("x-text", "hello".parse().unwrap());
    let response = answer(&routes(), request).await;
    assert_eq!(response.headers()["x-text"], "hello");
    assert_eq!(response.headers()["trailer-x-last"], "hello");
}

#[tokio::test]
async fn bodies_may_be_compressed() {
    let message = Everything { string: "x".repeat(1000), ..Everything::default() };
    let json = format!(r#"{{"string":"{}"}}"#, message.string);
    for (content_type, plain) in
        [("application/proto", message.encode_to_vec()), ("application/json", json.into_bytes())]
    {
        let mut request = post("Reflect", content_type, gzipped(&plain));
        request.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
        request.headers_mut().insert("accept-encoding", "br, gzip".parse().unwrap());
        let response = answer(&routes(), request).await;
        assert_eq!(response.status(), StatusCode::OK, "{response:?}");
        assert_eq!(response.headers()["content-encoding"], "gzip");
        assert_eq!(gunzipped(response.body()), plain);
        // Nobody has to understand it.
        let response = answer(&routes(), post("Reflect", content_type, plain.clone())).await;
        assert!(!response.headers().contains_key("content-encoding"));
        assert_eq!(response.body(), &plain);
    }
    let mut request = post("Reflect", "application/json", "{}");
    request.headers_mut().insert("content-encoding", "br".parse().unwrap());
    assert_eq!(answer(&routes(), request).await.status(), StatusCode::NOT_IMPLEMENTED);
}

#[tokio::test]
async fn a_method_without_side_effects_can_be_got() {
    let get = |query: &str| {
        Request::get(format!("/mirror.Mirror/{query}")).body(Body::default()).unwrap()
    };
    for query in [
        "Reflect?connect=v1&encoding=json&message=%7B%22string%22%3A%22a+b%22%7D",
        // {"string":"a b"}
        "Reflect?message=eyJzdHJpbmciOiJhIGIifQ&base64=1&encoding=json&connect=v1",
    ] {
        let response = answer(&routes(), get(query)).await;
        assert_eq!(seen(&response), (StatusCode::OK, "application/json", r#"{"string":"a b"}"#));
    }
    for query in ["message=*&base64=1", "message=%7B%7D&connect=v2", "message=%7B"] {
        let response = answer(&routes(), get(&format!("Reflect?encoding=json&{query}"))).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{query}");
    }
    // Others have side effects, as far as anybody knows.
    let response = answer(&routes(), get("ReflectLegacy?encoding=json&message=%7B%7D")).await;
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    let response = answer(&routes(), get("Reflect")).await;
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn what_is_not_there_is_unimplemented() {
    let response = answer(&routes(), post("Nothing", "application/json", "{}")).await;
    assert_eq!(response.status(), StatusCode::NOT_IMPLEMENTED);
    assert!(seen(&response).2.starts_with(r#"{"code":"unimplemented","#));
    // Of a service that the server has not, nothing is known, nor whether it is Connect that is spoken.
    let request = Request::post("/other.Service/Method")
        .header("content-type", "application/json")
        .body(Body::default())
        .unwrap();
    assert_eq!(answer(&routes(), request).await.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn kinds_of_calls_do_not_mix() {
    for (method, content_type, expected) in [
        ("ReflectAll", "application/json", "application/connect+json"),
        ("Reflect", "application/connect+proto", "application/proto"),
    ] {
        let response = answer(&routes(), post(method, content_type, "{}")).await;
        assert_eq!(response.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
        assert_eq!(response.headers()["accept-post"], expected);
    }
}

#[tokio::test]
async fn another_version_of_the_protocol_is_refused() {
    for (version, expected) in [("1", StatusCode::OK), ("2", StatusCode::BAD_REQUEST)] {
        let mut request = post("Reflect", "application/json", "{}");
        request.headers_mut().insert("connect-protocol-version", version.parse().unwrap());
        assert_eq!(answer(&routes(), request).await.status(), expected);
    }
}

/// Whoever sends much gets little of it back.
#[tokio::test]
async fn what_was_sent_is_repeated_in_part() {
    let long = "x".repeat(5000);
    let of_method = format!("/mirror.Mirror/{long}");
    let of_service = format!("/{long}/Reflect");
    let reflect = "/mirror.Mirror/Reflect";
    for (path, content_type, header) in [
        (reflect, "application/json", "connect-timeout-ms"),
        (reflect, "application/json", "connect-protocol-version"),
        (reflect, "application/json", "content-encoding"),
        ("/mirror.Mirror/ReflectAll", "application/connect+json", "connect-content-encoding"),
        (reflect, "application/grpc", "grpc-timeout"),
        (reflect, "application/grpc", "grpc-encoding"),
        (&of_method, "application/json", "x-more"),
        (&of_method, "application/grpc", "x-more"),
        (&of_service, "application/grpc", "x-more"),
    ] {
        let mut request = post("Reflect", content_type, "");
        *request.uri_mut() = path.parse().unwrap();
        request.headers_mut().insert(header, long.parse().unwrap());
        let response = answer(&routes(), request).await;
        let body = String::from_utf8_lossy(response.body());
        let shown = format!("{:?} {body}", response.headers());
        let repeated = shown.matches('x').count();
        assert!((40..400).contains(&repeated), "{path} {content_type} {header}: {shown}");
        assert!(shown.contains('…') || shown.contains("%E2%80%A6"), "{shown}");
    }
}

#[tokio::test]
async fn messages_have_the_limits_of_grpc() {
    let limits = Limits::new().max_decoding_message_size(10);
    let server = Server::new().limits(limits).add_service(MirrorServer::new(Echo));
    let routes = server.into_service().unwrap();
    for (body, expected) in [
        (r#"{"int32":5}"#, StatusCode::TOO_MANY_REQUESTS),
        (r#"{"int32":"#, StatusCode::BAD_REQUEST),
    ] {
        let response = answer(&routes, post("Reflect", "application/json", body)).await;
        assert_eq!(response.status(), expected, "{response:?}");
    }
    let body = vec![0; 11];
    let response = answer(&routes, post("Reflect", "application/proto", body)).await;
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
}

/// Takes for ever, or says how long it may.
struct Slow;

impl Calculator for Slow {
    async fn add(&self, _: Call<AddRequest>) -> Result<Answer<AddResponse>, Status> {
        std::future::pending().await
    }

    async fn subtract(&self, _: Call<SubtractRequest>) -> Result<Answer<SubtractResponse>, Status> {
        let left = Context::current().deadline().unwrap() - Instant::now();
        Ok(SubtractResponse { result: i32::try_from(left.as_millis()).unwrap() }.into())
    }
}

fn calculate(method: &str, timeout: &str) -> Request<Body> {
    Request::post(format!("/calculator.Calculator/{method}"))
        .header("content-type", "application/json")
        .header("connect-timeout-ms", timeout)
        .body(Full::new("{}".into()).boxed_unsync())
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn deadlines_are_those_of_grpc() {
    let server = Server::new().add_service(CalculatorServer::new(Slow));
    let routes = server.into_service().unwrap();
    let response = answer(&routes, calculate("Add", "50")).await;
    assert_eq!(response.status(), StatusCode::GATEWAY_TIMEOUT);
    assert!(seen(&response).2.starts_with(r#"{"code":"deadline_exceeded","#));
    let response = answer(&routes, calculate("Subtract", "1234567")).await;
    // A millisecond earlier than the client's, and rounded to what gRPC sends.
    assert_eq!(seen(&response), (StatusCode::OK, "application/json", r#"{"result":1234566}"#));
    for malformed in ["", "-1", "1.5", "12345678901", "1s"] {
        let response = answer(&routes, calculate("Add", malformed)).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{malformed}");
    }
}

#[tokio::test]
async fn other_requests_reach_the_fallback() {
    let fallback = tower::service_fn(|_: Request<rust_scaffold::HttpBody>| async {
        Ok::<_, std::convert::Infallible>(http::Response::new(Body::new(Full::new("page".into()))))
    });
    let server = Server::new().add_service(MirrorServer::new(Echo)).fallback(fallback);
    let routes = server.into_service().unwrap();
    for path in ["/orders/new", "/", "/other.Service/Method"] {
        let request = Request::post(path)
            .header("content-type", "application/json")
            .body(Full::new("{}".into()).boxed_unsync())
            .unwrap();
        assert_eq!(answer(&routes, request).await.body(), "page");
    }
}

#[tokio::test]
async fn only_compressions_that_the_client_weighs_are_sent() {
    for (lines, is_compressed) in [
        (vec!["br", "gzip"], true),
        (vec!["br;q=1.0, gzip;q=0.5"], true),
        (vec!["gzip;q=0, identity"], false),
        (vec!["gzip; q=0.000"], false),
        (vec!["identity"], false),
    ] {
        let mut request = post("Reflect", "application/proto", everything(5).encode_to_vec());
        for line in &lines {
            request.headers_mut().append("accept-encoding", line.parse().unwrap());
        }
        let response = answer(&routes(), request).await;
        let encoding = response.headers().get("content-encoding");
        assert_eq!(encoding.is_some(), is_compressed, "{lines:?}");
    }
}

#[tokio::test]
async fn only_compressions_that_the_service_accepts_are_read() {
    let server = Server::new().add_service(MirrorServer::new(Echo));
    let routes = server.into_service().unwrap();
    for (content_type, body) in
        [("application/json", b"{}".to_vec()), ("application/proto", everything(5).encode_to_vec())]
    {
        let mut request = post("Reflect", content_type, gzipped(&body));
        request.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
        let response = answer(&routes, request).await;
        assert_eq!(response.status(), StatusCode::NOT_IMPLEMENTED, "{content_type}");
        assert_eq!(response.headers()["accept-encoding"], "identity");
    }
}

#[tokio::test]
async fn caches_are_told_that_responses_may_be_compressed() {
    let request = Request::get("/mirror.Mirror/Reflect?encoding=json&message=%7B%7D")
        .header("accept-encoding", "gzip")
        // Of a body that there is not.
        .header("content-encoding", "gzip")
        .body(Body::default())
        .unwrap();
    let response = answer(&routes(), request).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["vary"], "accept-encoding");
    assert_eq!(gunzipped(response.body()), b"{}");
}

#[tokio::test]
async fn headers_of_grpc_mean_nothing_in_connect() {
    let mut request = post("Reflect", "application/proto", everything(5).encode_to_vec());
    request.headers_mut().insert("grpc-encoding", "gzip".parse().unwrap());
    request.headers_mut().insert("grpc-accept-encoding", "gzip".parse().unwrap());
    request.headers_mut().insert("grpc-timeout", "0n".parse().unwrap());
    let response = answer(&routes(), request).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(!response.headers().contains_key("content-encoding"));
}
