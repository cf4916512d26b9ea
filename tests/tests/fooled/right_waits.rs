//! Right tests in which somebody waits for long: no patience of a mock may end what is still to come.

use std::{sync::mpsc, thread, time::Duration};

use futures_util::FutureExt as _;
use rust_scaffold::{Code, Request, Streaming, mock::script};

use crate::{
    calculator::MockCalculator,
    messages::{add, point, query, sum},
    telemetry::MockTelemetry,
};

const DAY: Duration = Duration::from_secs(24 * 3600);

#[tokio::test(start_paused = true)]
async fn a_script_for_a_request_that_comes_after_days() {
    let mock = MockTelemetry::new();
    let steps = script().expect(query("a")).send(point(1.0)).expect_end().send(point(2.0));
    mock.expect_tail().script(steps);
    let (queries, requests) = Streaming::channel(1);
    let (_headers, mut points) = mock.client().tail(requests).open();
    tokio::spawn(async move {
        tokio::time::sleep(5 * DAY).await;
        queries.send(query("a")).await.unwrap();
        tokio::time::sleep(5 * DAY).await;
    });
    assert_eq!(points.message().await.unwrap(), Some(point(1.0)));
    assert_eq!(points.message().await.unwrap(), Some(point(2.0)));
    assert_eq!(points.message().await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_accepts_calls_in_a_test_of_a_month() {
    let mock = MockCalculator::new();
    let mut adds = mock.expect_add().interactive();
    tokio::spawn(async move {
        loop {
            let mut call = adds.accept().await;
            tokio::time::sleep(10 * DAY).await;
            assert_eq!(call.recv().await, Some(add(5, 3)));
            call.send(sum(8)).await.unwrap();
        }
    });
    tokio::time::sleep(30 * DAY).await;
    let client = mock.client();
    let call = tokio::spawn(async move { client.add(add(5, 3)).await });
    assert_eq!(call.await.unwrap().unwrap().into_inner(), sum(8));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_quiet_in_a_test_of_a_month() {
    let mock = MockTelemetry::new();
    let mut watches = mock.expect_watch().interactive();
    let client = mock.client();
    let caller = tokio::spawn(async move {
        let mut points = client.watch(query("a")).await.unwrap().into_inner();
        points.message().await
    });
    let mut call = watches.accept().await;
    tokio::time::sleep(30 * DAY).await;
    call.send(point(1.0)).await.unwrap();
    call.finish();
    assert_eq!(caller.await.unwrap().unwrap(), Some(point(1.0)));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_hangs_until_its_deadline_or_for_ever() {
    let mock = MockTelemetry::new();
    mock.on_watch().hangs();
    let client = mock.client();
    tokio::spawn(async move { client.watch(query("a")).await });
    let mut request = Request::new(query("b"));
    request.set_timeout(30 * DAY);
    let status = mock.client().watch(request).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
}

#[tokio::test(start_paused = true)]
async fn a_call_from_a_thread_that_has_no_virtual_time() {
    let mock = MockCalculator::new();
    let mut adds = mock.expect_add().interactive();
    let client = mock.client();
    let (go, gone) = mpsc::channel();
    let caller = thread::spawn(move || {
        gone.recv().unwrap();
        // Longer than other threads take to end the test, and a hundredth of what a mock gives them.
        thread::sleep(Duration::from_millis(10));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(client.add(add(5, 3)))
    });
    let late = async {
        // When no patience is left but the real time that other threads are given.
        tokio::time::sleep(7 * DAY + Duration::from_secs(60)).await;
        go.send(()).unwrap();
    };
    let (mut call, ()) = tokio::join!(adds.accept(), late);
    call.send(sum(8)).await.unwrap();
    assert_eq!(caller.join().unwrap().unwrap().into_inner(), sum(8));
}

#[test]
fn what_waits_without_a_clock_waits_on() {
    let mock = MockTelemetry::new();
    mock.expect_tail().script(script().expect(query("a")).send(point(1.0)));
    let mut watches = mock.on_watch().interactive();
    let (queries, requests) = Streaming::channel(1);
    let points = mock.client().tail(requests).into_future().now_or_never().unwrap();
    let mut points = points.unwrap().into_inner();
    assert!(points.message().now_or_never().is_none());
    assert!(watches.accept().now_or_never().is_none());
    queries.send(query("a")).now_or_never().unwrap().unwrap();
    assert_eq!(points.message().now_or_never().unwrap().unwrap(), Some(point(1.0)));
    assert_eq!(points.message().now_or_never().unwrap().unwrap(), None);
}
