//! Time: deadlines, cancellation, and hours that pass in milliseconds.

use std::time::Duration;

use rust_scaffold::{Code, Request, mock::script};
use tokio::time::Instant;

use crate::{
    calculator::{CalculatorClient, MockCalculator},
    messages::{add, point, query, sum},
    telemetry::MockTelemetry,
};

fn hurried<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(Duration::from_secs(5));
    request
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_is_deadline_exceeded_with_and_without_the_codec() {
    let mock = MockCalculator::new();
    mock.expect_add().times(2).after(Duration::from_secs(30)).returns(sum(8));
    for client in [mock.client(), CalculatorClient::in_process_direct(mock.clone())] {
        let start = Instant::now();
        let status = client.add(hurried(add(5, 3))).await.unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded);
        assert_eq!(start.elapsed(), Duration::from_secs(5));
    }
    for call in mock.add_calls() {
        assert_eq!(call.deadline, Some(Duration::from_secs(5)));
        assert!(call.outcome.is_cancelled(), "{:?}", call.outcome);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_hangs_ends_with_its_deadline() {
    let mock = MockTelemetry::new();
    mock.expect_latest().hangs();
    mock.expect_watch().script(script().send(point(1.0)).hang());
    let status = mock.client().latest(hurried(query("a"))).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    let mut points = mock.client().watch(hurried(query("a"))).await.unwrap().into_inner();
    assert_eq!(points.message().await.unwrap(), Some(point(1.0)));
    assert_eq!(points.message().await.unwrap_err().code(), Code::DeadlineExceeded);
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_an_hour_is_over_at_once() {
    let clock = std::time::Instant::now();
    let mock = MockTelemetry::new();
    let minute = Duration::from_secs(60);
    let script = (0..60).fold(script(), |it, minutes| it.wait(minute).send(point(minutes.into())));
    mock.expect_watch().script(script);
    let start = Instant::now();
    let mut points = mock.client().watch(query("a")).await.unwrap().into_inner();
    let mut count = 0;
    while points.message().await.unwrap().is_some() {
        count += 1;
    }
    assert_eq!((count, start.elapsed()), (60, 60 * minute));
    assert!(clock.elapsed() < minute, "an hour should take no time");
}

#[tokio::test]
async fn a_caller_that_goes_away_is_seen() {
    let mock = MockCalculator::new();
    mock.expect_add().hangs();
    let client = mock.client();
    let task = tokio::spawn(async move { client.add(add(5, 3)).await });
    while mock.add_calls().is_empty() {
        tokio::task::yield_now().await;
    }
    assert!(matches!(mock.add_calls()[0].outcome, rust_scaffold::mock::Outcome::Pending));
    task.abort();
    task.await.unwrap_err();
    assert!(mock.add_calls()[0].outcome.is_cancelled());
}
