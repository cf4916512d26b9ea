//! Messages as JSON in programs, without a server.

use rust_scaffold::{Code, JsonMessages, JsonOptions, prost_types::Timestamp};

use crate::contracts::{
    calculator::calculator_service,
    mirror::{Everything, Item, mirror_service},
};

fn messages(options: JsonOptions) -> JsonMessages {
    JsonMessages::new(&mirror_service::SERVICE, options).unwrap()
}

#[test]
fn requests_are_read_and_responses_written() {
    let messages = messages(JsonOptions::new());
    let json = r#"{"int32": "-5", "items": [{"name": "a"}], "time": "1970-01-01T00:00:01Z"}"#;
    let request: Everything = messages.read_request("Reflect", json).unwrap();
    let expected = Everything {
        int32: -5,
        items: vec![Item { name: "a".to_owned(), ..Item::default() }],
        time: Some(Timestamp { seconds: 1, nanos: 0 }),
        ..Everything::default()
    };
    assert_eq!(request, expected);
    let written = messages.write_response("ReflectAll", &request).unwrap();
    assert_eq!(written, r#"{"int32":-5,"items":[{"name":"a"}],"time":"1970-01-01T00:00:01Z"}"#);
}

#[test]
fn options_hold() {
    let messages = messages(JsonOptions::new().ignore_unknown_fields(true).write_proto_names(true));
    let request = messages.read_request("Reflect", r#"{"other": 5, "unknown": 1}"#).unwrap();
    let written = messages.write_response::<Everything>("Reflect", &request).unwrap();
    assert_eq!(written, r#"{"renamed_field":5}"#);
}

#[test]
fn what_is_wrong_is_said() {
    let messages = messages(JsonOptions::new());
    let read = |method, json| messages.read_request::<Everything>(method, json).unwrap_err();
    let wrong = read("Reflect", r#"{"int32": "five"}"#);
    assert_eq!(wrong.code(), Code::InvalidArgument);
    assert!(wrong.message().contains("int32: expected int32"), "{wrong}");
    let absent = read("Absent", "{}");
    assert_eq!(absent.code(), Code::Internal);
    assert_eq!(absent.message(), "mirror.Mirror has no method Absent");
    let time = Timestamp { seconds: i64::MAX, nanos: 0 };
    let late = Everything { time: Some(time), ..Everything::default() };
    let unwritten = messages.write_response("Reflect", &late).unwrap_err();
    assert_eq!(unwritten.code(), Code::Internal);
}

#[test]
fn a_service_without_descriptors_says_how_it_gets_them() {
    let options = JsonOptions::new();
    let refused = JsonMessages::new(&calculator_service::SERVICE, options).unwrap_err();
    assert_eq!(refused.code(), Code::Internal);
    assert!(refused.message().contains("`file_descriptor_set`"), "{refused}");
}
