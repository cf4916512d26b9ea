//! Whatever is on a tape.

use std::{
    fs,
    future::Future,
    panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind},
    path::Path,
    time::Duration,
};

use rust_scaffold::{Code, Request, Response, Status, Streaming, mock::script};
use tokio::{runtime::Builder, time::timeout};

use crate::{
    mutate::{change_bytes, change_text},
    random::Random,
    service::Echo,
    telemetry::{MockTelemetry, Point, Query, Summary},
};

const PIECES: [&str; 24] = [
    "",
    "\"",
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "null",
    "true",
    "-1",
    "1e308",
    "1e999",
    "0.1",
    "99999999999999999999",
    "\\u0000",
    "\\ud800",
    "é",
    "====",
    "AQI",
    "-bin",
    "[REDACTED]",
    "\n",
    "[[[[[[[[[[[[[[[[",
];

/// A tape with calls of every kind.
pub(crate) async fn recorded(path: &Path) -> String {
    let station = MockTelemetry::new();
    let point = Point { series: "a".to_owned(), ..Point::default() };
    let mut newest = Response::new(point.clone());
    newest.metadata_mut().insert("x-source", "cache".parse().unwrap());
    newest
        .metadata_mut()
        .insert_bin("x-bin", rust_scaffold::metadata::BinaryMetadataValue::from_bytes(&[1, 2]));
    station.on_latest().times(..=1).returns(newest);
    station.on_latest().fails_with(Code::NotFound, "no such series", &b"\x01"[..]);
    station.on_watch().script(script().send(point.clone()).fail(Status::data_loss("lost")));
    station.on_upload().returns(Summary::default());
    let steps = script().header("x-head", "1").expect(Query::default()).send(point);
    station.on_tail().script(steps.expect_end().trailer("x-end", "1"));
    let spy = MockTelemetry::spy(station);
    let _ = spy.record(path).unwrap();
    let client = spy.client();
    let mut request = Request::new(Query::default());
    request.set_timeout(Duration::from_secs(5));
    client.latest(request).await.unwrap();
    client.latest(Query::default()).await.unwrap_err();
    let mut points = client.watch(Query::default()).await.unwrap().into_inner();
    while points.message().await.is_ok_and(|point| point.is_some()) {}
    client.upload(Streaming::from_iter([Point::default()])).await.unwrap();
    let queries = Streaming::from_iter([Query::default()]);
    let mut points = client.tail(queries).await.unwrap().into_inner();
    while points.message().await.unwrap().is_some() {}
    drop((points, client, spy));
    fs::read_to_string(path).unwrap()
}

pub(crate) fn changed(tape: &str, random: &mut Random) -> Vec<u8> {
    let mut text = tape.to_owned();
    for _ in 0..random.within(0..4) {
        change_text(&mut text, &PIECES, random);
    }
    let mut bytes = text.into_bytes();
    for _ in 0..random.within(0..3) {
        change_bytes(&mut bytes, random);
    }
    bytes
}

/// Runs what is to be done with a tape in virtual time, but for a call that the tape has as given up:
/// it is never answered.
pub(crate) fn run<T>(work: impl Future<Output = T>) -> Option<T> {
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async { timeout(Duration::from_secs(3600), work).await.ok() })
}

/// Reads the tape at `path` in both of the ways that there are, and makes its calls.
pub(crate) async fn read(path: &Path) {
    // What it makes of the calls is not what is looked at.
    let _ = MockTelemetry::verify_tape(path, Echo).await;
    let Ok(replayed) = MockTelemetry::replay(path) else { return };
    let client = replayed.client();
    let _ = client.latest(Query::default()).await;
    if let Ok(points) = client.watch(Query::default()).await {
        drain(points.into_inner()).await;
    }
    let _ = client.upload(Streaming::from_iter([Point::default()])).await;
    // Nor are the calls that are missing.
    let _verdict = catch_unwind(AssertUnwindSafe(|| drop(replayed)));
}

/// Whether it is the verdict that [`read`] catches.
pub(crate) fn is_verdict(panic: &PanicHookInfo<'_>) -> bool {
    let text = panic.payload().downcast_ref::<String>();
    text.is_some_and(|text| text.starts_with("MockTelemetry, made at"))
}

async fn drain(mut points: Streaming<Point>) {
    while points.message().await.is_ok_and(|point| point.is_some()) {}
}
