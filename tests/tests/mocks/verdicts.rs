//! Verdicts that nothing can hide: wherever calls come from, and whatever is dropped first.

use std::{sync::Arc, thread, time::Duration};

use futures_util::stream::once;
use rust_scaffold::{Code, Request, Status, Streaming, mock::script};
use tokio_stream::StreamExt as _;

use crate::{
    calculator::{Calculator, CalculatorClient, MockCalculator},
    messages::{add, point, query, sum, verdict, verdict_of},
    telemetry::{MockTelemetry, Telemetry},
};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn unexpected(verdict: &str) {
    assert!(verdict.contains("unexpected call of calculator.Calculator/Add"), "{verdict}");
}

fn missing(verdict: &str) {
    assert!(verdict.contains("missing call of calculator.Calculator/Add"), "{verdict}");
}

#[tokio::test]
async fn a_call_from_the_test_itself() {
    let mock = MockCalculator::new();
    mock.client().add(add(5, 3)).await.unwrap_err();
    unexpected(&verdict_of(mock));
}

#[tokio::test]
async fn a_call_whose_caller_ignores_the_failure() {
    let mock = MockCalculator::new();
    let client = mock.client();
    tokio::spawn(async move { client.add(add(5, 3)).await.is_ok() }).await.unwrap();
    unexpected(&verdict_of(mock));
}

#[tokio::test]
async fn a_call_from_a_task_that_nobody_waits_for() {
    let mock = MockCalculator::new();
    let (client, handle) = (mock.client(), mock.clone());
    drop(tokio::spawn(async move { client.add(add(5, 3)).await }));
    while handle.add_calls().is_empty() {
        tokio::task::yield_now().await;
    }
    unexpected(&verdict_of(mock));
}

#[test]
fn a_call_from_another_runtime_on_another_thread() {
    let mock = MockCalculator::new();
    let client = mock.client();
    thread::spawn(move || runtime().block_on(client.add(add(5, 3))).unwrap_err()).join().unwrap();
    unexpected(&verdict_of(mock));
}

#[test]
fn a_call_over_a_socket_with_everything_else_dropped_before_the_mock() {
    let mock = MockCalculator::new();
    let runtime = runtime();
    runtime.block_on(async {
        let serving = mock.serve().await.unwrap();
        let client = CalculatorClient::connect(serving.uri()).await.unwrap();
        let status = client.add(add(5, 3)).await.unwrap_err();
        assert_eq!(status.code(), Code::Unimplemented);
        assert!(status.message().contains("unexpected call"), "{status}");
    });
    drop(runtime);
    unexpected(&verdict_of(mock));
}

#[test]
fn a_mock_that_is_dropped_before_its_client_server_and_runtime() {
    let mock = MockCalculator::new();
    mock.expect_add().once().returns(sum(8));
    let runtime = runtime();
    let (client, serving) =
        runtime.block_on(async { (mock.client(), mock.serve().await.unwrap()) });
    missing(&verdict_of(mock));
    // What is expected still has its answer.
    runtime.block_on(client.add(add(5, 3))).unwrap();
    drop((runtime, client, serving));
}

#[tokio::test]
async fn a_call_as_the_contract_without_a_client() {
    let mock = Arc::new(MockCalculator::new());
    let handle = Arc::clone(&mock);
    let call = async move { Calculator::add(&*handle, Request::new(add(5, 3))).await };
    tokio::spawn(call).await.unwrap().unwrap_err();
    unexpected(&verdict_of(Arc::into_inner(mock).unwrap()));
}

#[tokio::test]
async fn expectations_that_were_not_met() {
    let mock = MockCalculator::new();
    mock.expect_add().times(2).returns(sum(8));
    mock.client().add(add(5, 3)).await.unwrap();
    missing(&verdict_of(mock));
}

#[tokio::test]
async fn a_verdict_that_was_caught_is_given_again() {
    let mock = MockCalculator::new();
    mock.expect_add().returns(sum(8));
    let told = verdict(|| mock.verify());
    missing(&told);
    assert_eq!(verdict(|| mock.clone().verify()), told);
    assert_eq!(verdict_of(mock), told);
}

