//! Scripts that the caller does not play to their end.

use std::time::Duration;

use rust_scaffold::{
    Code, Request, Status, Streaming,
    mock::{Script, Sequence, script},
};

use crate::{
    calculator::{MockCalculator, SubtractRequest, SubtractResponse},
    messages::{add, point, query, sum, summary},
    telemetry::{MockTelemetry, Point, Query, Telemetry, TelemetryClient},
};

/// A script of a thousand small messages.
fn thousand() -> Script<Query, Point> {
    (1..=1000).fold(script(), |script, number| script.send(point(number.into())))
}

fn watched(script: Script<Query, Point>) -> MockTelemetry {
    let mock = MockTelemetry::new();
    mock.expect_watch().script(script);
    mock
}

/// Takes one message and forgets the rest.
async fn take_one(telemetry: &impl Telemetry) {
    let points = telemetry.watch(Request::new(query("a"))).await;
    let first = points.unwrap().into_inner().message().await.unwrap();
    assert_eq!(first, Some(point(1.0)));
}

// red: step 2 of 1000: send Point
#[tokio::test]
async fn one_of_a_thousand_as_the_contract() {
    let mock = watched(thousand());
    take_one(&mock).await;
}

// red: step 2 of 1000: send Point
#[tokio::test]
async fn one_of_a_thousand_by_its_client() {
    let mock = watched(thousand());
    take_one(&mock.client()).await;
}

// red: step 2 of 1000: send Point
#[tokio::test]
async fn one_of_a_thousand_without_a_codec() {
    let mock = watched(thousand());
    take_one(&TelemetryClient::in_process_direct(mock.clone())).await;
}

// red: step 2 of 1000: send Point
#[tokio::test]
async fn one_of_a_thousand_by_a_server_in_process() {
    let mock = watched(thousand());
    take_one(&TelemetryClient::in_process(mock.clone())).await;
}

// red: step 2 of 1000: send Point
#[tokio::test]
async fn one_of_a_thousand_by_a_mock_in_front_of_a_mock() {
    let mock = watched(thousand());
    let spy = MockTelemetry::spy(mock.clone());
    take_one(&spy.client()).await;
}

// red: step 2 of 1000: send Point
#[tokio::test]
async fn one_of_a_thousand_by_an_opened_call() {
    let mock = MockTelemetry::new();
    mock.expect_tail().script(thousand());
    let (_queries, requests) = Streaming::channel(1);
    let (_headers, mut points) = mock.client().tail(requests).open();
    points.message().await.unwrap();
}

// red: was not played to its end
#[tokio::test]
async fn one_of_many_large_ones_on_a_port() {
    let large = || Point { labels: [("a".into(), "b".repeat(100_000))].into(), ..point(1.0) };
    let steps = (0..100).fold(script(), |script, _| script.send(large()));
    let mock = watched(steps);
    let serving = mock.serve().await.unwrap();
    let client = TelemetryClient::connect(serving.uri()).await.unwrap();
    let mut points = client.watch(query("a")).await.unwrap().into_inner();
    points.message().await.unwrap();
}

fn failing() -> Script<Query, Point> {
    script().send(point(1.0)).fail(Status::data_loss("a node"))
}

// red: step 2 of 2: fail with DataLoss
#[tokio::test]
async fn a_failure_that_nobody_sees_as_the_contract() {
    let mock = watched(failing());
    take_one(&mock).await;
}

// red: step 2 of 2: fail with DataLoss
#[tokio::test]
async fn a_failure_that_nobody_sees_by_its_client() {
    let mock = watched(failing());
    take_one(&mock.client()).await;
}

// red: step 2 of 2: fail with DataLoss
#[tokio::test]
async fn a_failure_that_nobody_sees_without_a_codec() {
    let mock = watched(failing());
    take_one(&TelemetryClient::in_process_direct(mock.clone())).await;
}

// red: step 2 of 2: fail with DataLoss
#[tokio::test]
async fn a_failure_that_nobody_sees_by_a_server_in_process() {
    let mock = watched(failing());
    take_one(&TelemetryClient::in_process(mock.clone())).await;
}

