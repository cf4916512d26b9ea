//! Right tests of what is expected, in which order, and of calls that the test answers itself.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use futures_util::FutureExt as _;
use rust_scaffold::{
    Code, Status, Streaming,
    mock::{Sequence, script},
};

use crate::{
    calculator::MockCalculator,
    messages::{add, point, query, sum, summary},
    telemetry::MockTelemetry,
};

#[tokio::test]
async fn failures_come_on_top_of_one_call() {
    let mock = MockCalculator::new();
    mock.expect_add().once().flaky(2, Code::Unavailable).returns(sum(8));
    for _ in 0..2 {
        let status = mock.client().add(add(5, 3)).await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable);
    }
    assert_eq!(mock.client().add(add(5, 3)).await.unwrap().into_inner(), sum(8));
}

#[tokio::test]
async fn failures_come_on_top_of_several_calls_whichever_is_said_first() {
    let mock = MockCalculator::new();
    mock.expect_add().flaky(1, Code::Aborted).times(2).returns_each([sum(8), sum(9)]);
    let client = mock.client();
    assert_eq!(client.add(add(5, 3)).await.unwrap_err().code(), Code::Aborted);
    for result in [8, 9] {
        assert_eq!(client.add(add(5, 3)).await.unwrap().into_inner(), sum(result));
    }
}

#[tokio::test]
async fn a_call_that_may_stay_away_need_not_fail() {
    let mock = MockCalculator::new();
    mock.expect_add().times(0..=1).flaky(2, Code::Unavailable).returns(sum(8));
}

#[test]
fn expectations_that_are_being_written_take_no_calls_from_stubs() {
    let mock = MockCalculator::new();
    mock.on_add().returns(sum(8));
    let client = mock.client();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                let called = client.add(add(5, 3)).now_or_never().unwrap();
                assert_eq!(called.unwrap().into_inner(), sum(8));
            }
        });
        for _ in 0..2000 {
            mock.expect_add().with(add(1, 1)).times(0..=1).returns(sum(2));
            mock.expect_add().never().with(add(2, 2));
        }
        is_over.store(true, Ordering::Relaxed);
    });
}

#[tokio::test]
async fn an_expectation_in_a_variable_takes_calls() {
    let mock = MockCalculator::new();
    mock.on_add().returns(sum(8));
    let expectation = mock.expect_add().once().returns(sum(9));
    assert_eq!(mock.client().add(add(5, 3)).await.unwrap().into_inner(), sum(9));
    drop(expectation);
    assert_eq!(mock.client().add(add(5, 3)).await.unwrap().into_inner(), sum(8));
}

#[test]
fn an_expectation_in_a_variable_takes_what_nothing_else_does_on_another_thread() {
    let mock = MockCalculator::new();
    let _expectation = mock.expect_add().once().returns(sum(9));
    let client = mock.client();
    let call = move || client.add(add(5, 3)).now_or_never().unwrap().unwrap().into_inner();
    assert_eq!(thread::spawn(call).join().unwrap(), sum(9));
}

#[tokio::test]
async fn an_expectation_in_two_sequences() {
    let mock = MockCalculator::new();
    let (first, second) = (Sequence::new(), Sequence::new());
    mock.expect_add().with(add(1, 1)).in_sequence(&first).returns(sum(2));
    mock.expect_add().with(add(2, 2)).in_sequence(&second).returns(sum(4));
    mock.expect_add().with(add(3, 3)).in_sequence(&first).in_sequence(&second).returns(sum(6));
    mock.expect_add().with(add(4, 4)).in_sequence(&first).returns(sum(8));
    for number in [2, 1, 3, 4] {
        mock.client().add(add(number, number)).await.unwrap();
    }
}

#[tokio::test]
async fn a_sequence_that_is_said_twice() {
    let mock = MockCalculator::new();
    let sequence = Sequence::new();
    mock.expect_add().in_sequence(&sequence).in_sequence(&sequence).returns(sum(2));
    mock.client().add(add(1, 1)).await.unwrap();
}

#[tokio::test]
async fn calls_that_a_task_answers_to_the_end_of_the_test() {
    let mock = MockTelemetry::new();
    let mut watches = mock.expect_watch().interactive();
    tokio::spawn(async move {
        let mut calls = Vec::new();
        loop {
            let mut call = watches.accept().await;
            call.send(point(1.0)).await.unwrap();
            calls.push(call);
        }
    });
    let client = mock.client();
    tokio::spawn(async move {
        let mut points = client.watch(query("a")).await.unwrap().into_inner();
        while points.message().await.unwrap().is_some() {}
    });
    let mut points = mock.client().watch(query("a")).await.unwrap().into_inner();
    assert_eq!(points.message().await.unwrap(), Some(point(1.0)));
}

