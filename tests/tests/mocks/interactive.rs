//! Calls in which the test plays the server.

use std::time::Duration;

use rust_scaffold::{Code, Status, Streaming};

use crate::{
    calculator::MockCalculator,
    messages::{add, point, query, sum, summary, verdict_of},
    telemetry::MockTelemetry,
};

#[tokio::test]
async fn a_unary_call_is_answered_when_the_test_sends() {
    let mock = MockCalculator::new();
    let mut adds = mock.expect_add().interactive();
    let client = mock.client();
    let caller = tokio::spawn(async move { client.add(add(5, 3)).await.unwrap() });
    let mut call = adds.accept().await;
    call.header("x-header", "head");
    call.trailer("x-trailer", "tail");
    assert_eq!(call.recv().await, Some(add(5, 3)));
    assert_eq!(call.recv().await, None);
    call.send(sum(8)).await.unwrap();
    let response = caller.await.unwrap();
    assert_eq!(response.metadata().get("x-header").unwrap(), "head");
    assert_eq!(response.metadata().get("x-trailer").unwrap(), "tail");
    assert_eq!(response.into_inner(), sum(8));
    assert!(mock.add_calls()[0].outcome.is_ok());
}

#[tokio::test]
async fn calls_are_answered_in_any_order() {
    let mock = MockCalculator::new();
    let mut adds = mock.expect_add().times(2).interactive();
    let call = |a| {
        let client = mock.client();
        tokio::spawn(async move { client.add(add(a, 0)).await.unwrap().into_inner() })
    };
    let (one, two) = (call(1), call(2));
    let (mut first, mut second) = (adds.accept().await, adds.accept().await);
    for call in [&mut second, &mut first] {
        let request = call.recv().await.unwrap();
        call.send(sum(request.a * 10)).await.unwrap();
    }
    assert_eq!((one.await.unwrap(), two.await.unwrap()), (sum(10), sum(20)));
}

#[tokio::test(start_paused = true)]
async fn a_dialogue_is_held_by_the_test() {
    let mock = MockTelemetry::new();
    let mut tails = mock.expect_tail().interactive();
    let (queries, requests) = Streaming::channel(1);
    let client = mock.client();
    let (points, mut call) = tokio::join!(client.tail(requests), async {
        let mut call = tails.accept().await;
        call.expect_quiet(Duration::from_secs(60)).await;
        call
    });
    let mut points = points.unwrap().into_inner();
    queries.send(query("a")).await.unwrap();
    assert_eq!(call.recv().await, Some(query("a")));
    call.send(point(1.0)).await.unwrap();
    call.send(point(2.0)).await.unwrap();
    assert_eq!(points.message().await.unwrap(), Some(point(1.0)));
    drop(queries);
    assert_eq!(call.recv().await, None);
    call.trailer("x-end", "yes");
    call.finish();
    assert_eq!(points.message().await.unwrap(), Some(point(2.0)));
    assert_eq!(points.message().await.unwrap(), None);
    assert_eq!(points.skip_to_trailers().await.unwrap().get("x-end").unwrap(), "yes");
}

#[tokio::test]
async fn a_call_fails_before_and_after_its_response_has_begun() {
    let mock = MockTelemetry::new();
    let mut watches = mock.expect_watch().times(2).interactive();
    let client = mock.client();
    let (status, ()) = tokio::join!(client.watch(query("a")), async {
        watches.accept().await.fail(Status::not_found("no"));
    });
    assert_eq!(status.unwrap_err().code(), Code::NotFound);
    let (points, ()) = tokio::join!(client.watch(query("a")), async {
        let mut call = watches.accept().await;
        call.send(point(1.0)).await.unwrap();
        call.fail(Status::data_loss("gone"));
    });
    let mut points = points.unwrap().into_inner();
    assert_eq!(points.message().await.unwrap(), Some(point(1.0)));
    assert_eq!(points.message().await.unwrap_err().code(), Code::DataLoss);
}

#[tokio::test]
async fn the_test_sees_that_the_caller_goes_away() {
    let mock = MockTelemetry::new();
    let mut watches = mock.expect_watch().interactive();
    let client = mock.client();
    let caller = tokio::spawn(async move { client.watch(query("a")).await.unwrap().into_inner() });
    let mut call = watches.accept().await;
    call.send(point(1.0)).await.unwrap();
    drop(caller.await.unwrap());
    call.cancelled().await;
    call.send(point(2.0)).await.unwrap_err();
    assert!(mock.watch_calls()[0].outcome.is_cancelled());
}

#[tokio::test]
async fn nothing_is_received_from_a_caller_that_has_gone_away() {
    let mock = MockTelemetry::new();
    let mut tails = mock.expect_tail().interactive();
    let (queries, requests) = Streaming::channel(1);
    let client = mock.client();
    let caller = tokio::spawn(async move { client.tail(requests).await.unwrap() });
    let mut call = tails.accept().await;
    queries.send(query("a")).await.unwrap();
    assert_eq!(call.recv().await, Some(query("a")));
    drop(caller.await.unwrap());
    assert_eq!(call.recv().await, None);
}

#[tokio::test]
async fn a_call_that_the_test_drops_fails() {
    let mock = MockTelemetry::new();
    let mut uploads = mock.expect_upload().interactive();
    let client = mock.client();
    let (status, ()) = tokio::join!(client.upload(tokio_stream::iter([point(1.0)])), async {
        drop(uploads.accept().await);
    });
    assert_eq!(status.unwrap_err().code(), Code::Internal);
    assert!(verdict_of(mock).contains("the test has dropped it unfinished"));
}

#[tokio::test]
async fn a_client_stream_is_finished_by_its_one_response() {
    let mock = MockTelemetry::new();
    let mut uploads = mock.expect_upload().interactive();
    let client = mock.client();
    let (response, _call) = tokio::join!(client.upload(tokio_stream::iter([point(1.0)])), async {
        let mut call = uploads.accept().await;
        assert_eq!(call.recv().await, Some(point(1.0)));
        call.send(summary(1)).await.unwrap();
        call
    });
    assert_eq!(response.unwrap().into_inner(), summary(1));
}

#[tokio::test]
async fn a_call_that_nobody_can_accept_fails_the_verification() {
    let mock = MockCalculator::new();
    drop(mock.expect_add().interactive());
    let status = mock.client().add(add(5, 3)).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    assert!(verdict_of(mock).contains("the test has dropped what accepts it"));
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "expected no request for 60s, got Query { series: \"a\"")]
async fn a_request_in_a_quiet_time_fails_the_test() {
    let mock = MockTelemetry::new();
    let mut tails = mock.expect_tail().interactive();
    let client = mock.client();
    let requests = tokio_stream::iter([query("a")]);
    let (_points, ()) = tokio::join!(client.tail(requests), async {
        tails.accept().await.expect_quiet(Duration::from_secs(60)).await;
    });
}

#[tokio::test]
async fn a_call_that_is_opened_is_held_in_any_order() {
    let mock = MockTelemetry::new();
    let mut tails = mock.expect_tail().interactive();
    let (queries, requests) = Streaming::channel(1);
    let (headers, mut points) = mock.client().tail(requests).open();
    let mut call = tails.accept().await;
    call.header("x-head", "1");
    queries.send(query("a")).await.unwrap();
    assert_eq!(call.recv().await, Some(query("a")));
    assert_eq!(headers.await.unwrap().get("x-head").unwrap(), "1");
    call.send(point(1.0)).await.unwrap();
    assert_eq!(points.message().await.unwrap(), Some(point(1.0)));
    drop(points);
    call.cancelled().await;
}
