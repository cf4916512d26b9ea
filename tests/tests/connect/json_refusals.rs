//! What is refused of messages in JSON, and what is told of it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::StatusCode;
use rust_scaffold::{
    Server,
    prost::Message as _,
    prost_types::{Any, Duration, FieldMask, Timestamp, Value, value},
};

use crate::{
    contracts::{mirror::Locked, redaction::GateServer},
    explorer::Closed,
    json::reflect,
    mirror::{answer, post, seen},
};

/// Each of these is refused with its problem.
async fn check_refused(cases: &[(&str, &str)]) {
    for (json, problem) in cases {
        let (status, body) = reflect("Reflect", json).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{json}");
        let expected = serde_json::json!({ "code": "invalid_argument", "message": problem });
        let seen: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(seen, expected, "{json}");
    }
}

#[tokio::test]
async fn what_is_wrong_is_told_with_its_place() {
    check_refused(&[
        (r#"{"items":[{},{"price":"x"}]}"#, r#"items[1].price: expected int32, got "x""#),
        (r#"{"int32":2147483648}"#, "int32: expected int32, got 2147483648"),
        (r#"{"uint32":-1}"#, "uint32: expected uint32, got -1"),
        (r#"{"int32":1.5}"#, "int32: expected int32, got 1.5"),
        (r#"{"string":5}"#, "string: expected string, got 5"),
        (r#"{"bytes":"*"}"#, r#"bytes: expected bytes in Base64, got "*""#),
        (r#"{"color":"GREEN"}"#, r#"color: expected a value of mirror.Color, got "GREEN""#),
        (r#"{"items":{}}"#, "items: expected a list of mirror.Item, got an object"),
        (
            r#"{"byName":{"a b":{"price":[]}}}"#,
            r#"byName["a b"].price: expected int32, got a list"#,
        ),
        (r#"{"byNumber":{"x":true}}"#, r#"byNumber: expected keys of int32, got "x""#),
        (r#"{"nested":{"what":1}}"#, r#"nested: mirror.Everything has no field "what""#),
        (r#"{"time":"yesterday"}"#, r#"time: expected google.protobuf.Timestamp, got "yesterday""#),
        ("[]", "expected mirror.Everything, got a list"),
    ])
    .await;
}

/// Statuses are in logs.
#[tokio::test]
async fn values_of_secrets_are_not_told() {
    let routes = Server::new().add_service(GateServer::new(Closed)).into_service().unwrap();
    let long = format!(r#"{{"user":"{}","pin":"hunter2"}}"#, "x".repeat(70_000));
    for (json, problem) in [
        (r#"{"pin":"hunter2"}"#, "pin: expected int32"),
        (&long, "pin: expected int32"),
        (r#"{"password":["hunter2"]}"#, "password: expected string"),
        (r#"{"keys":["hunter2!"]}"#, "keys: expected a list of bytes in Base64"),
        (r#"{"answers":{"hunter2":1}}"#, "answers: expected a map of string to string"),
        (r#"{"key":{"secret":"hunter2!"}}"#, "key.secret: expected bytes in Base64"),
        (r#"{"behalfOf":{"pin":"hunter2"}}"#, "behalfOf.pin: expected int32"),
        (r#"{"user":2}"#, "user: expected string, got 2"),
    ] {
        let mut request = post("", "application/json", json.to_owned());
        *request.uri_mut() = "/redaction.Gate/SignIn".parse().unwrap();
        let response = answer(&routes, request).await;
        let expected = format!(r#"{{"code":"invalid_argument","message":"{problem}"}}"#);
        assert_eq!(seen(&response).2, expected);
    }
    // They are for the clients, though.
    let locked =
        Any { type_url: "x/mirror.Locked".to_owned(), value: Locked { pin: 5 }.encode_to_vec() };
    let bytes = STANDARD.encode(locked.encode_to_vec());
    let json = format!(r#"{{"string":"unpack","bytes":"{bytes}"}}"#);
    let (_, body) = reflect("Reflect", &json).await;
    assert!(body.contains(r#"{"@type":"x/mirror.Locked","pin":5}"#), "{body}");
    let any = r#"{"any":{"@type":"x/mirror.Locked","pin":"hunter2"}}"#;
    let (_, body) = reflect("Reflect", any).await;
    assert_eq!(body, r#"{"code":"invalid_argument","message":"any.pin: expected int32"}"#);
}

#[tokio::test]
async fn no_more_than_the_beginning_of_a_value_is_told() {
    let long = "x".repeat(100_000);
    for json in [
        format!(r#"{{"int32":"{}"}}"#, &long[..5_000]),
        format!(r#"{{"int32":"{long}"}}"#),
        format!(r#"{{"byNumber":{{"{}":true}}}}"#, &long[..5_000]),
        format!(r#"{{"byName":{{"{long}":5}}}}"#),
        format!(r#"{{"{}":5}}"#, &long[..5_000]),
        format!(r#"{{"{long}":5}}"#),
    ] {
        let (status, body) = reflect("Reflect", &json).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(body.len() < 500, "{body}");
    }
}

#[tokio::test]
async fn what_is_no_json_is_refused() {
    for json in
        ["", "{", r#"{"int32":5}x"#, r#"{"int32":NaN}"#, "{'int32':5}", r#"{"string":"\ud800"}"#]
    {
        let (status, body) = reflect("Reflect", json).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{json}");
        assert!(body.contains("the message is not JSON"), "{json}: {body}");
    }
}

#[tokio::test]
async fn what_is_ambiguous_is_refused() {
    check_refused(&[
        (r#"{"text":"a","item":{}}"#, "item: choice is set by another field already"),
        (r#"{"nothing":null,"text":"a"}"#, "text: choice is set by another field already"),
        (r#"{"int32":1,"int32":1}"#, "int32: it is there twice"),
        (r#"{"int32":null,"int32":1}"#, "int32: it is there twice"),
        (r#"{"renamed_field":1,"other":1}"#, "other: it is there twice"),
        (r#"{"items":[{"price":1,"price":2}]}"#, "items[0].price: it is there twice"),
        (r#"{"byName":{"a":{},"a":{}}}"#, r#"byName: the key "a" is there twice"#),
        (r#"{"struct":{"a":{"b":1,"b":1}}}"#, r#"struct["a"]: the key "b" is there twice"#),
        (r#"{"any":{"price":1}}"#, r#"any: expected an object with "@type""#),
        (r#"{"any":{"@type":5}}"#, r#"any: the type "5" is not known"#),
        (r#"{"any":{"@type":"x/of.Nobody"}}"#, r#"any: the type "x/of.Nobody" is not known"#),
        (
            r#"{"any":{"@type":"x/google.protobuf.Duration","value":"1s","of":1}}"#,
            r#"any: expected "value" beside "@type", got "of""#,
        ),
        (
            r#"{"any":{"@type":"x/google.protobuf.Duration"}}"#,
            r#"any: expected "value" beside "@type""#,
        ),
        (
            r#"{"any":{"@type":"x/google.protobuf.Duration","value":"1s","value":"1s"}}"#,
            r#"any: "value" is there twice"#,
        ),
        (
            r#"{"any":{"@type":"x/google.protobuf.Duration","value":1}}"#,
            "any.value: expected google.protobuf.Duration, got 1",
        ),
        (
            r#"{"any":{"@type":"x/mirror.Item","price":true}}"#,
            "any.price: expected int32, got true",
        ),
    ])
    .await;
}

/// An `Any` in an `Any`, and so on.
fn nested_any(depth: usize) -> Vec<u8> {
    let type_url = "x/google.protobuf.Any".to_owned();
    let innermost = Any { type_url: "x/mirror.Item".to_owned(), value: Vec::new() };
    let wrap = |inner: Any, _| Any { type_url: type_url.clone(), value: inner.encode_to_vec() };
    (0..depth).fold(innermost, wrap).encode_to_vec()
}

#[tokio::test]
async fn what_has_no_text_is_neither_read_nor_written() {
    for json in [
        r#"{"time":"0000-01-01T00:00:00Z"}"#,
        r#"{"time":"10000-01-01T00:00:00Z"}"#,
        r#"{"time":"0001-01-01T00:00:00+01:00"}"#,
        r#"{"time":"2026-11-28T00:00:00"}"#,
        r#"{"time":"2026-11-28 00:00:00Z"}"#,
        r#"{"time":"2026-11-28T00:00:00z"}"#,
        r#"{"time":"2026-11-28t00:00:00Z"}"#,
        r#"{"time":"2026-11-28"}"#,
        r#"{"time":"2026-11-28T00:00:00 Z"}"#,
        r#"{"time":"2026-11-28T00:00:00.0000000001Z"}"#,
        r#"{"duration":"1.0000000001s"}"#,
        r#"{"duration":"1 s"}"#,
        r#"{"duration":"1"}"#,
        r#"{"duration":"315576000001s"}"#,
        r#"{"duration":"-315576000001s"}"#,
        r#"{"mask":"foo,bar_baz"}"#,
    ] {
        let (status, body) = reflect("Reflect", json).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{json}: {body}");
    }
    let time = |seconds, nanos| ("Timestamp", Timestamp { seconds, nanos }.encode_to_vec());
    let duration = |seconds, nanos| ("Duration", Duration { seconds, nanos }.encode_to_vec());
    let mask =
        |path: &str| ("FieldMask", FieldMask { paths: vec![path.to_owned()] }.encode_to_vec());
    let number = |number| {
        let kind = Some(value::Kind::NumberValue(number));
        ("Value", Value { kind }.encode_to_vec())
    };
    for (name, value) in [
        time(-62_135_596_801, 0),
        time(253_402_300_800, 0),
        time(0, -1),
        time(0, 1_000_000_000),
        duration(315_576_000_001, 0),
        duration(i64::MIN, i32::MIN),
        duration(1, -1),
        mask("fooBar"),
        mask("foo_3_bar"),
        mask("foo__bar"),
        number(f64::NAN),
        number(f64::NEG_INFINITY),
    ] {
        let any = Any { type_url: format!("x/google.protobuf.{name}"), value };
        let bytes = STANDARD.encode(any.encode_to_vec());
        let json = format!(r#"{{"string":"unpack","bytes":"{bytes}"}}"#);
        let (status, body) = reflect("Reflect", &json).await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR, "{any:?}: {body}");
    }
}

#[tokio::test]
async fn what_is_nested_too_deeply_is_not_written() {
    for (depth, expected) in [
        (100, StatusCode::OK),
        (200, StatusCode::INTERNAL_SERVER_ERROR),
        (5000, StatusCode::INTERNAL_SERVER_ERROR),
    ] {
        let bytes = STANDARD.encode(nested_any(depth));
        let json = format!(r#"{{"string":"unpack","bytes":"{bytes}"}}"#);
        let (status, body) = reflect("Reflect", &json).await;
        assert_eq!(status, expected, "{depth}: {body}");
    }
}

#[tokio::test]
async fn what_is_nested_as_deeply_as_can_be_is_read() {
    let nested = |before: &str, after: &str, depth: usize| {
        format!("{}{}", before.repeat(depth), after.repeat(depth))
    };
    let messages = |depth| nested(r#"{"nested":"#, "}", depth).replace(":}", ":{}}");
    let lists = |depth| format!(r#"{{"list":{}}}"#, nested("[", "]", depth));
    let anys = |depth| {
        let any = nested(r#"{"@type":"x/google.protobuf.Any","value":"#, "}", depth);
        format!(r#"{{"any":{}}}"#, any.replace(":}", ":{}}"))
    };
    for json in [messages(98), lists(45), anys(120)] {
        let (status, body) = reflect("Reflect", &json).await;
        assert_eq!(status, StatusCode::OK, "{json}: {body}");
    }
    for (json, what) in [
        (messages(102), "more than 100 levels of messages"),
        (messages(10_000), "more than 100 levels of messages"),
        (lists(60), "more than 100 levels of messages"),
        (lists(100_000), "more than 100 levels of messages"),
        (anys(130), "more than 126 levels of objects and lists"),
        (anys(5000), "more than 126 levels of objects and lists"),
    ] {
        let (status, body) = reflect("Reflect", &json).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{json}");
        assert!(body.contains(what), "{body}");
    }
}

#[tokio::test]
async fn numbers_end_where_their_types_end() {
    for json in [
        r#"{"int64":9223372036854775808}"#,
        r#"{"int64":9223372036854775808.0}"#,
        r#"{"uint64":18446744073709551616}"#,
        r#"{"uint64":"18446744073709551616"}"#,
        r#"{"double":"inf"}"#,
        r#"{"double":"infinity"}"#,
        r#"{"double":"1e400"}"#,
        r#"{"int32":"1.5"}"#,
        r#"{"int32":"+1"}"#,
        r#"{"int32":"1_000"}"#,
        r#"{"int32":"1e"}"#,
        r#"{"wrappedDouble":"inf"}"#,
        r#"{"uint64":18446744073709660000}"#,
        r#"{"uint64":-1.0}"#,
        r#"{"int32":2147483648.0}"#,
        r#"{"float":3.5e38}"#,
        r#"{"double":1e400}"#,
        r#"{"double":" 1"}"#,
        r#"{"int32":" 1"}"#,
        r#"{"int32":"0x1"}"#,
        r#"{"int32":""}"#,
        r#"{"color":1.5}"#,
    ] {
        let (status, body) = reflect("Reflect", json).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{json}: {body}");
    }
}
