//! Calls that need time, where there is no runtime and so no clock.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use rust_scaffold::{Request, mock::script};

use crate::{
    calculator::{AddRequest, Calculator, CalculatorClient, MockCalculator},
    messages::{add, point, query, sum},
    telemetry::MockTelemetry,
};

/// What `call` comes to without a runtime, and without waiting.
fn without_runtime<T>(call: impl Future<Output = T>) -> T {
    match pin!(call).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

fn with_deadline() -> Request<AddRequest> {
    let mut request = Request::new(add(5, 3));
    request.set_timeout(Duration::from_secs(5));
    request
}

// red: `after` needs the clock of a tokio runtime
// red: tests/tests/fooled/wrong/clocks.rs:
#[test]
fn an_answer_that_takes_time() {
    let mock = MockCalculator::new();
    mock.expect_add().after(Duration::from_secs(1)).returns(sum(8));
    without_runtime(mock.client().add(add(5, 3))).unwrap_err();
}

// red: `after` needs the clock of a tokio runtime
#[test]
fn an_answer_of_the_contract_that_takes_time() {
    let mock = MockCalculator::new();
    mock.expect_add().after(Duration::from_secs(1)).returns(sum(8));
    without_runtime(Calculator::add(&mock, Request::new(add(5, 3)))).unwrap_err();
}

// red: `wait` needs the clock of a tokio runtime
#[test]
fn a_script_that_waits() {
    let mock = MockTelemetry::new();
    mock.expect_watch().script(script().wait(Duration::from_secs(1)).send(point(1.0)));
    let points = without_runtime(mock.client().watch(query("a")));
    without_runtime(points.unwrap().into_inner().message()).unwrap_err();
}

// red: a call with a deadline needs the clock of a tokio runtime
#[test]
fn a_deadline() {
    let mock = MockCalculator::new();
    mock.expect_add().hangs();
    without_runtime(mock.client().add(with_deadline())).unwrap();
}

// red: `verify_within` needs the clock of a tokio runtime
#[test]
fn a_verdict_that_waits() {
    let mock = MockCalculator::new();
    mock.expect_add().once().returns(sum(8));
    without_runtime(mock.verify_within(Duration::from_secs(1)));
}

// red: `quiet_for` needs the clock of a tokio runtime
#[test]
fn a_verdict_after_some_time() {
    let mock = MockCalculator::new();
    without_runtime(mock.quiet_for(Duration::from_secs(1)));
}

// red: `expect_quiet` needs the clock of a tokio runtime
#[test]
fn a_call_that_is_watched_for_some_time() {
    let mock = MockTelemetry::new();
    let mut calls = mock.expect_watch().interactive();
    let client = mock.client();
    let mut watching = pin!(client.watch(query("a")));
    let mut context = Context::from_waker(Waker::noop());
    assert!(watching.as_mut().poll(&mut context).is_pending());
    let mut call = without_runtime(calls.accept());
    without_runtime(call.expect_quiet(Duration::from_secs(1)));
}

/// What `call` comes to in a runtime that nobody has told to have time.
fn without_time<T>(call: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap().block_on(call)
}

// red: a call with a deadline needs the clock of a tokio runtime, and the one here has none
// red: build it with `enable_time` or `enable_all`
#[test]
fn a_deadline_in_a_runtime_without_time() {
    let mock = MockCalculator::new();
    mock.expect_add().hangs();
    without_time(mock.client().add(with_deadline())).unwrap();
}

// red: a call with a deadline needs the clock of a tokio runtime, and the one here has none
#[test]
fn a_deadline_in_a_runtime_without_time_and_a_codec() {
    let mock = MockCalculator::new();
    mock.expect_add().hangs();
    let client = CalculatorClient::in_process_direct(mock.clone());
    without_time(client.add(with_deadline())).unwrap();
}

// red: `after` needs the clock of a tokio runtime, and the one here has none
#[test]
fn an_answer_that_takes_time_in_a_runtime_without() {
    let mock = MockCalculator::new();
    mock.expect_add().after(Duration::from_secs(1)).returns(sum(8));
    without_time(mock.client().add(add(5, 3))).unwrap_err();
}

// red: `wait` needs the clock of a tokio runtime, and the one here has none
#[test]
fn a_script_that_waits_in_a_runtime_without_time() {
    let mock = MockTelemetry::new();
    mock.expect_watch().script(script().wait(Duration::from_secs(1)).send(point(1.0)));
    without_time(async {
        let mut points = mock.client().watch(query("a")).await.unwrap().into_inner();
        points.message().await.unwrap_err();
    });
}

// red: `verify_within` at tests/tests/fooled/wrong/clocks.rs:
// red: `verify_within` needs the clock of a tokio runtime, and the one here has none
#[test]
fn a_verdict_that_waits_in_a_runtime_without_time() {
    let mock = MockCalculator::new();
    mock.expect_add().once().returns(sum(8));
    without_time(mock.verify_within(Duration::from_secs(1)));
}

// red: `expect_quiet` needs the clock of a tokio runtime, and the one here has none
#[test]
fn a_call_that_is_watched_in_a_runtime_without_time() {
    let mock = MockTelemetry::new();
    let mut calls = mock.expect_watch().interactive();
    let client = mock.client();
    without_time(async {
        let quiet = async { calls.accept().await.expect_quiet(Duration::from_secs(1)).await };
        tokio::join!(client.watch(query("a")), quiet).0.unwrap();
    });
}

// red: serving needs the clock of a tokio runtime, and the one here has none
// red: build it with `enable_time` or `enable_all`
#[test]
fn a_server_in_a_runtime_without_time() {
    let mock = MockCalculator::new();
    without_time(mock.serve()).unwrap();
}

// red: connecting needs the clock of a tokio runtime, and the one here has none
// red: build it with `enable_time` or `enable_all`
#[test]
fn a_client_in_a_runtime_without_time() {
    without_time(CalculatorClient::connect("http://127.0.0.1:1")).unwrap();
}
