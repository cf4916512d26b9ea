//! Tests in which somebody waits for what never comes, with nothing that would end the wait.

use std::time::Duration;

use rust_scaffold::{Request, Streaming, mock::script};

use crate::{
    calculator::{CalculatorClient, MockCalculator},
    messages::{add, point, query, sum, summary},
    telemetry::{MockTelemetry, Telemetry, TelemetryClient},
};

/// Waits for what the script sends behind a request, and sends none.
async fn read_first(telemetry: &impl Telemetry) {
    let (_queries, requests) = Streaming::channel(1);
    let mut points = telemetry.tail(Request::new(requests)).await.unwrap().into_inner();
    let _ = points.message().await;
}

fn asking() -> MockTelemetry {
    let mock = MockTelemetry::new();
    mock.expect_tail().script(script().expect(query("a")).send(point(1.0)));
    mock
}

// red: MockTelemetry, made at tests/tests/fooled/wrong/waits.rs:
// red: 1 problem
// red: script of telemetry.Telemetry/Tail, step 1 of 2: expect Query
// red: got nothing for a week of virtual time. The script waits for a request, and its caller
#[tokio::test(start_paused = true)]
async fn a_script_for_a_request_as_the_contract() {
    read_first(&asking()).await;
}

// red: got nothing for a week of virtual time. The script waits for a request, and its caller
#[tokio::test(start_paused = true)]
async fn a_script_for_a_request_by_its_client() {
    let mock = asking();
    read_first(&mock.client()).await;
}

// red: got nothing for a week of virtual time. The script waits for a request, and its caller
#[tokio::test(start_paused = true)]
async fn a_script_for_a_request_without_a_codec() {
    let mock = asking();
    read_first(&TelemetryClient::in_process_direct(mock.clone())).await;
}

// red: got nothing for a week of virtual time. The script waits for a request, and its caller
#[tokio::test(start_paused = true)]
async fn a_script_for_a_request_of_an_opened_call() {
    let mock = asking();
    let (_queries, requests) = Streaming::channel(1);
    let (_headers, mut points) = mock.client().tail(requests).open();
    let _ = points.message().await;
}

// red: got nothing for a week of virtual time. The script waits for a request, and its caller
#[tokio::test(start_paused = true)]
async fn a_script_for_a_request_of_a_task() {
    let mock = asking();
    let client = mock.client();
    tokio::spawn(async move { read_first(&client).await }).await.unwrap();
}

// red: got nothing for a week of virtual time. The script waits for a request, and its caller
#[tokio::test(start_paused = true)]
async fn a_script_for_a_request_in_front_of_a_spy() {
    let mock = asking();
    let spy = MockTelemetry::spy(mock.clone());
    read_first(&spy.client()).await;
}

// red: step 3 of 4: expect Query
// red: got nothing for a week of virtual time
#[tokio::test(start_paused = true)]
async fn a_script_for_a_second_request() {
    let mock = MockTelemetry::new();
    let steps = script().expect(query("a")).send(point(1.0)).expect(query("b")).send(point(2.0));
    mock.expect_tail().script(steps);
    let (queries, requests) = Streaming::channel(1);
    queries.send(query("a")).await.unwrap();
    let mut points = mock.client().tail(requests).await.unwrap().into_inner();
    while points.message().await.unwrap().is_some() {}
}

// red: step 1 of 2: expect the end of the requests
// red: the caller has to end them before it waits
#[tokio::test(start_paused = true)]
async fn a_script_for_the_end_of_requests() {
    let mock = MockTelemetry::new();
    mock.expect_tail().script(script().expect_end().send(point(1.0)));
    read_first(&mock.client()).await;
}

// red: step 2 of 3: expect the end of the requests
#[tokio::test(start_paused = true)]
async fn a_script_for_the_end_of_requests_of_a_method_with_one_response() {
    let mock = MockTelemetry::new();
    let steps = script().expect(point(1.0)).expect_end().send(summary(1));
    mock.expect_upload().script(steps);
    let (points, requests) = Streaming::channel(1);
    points.send(point(1.0)).await.unwrap();
    let _ = mock.client().upload(requests).await;
}

// red: script of telemetry.Telemetry/Tail
// red: tape.jsonl:1)
#[tokio::test(start_paused = true)]
async fn a_tape_for_a_request() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tape.jsonl");
    let recorded = asking();
    let _ = recorded.record(&path).unwrap();
    let queries = Streaming::from_iter([query("a")]);
    let mut points = recorded.client().tail(queries).await.unwrap().into_inner();
    while points.message().await.unwrap().is_some() {}

    let replayed = MockTelemetry::replay(&path).unwrap();
    read_first(&replayed.client()).await;
}

// red: `accept` at tests/tests/fooled/wrong/waits.rs:
// red: no call has come for a week of virtual time
// red: missing call of calculator.Calculator/Add
#[tokio::test(start_paused = true)]
async fn a_test_for_a_call() {
    let mock = MockCalculator::new();
    let mut adds = mock.expect_add().interactive();
    adds.accept().await;
}

// red: `accept` at tests/tests/fooled/wrong/waits.rs:
#[tokio::test(start_paused = true)]
async fn a_test_for_one_call_more() {
    let mock = MockCalculator::new();
    let mut adds = mock.expect_add().interactive();
    let client = mock.client();
    tokio::join!(async { client.add(add(5, 3)).await.unwrap() }, async {
        adds.accept().await.send(sum(8)).await.unwrap();
        adds.accept().await.send(sum(8)).await.unwrap();
    });
}

