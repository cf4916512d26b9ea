//! Closures and services of the test that panic, where the caller makes nothing of it.

use std::{
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use rust_scaffold::{Request, Response, Status, Streaming};
use tokio_stream::StreamExt as _;

use crate::{
    calculator::{
        AddRequest, AddResponse, Calculator, CalculatorClient, MockCalculator, SubtractRequest,
        SubtractResponse,
    },
    messages::{add, point, query, sum, summary},
    telemetry::{MockTelemetry, Query, Telemetry, TelemetryClient},
};

/// Waits for a future without any runtime.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
    }
}

fn late() -> MockCalculator {
    let mock = MockCalculator::new();
    mock.expect_add().after(Duration::from_secs(1)).returns(sum(8));
    mock
}

// red: `after` needs the clock of a tokio runtime
#[test]
fn a_delay_without_a_runtime_by_its_client() {
    let mock = late();
    let _ = block_on(mock.client().add(add(5, 3)));
}

// red: `after` needs the clock of a tokio runtime
#[test]
fn a_delay_without_a_runtime_as_the_contract() {
    let mock = late();
    let call = || block_on(Calculator::add(&mock, Request::new(add(5, 3))));
    let _ = catch_unwind(AssertUnwindSafe(call));
}

// red: `after` needs the clock of a tokio runtime
#[test]
fn a_delay_without_a_runtime_and_without_a_codec() {
    let mock = late();
    let _ = block_on(CalculatorClient::in_process_direct(mock.clone()).add(add(5, 3)));
}

// red: `after` needs the clock of a tokio runtime, and the one here has none
#[test]
fn a_delay_in_a_runtime_without_time() {
    let mock = late();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let _ = runtime.block_on(mock.client().add(add(5, 3)));
}

/// Panics in every call.
struct Broken;

impl Calculator for Broken {
    async fn add(&self, _: Request<AddRequest>) -> Result<Response<AddResponse>, Status> {
        panic!("the real one is broken")
    }

    async fn subtract(
        &self,
        _: Request<SubtractRequest>,
    ) -> Result<Response<SubtractResponse>, Status> {
        tokio::task::yield_now().await;
        panic!("the real one is broken, later")
    }
}

// red: the real service of the spy panicked: the real one is broken
#[tokio::test]
async fn a_real_service_that_panics_by_its_client() {
    let spy = MockCalculator::spy(Broken);
    let _ = spy.client().add(add(5, 3)).await;
}

// red: the real service of the spy panicked: the real one is broken
#[tokio::test]
async fn a_real_service_that_panics_as_the_contract() {
    let spy = MockCalculator::spy(Broken);
    let _ = Calculator::add(&spy, Request::new(add(5, 3))).await;
}

// red: the real service of the spy panicked: the real one is broken, later
#[tokio::test]
async fn a_real_service_that_panics_without_a_codec() {
    let spy = MockCalculator::spy(Broken);
    let client = CalculatorClient::in_process_direct(spy.clone());
    let _ = client.subtract(SubtractRequest::default()).await;
}

// red: the real service of the spy panicked: the real one is broken
#[tokio::test]
async fn a_real_service_that_panics_on_a_port() {
    let spy = MockCalculator::spy(Broken);
    let serving = spy.serve().await.unwrap();
    let _ = CalculatorClient::connect(serving.uri()).await.unwrap().add(add(5, 3)).await;
}

// red: a stream of responses panicked: the stream of the real one is broken
#[tokio::test]
async fn a_stream_of_a_real_service_that_panics() {
    let real = crate::telemetry::MockTelemetry::new();
    real.on_watch().answers(async |_| {
        let failing =
            tokio_stream::iter([0]).map(|_| panic!("the stream of the real one is broken"));
        Ok(Streaming::new(failing))
    });
    let spy = crate::telemetry::MockTelemetry::spy(real.clone());
    let points = spy.client().watch(crate::messages::query("a")).await;
    let _ = points.unwrap().into_inner().message().await;
    let _ = catch_unwind(AssertUnwindSafe(|| drop(real)));
}

fn recorded() -> (tempfile::TempDir, MockCalculator) {
    let folder = tempfile::tempdir().unwrap();
    let mock = MockCalculator::new();
    mock.on_add().returns(sum(8));
    let tape = mock.record(folder.path().join("tape.jsonl")).unwrap();
    let _ = tape.redact(|_: &mut AddRequest| panic!("nothing can be redacted"));
    (folder, mock)
}

