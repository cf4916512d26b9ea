//! Calls on file: recorded, answered again, and held against a server.

use std::{fs, path::PathBuf};

use rust_scaffold::{Code, Request, Status, Streaming, mock::script};

use crate::{
    calculator::{AddRequest, MockCalculator},
    messages::{add, point, query, sum, summary, verdict_of},
    telemetry::{MockTelemetry, TelemetryClient},
};

/// A file for a tape, which goes with its folder.
fn tape() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tape.jsonl");
    (folder, path)
}

/// A server that knows one series.
fn station() -> MockTelemetry {
    let station = MockTelemetry::new();
    let mut newest = rust_scaffold::Response::new(point(1.0));
    newest.metadata_mut().insert("x-source", "cache".parse().unwrap());
    station.on_latest().with(query("a")).returns(newest);
    station.on_latest().fails_with(Code::NotFound, "no such series", &b"\x01"[..]);
    station
        .on_watch()
        .script(script().send(point(1.0)).send(point(2.0)).fail(Status::data_loss("node lost")));
    station.on_upload().answers(async |points: Request<Streaming<_>>| {
        let mut points = points.into_inner();
        let mut accepted = 0;
        while points.message().await?.is_some() {
            accepted += 1;
        }
        Ok(summary(accepted))
    });
    station.on_tail().script(
        script()
            .header("x-head", "1")
            .expect(query("a"))
            .send(point(1.0))
            .expect(query("b"))
            .send(point(2.0))
            .expect_end()
            .trailer("x-end", "1"),
    );
    station
}

/// All four kinds of call, the same against a server and against its tape.
async fn talk(client: TelemetryClient) {
    let newest = client.latest(query("a")).await.unwrap();
    assert_eq!(newest.metadata().get("x-source").unwrap(), "cache");
    assert_eq!(newest.into_inner(), point(1.0));
    let status = client.latest(query("z")).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::NotFound, "no such series"));
    assert_eq!(status.details(), b"\x01");

    let mut points = client.watch(query("a")).await.unwrap().into_inner();
    assert_eq!(points.message().await.unwrap(), Some(point(1.0)));
    assert_eq!(points.message().await.unwrap(), Some(point(2.0)));
    assert_eq!(points.message().await.unwrap_err().code(), Code::DataLoss);

    let upload = tokio_stream::iter([point(1.0), point(2.0)]);
    assert_eq!(client.upload(upload).await.unwrap().into_inner(), summary(2));

    let (queries, requests) = Streaming::channel(1);
    let response = client.tail(requests).await.unwrap();
    assert_eq!(response.metadata().get("x-head").unwrap(), "1");
    let mut points = response.into_inner();
    for (series, number) in [("a", 1.0), ("b", 2.0)] {
        queries.send(query(series)).await.unwrap();
        assert_eq!(points.message().await.unwrap(), Some(point(number)));
    }
    drop(queries);
    assert_eq!(points.skip_to_trailers().await.unwrap().get("x-end").unwrap(), "1");
}