#[tokio::test]
async fn what_goes_wrong_after_a_verification_is_in_the_next_one() {
    let mock = MockCalculator::new();
    mock.verify();
    mock.client().add(add(5, 3)).await.unwrap_err();
    unexpected(&verdict_of(mock));

    let mock = MockCalculator::new();
    mock.verify();
    mock.expect_add().once().returns(sum(8));
    missing(&verdict_of(mock));

    let mock = MockTelemetry::new();
    mock.on_watch().script(script().send(point(1.0)).send(point(2.0)));
    mock.verify();
    let mut points = mock.client().watch(query("room")).await.unwrap().into_inner();
    points.message().await.unwrap();
    let verdict = verdict_of(mock);
    assert!(verdict.contains("The script was not played to its end"), "{verdict}");
}

#[test]
fn a_call_that_a_statement_forbids_once_it_is_finished() {
    let mock = MockCalculator::new();
    mock.on_add().returns(sum(8));
    let never = mock.expect_add().never();
    let (client, handle) = (mock.client(), mock.clone());
    let elsewhere = thread::spawn(move || {
        runtime().block_on(client.add(add(5, 3))).unwrap();
        handle.verify();
    });
    elsewhere.join().unwrap();
    drop(never);
    unexpected(&verdict_of(mock));
}

#[tokio::test]
async fn a_checkpoint_forgets_nothing_when_something_is_wrong() {
    let mock = MockCalculator::new();
    mock.expect_add().returns(sum(8));
    missing(&verdict(|| mock.checkpoint()));
    mock.client().add(add(5, 3)).await.unwrap();
    mock.checkpoint();
}

#[tokio::test]
async fn clones_give_no_verdict_when_they_are_dropped() {
    let mock = MockCalculator::new();
    mock.expect_add().returns(sum(8));
    drop(mock.clone());
    drop(mock.server());
    drop(mock.client());
    mock.client().add(add(5, 3)).await.unwrap();
}

#[test]
#[should_panic(expected = "the test's own failure")]
fn a_test_that_fails_by_itself_panics_once() {
    let mock = MockCalculator::new();
    mock.expect_add().returns(sum(8));
    panic!("the test's own failure");
}

#[tokio::test(start_paused = true)]
async fn verify_within_waits_for_what_is_still_to_come() {
    let mock = MockCalculator::new();
    mock.expect_add().times(2).returns(sum(8));
    let client = mock.client();
    tokio::spawn(async move {
        for _ in 0..2 {
            tokio::time::sleep(Duration::from_secs(7)).await;
            client.add(add(5, 3)).await.unwrap();
        }
    });
    let start = tokio::time::Instant::now();
    mock.verify_within(Duration::from_secs(3600)).await;
    assert_eq!(start.elapsed(), Duration::from_secs(14));
}

/// The time that it takes to verify `mock` while `act` runs in the background. The calls that `act`
/// returns stay open.
async fn time_to_verify<F>(mock: MockTelemetry, act: F) -> Duration
where
    F: Future<Output: Send> + Send + 'static,
{
    let start = tokio::time::Instant::now();
    let acting = tokio::spawn(async move {
        let _open = act.await;
        std::future::pending::<()>().await;
    });
    mock.verify_within(Duration::from_secs(3600)).await;
    acting.abort();
    start.elapsed()
}

/// Virtual time, until what is verified happens.
const LATER: Duration = Duration::from_secs(7);

/// Requests of which the first comes later.
fn late_requests<T: Send + 'static>(request: T) -> Streaming<T> {
    let request = async move {
        tokio::time::sleep(LATER).await;
        Ok(request)
    };
    Streaming::new(once(request).chain(futures_util::stream::pending()))
}

