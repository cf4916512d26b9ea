//! Messages as JSON.

use http::StatusCode;
use rust_scaffold::JsonOptions;

use crate::mirror::{answer, post, routes, routes_with, seen};

/// What comes back for `json`.
pub(crate) async fn reflect(method: &str, json: &str) -> (StatusCode, String) {
    let response = answer(&routes(), post(method, "application/json", json.to_owned())).await;
    (response.status(), seen(&response).2.to_owned())
}

async fn check(method: &str, cases: &[(&str, &str)]) {
    for (json, expected) in cases {
        let (status, body) = reflect(method, json).await;
        assert_eq!((status, body.as_str()), (StatusCode::OK, *expected), "{json}");
    }
}

/// Each with what comes back, if that is not the same.
#[tokio::test]
async fn every_type_has_its_form() {
    let same = [
        "{}",
        r#"{"double":1.5}"#,
        // To the last digit.
        r#"{"double":470014780.05485797}"#,
        r#"{"double":"NaN"}"#,
        r#"{"double":"-Infinity"}"#,
        r#"{"float":0.1}"#,
        r#"{"int32":-2147483648}"#,
        r#"{"int64":"-9223372036854775808"}"#,
        r#"{"uint32":4294967295}"#,
        r#"{"uint64":"18446744073709551615"}"#,
        r#"{"sint64":"-1"}"#,
        r#"{"fixed64":"1"}"#,
        r#"{"sfixed32":-1}"#,
        r#"{"bool":true}"#,
        r#"{"string":"größer\n\"1\""}"#,
        r#"{"bytes":"AP8+/w=="}"#,
        r#"{"color":"COLOR_RED"}"#,
        r#"{"color":77}"#,
        r#"{"present":0}"#,
        r#"{"other":5}"#,
        r#"{"items":[{"name":"a"},{}]}"#,
        r#"{"numbers":["1","2"]}"#,
        r#"{"byName":{"a":{"price":1}}}"#,
        r#"{"byNumber":{"-1":true}}"#,
        r#"{"text":""}"#,
        r#"{"item":{}}"#,
        r#"{"nothing":null}"#,
        r#"{"any":{"@type":"type.googleapis.com/mirror.Item","price":1}}"#,
        r#"{"any":{"@type":"type.googleapis.com/google.protobuf.Duration","value":"1.500s"}}"#,
        r#"{"duration":"-1.000000001s"}"#,
        r#"{"empty":{}}"#,
        r#"{"mask":"fooBar,a.b"}"#,
        r#"{"struct":{"a":[1.5,null,true,"x",{}]}}"#,
        r#"{"value":null}"#,
        r#"{"value":"x"}"#,
        r#"{"list":[1.5,[]]}"#,
        r#"{"time":"2026-11-28T01:02:03.000000004Z"}"#,
        r#"{"wrapped":"0"}"#,
        r#"{"wrappedText":""}"#,
        r#"{"colors":["COLOR_RED","COLOR_UNSPECIFIED"]}"#,
        r#"{"nested":{"nested":{}}}"#,
    ];
    check("Reflect", &same.map(|json| (json, json))).await;
}