// red: a closure of `redact` panicked: nothing can be redacted
#[tokio::test]
async fn a_redaction_that_panics_by_its_client() {
    let (_folder, mock) = recorded();
    let _ = mock.client().add(add(5, 3)).await;
}

// red: a closure of `redact` panicked: nothing can be redacted
#[tokio::test]
async fn a_redaction_that_panics_as_the_contract() {
    let (_folder, mock) = recorded();
    let call = async { Calculator::add(&mock, Request::new(add(5, 3))).await };
    let _ = std::future::ready(catch_unwind(AssertUnwindSafe(|| block_on(call)))).await;
}

// red: a closure of `redact` panicked: nothing can be redacted
#[tokio::test]
async fn a_redaction_that_panics_on_a_port() {
    let (_folder, mock) = recorded();
    let serving = mock.serve().await.unwrap();
    let _ = CalculatorClient::connect(serving.uri()).await.unwrap().add(add(5, 3)).await;
}

/// A service that reads its requests: a mock, which the test does not ask.
fn reading() -> MockTelemetry {
    let real = MockTelemetry::new();
    real.on_upload().returns(summary(1));
    real.on_tail().answers(async |request: Request<Streaming<Query>>| {
        let mut queries = request.into_inner();
        while queries.message().await?.is_some() {}
        Ok(Streaming::from_iter([point(1.0)]))
    });
    real
}

/// Requests of the code under test, of which the second one cannot be made.
fn broken<T: Send + 'static>(first: T) -> Streaming<T> {
    let mut first = Some(first);
    let next = move |_| Ok(first.take().expect("the caller has one request only"));
    Streaming::new(tokio_stream::iter([1, 2]).map(next))
}

/// Makes a call with requests that panic, where nobody looks at what becomes of it.
async fn upload(telemetry: &impl Telemetry) {
    let mut call = pin!(telemetry.upload(Request::new(broken(point(1.0)))));
    let call = poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(cx))) {
        Ok(polled) => polled.map(drop),
        Err(_) => Poll::Ready(()),
    });
    call.await;
}

// red: 1 problem
// red: call of telemetry.Telemetry/Upload: its requests panicked: the caller has one request only
#[tokio::test]
async fn requests_that_panic_as_the_contract() {
    let real = reading();
    let spy = MockTelemetry::spy(real.clone());
    upload(&spy).await;
}

// red: 1 problem
// red: call of telemetry.Telemetry/Upload: its requests panicked: the caller has one request only
#[tokio::test]
async fn requests_that_panic_by_its_client() {
    let real = reading();
    let spy = MockTelemetry::spy(real.clone());
    upload(&spy.client()).await;
}

// red: 1 problem
// red: call of telemetry.Telemetry/Upload: its requests panicked: the caller has one request only
#[tokio::test]
async fn requests_that_panic_without_a_codec() {
    let real = reading();
    let spy = MockTelemetry::spy(real.clone());
    upload(&TelemetryClient::in_process_direct(spy.clone())).await;
}

// red: 1 problem
// red: call of telemetry.Telemetry/Tail: its requests panicked: the caller has one request only
#[tokio::test]
async fn requests_that_panic_in_a_dialogue() {
    let real = reading();
    let spy = MockTelemetry::spy(real.clone());
    let queries = broken(query("a"));
    let (_headers, mut points) = spy.client().tail(queries).open();
    let _ = points.message().await;
}

// red: 1 problem
// red: call of telemetry.Telemetry/Upload: its requests panicked: the caller has one request only
#[tokio::test]
async fn requests_that_panic_for_a_mock_that_answers() {
    let mock = MockTelemetry::new();
    mock.on_upload().returns(summary(1));
    upload(&mock.client()).await;
}

// red: 1 problem
// red: call of telemetry.Telemetry/Upload: its requests panicked: the caller has one request only
#[tokio::test]
async fn requests_that_panic_for_a_mock_that_looks_at_them() {
    let mock = MockTelemetry::new();
    mock.on_upload().with([point(1.0)]).returns(summary(1));
    upload(&mock).await;
}

// red: 1 problem
// red: call of telemetry.Telemetry/Tail: its requests panicked: the caller has one request only
#[tokio::test]
async fn requests_that_panic_for_a_closure() {
    let mock = reading();
    let queries = broken(query("a"));
    let mut points = mock.client().tail(queries).await.unwrap().into_inner();
    let _ = points.message().await;
}