#[tokio::test]
async fn all_kinds_of_call_are_recorded_replayed_and_confirmed() {
    let (_folder, path) = tape();
    let spy = MockTelemetry::spy(station());
    let _ = spy.record(&path).unwrap();
    talk(spy.client()).await;
    drop(spy);
    let tape = fs::read_to_string(&path).unwrap();
    assert_eq!(tape.lines().count(), 5);
    assert_eq!(tape.matches(r#""end":"requests""#).count(), 2, "one for each stream: {tape}");

    let replayed = MockTelemetry::replay(&path).unwrap();
    talk(replayed.client()).await;
    replayed.verify();

    MockTelemetry::verify_tape(&path, station()).await.unwrap();
}

#[tokio::test]
async fn what_the_tape_has_and_nobody_calls_fails_the_verification() {
    let (_folder, path) = tape();
    let spy = MockCalculator::spy(adder());
    let _ = spy.record(&path).unwrap();
    spy.client().add(add(5, 3)).await.unwrap();
    let replayed = MockCalculator::replay(&path).unwrap();
    let status = replayed.client().add(add(5, 4)).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    let verdict = verdict_of(replayed);
    assert!(verdict.contains("tape.jsonl:1: exactly 1 call with AddRequest"), "{verdict}");
    assert!(verdict.contains("b: expected 3, got 4"), "{verdict}");
}

fn adder() -> MockCalculator {
    let adder = MockCalculator::new();
    adder.on_add().answers(async |request: Request<AddRequest>| {
        let AddRequest { a, b } = request.into_inner();
        Ok(sum(a + b))
    });
    adder
}

#[tokio::test]
async fn a_server_that_answers_otherwise_is_told_from_its_tape() {
    let (_folder, path) = tape();
    let spy = MockCalculator::spy(adder());
    let _ = spy.record(&path).unwrap();
    spy.client().add(add(5, 3)).await.unwrap();
    spy.client().add(add(1, 1)).await.unwrap();
    let other = MockCalculator::new();
    other.on_add().with(add(5, 3)).returns(sum(9));
    other.on_add().fails(Status::unavailable("down"));
    let error = MockCalculator::verify_tape(&path, other).await.unwrap_err().to_string();
    assert!(error.contains("tape.jsonl:1: calculator.Calculator/Add"), "{error}");
    assert!(error.contains("result: expected 8, got 9"), "{error}");
    assert!(error.contains("but the call failed with Unavailable: down"), "{error}");
}

#[tokio::test]
async fn secrets_are_kept_off_the_tape() {
    let (_folder, path) = tape();
    let mock = adder();
    let _ = mock
        .record(&path)
        .unwrap()
        .hide_metadata("x-customer")
        .keep_metadata("x-keyboard")
        .redact(|request: &mut AddRequest| request.b = 0);
    let mut request = Request::new(add(5, 3000));
    for (key, value) in [
        ("authorization", "Bearer one"),
        ("x-api-key", "two"),
        ("x-customer", "three"),
        ("x-keyboard", "four"),
        ("x-plain", "five"),
    ] {
        request.metadata_mut().insert(key, value.parse().unwrap());
    }
    mock.client().add(request).await.unwrap();
    let tape = fs::read_to_string(&path).unwrap();
    for secret in ["Bearer", "two", "three", "b: 3000"] {
        assert!(!tape.contains(secret), "{tape}");
    }
    for shown in ["four", "five", "[redacted]", "AddRequest { a: 5, b: 0 }"] {
        assert!(tape.contains(shown), "{tape}");
    }
}

#[tokio::test]
async fn a_call_that_was_cancelled_hangs_where_it_was() {
    let (_folder, path) = tape();
    let mock = MockTelemetry::new();
    let _ = mock.record(&path).unwrap();
    mock.on_watch().script(script().send(point(1.0)).hang());
    read_one(mock.client()).await;
    let replayed = MockTelemetry::replay(&path).unwrap();
    read_one(replayed.client()).await;
    replayed.verify();
    MockTelemetry::verify_tape(&path, mock.clone()).await.unwrap();
}

async fn read_one(client: TelemetryClient) {
    let mut points = client.watch(query("a")).await.unwrap().into_inner();
    assert_eq!(points.message().await.unwrap(), Some(point(1.0)));
}

#[test]
fn what_is_no_tape_is_said_with_its_line() {
    let (_folder, path) = tape();
    let missing = MockCalculator::replay(&path).unwrap_err().to_string();
    assert!(missing.starts_with("cannot read the tape"), "{missing}");
    for (text, problem) in [
        ("\n{", "tape.jsonl:2: EOF"),
        ("{}", "tape.jsonl:1: `events` is no list"),
        (
            r#"{"method": "/other.Service/Call", "events": [], "metadata": {}, "header": {},
                "trailers": {}, "outcome": {"code": "OK"}}"#,
            "`/other.Service/Call` is no method of calculator.Calculator",
        ),
    ] {
        fs::write(&path, text.replace("\n                ", " ")).unwrap();
        let error = MockCalculator::replay(&path).unwrap_err().to_string();
        assert!(error.contains(problem), "{error}");
    }
}

#[tokio::test]
async fn a_deadline_beyond_all_time_is_as_good_as_none() {
    let (_folder, path) = tape();
    let spy = MockCalculator::spy(adder());
    let _ = spy.record(&path).unwrap();
    spy.client().add(add(5, 3)).await.unwrap();
    let text = fs::read_to_string(&path).unwrap();
    for deadline in ["1e18", "1e300", "-1", "\"soon\""] {
        let changed =
            text.replace(r#""deadline_ms":null"#, &format!(r#""deadline_ms":{deadline}"#));
        assert_ne!(changed, text);
        fs::write(&path, changed).unwrap();
        MockCalculator::verify_tape(&path, adder()).await.unwrap();
    }
}
