//! Calls with streams of messages.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use http::StatusCode;
use rust_scaffold::prost::Message as _;

use crate::{
    contracts::mirror::Everything,
    mirror::{answer, gunzipped, gzipped, post, routes},
};

fn enveloped(messages: &[&[u8]]) -> Bytes {
    let mut bytes = BytesMut::new();
    for message in messages {
        bytes.put_u8(0);
        bytes.put_u32(u32::try_from(message.len()).unwrap());
        bytes.extend_from_slice(message);
    }
    bytes.freeze()
}

/// The flags and the contents of envelopes.
fn envelopes(mut bytes: Bytes) -> Vec<(u8, Bytes)> {
    let mut envelopes = Vec::new();
    while bytes.has_remaining() {
        let (flag, length) = (bytes.get_u8(), bytes.get_u32());
        envelopes.push((flag, bytes.split_to(length as usize)));
    }
    envelopes
}

/// Envelopes of text.
fn texts(bytes: Bytes) -> Vec<(u8, String)> {
    let text = |(flag, content): (u8, Bytes)| (flag, String::from_utf8(content.into()).unwrap());
    envelopes(bytes).into_iter().map(text).collect()
}

#[tokio::test]
async fn messages_are_in_envelopes_and_the_last_one_ends_the_stream() {
    let message = Everything { int32: 5, ..Everything::default() };
    let body = enveloped(&[&message.encode_to_vec(), b""]);
    let response = answer(&routes(), post("ReflectAll", "application/connect+proto", body)).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "application/connect+proto");
    let expected = [
        (0, message.encode_to_vec().into()),
        (0, Bytes::new()),
        (2, Bytes::from_static(br#"{"metadata":{"x-last":["end"]}}"#)),
    ];
    assert_eq!(envelopes(response.into_body()), expected);
}

#[tokio::test]
async fn messages_may_be_json() {
    let body = enveloped(&[br#"{"int32":5}"#, b"{}", br#"{"string":"fail"}"#]);
    let response = answer(&routes(), post("ReflectAll", "application/connect+json", body)).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "application/connect+json");
    let end = r#"{"error":{"code":"failed_precondition","message":"größer als \"100 %\"","details":[{"type":"google.protobuf.StringValue","value":"CgN3aHk"}]},"metadata":{"x-reason":["full"]}}"#;
    let expected = [(0, r#"{"int32":5}"#.to_owned()), (0, "{}".to_owned()), (2, end.to_owned())];
    assert_eq!(texts(response.into_body()), expected);
}

#[tokio::test]
async fn messages_may_be_compressed() {
    let message = Everything { string: "x".repeat(1000), ..Everything::default() };
    let json = format!(r#"{{"string":"{}"}}"#, message.string);
    for (content_type, plain) in [
        ("application/connect+proto", message.encode_to_vec()),
        ("application/connect+json", json.into_bytes()),
    ] {
        let mut body = BytesMut::from(&enveloped(&[&gzipped(&plain)])[..]);
        body[0] = 1;
        let mut request = post("ReflectAll", content_type, body.freeze());
        request.headers_mut().insert("connect-content-encoding", "gzip".parse().unwrap());
        request.headers_mut().insert("connect-accept-encoding", "gzip".parse().unwrap());
        let response = answer(&routes(), request).await;
        assert_eq!(response.headers()["connect-content-encoding"], "gzip");
        let envelopes = envelopes(response.into_body());
        assert_eq!(envelopes.len(), 2);
        assert_eq!((envelopes[0].0, gunzipped(&envelopes[0].1)), (1, plain));
        assert_eq!(envelopes[1].0, 2);
    }
}

#[tokio::test]
async fn a_request_that_is_no_json_fails_the_stream() {
    let body = enveloped(&[b"{}", br#"{"int32":"x"}"#]);
    let response = answer(&routes(), post("ReflectAll", "application/connect+json", body)).await;
    let end =
        r#"{"error":{"code":"invalid_argument","message":"int32: expected int32, got \"x\""}}"#;
    let expected = [(0, "{}".to_owned()), (2, end.to_owned())];
    assert_eq!(texts(response.into_body()), expected);
}

#[tokio::test]
async fn a_stream_that_is_cut_fails() {
    let whole = enveloped(&[br#"{"int32":5}"#]);
    for size in 1..whole.len() {
        let body = whole.slice(..size);
        let response =
            answer(&routes(), post("ReflectAll", "application/connect+json", body)).await;
        let seen = texts(response.into_body());
        assert!(seen.len() == 1 && seen[0].1.starts_with(r#"{"error":"#), "{size}: {seen:?}");
    }
}

#[tokio::test]
async fn what_was_written_before_a_failure_is_sent() {
    let body = enveloped(&[
        br#"{"int32":1}"#,
        br#"{"int32":2}"#,
        br#"{"string":"unpack","bytes":"CgN4L3k"}"#,
        br#"{"int32":3}"#,
    ]);
    let response = answer(&routes(), post("ReflectAll", "application/connect+json", body)).await;
    let seen = texts(response.into_body());
    assert_eq!(seen[..2], [(0, r#"{"int32":1}"#.to_owned()), (0, r#"{"int32":2}"#.to_owned())]);
    assert!(seen.len() == 3 && seen[2].1.starts_with(r#"{"error":{"code":"internal","#));
}

#[tokio::test]
async fn a_compression_that_is_not_accepted_fails_the_stream() {
    let mut request = post("ReflectAll", "application/connect+json", "");
    request.headers_mut().insert("connect-content-encoding", "br".parse().unwrap());
    let response = answer(&routes(), request).await;
    assert_eq!(response.headers()["connect-accept-encoding"], "gzip,identity");
    let end = texts(response.into_body());
    assert!(end[0].1.starts_with(r#"{"error":{"code":"unimplemented","#), "{end:?}");
}
