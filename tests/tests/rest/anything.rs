//! Whatever requests come: each has a response, in JSON, and none is an error of the server.

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use rust_scaffold::{HttpBody, JsonOptions, Routes};
use serde_json::Value;
use tower_service::Service as _;

use crate::{
    memory,
    mutate::{change_bytes, change_text},
    random::Random,
    rest::{routes, routes_with},
};

/// How many requests there are, unless `FUZZ_ROUNDS` says otherwise.
const ROUNDS: u64 = 3000;
/// How many frames are read of a response: a stream may be asked for two thousand million messages.
const FRAMES: usize = 20;
/// What the memory may grow by, in MiB.
const GROWTH: usize = 64;

const METHODS: [&str; 10] =
    ["GET", "GET", "GET", "POST", "POST", "PATCH", "PUT", "DELETE", "HEAD", "LINT"];
const PATHS: [&str; 24] = [
    "/v1/things/x",
    "/v1/things",
    "/v1/things/x/item",
    "/v1/things/x/numbers",
    "/v1/things/x:rename",
    "/v1/shelves/1/books/a/b",
    "/v1/items/pen/5",
    "/v1/by/1/COLOR_RED/1970-01-01T00:00:00Z/true",
    "/v1/lint",
    "/v1/any",
    "/v1/head",
    "/v1/watch/3",
    "/v1/watch",
    "/v1/files/x",
    "/v1/files/xyz/bytes",
    "/v1/mirror",
    "/v1/parts/x",
    "/v1/search",
    "/v1/first",
    "/v1/number",
    "/v1/names",
    "/v1/watch/2/items",
    "/v1/collect",
    "/",
];
const PIECES: [&str; 20] = [
    "/", "//", ":", "::rename", "%2F", "%2f", "%00", "%ff", "%", "%C3%A9", ".", "..", "*", "**",
    "fail", "-1", "99", "true", "{", "+",
];
const NAMES: [&str; 24] = [
    "double",
    "float",
    "int32",
    "uint64",
    "bool",
    "string",
    "bytes",
    "color",
    "present",
    "other",
    "renamed_field",
    "items",
    "numbers",
    "byName",
    "by_number",
    "text",
    "item.name",
    "nothing",
    "any",
    "duration",
    "mask",
    "time",
    "wrapped",
    "value",
];
const VALUES: [&str; 16] = [
    "",
    "0",
    "-1",
    "2147483648",
    "1e999",
    "NaN",
    "true",
    "COLOR_RED",
    "aGk",
    "1.5s",
    "a,bC",
    "%ff",
    "%00",
    "+",
    "1970-01-01T00:00:00Z",
    "NULL_VALUE",
];
const JSON: [&str; 20] = [
    "{}",
    "[]",
    "null",
    "1",
    "-1e999",
    "\"x\"",
    "\"NaN\"",
    "\"\\ud800\"",
    "{\"nested\":",
    "[[[[[[[[",
    "{\"int32\":1}",
    "{\"item\":{\"price\":1}}",
    "{\"byNumber\":{\"1\":true}}",
    "{\"any\":{\"@type\":\"type.googleapis.com/mirror.Item\",\"name\":\"x\"}}",
    "{\"value\":{\"a\":[1,null]}}",
    "{\"time\":\"1970-01-01T00:00:00Z\"}",
    "{\"duration\":\"1.5s\"}",
    "{\"mask\":\"a,bC\"}",
    ",",
    "}",
];
const TYPES: [&str; 4] =
    ["application/json", "application/merge-patch+json", "text/plain", "application/jso\u{fc}"];

#[tokio::test]
async fn every_request_has_a_response_that_is_no_error_of_the_server() {
    let rounds = std::env::var("FUZZ_ROUNDS").map_or(ROUNDS, |rounds| rounds.parse().unwrap());
    let first = std::env::var("FUZZ_SEED").map_or(0, |seed| seed.parse().unwrap());
    let lenient = JsonOptions::new().ignore_unknown_fields(true).write_default_values(true);
    let (strict, lenient) = (routes(), routes_with(lenient));
    let (mut answered, mut served) = (0, 0);
    let before = memory::resident();
    for seed in first..first + rounds {
        let random = &mut Random::new(seed);
        let routes = if random.within(0..2) == 0 { &strict } else { &lenient };
        // It may be none that HTTP could carry.
        let Some(request) = any(random) else { continue };
        let shown = format!("FUZZ_SEED={seed} {request:?}");
        let response = answer(routes, request).await;
        check(&response, &shown);
        answered += 1;
        served += u64::from(response.status() == StatusCode::OK);
    }
    let grown = memory::resident().saturating_sub(before);
    assert!(grown < GROWTH, "{grown} MiB more after {rounds} requests");
    assert!(answered > rounds / 2 && served > rounds / 20, "{answered} and {served} of {rounds}");
}

