//! Fields in the path and in the query.

use rust_scaffold::JsonOptions;

use http::{Request, StatusCode};
use http_body_util::Full;

use crate::rest::{answer_of, get, invalid, ok, routes_with, send};

#[tokio::test]
async fn parts_of_the_path_are_fields() {
    for (path, expected) in [
        ("/v1/things/one", r#"{"string":"one"}"#),
        ("/v1/things/a%2Fb%20c+d", r#"{"string":"a/b c+d"}"#),
        ("/v1/shelves/7/books/a/b%2Fc", r#"{"string":"shelves/7/books/a/b%2Fc"}"#),
        ("/v1/items/pen/-5", r#"{"nested":{"int32":-5,"item":{"name":"pen"}}}"#),
        (
            "/v1/by/9007199254740993/COLOR_RED/2020-01-02T03:04:05.006Z/true",
            r#"{"int64":"9007199254740993","bool":true,"color":"COLOR_RED","time":"2020-01-02T03:04:05.006Z"}"#,
        ),
        (
            "/v1/by/0/1/1970-01-01T00:00:00Z/false",
            r#"{"color":"COLOR_RED","time":"1970-01-01T00:00:00Z"}"#,
        ),
    ] {
        assert_eq!(get(path).await, ok(expected), "{path}");
    }
}

#[tokio::test]
async fn parameters_of_the_query_are_fields_of_any_scalar_type() {
    for (query, expected) in [
        (
            "int32=-7&uint64=18446744073709551615",
            r#"{"int32":-7,"uint64":"18446744073709551615","string":"x"}"#,
        ),
        ("double=1e3&float=NaN", r#"{"double":1000.0,"float":"NaN","string":"x"}"#),
        ("double=-Infinity", r#"{"double":"-Infinity","string":"x"}"#),
        ("bool=true&bytes=aGk", r#"{"bool":true,"string":"x","bytes":"aGk="}"#),
        ("bytes=_-8%3D", r#"{"string":"x","bytes":"/+8="}"#),
        (
            "color=COLOR_RED&colors=1&colors=COLOR_RED",
            r#"{"string":"x","color":"COLOR_RED","colors":["COLOR_RED","COLOR_RED"]}"#,
        ),
        ("numbers=1&numbers=2&", r#"{"string":"x","numbers":["1","2"]}"#),
        ("other=3&present=0", r#"{"string":"x","present":0,"other":3}"#),
        ("renamed_field=3", r#"{"string":"x","other":3}"#),
        ("item.name=a+b%26c&item.price=2", r#"{"string":"x","item":{"name":"a b&c","price":2}}"#),
        ("duration=1.5s&mask=a,bC", r#"{"string":"x","duration":"1.500s","mask":"a,bC"}"#),
        ("wrapped=5&wrapped_text=", r#"{"string":"x","wrapped":"5","wrappedText":""}"#),
        ("nested.nested.text=deep", r#"{"string":"x","nested":{"nested":{"text":"deep"}}}"#),
        // The path counts.
        ("string=y", r#"{"string":"x"}"#),
    ] {
        assert_eq!(get(&format!("/v1/things/x?{query}")).await, ok(expected), "{query}");
    }
}

#[tokio::test]
async fn what_is_no_value_of_a_field_is_told() {
    let deep = ["nested"; 101].join(".");
    for (path, problem) in [
        ("/v1/by/x/0/1970-01-01T00:00:00Z/true", r#"int64: expected int64, got "x""#),
        (
            "/v1/by/0/PINK/1970-01-01T00:00:00Z/true",
            r#"color: expected a value of mirror.Color, got "PINK""#,
        ),
        ("/v1/by/0/0/now/true", r#"time: expected google.protobuf.Timestamp, got "now""#),
        ("/v1/by/0/0/1970-01-01T00:00:00Z/yes", r#"bool: expected bool, got "yes""#),
        ("/v1/things/%ff", "string: the path is not UTF-8"),
        ("/v1/things/x?text=%ff", r#"the parameter "text" is not UTF-8"#),
        ("/v1/things/x?%ff=1", r#"the parameter "%ff" is not UTF-8"#),
        ("/v1/things/x?double=1e999", r#"double: expected double, got "1e999""#),
        ("/v1/things/x?float=-1e39", r#"float: expected float, got "-1e39""#),
        ("/v1/things/x?uint32=-1", r#"uint32: expected uint32, got "-1""#),
        ("/v1/things/x?bytes=*", r#"bytes: expected bytes in Base64, got "*""#),
        ("/v1/things/x?no=1", r#"unknown parameter "no": mirror.Everything has no field "no""#),
        ("/v1/things/x?item.no=1", r#"unknown parameter "item.no": mirror.Item has no field "no""#),
        (
            "/v1/things/x?item=1",
            r#"unknown parameter "item": mirror.Everything.item cannot be written as text"#,
        ),
        (
            "/v1/things/x?items.name=1",
            r#"unknown parameter "items.name": mirror.Everything.items is not a single message"#,
        ),
        (
            "/v1/things/x?by_number=1",
            r#"unknown parameter "by_number": mirror.Everything.by_number cannot be written as text"#,
        ),
        (
            "/v1/things/x?int32.a=1",
            r#"unknown parameter "int32.a": mirror.Everything.int32 is not a single message"#,
        ),
    ] {
        assert_eq!(get(path).await, invalid(problem), "{path}");
    }
    let (status, text) = get(&format!("/v1/things/x?{deep}.int32=1")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(text.contains("more than 100 levels deep"), "{text}");
}

/// Statuses are in logs.
#[tokio::test]
async fn values_of_secrets_are_not_told() {
    for path in ["/v1/parts/x?pin=hunter2", "/v1/pins/hunter2"] {
        assert_eq!(get(path).await, invalid("pin: expected int32"), "{path}");
    }
    assert_eq!(
        get("/v1/parts/x?pin=hunter2%ff").await,
        invalid(r#"the parameter "pin" is not UTF-8"#)
    );
}

#[tokio::test]
async fn no_more_than_the_beginning_of_a_value_is_told() {
    let long = "x".repeat(5_000);
    let shown = format!("{}…", "x".repeat(64));
    for (path, problem) in [
        (format!("/v1/things/x?int32={long}"), format!(r#"int32: expected int32, got "{shown}""#)),
        (
            format!("/v1/things/x?{long}=1"),
            format!(r#"unknown parameter "{shown}": mirror.Everything has no field "{shown}""#),
        ),
        (format!("/v1/things/x?{long}%ff=1"), format!(r#"the parameter "{shown}" is not UTF-8"#)),
    ] {
        assert_eq!(get(&path).await, invalid(&problem), "{path}");
    }
}

#[tokio::test]
async fn unknown_parameters_are_ignored_by_option() {
    let routes = routes_with(JsonOptions::new().ignore_unknown_fields(true));
    let request = Request::get("/v1/things/x?no=1&int32=2").body(Full::default()).unwrap();
    let response = answer_of(&routes, request).await;
    assert_eq!(response.body(), r#"{"int32":2,"string":"x"}"#);
}

#[tokio::test]
async fn names_in_rules_are_those_of_the_proto() {
    assert_eq!(send("POST", "/v1/swapped/a", r#""b""#).await, ok(r#""a b""#));
}
