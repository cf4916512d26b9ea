//! Values that nothing is equal to, and tapes of nothing.

use std::fs;

use crate::{
    calculator::MockCalculator,
    messages::{point, summary},
    telemetry::{self, MockTelemetry, Point, Query},
};
use rust_scaffold::Streaming;

async fn upload(mock: &MockTelemetry, points: impl IntoIterator<Item = Point>) {
    let points = points.into_iter().collect::<Vec<_>>();
    let _ = mock.client().upload(Streaming::from_iter(points)).await;
}

// red: [0].value: expected NaN, got NaN, which is not equal to itself
// red: `that("NaN", |it| it.is_nan())`
#[tokio::test]
async fn nan_in_a_message() {
    let mock = MockTelemetry::new();
    mock.expect_upload().with([point(f64::NAN)]).returns(summary(1));
    upload(&mock, [point(f64::NAN)]).await;
}

// red: [0].number: expected NaN, got NaN, which is not equal to itself
#[tokio::test]
async fn nan_in_a_field() {
    let mock = MockTelemetry::new();
    let nan = telemetry::like::Point::new().number(f64::NAN);
    mock.expect_upload().with([nan]).returns(summary(1));
    upload(&mock, [point(f64::NAN)]).await;
}

// red: there is no call on this tape
#[test]
fn an_empty_tape() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tape.jsonl");
    fs::write(&path, "\n").unwrap();
    MockCalculator::replay(&path).unwrap();
}

// red: there is no call on this tape
#[tokio::test]
async fn an_empty_tape_that_is_confirmed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tape.jsonl");
    let (spied, real) = (MockTelemetry::new(), MockTelemetry::new());
    drop(spied.record(&path).unwrap());
    real.on_latest().with(Query::default()).returns(Point::default());
    MockTelemetry::verify_tape(&path, real).await.unwrap();
}