#[tokio::test(start_paused = true)]
async fn verify_within_sees_that_a_stream_of_requests_is_the_one_expected() {
    let mock = MockTelemetry::new();
    mock.expect_tail().once().with(query("a")).hangs();
    let client = mock.client();
    let tail = async move { client.tail(late_requests(query("a"))).await };
    assert_eq!(time_to_verify(mock, tail).await, LATER);
}

#[tokio::test(start_paused = true)]
async fn verify_within_sees_that_all_expected_requests_have_come() {
    let mock = MockTelemetry::new();
    mock.expect_upload().once().with([point(1.0)]).hangs();
    let client = mock.client();
    let requests = late_requests(point(1.0)).take(1);
    let upload = async move { client.upload(requests).await };
    assert_eq!(time_to_verify(mock, upload).await, LATER);
}

#[tokio::test(start_paused = true)]
async fn verify_within_sees_a_script_that_has_no_step_left() {
    let mock = MockTelemetry::new();
    mock.expect_watch().script(script().send(point(1.0)).wait(LATER).send(point(2.0)));
    let handle = mock.clone();
    let watch = async move {
        // As the contract: a codec would look ahead, for the end.
        let response = Telemetry::watch(&handle, Request::new(query("a"))).await;
        let mut points = response.unwrap().into_inner();
        assert_eq!(points.message().await.unwrap(), Some(point(1.0)));
        assert_eq!(points.message().await.unwrap(), Some(point(2.0)));
        points
    };
    assert_eq!(time_to_verify(mock, watch).await, LATER);
}

#[tokio::test(start_paused = true)]
async fn verify_within_sees_a_script_that_hangs_as_it_should() {
    let mock = MockTelemetry::new();
    mock.expect_tail().script(script().expect(query("a")).hang());
    let client = mock.client();
    let tail = async move {
        let mut points = client.tail(late_requests(query("a"))).await.unwrap().into_inner();
        points.message().await
    };
    assert_eq!(time_to_verify(mock, tail).await, LATER);
}

#[tokio::test(start_paused = true)]
async fn verify_within_sees_expectations_that_are_changed() {
    let mock = MockTelemetry::new();
    let expectation = mock.expect_latest();
    let change = async move {
        tokio::time::sleep(LATER).await;
        expectation.times(..).returns(point(1.0));
    };
    assert_eq!(time_to_verify(mock, change).await, LATER);
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "expected exactly 1 call, got 0")]
async fn verify_within_does_not_wait_longer_than_it_is_told() {
    let mock = MockCalculator::new();
    mock.expect_add().once().returns(sum(8));
    mock.verify_within(Duration::from_secs(10)).await;
}

#[test]
fn verify_within_does_not_wait_when_something_has_gone_wrong() {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().start_paused(true).build().unwrap();
    let mock = MockCalculator::new();
    mock.expect_add().with(add(1, 1)).returns(sum(2));
    runtime.block_on(mock.client().add(add(5, 3))).unwrap_err();
    let now = || runtime.block_on(async { tokio::time::Instant::now() });
    let start = now();
    unexpected(&verdict(|| runtime.block_on(mock.verify_within(Duration::from_secs(3600)))));
    assert_eq!(now(), start);
    verdict_of(mock);
}

#[tokio::test]
async fn a_panic_in_user_code_poisons_nothing() {
    let mock = MockCalculator::new();
    mock.expect_add().once().answers(
        |_| -> std::future::Ready<Result<crate::calculator::AddResponse, Status>> {
            panic!("before there is a future")
        },
    );
    mock.expect_add().once().answers(async |_| -> Result<crate::calculator::AddResponse, Status> {
        panic!("in the future")
    });
    mock.expect_add().once().returns(sum(8));
    let client = mock.client();
    for _ in 0..2 {
        assert_eq!(client.add(add(5, 3)).await.unwrap_err().code(), Code::Internal);
    }
    client.add(add(5, 3)).await.unwrap();
    assert_eq!(mock.add_calls().len(), 3);
    let verdict = verdict_of(mock);
    assert!(verdict.contains("the answer panicked: before there is a future"), "{verdict}");
    assert!(verdict.contains("the answer panicked: in the future"), "{verdict}");
}