#[tokio::test]
async fn a_call_that_is_dropped_when_its_caller_has_gone_away() {
    let mock = MockTelemetry::new();
    let mut watches = mock.expect_watch().interactive();
    let client = mock.client();
    let (points, mut call) = tokio::join!(client.watch(query("a")), async {
        let mut call = watches.accept().await;
        call.send(point(1.0)).await.unwrap();
        call
    });
    drop(points);
    call.cancelled().await;
}

#[tokio::test]
async fn a_call_that_fails_before_its_requests_are_received() {
    let mock = MockTelemetry::new();
    let mut uploads = mock.expect_upload().interactive();
    let client = mock.client();
    let (status, ()) = tokio::join!(client.upload(tokio_stream::iter([point(1.0)])), async {
        uploads.accept().await.fail(Status::resource_exhausted("no room"));
    });
    assert_eq!(status.unwrap_err().code(), Code::ResourceExhausted);
}

#[tokio::test]
async fn a_call_that_is_answered_before_its_requests_end() {
    let mock = MockTelemetry::new();
    let mut uploads = mock.expect_upload().interactive();
    let client = mock.client();
    let (points, requests) = Streaming::channel(1);
    points.send(point(1.0)).await.unwrap();
    let (response, ()) = tokio::join!(client.upload(requests), async {
        let mut call = uploads.accept().await;
        assert_eq!(call.recv().await, Some(point(1.0)));
        call.send(summary(1)).await.unwrap();
    });
    assert_eq!(response.unwrap().into_inner(), summary(1));
}

#[tokio::test(start_paused = true)]
async fn a_first_request_that_comes_late() {
    let mock = MockTelemetry::new();
    mock.expect_tail().with(query("a")).streams([point(1.0)]);
    let (queries, requests) = Streaming::channel(1);
    let (_headers, mut points) = mock.client().tail(requests).open();
    tokio::time::sleep(Duration::from_secs(3600)).await;
    queries.send(query("a")).await.unwrap();
    assert_eq!(points.message().await.unwrap(), Some(point(1.0)));
    assert_eq!(points.message().await.unwrap(), None);
}

#[tokio::test]
async fn a_script_that_is_read_to_its_end_one_by_one() {
    let mock = MockTelemetry::new();
    let steps = (1..=1000).fold(script(), |script, number| script.send(point(number.into())));
    mock.expect_watch().script(steps.fail(Status::data_loss("a node")));
    let mut points = mock.client().watch(query("a")).await.unwrap().into_inner();
    for number in 1..=1000 {
        assert_eq!(points.message().await.unwrap(), Some(point(number.into())));
    }
    assert_eq!(points.message().await.unwrap_err().code(), Code::DataLoss);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_is_read_to_its_end_on_a_port() {
    let mock = MockTelemetry::new();
    let steps = (1..=1000).fold(script(), |script, number| script.send(point(number.into())));
    mock.expect_watch().script(steps.trailer("x-end", "1"));
    let serving = mock.serve().await.unwrap();
    let client = crate::telemetry::TelemetryClient::connect(serving.uri()).await.unwrap();
    let mut points = client.watch(query("a")).await.unwrap().into_inner();
    assert_eq!(points.skip_to_trailers().await.unwrap().get("x-end").unwrap(), "1");
}

#[tokio::test]
async fn requests_that_panic_behind_a_port_end_their_call() {
    let real = MockTelemetry::new();
    real.on_upload().returns(summary(1));
    let spy = MockTelemetry::spy(real.clone());
    let serving = spy.serve().await.unwrap();
    let client = crate::telemetry::TelemetryClient::connect(serving.uri()).await.unwrap();
    let mut first = Some(point(1.0));
    let next = move |_| Ok(first.take().expect("the caller has one request only"));
    let points = tokio_stream::StreamExt::map(tokio_stream::iter([1, 2]), next);
    let status = client.upload(Streaming::new(points)).await.unwrap_err();
    assert_eq!(status.code(), Code::Internal, "{status}");
    assert!(!spy.upload_calls().iter().any(|call| call.outcome.is_ok()));
}