// red: the outcome is Cancelled
#[tokio::test]
async fn an_outcome_of_a_stream_that_nobody_reads_to_its_end() {
    let mock = MockTelemetry::new();
    mock.expect_watch().streams([point(1.0), point(2.0), point(3.0)]);
    take_one(&mock.client()).await;
    let outcome = &mock.watch_calls()[0].outcome;
    assert!(outcome.is_ok(), "the outcome is {outcome:?}");
}

/// Waits for the response before it sends what the mock looks at.
async fn wait_for_the_response(telemetry: &impl Telemetry) {
    let (queries, requests) = Streaming::channel(1);
    let month = Duration::from_secs(30 * 24 * 3600);
    let tail = telemetry.tail(Request::new(requests));
    let _ = tokio::time::timeout(month, tail).await;
    let _ = queries.send(query("a")).await;
}

// red: 1 problem
// red: it waits for its first request
// red: Perhaps the caller waits for the response: it has to send one first, or to `open()` the call
// red: at least 1 call with Query
#[tokio::test(start_paused = true)]
async fn a_caller_who_waits_for_the_response_first_as_the_contract() {
    let mock = MockTelemetry::new();
    mock.expect_tail().with(query("a")).streams([point(1.0)]);
    wait_for_the_response(&mock).await;
}

// red: it waits for its first request
#[tokio::test(start_paused = true)]
async fn a_caller_who_waits_for_the_response_first_by_its_client() {
    let mock = MockTelemetry::new();
    mock.expect_tail().with(query("a")).streams([point(1.0)]);
    wait_for_the_response(&mock.client()).await;
}

// red: it waits for its first request
#[tokio::test(start_paused = true)]
async fn a_caller_who_waits_for_the_response_first_without_a_codec() {
    let mock = MockTelemetry::new();
    mock.expect_tail().with(query("a")).streams([point(1.0)]);
    wait_for_the_response(&TelemetryClient::in_process_direct(mock.clone())).await;
}

// red: at least 1 call matching short
#[tokio::test(start_paused = true)]
async fn a_caller_who_waits_for_the_response_that_a_predicate_holds_up() {
    let mock = MockTelemetry::new();
    mock.expect_tail().matching("short", |query| query.series.len() < 5).streams([point(1.0)]);
    wait_for_the_response(&mock.client()).await;
}

// red: it waits for the end of its requests
// red: it has to end them first
#[tokio::test(start_paused = true)]
async fn a_caller_who_waits_for_the_response_and_does_not_end_its_requests() {
    let mock = MockTelemetry::new();
    mock.expect_upload().with([point(1.0)]).returns(summary(1));
    let (points, requests) = Streaming::channel(1);
    points.send(point(1.0)).await.unwrap();
    let month = Duration::from_secs(30 * 24 * 3600);
    let _ = tokio::time::timeout(month, mock.client().upload(requests)).await;
}

// red: expected exactly 3 calls, got 2
#[tokio::test]
async fn a_failure_that_is_not_repeated() {
    let mock = MockCalculator::new();
    mock.expect_add().once().flaky(2, Code::Unavailable).returns(sum(8));
    for _ in 0..2 {
        let _ = mock.client().add(add(5, 3)).await;
    }
}

// red: out of sequence: Subtract, expected at
#[tokio::test]
async fn one_that_is_in_two_sequences_out_of_turn_in_one() {
    let mock = MockCalculator::new();
    let [first, second] = [(); 2].map(|()| Sequence::new());
    mock.on_add().with(add(1, 1)).returns(sum(2));
    mock.expect_subtract().in_sequence(&first).returns(SubtractResponse::default());
    mock.expect_add().in_sequence(&second).in_sequence(&first).returns(sum(8));
    let _ = mock.client().add(add(5, 3)).await;
    let _ = mock.client().subtract(SubtractRequest::default()).await;
}

// red: it waits for the end of its requests
#[tokio::test(start_paused = true)]
async fn a_caller_who_waits_for_the_response_of_requests_that_it_does_not_end() {
    let mock = MockTelemetry::new();
    mock.expect_upload().returns(summary(1));
    let (_points, requests) = Streaming::channel(1);
    let month = Duration::from_secs(30 * 24 * 3600);
    let _ = tokio::time::timeout(month, mock.client().upload(requests)).await;
    mock.verify();
}
