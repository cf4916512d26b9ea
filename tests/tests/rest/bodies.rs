//! Bodies of requests and responses.

use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use http::{Request, StatusCode};
use http_body_util::Full;
use rust_scaffold::{JsonOptions, Server};
use std::io::{Read as _, Write as _};

use crate::{
    contracts::rest::RestServer,
    rest::{Echo, answer, answer_of, get, invalid, ok, routes_with, send},
};

#[tokio::test]
async fn a_body_is_the_message_or_a_field_of_it() {
    for (method, path, body, expected) in [
        ("POST", "/v1/things", r#"{"int32":5,"string":"a"}"#, r#"{"int32":5,"string":"a"}"#),
        ("POST", "/v1/things", "", "{}"),
        // The path counts, also for what is the default.
        ("PUT", "/v1/things/b", r#"{"int32":5,"string":"a"}"#, r#"{"int32":5,"string":"b"}"#),
        ("PATCH", "/v1/things/b/item", r#"{"price":5}"#, r#"{"string":"b","item":{"price":5}}"#),
        ("PATCH", "/v1/things/b/item?int32=4", "", r#"{"int32":4,"string":"b"}"#),
        ("PATCH", "/v1/things/b/item?int32=4", "{}", r#"{"int32":4,"string":"b","item":{}}"#),
        ("PATCH", "/v1/things/b/numbers", r#" [1, "2"] "#, r#"{"string":"b","numbers":["1","2"]}"#),
        ("POST", "/v1/things/b:rename", "7", r#"{"string":"b","other":7}"#),
        ("DELETE", "/v1/things/b?int32=4", "", r#"{"int32":4,"string":"b"}"#),
        ("LINT", "/v1/lint?int32=4", "", r#"{"int32":4}"#),
        ("TRACE", "/v1/any", "", "{}"),
        ("POST", "/v1/lint/all", "", "{}"),
    ] {
        assert_eq!(send(method, path, body).await, ok(expected), "{method} {path}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_body_is_told_with_its_place() {
    for (path, body, problem) in [
        ("/v1/things", r#"{"item":{"price":"x"}}"#, r#"item.price: expected int32, got "x""#),
        ("/v1/things?int32=4", "{}", r#"unknown parameter "int32": the fields are in the body"#),
        ("/v1/things/b:rename", r#""x""#, r#"other: expected int32, got "x""#),
        (
            "/v1/things/b:rename?other=1",
            "5",
            r#"unknown parameter "other": renamed_field is the body"#,
        ),
    ] {
        assert_eq!(send("POST", path, body).await, invalid(problem), "{path}");
    }
    // No field can be brought along.
    for body in [r#"1,"int32":5"#, r#"1}{"#, "", "{"] {
        let (status, text) = send("POST", "/v1/things/b:rename", body).await;
        let expected = if body.is_empty() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
        assert_eq!(status, expected, "{text}");
        assert!(!text.contains(r#"int32":5"#), "{text}");
    }
}

/// Others could not be decoded, which would be an error of the server.
#[tokio::test]
async fn messages_are_nested_100_levels_deep_at_most() {
    let routes = Server::new().add_service(RestServer::new(Echo)).into_service().unwrap();
    let nested = |levels| {
        let (start, end) = (r#"{"nested":"#.repeat(levels), "}".repeat(levels));
        format!("{start}{{}}{end}")
    };
    // Each list is a value, with a list in it.
    let list = |levels| format!(r#"{{"value":{}{}}}"#, "[".repeat(levels), "]".repeat(levels));
    // So is each object, of which an entry is a message as well.
    let object =
        |levels| format!(r#"{{"value":{}1{}}}"#, r#"{"a":"#.repeat(levels), "}".repeat(levels));
    for (json, is_well) in [
        (nested(100), true),
        (nested(101), false),
        (list(50), true),
        (list(51), false),
        (object(33), true),
        (object(34), false),
    ] {
        for path in ["/v1/things", "/rest.Rest/Plain"] {
            let request = Request::post(path).header("content-type", "application/json");
            let request = request.body(Full::from(json.clone())).unwrap();
            let status = answer_of(&routes, request).await.status();
            let expected = if is_well { StatusCode::OK } else { StatusCode::BAD_REQUEST };
            assert_eq!(status, expected, "{path} {json}");
        }
    }
    // The number is a message as well.
    let path = ["nested"; 100].join(".");
    for (field, expected) in [("int32", StatusCode::OK), ("wrapped", StatusCode::BAD_REQUEST)] {
        let request = Request::get(format!("/v1/things/x?{path}.{field}=1"));
        let response = answer_of(&routes, request.body(Full::default()).unwrap()).await;
        assert_eq!(response.status(), expected, "{field}");
    }
}

#[tokio::test]
async fn a_field_of_the_response_may_be_its_body() {
    for (path, expected) in [
        ("/v1/search", "[]"),
        ("/v1/first?item.name=a", r#"{"name":"a"}"#),
        ("/v1/first", "null"),
        ("/v1/number?other=3", "3"),
        ("/v1/number", "0"),
        ("/v1/maybe?present=0", "0"),
        ("/v1/maybe", "null"),
        ("/v1/names", "{}"),
    ] {
        assert_eq!(get(path).await, ok(expected), "{path}");
    }
    let names = routes_with(JsonOptions::new().write_proto_names(true));
    let request = Request::get("/v1/number?other=3").body(Full::default()).unwrap();
    assert_eq!(answer_of(&names, request).await.body(), "3");
}

#[tokio::test]
async fn bodies_of_any_type_pass() {
    let request = Request::post("/v1/mirror").header("content-type", "image/png");
    let response = answer(request.body(Full::from(&b"\x89PNG"[..])).unwrap()).await;
    assert_eq!(response.headers()["content-type"], "image/png");
    assert_eq!(&response.body()[..], b"\x89PNG");

    let request = Request::post("/v1/files/x").header("content-type", "text/plain");
    let response = answer(request.body(Full::from(&b"hi"[..])).unwrap()).await;
    assert_eq!(response.headers()["content-type"], "application/json");
    let expected = r#"{"name":"x","file":{"contentType":"text/plain","data":"aGk="}}"#;
    assert_eq!(response.body(), expected);

    for (path, body) in [("/v1/files/x", "x"), ("/v1/parts/x", "x"), ("/v1/files/xyz/bytes", "xyz")]
    {
        let response = answer(Request::get(path).body(Full::default()).unwrap()).await;
        assert_eq!(response.headers()["content-type"], "text/plain", "{path}");
        assert_eq!(response.body(), body, "{path}");
    }
    let response = answer(Request::get("/v1/parts/none").body(Full::default()).unwrap()).await;
    assert_eq!(response.headers()["content-type"], "application/octet-stream");
    assert_eq!(response.headers()["content-length"], "0");
}

#[tokio::test]
async fn bodies_are_compressed_as_http_has_it() {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(br#"{"int32":5}"#).unwrap();
    let request = Request::post("/v1/things")
        .header("content-type", "application/json")
        .header("content-encoding", "gzip")
        .header("accept-encoding", "br, gzip;q=0.5");
    let response = answer(request.body(Full::from(gzip.finish().unwrap())).unwrap()).await;
    assert_eq!(response.headers()["content-encoding"], "gzip");
    assert_eq!(response.headers()["vary"], "accept-encoding");
    let mut plain = String::new();
    GzDecoder::new(&response.body()[..]).read_to_string(&mut plain).unwrap();
    assert_eq!(plain, r#"{"int32":5}"#);

    let request = Request::post("/v1/things").header("content-encoding", "gzip");
    let response = answer(request.body(Full::from("{}")).unwrap()).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);

    let request = Request::post("/v1/things").header("content-encoding", "br");
    let response = answer(request.body(Full::default()).unwrap()).await;
    assert_eq!(response.status(), StatusCode::NOT_IMPLEMENTED);
}

#[tokio::test]
async fn metadata_are_headers() {
    let request = Request::get("/v1/things/a").header("x-text", "hi");
    let response = answer(request.body(Full::default()).unwrap()).await;
    assert_eq!(response.headers()["x-text"], "hi");
    let mut names: Vec<_> = response.headers().keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["content-length", "content-type", "vary", "x-text"]);
}

#[tokio::test]
async fn the_head_alone_is_that_of_the_response() {
    let request = Request::head("/v1/head").body(Full::default()).unwrap();
    assert_eq!(answer(request).await.status(), StatusCode::OK);
    let request = Request::head("/v1/things/a").body(Full::default()).unwrap();
    let response = answer(request).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-length"], r#"{"string":"a"}"#.len().to_string());
    assert_eq!(response.body(), "");
}