#[tokio::test]
async fn other_forms_are_read_as_well() {
    check(
        "Reflect",
        &[
            (" { } ", "{}"),
            (r#"{"int32":5.0}"#, r#"{"int32":5}"#),
            (r#"{"int32":"5"}"#, r#"{"int32":5}"#),
            (r#"{"int32":1e3}"#, r#"{"int32":1000}"#),
            (r#"{"int64":5}"#, r#"{"int64":"5"}"#),
            (r#"{"double":"1.5"}"#, r#"{"double":1.5}"#),
            (r#"{"bytes":"AP8-_w"}"#, r#"{"bytes":"AP8+/w=="}"#),
            // Bits after the last byte mean nothing.
            (r#"{"bytes":"-_"}"#, r#"{"bytes":"+w=="}"#),
            (r#"{"int\u0033\u0032":"\u0035"}"#, r#"{"int32":5}"#),
            (r#"{"byNumber":{"\u0031":true}}"#, r#"{"byNumber":{"1":true}}"#),
            (r#"{"color":1}"#, r#"{"color":"COLOR_RED"}"#),
            (r#"{"color":0,"int32":0,"string":"","bool":false}"#, "{}"),
            (r#"{"renamed_field":5}"#, r#"{"other":5}"#),
            (r#"{"by_name":{}}"#, "{}"),
            (r#"{"int32":null,"items":null,"item":null}"#, "{}"),
            (r#"{"time":"2026-11-28T01:02:03+01:00"}"#, r#"{"time":"2026-11-28T00:02:03Z"}"#),
            (r#"{"time":"1969-12-31T16:00:00-08:00"}"#, r#"{"time":"1970-01-01T00:00:00Z"}"#),
            (
                r#"{"time":"1970-01-01T00:00:00.00001Z"}"#,
                r#"{"time":"1970-01-01T00:00:00.000010Z"}"#,
            ),
            (
                r#"{"time":"9999-12-31T23:59:59.999999999Z"}"#,
                r#"{"time":"9999-12-31T23:59:59.999999999Z"}"#,
            ),
            (r#"{"duration":"1.5s"}"#, r#"{"duration":"1.500s"}"#),
            (r#"{"duration":"1.000000000s"}"#, r#"{"duration":"1s"}"#),
            (
                r#"{"duration":"-315576000000.999999999s"}"#,
                r#"{"duration":"-315576000000.999999999s"}"#,
            ),
            (r#"{"mask":"foo,barBaz"}"#, r#"{"mask":"foo,barBaz"}"#),
            (r#"{"wrapped":5}"#, r#"{"wrapped":"5"}"#),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_field_that_is_null_is_not_set() {
    check(
        "Reflect",
        &[
            (r#"{"text":null,"item":{"price":1}}"#, r#"{"item":{"price":1}}"#),
            (r#"{"items":null,"byName":null,"wrapped":null,"time":null,"any":null}"#, "{}"),
            (r#"{"nothing":null,"value":null}"#, r#"{"nothing":null,"value":null}"#),
        ],
    )
    .await;
    for json in [r#"{"items":[null]}"#, r#"{"byNumber":{"1":null}}"#, "null"] {
        let (status, body) = reflect("Reflect", json).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{json}: {body}");
    }
}

#[tokio::test]
async fn numbers_may_be_written_in_all_ways() {
    check(
        "Reflect",
        &[
            (r#"{"int32":"1e3"}"#, r#"{"int32":1000}"#),
            (r#"{"int32":1e3}"#, r#"{"int32":1000}"#),
            (r#"{"int32":"-12.0"}"#, r#"{"int32":-12}"#),
            (r#"{"uint64":"18446744073709551615"}"#, r#"{"uint64":"18446744073709551615"}"#),
            (r#"{"int64":"-9223372036854775808"}"#, r#"{"int64":"-9223372036854775808"}"#),
            (r#"{"int64":1e18}"#, r#"{"int64":"1000000000000000000"}"#),
            (r#"{"int64":"9223372036854775807.0"}"#, r#"{"int64":"9223372036854775807"}"#),
            (r#"{"int64":"9007199254740993.0"}"#, r#"{"int64":"9007199254740993"}"#),
            (r#"{"double":"1.5e1"}"#, r#"{"double":15.0}"#),
            (r#"{"double":"-Infinity"}"#, r#"{"double":"-Infinity"}"#),
            (r#"{"presentDouble":-0.0}"#, r#"{"presentDouble":-0.0}"#),
            (r#"{"wrappedDouble":"Infinity"}"#, r#"{"wrappedDouble":"Infinity"}"#),
            (r#"{"wrappedFloat":"NaN"}"#, r#"{"wrappedFloat":"NaN"}"#),
            (r#"{"wrappedDouble":0}"#, r#"{"wrappedDouble":0.0}"#),
            (r#"{"color":"1"}"#, r#"{"color":"COLOR_RED"}"#),
        ],
    )
    .await;
}

#[tokio::test]
async fn an_any_without_a_type_is_empty() {
    let empty = r#"{"any":{}}"#;
    check("Reflect", &[(empty, empty), (r#"{"any":{"@type":""}}"#, empty)]).await;
    // A message without fields may be written in two ways.
    let of_nothing = r#"{"any":{"@type":"x/google.protobuf.Empty"}}"#;
    let with_value = r#"{"any":{"@type":"x/google.protobuf.Empty","value":{}}}"#;
    check("Reflect", &[(of_nothing, of_nothing), (with_value, of_nothing)]).await;
}

#[tokio::test]
async fn values_of_enums_that_are_not_known_are_ignored_if_one_wishes() {
    let routes = routes_with(JsonOptions::new().ignore_unknown_fields(true));
    let json = r#"{"int32":1,"color":"GREEN","colors":["GREEN","COLOR_RED"],"colorByName":{"a":"GREEN","b":1}}"#;
    let response = answer(&routes, post("Reflect", "application/json", json)).await;
    let expected = r#"{"int32":1,"colors":["COLOR_RED"],"colorByName":{"b":"COLOR_RED"}}"#;
    assert_eq!(seen(&response), (StatusCode::OK, "application/json", expected));
    let (status, _) = reflect("Reflect", r#"{"colorByName":{"a":"GREEN"}}"#).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn options_say_how_json_is_written_and_read() {
    let json = r#"{"otherwise":1,"renamed_field":5,"color":"COLOR_RED","colors":["COLOR_BLUE"]}"#;
    for (options, expected) in [
        (JsonOptions::new().ignore_unknown_fields(true), r#"{"color":"COLOR_RED","other":5}"#),
        (
            JsonOptions::new().ignore_unknown_fields(true).write_proto_names(true),
            r#"{"color":"COLOR_RED","renamed_field":5}"#,
        ),
        (
            JsonOptions::new().ignore_unknown_fields(true).write_enum_numbers(true),
            r#"{"color":1,"other":5}"#,
        ),
    ] {
        let response =
            answer(&routes_with(options), post("Reflect", "application/json", json)).await;
        assert_eq!(seen(&response), (StatusCode::OK, "application/json", expected));
    }
    let options = JsonOptions::new().write_default_values(true);
    let response = answer(
        &routes_with(options),
        post("ReflectEdition", "application/json", r#"{"required":1}"#),
    )
    .await;
    let expected =
        r#"{"implicit":0,"required":1,"packed":[],"expanded":[],"parts":{},"levels":[]}"#;
    assert_eq!(seen(&response).2, expected);
}

#[tokio::test]
async fn presence_is_that_of_the_file() {
    check(
        "ReflectEdition",
        &[
            (r#"{"required":1,"explicit":0,"implicit":0}"#, r#"{"explicit":0,"required":1}"#),
            (
                r#"{"required":0,"packed":[1],"expanded":[2],"delimited":{"size":0},"parts":{"a":{"size":3}},"chosen":0}"#,
                r#"{"required":0,"packed":[1],"expanded":[2],"delimited":{},"parts":{"a":{"size":3}},"chosen":0}"#,
            ),
        ],
    )
    .await;
    check(
        "ReflectEdition",
        &[(
            r#"{"required":1,"defaulted":7,"level":"LOW","levels":["HIGH"]}"#,
            r#"{"required":1,"defaulted":7,"level":"LOW","levels":["HIGH"]}"#,
        )],
    )
    .await;
    check(
        "ReflectLegacy",
        &[
            (r#"{"id":0}"#, r#"{"id":0}"#),
            (
                r#"{"id":1,"size":7,"part":[{"name":""}],"level":"LOW"}"#,
                r#"{"id":1,"size":7,"part":[{"name":""}],"level":"LOW"}"#,
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn an_any_in_an_any_is_read_wherever_its_type_stands() {
    let written = |before: &str, after: &str| {
        let item = r#"{"@type":"x/mirror.Item"}"#;
        format!(r#"{{"any":{}{item}{}}}"#, before.repeat(100), after.repeat(100))
    };
    let type_first = written(r#"{"@type":"x/google.protobuf.Any","value":"#, "}");
    let type_last = written(r#"{"value":"#, r#","@type":"x/google.protobuf.Any"}"#);
    check("Reflect", &[(&type_first, &type_first), (&type_last, &type_first)]).await;
}
