//! Verdicts that are given, and go on to be right.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
    time::Duration,
};

use futures_util::FutureExt as _;

use crate::{
    calculator::MockCalculator,
    messages::{add, sum},
};

/// Calls on another thread, and waits for that.
fn call_elsewhere(mock: &MockCalculator) {
    let client = mock.client();
    let call = move || client.add(add(5, 3)).now_or_never().unwrap();
    let _ = thread::spawn(call).join().unwrap();
}

// red: unexpected call of calculator.Calculator/Add
// red: request: AddRequest { a: 5, b: 3 }
#[tokio::test]
async fn a_call_behind_a_verdict_of_a_clone() {
    let mock = MockCalculator::new();
    mock.clone().verify();
    mock.client().add(add(5, 3)).await.unwrap_err();
}

// red: missing call of calculator.Calculator/Add
#[tokio::test]
async fn an_expectation_behind_a_verdict_of_a_clone() {
    let mock = MockCalculator::new();
    mock.clone().verify();
    mock.expect_add().once().returns(sum(8));
}

// red: missing call of calculator.Calculator/Add
#[test]
fn an_expectation_behind_a_verdict() {
    let mock = MockCalculator::new();
    mock.verify();
    mock.expect_add().once().returns(sum(8));
}

// red: missing call of calculator.Calculator/Add
#[tokio::test(start_paused = true)]
async fn an_expectation_behind_a_verdict_that_waited() {
    let mock = MockCalculator::new();
    mock.clone().verify_within(Duration::from_secs(1)).await;
    mock.expect_add().once().returns(sum(8));
}

// red: it has had its 1 call
#[tokio::test(start_paused = true)]
async fn one_call_too_many_behind_a_verdict_that_waited() {
    let mock = MockCalculator::new();
    mock.expect_add().once().returns(sum(8));
    mock.client().add(add(5, 3)).await.unwrap();
    mock.verify_within(Duration::from_secs(1)).await;
    mock.client().add(add(5, 3)).await.unwrap_err();
}

// red: a call of calculator.Calculator/Add came in 10s in which none may come
#[tokio::test(start_paused = true)]
async fn one_more_call_while_none_may_come() {
    let mock = MockCalculator::new();
    mock.expect_add().returns(sum(8));
    let client = mock.client();
    client.add(add(5, 3)).await.unwrap();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(9)).await;
        client.add(add(5, 3)).await
    });
    mock.quiet_for(Duration::from_secs(10)).await;
}

// red: missing call of calculator.Calculator/Add
#[test]
fn a_verdict_on_a_thread_that_nobody_joins_with() {
    let mock = MockCalculator::new();
    mock.expect_add().once().returns(sum(8));
    let handle = mock.clone();
    let _ = thread::spawn(move || handle.verify()).join();
}

// red: missing call of calculator.Calculator/Add
#[tokio::test]
async fn a_verdict_in_a_task_that_nobody_waits_for() {
    let mock = MockCalculator::new();
    mock.expect_add().once().returns(sum(8));
    let handle = mock.clone();
    let _ = tokio::spawn(async move { handle.verify() }).await;
}

// red: missing call of calculator.Calculator/Add
#[test]
fn a_checkpoint_on_a_thread_that_nobody_joins_with() {
    let mock = MockCalculator::new();
    mock.expect_add().once().returns(sum(8));
    let handle = mock.clone();
    let _ = thread::spawn(move || handle.checkpoint()).join();
}

// red: missing call of calculator.Calculator/Add
#[test]
fn a_verdict_that_is_caught() {
    let mock = MockCalculator::new();
    mock.expect_add().once().returns(sum(8));
    let _ = catch_unwind(AssertUnwindSafe(|| mock.verify()));
}

// red: missing call of calculator.Calculator/Add
#[test]
fn a_checkpoint_that_is_caught() {
    let mock = MockCalculator::new();
    mock.expect_add().once().returns(sum(8));
    let _ = catch_unwind(AssertUnwindSafe(|| mock.checkpoint()));
}

/// A client of whose requests one is made when it is dropped.
struct App(tokio::runtime::Runtime, crate::calculator::CalculatorClient);

impl Drop for App {
    fn drop(&mut self) {
        let _ = self.0.block_on(self.1.add(add(1, 1)));
    }
}

fn set_up() -> (App, MockCalculator) {
    let mock = MockCalculator::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    (App(runtime, mock.client()), mock)
}

// red: unexpected call of calculator.Calculator/Add
// red: the test `verdicts::a_call_while_everything_is_dropped_behind_the_mock`
#[test]
fn a_call_while_everything_is_dropped_behind_the_mock() {
    let (_app, _mock) = set_up();
}

// red: 3 times: unexpected call of calculator.Calculator/Add
#[tokio::test]
async fn the_same_call_over_and_over() {
    let mock = MockCalculator::new();
    for _ in 0..3 {
        mock.client().add(add(5, 3)).await.unwrap_err();
    }
}

// red: 1 problem
// red: unexpected call of calculator.Calculator/Add
// red: request: AddRequest { a: 5, b: 3 }
// red: no such call may come
#[test]
fn one_that_may_not_come_in_a_variable_beside_a_stub() {
    let mock = MockCalculator::new();
    mock.on_add().returns(sum(8));
    let _never = mock.expect_add().never();
    call_elsewhere(&mock);
}

// red: unexpected call of calculator.Calculator/Add
#[test]
fn one_that_may_not_come_in_a_variable_of_a_spy() {
    let real = MockCalculator::new();
    real.on_add().returns(sum(8));
    let spy = MockCalculator::spy(real.clone());
    let _never = spy.expect_add().with(add(5, 3)).never();
    call_elsewhere(&spy);
}

// red: unexpected call of calculator.Calculator/Add
#[test]
fn one_that_may_not_come_in_a_variable_that_outlives_the_verdict() {
    let mock = MockCalculator::new();
    mock.on_add().returns(sum(8));
    let never = mock.expect_add().never();
    call_elsewhere(&mock);
    mock.verify();
    drop(never);
}

// red: unexpected call of calculator.Calculator/Add
#[test]
fn one_that_may_not_come_in_a_variable_that_outlives_the_mock() {
    let mock = MockCalculator::new();
    mock.on_add().returns(sum(8));
    let _never = mock.expect_add().never();
    call_elsewhere(&mock);
    drop(mock);
}

// red: unexpected call of calculator.Calculator/Add
#[tokio::test]
async fn one_that_may_not_come_while_a_verdict_waits() {
    let mock = MockCalculator::new();
    mock.on_add().returns(sum(8));
    let _never = mock.expect_add().never();
    call_elsewhere(&mock);
    mock.verify_within(Duration::from_secs(1)).await;
}

// red: missing call of calculator.Calculator/Add
#[test]
fn one_that_has_to_come_in_a_variable_beside_a_stub() {
    let mock = MockCalculator::new();
    mock.on_add().returns(sum(8));
    let _once = mock.expect_add().once().returns(sum(9));
    call_elsewhere(&mock);
}
