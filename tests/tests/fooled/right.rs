//! Right tests, which no verdict may disturb.

use std::{
    pin::pin,
    sync::{Arc, LazyLock},
    task::{Context, Poll, Waker},
    thread,
    time::Duration,
};

use rust_scaffold::{Request, Streaming, mock::that};

use crate::{
    calculator::{Calculator, CalculatorClient, MockCalculator},
    messages::{add, point, sum, summary},
    telemetry::{self, MockTelemetry},
};

#[tokio::test]
async fn a_verdict_and_then_another_one() {
    let mock = MockCalculator::new();
    mock.expect_add().once().returns(sum(8));
    mock.client().add(add(5, 3)).await.unwrap();
    mock.verify();
    mock.expect_add().once().returns(sum(9));
    mock.client().add(add(5, 3)).await.unwrap();
    mock.verify();
}

#[tokio::test]
async fn a_mock_in_an_arc_that_a_task_drops_last() {
    let mock = Arc::new(MockCalculator::new());
    mock.expect_add().once().returns(sum(8));
    let task = tokio::spawn(async move { Calculator::add(&*mock, Request::new(add(5, 3))).await });
    task.await.unwrap().unwrap();
}

#[test]
fn a_mock_that_is_handed_to_a_thread_and_met_there() {
    let mock = MockCalculator::new();
    mock.expect_add().once().returns(sum(8));
    let calls = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(mock.client().add(add(5, 3))).unwrap();
    });
    calls.join().unwrap();
}

#[test]
fn a_mock_that_is_made_on_a_thread() {
    thread::spawn(|| {
        let mock = MockCalculator::new();
        mock.on_add().returns(sum(8));
    })
    .join()
    .unwrap();
}

/// Stubs, for all tests: there is nothing that has to come.
static SHARED: LazyLock<MockCalculator> = LazyLock::new(|| {
    let mock = MockCalculator::new();
    mock.on_add().returns(sum(8));
    mock
});

#[tokio::test]
async fn a_static_of_stubs() {
    SHARED.client().add(add(5, 3)).await.unwrap();
}

#[tokio::test]
async fn the_same_static_in_another_test() {
    SHARED.client().add(add(5, 3)).await.unwrap();
}

#[tokio::test]
async fn a_mock_that_is_forgotten_when_all_has_come() {
    let mock = MockCalculator::new();
    mock.expect_add().once().returns(sum(8));
    mock.client().add(add(5, 3)).await.unwrap();
    std::mem::forget(mock);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_outlives_its_mock() {
    let mock = MockCalculator::new();
    mock.on_add().returns(sum(8));
    let serving = mock.serve().await.unwrap();
    drop(mock);
    let client = CalculatorClient::connect(serving.uri()).await.unwrap();
    client.add(add(5, 3)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn quiet_behind_the_last_call() {
    let mock = MockCalculator::new();
    mock.expect_add().once().returns(sum(8));
    mock.client().add(add(5, 3)).await.unwrap();
    let start = tokio::time::Instant::now();
    mock.quiet_for(Duration::from_secs(10)).await;
    assert_eq!(start.elapsed(), Duration::from_secs(10));
}

#[test]
#[should_panic(expected = "missing call of calculator.Calculator/Add")]
fn a_verdict_that_is_expected() {
    let mock = MockCalculator::new();
    mock.expect_add().once().returns(sum(8));
}

#[tokio::test]
async fn a_thousand_mocks_of_one_test() {
    for _ in 0..1000 {
        let mock = MockCalculator::new();
        mock.expect_add().once().returns(sum(8));
        mock.client().add(add(5, 3)).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_said_once_is_no_contradiction() {
    let mock = MockCalculator::new();
    mock.expect_add().with(add(1, 1)).never();
    mock.on_add().with(add(1, 2)).times(..=2).returns(sum(3));
    mock.on_add().with(add(1, 3)).never();
    mock.on_add().times(..3).returns_each([sum(4), sum(5)]);
    mock.on_add().returns(sum(6));
    mock.expect_add().times(2).returns(sum(7));
    mock.expect_add().once().returns(sum(8));
    mock.expect_add().returns(sum(9));
    // These go before what takes all calls.
    mock.expect_add().with(add(2, 2)).never();
    mock.on_add().with(add(2, 3)).never();
    let mut sums = Vec::new();
    for _ in 0..4 {
        sums.push(mock.client().add(add(5, 3)).await.unwrap().into_inner().result);
    }
    assert_eq!(sums, [7, 7, 8, 9]);
}

#[tokio::test]
async fn nan_as_a_pattern_and_on_a_tape() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tape.jsonl");
    let spied = MockTelemetry::new();
    let _ = spied.record(&path).unwrap();
    let nan = telemetry::like::Point::new().number(that("NaN", |it: &f64| it.is_nan()));
    spied.expect_upload().with([nan]).returns(summary(1));
    let points = || Streaming::from_iter([point(f64::NAN)]);
    spied.client().upload(points()).await.unwrap();

    let replayed = MockTelemetry::replay(&path).unwrap();
    replayed.client().upload(points()).await.unwrap();
}

#[test]
fn a_call_that_does_not_wait_needs_no_runtime() {
    let mock = MockCalculator::new();
    mock.expect_add().returns(sum(8));
    let mut request = Request::new(add(5, 3));
    request.set_timeout(Duration::from_secs(5));
    let client = mock.client();
    let call = pin!(client.add(request));
    let Poll::Ready(sum) = call.poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("it waits");
    };
    assert_eq!(sum.unwrap().into_inner().result, 8);
}

/// As many tests as there are mocks, of which one in ten has to fail: each by itself.
#[test]
fn a_thousand_mocks_in_parallel_tests() {
    for _ in 0..20 {
        for _ in 0..10 {
            let tests = (0..100).map(|number| {
                let test = thread::Builder::new().name(format!("test {number}"));
                let test = test.spawn(move || {
                    let mock = MockCalculator::new();
                    let is_wrong = number % 10 == 0;
                    mock.expect_add().times(usize::from(is_wrong)..).returns(sum(8));
                });
                test.unwrap()
            });
            let tests = tests.collect::<Vec<_>>();
            let failed = tests.into_iter().map(|test| test.join().is_err()).collect::<Vec<_>>();
            let expected = (0..100).map(|number| number % 10 == 0).collect::<Vec<_>>();
            assert_eq!(failed, expected);
        }
    }
}
