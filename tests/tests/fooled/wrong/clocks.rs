//! Calls that need time, where there is no runtime and so no clock.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use rust_scaffold::{Request, mock::script};

use crate::{
    calculator::{AddRequest, Calculator, MockCalculator},
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