/// A request, as it might be meant, with a few changes.
fn any(random: &mut Random) -> Option<Request<Full<Bytes>>> {
    let mut target = random.one_of(&PATHS).to_owned();
    for _ in 0..random.one_of(&[0, 0, 0, 1, 2]) {
        change_text(&mut target, &PIECES, random);
    }
    for position in 0..random.one_of(&[0, 0, 1, 2, 3]) {
        target.push_str(if position == 0 { "?" } else { "&" });
        target.push_str(&"nested.".repeat(random.one_of(&[0, 0, 0, 1, 30, 99, 100, 101])));
        target.extend([random.one_of(&NAMES), "=", random.one_of(&VALUES)]);
    }
    let uri = target.parse::<Uri>().ok()?;
    let mut request = Request::builder().method(random.one_of(&METHODS)).uri(uri);
    if random.within(0..3) == 0 {
        request = request.header("content-type", random.one_of(&TYPES));
    }
    if random.within(0..4) == 0 {
        request = request.header("accept", "text/event-stream");
    }
    if random.within(0..8) == 0 {
        let header = random.one_of(&["content-encoding", "accept-encoding"]);
        request = request.header(header, "gzip");
    }
    request.body(any_body(random).into()).ok()
}

fn any_body(random: &mut Random) -> Vec<u8> {
    let mut body = Vec::new();
    for _ in 0..random.one_of(&[0, 1, 1, 1, 2, 3, 120]) {
        body.extend(random.one_of(&JSON).as_bytes());
    }
    for _ in 0..random.one_of(&[0, 0, 0, 1, 3]) {
        change_bytes(&mut body, random);
    }
    body
}

/// The response to `request`, of whose body no more than the beginning is read.
async fn answer(routes: &Routes, request: Request<Full<Bytes>>) -> Response<Vec<u8>> {
    let response = routes.clone().call(request).await.unwrap();
    let (head, mut body) = response.into_parts();
    let mut read = Vec::new();
    for _ in 0..FRAMES {
        let Some(data) = next(&mut body).await else { break };
        read.extend(data);
    }
    Response::from_parts(head, read)
}

/// None at the end of the body, or where it breaks off.
async fn next(body: &mut HttpBody) -> Option<Bytes> {
    Some(body.frame().await?.ok()?.into_data().unwrap_or_default())
}

fn check(response: &Response<Vec<u8>>, request: &str) {
    let body = response.body();
    let status = response.status();
    let is_expected = status.as_u16() < 500 || matches!(status.as_u16(), 501 | 504);
    // What this service sends back need not have JSON, for which it is to blame.
    let is_unwritable =
        status == 500 && String::from_utf8_lossy(body).contains("cannot write a mirror.");
    assert!(
        is_expected || is_unwritable,
        "{request}: {status} {:?}",
        String::from_utf8_lossy(body)
    );
    let is_plain = !response.headers().contains_key("content-encoding");
    // What is mirrored is of the type that it was said to be.
    if is_plain && !request.contains("method: HEAD") && !request.contains("/v1/mirror") {
        assert!(
            is_written(response.headers(), body),
            "{request}: {:?}",
            String::from_utf8_lossy(body)
        );
    }
}

/// Whether all of a body is JSON, if its type says so.
fn is_written(headers: &HeaderMap, body: &[u8]) -> bool {
    let is_json = |json: &[u8]| serde_json::from_slice::<Value>(json).is_ok();
    let mut lines = body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    match headers["content-type"].as_bytes() {
        b"application/json" => is_json(body),
        b"application/x-ndjson" => lines.all(is_json),
        b"text/event-stream" => lines.all(|line| match line.strip_prefix(b"data: ") {
            Some(json) => is_json(json),
            None => line.starts_with(b"event: "),
        }),
        _ => true,
    }
}