// red: `accept` at tests/tests/fooled/wrong/waits.rs:
// red: the test `waits::a_task_for_a_call`: MockCalculator, made at
#[tokio::test(start_paused = true)]
async fn a_task_for_a_call() {
    let mock = MockCalculator::new();
    let mut adds = mock.expect_add().interactive();
    let server = tokio::spawn(async move { drop(adds.accept().await) });
    let month = Duration::from_secs(30 * 24 * 3600);
    tokio::time::timeout(month, server).await.unwrap().unwrap();
}

// red: `recv` at tests/tests/fooled/wrong/waits.rs:
// red: neither a request nor the end of them has come for a week of virtual time
#[tokio::test(start_paused = true)]
async fn a_test_for_a_request() {
    let mock = MockTelemetry::new();
    let mut tails = mock.expect_tail().interactive();
    let (_queries, requests) = Streaming::channel(1);
    let client = mock.client();
    let (_points, mut call) = tokio::join!(client.tail(requests), async {
        let mut call = tails.accept().await;
        call.send(point(1.0)).await.unwrap();
        call
    });
    call.recv().await;
}

// red: `cancelled` at tests/tests/fooled/wrong/waits.rs:
// red: the caller has not gone away for a week of virtual time
#[tokio::test(start_paused = true)]
async fn a_test_for_a_caller_to_go_away() {
    let mock = MockTelemetry::new();
    let mut watches = mock.expect_watch().interactive();
    let client = mock.client();
    let (_points, mut call) = tokio::join!(client.watch(query("a")), async {
        let mut call = watches.accept().await;
        call.send(point(1.0)).await.unwrap();
        call
    });
    call.cancelled().await;
}

// red: 1 problem
// red: the test has not accepted it
// red: Its caller has waited for a week of virtual time
// red: beside it in `tokio::join!`
#[tokio::test(start_paused = true)]
async fn a_test_for_a_call_that_it_should_have_accepted() {
    let mock = MockCalculator::new();
    let _adds = mock.expect_add().interactive();
    let _ = mock.client().add(add(5, 3)).await;
}

// red: the test has not accepted it
// red: Its caller has waited for a week of virtual time
#[tokio::test(start_paused = true)]
async fn a_test_for_a_call_without_a_codec_that_it_should_have_accepted() {
    let mock = MockCalculator::new();
    let _adds = mock.expect_add().interactive();
    let _ = CalculatorClient::in_process_direct(mock.clone()).add(add(5, 3)).await;
}

// red: 1 problem
// red: the test has not answered it
#[tokio::test(start_paused = true)]
async fn a_test_for_a_call_that_it_should_have_answered() {
    let mock = MockCalculator::new();
    let mut adds = mock.expect_add().interactive();
    let client = mock.client();
    let (_, _call) = tokio::join!(client.add(add(5, 3)), adds.accept());
}

// red: 1 problem
// red: the test has not gone on with it
#[tokio::test(start_paused = true)]
async fn a_test_for_a_message_that_it_should_have_sent() {
    let mock = MockTelemetry::new();
    let mut watches = mock.expect_watch().interactive();
    let client = mock.client();
    let (points, _call) = tokio::join!(client.watch(query("a")), async {
        let mut call = watches.accept().await;
        call.send(point(1.0)).await.unwrap();
        call
    });
    let mut points = points.unwrap().into_inner();
    while points.message().await.unwrap().is_some() {}
}

// red: the test waits for a call of calculator.Calculator/Add, which hangs, as
// red: has no deadline that would have ended it in a week of virtual time
#[tokio::test(start_paused = true)]
async fn a_test_for_a_call_that_hangs() {
    let mock = MockCalculator::new();
    mock.expect_add().hangs();
    let month = Duration::from_secs(30 * 24 * 3600);
    tokio::time::timeout(month, mock.client().add(add(5, 3))).await.unwrap().unwrap();
}

// red: which hangs, as
#[tokio::test(start_paused = true)]
async fn a_test_for_a_script_that_hangs() {
    let mock = MockTelemetry::new();
    mock.expect_watch().script(script().send(point(1.0)).hang());
    let mut points = mock.client().watch(query("a")).await.unwrap().into_inner();
    points.message().await.unwrap();
    let month = Duration::from_secs(30 * 24 * 3600);
    tokio::time::timeout(month, points.message()).await.unwrap().unwrap();
}

// red: `verify_within` at tests/tests/fooled/wrong/waits.rs:
// red: missing call of calculator.Calculator/Add
#[tokio::test(start_paused = true)]
async fn a_verdict_for_a_call() {
    let mock = MockCalculator::new();
    mock.expect_add().once().returns(sum(8));
    mock.verify_within(Duration::from_secs(10)).await;
}

// red: `quiet_for` at tests/tests/fooled/wrong/waits.rs:
// red: missing call of calculator.Calculator/Add
#[tokio::test(start_paused = true)]
async fn a_verdict_after_a_quiet_time() {
    let mock = MockCalculator::new();
    mock.expect_add().once().returns(sum(8));
    mock.quiet_for(Duration::from_secs(10)).await;
}

// red: `expect_quiet` at tests/tests/fooled/wrong/waits.rs:
#[tokio::test(start_paused = true)]
async fn a_call_in_a_quiet_time() {
    let mock = MockTelemetry::new();
    let mut tails = mock.expect_tail().interactive();
    let client = mock.client();
    let queries = tokio_stream::iter([query("a")]);
    let (_points, ()) = tokio::join!(client.tail(queries), async {
        tails.accept().await.expect_quiet(Duration::from_secs(60)).await;
    });
}

// red: `accept` at tests/tests/fooled/wrong/waits.rs:
// red: no call can come any more: the mock is gone
#[tokio::test]
async fn a_test_for_a_call_of_a_mock_that_is_gone() {
    let mock = MockCalculator::new();
    let mut adds = mock.on_add().interactive();
    drop(mock);
    adds.accept().await;
}
