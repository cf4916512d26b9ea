//! What becomes of a call.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI32, Ordering},
    },
    time::Duration,
};

use http::Uri;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use rust_scaffold::{
    Channel, Code, Protocol, Request, Response, Status, Streaming, Trailers, metadata::MetadataMap,
};
use tokio::time::Instant;

use crate::{
    calculator::{AddRequest, AddResponse, CalculatorClient, MockCalculator},
    messages::{add, point, query, sum, summary, verdict_of},
    telemetry::{MockTelemetry, Point, Query},
};

#[tokio::test]
async fn a_response_comes_with_its_metadata_and_trailers() {
    let mock = MockCalculator::new();
    let mut response = Response::new(sum(8));
    response.metadata_mut().insert("x-header", "head".parse().unwrap());
    let mut trailers = MetadataMap::new();
    trailers.insert("x-trailer", "tail".parse().unwrap());
    response.extensions_mut().insert(Trailers(trailers));
    mock.expect_add().returns(response);
    for _ in 0..2 {
        let response = mock.client().add(add(5, 3)).await.unwrap();
        assert_eq!(response.metadata().get("x-header").unwrap(), "head");
        assert_eq!(response.metadata().get("x-trailer").unwrap(), "tail");
        assert_eq!(response.into_inner(), sum(8));
    }
}

#[tokio::test]
async fn each_call_gets_its_own_response() {
    let mock = MockCalculator::new();
    mock.expect_add().returns_each([sum(1), sum(2)]);
    let client = mock.client();
    assert_eq!(client.add(add(0, 0)).await.unwrap().into_inner(), sum(1));
    assert_eq!(client.add(add(0, 0)).await.unwrap().into_inner(), sum(2));
    assert_eq!(client.add(add(0, 0)).await.unwrap_err().code(), Code::Unimplemented);
    assert!(verdict_of(mock).contains("it has had its 2 calls"));
}

#[tokio::test]
async fn a_failure_has_code_message_and_details() {
    let mock = MockCalculator::new();
    mock.expect_add().once().fails(Status::not_found("no such number"));
    mock.expect_add().once().fails_with(Code::Aborted, "again", &b"\x08\x0a"[..]);
    let first = mock.client().add(add(0, 0)).await.unwrap_err();
    assert_eq!((first.code(), first.message()), (Code::NotFound, "no such number"));
    let second = mock.client().add(add(0, 0)).await.unwrap_err();
    assert_eq!((second.code(), second.message()), (Code::Aborted, "again"));
    assert_eq!(second.details(), b"\x08\x0a");
}

#[tokio::test]
async fn a_closure_answers_as_a_method_of_the_contract() {
    let mock = MockCalculator::new();
    let offset = 100;
    mock.expect_add().answers(move |request: Request<AddRequest>| async move {
        let AddRequest { a, b } = request.into_inner();
        tokio::task::yield_now().await;
        a.checked_add(b).map(|it| sum(it + offset)).ok_or(Status::out_of_range("too much"))
    });
    assert_eq!(mock.client().add(add(5, 3)).await.unwrap().into_inner(), sum(108));
    let status = mock.client().add(add(i32::MAX, 1)).await.unwrap_err();
    assert_eq!(status.code(), Code::OutOfRange);
}

#[tokio::test]
async fn a_closure_may_own_what_it_uses() {
    let mock = MockCalculator::new();
    let (requests, mut received) = tokio::sync::mpsc::channel(2);
    let total = Arc::new(AtomicI32::new(0));
    let counted = Arc::clone(&total);
    mock.expect_add().times(2).answers(async move |request| {
        let AddRequest { a, b } = request.into_inner();
        requests.send(a).await.map_err(|_| Status::aborted("nobody listens"))?;
        Ok(sum(counted.fetch_add(a + b, Ordering::Relaxed)))
    });
    let calculator = mock.client();
    assert_eq!(calculator.add(add(5, 3)).await.unwrap().into_inner(), sum(0));
    assert_eq!(calculator.add(add(1, 1)).await.unwrap().into_inner(), sum(8));
    assert_eq!(total.load(Ordering::Relaxed), 10);
    assert_eq!([received.recv().await, received.recv().await], [Some(5), Some(1)]);
}

#[tokio::test]
async fn a_function_answers_as_a_closure_does() {
    async fn total(request: Request<AddRequest>) -> Result<AddResponse, Status> {
        Ok(sum(request.get_ref().a + request.get_ref().b))
    }
    let mock = MockCalculator::new();
    mock.expect_add().answers(total);
    assert_eq!(mock.client().add(add(5, 3)).await.unwrap().into_inner(), sum(8));
}

/// Panics when it is cloned.
struct Unique;

impl Clone for Unique {
    fn clone(&self) -> Self {
        panic!("there is one of these")
    }
}

#[tokio::test]
async fn a_clone_that_panics_is_a_panic_of_the_closure() {
    let mock = MockCalculator::new();
    let unique = Unique;
    mock.expect_add().answers(async move |_| {
        let _ = &unique;
        Ok(sum(8))
    });
    let status = mock.client().add(add(5, 3)).await.unwrap_err();
    assert_eq!(status.code(), Code::Internal);
    assert!(verdict_of(mock).contains("there is one of these"));
}

#[tokio::test]
async fn a_closure_answers_streams_with_streams() {
    let mock = MockTelemetry::new();
    mock.expect_upload().answers(async |request: Request<Streaming<Point>>| {
        let mut points = request.into_inner();
        let mut accepted = 0;
        while points.message().await?.is_some() {
            accepted += 1;
        }
        Ok(summary(accepted))
    });
    mock.expect_tail().answers(async |request: Request<Streaming<Query>>| {
        use tokio_stream::StreamExt as _;
        let points = request.into_inner().map(|query| query.map(|it| point(it.limit.into())));
        Ok(Streaming::new(points))
    });
    let client = mock.client();
    let points = tokio_stream::iter([point(1.0), point(2.0)]);
    assert_eq!(client.upload(points).await.unwrap().into_inner(), summary(2));
    let queries = tokio_stream::iter((1..=3).map(|limit| Query { limit, ..query("a") }));
    let mut points = client.tail(queries).await.unwrap().into_inner();
    for number in [1.0, 2.0, 3.0] {
        assert_eq!(points.message().await.unwrap(), Some(point(number)));
    }
    assert_eq!(points.message().await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn flaky_calls_fail_first_and_then_go_well() {
    let mock = MockCalculator::new();
    mock.expect_add().flaky(2, Code::Unavailable).returns(sum(8));
    let client = mock.client();
    for expected in [Code::Unavailable, Code::Unavailable, Code::Ok, Code::Ok] {
        let code = client.add(add(5, 3)).await.map_or_else(|it| it.code(), |_| Code::Ok);
        assert_eq!(code, expected);
    }
}

#[test]
fn a_flaky_call_is_expected_to_be_repeated() {
    let mock = MockCalculator::new();
    mock.expect_add().flaky(2, Code::Unavailable).returns(sum(8));
    assert!(verdict_of(mock).contains("expected at least 3 calls, got 0"));
}

#[tokio::test(start_paused = true)]
async fn latency_takes_virtual_time() {
    let mock = MockCalculator::new();
    mock.expect_add().after(Duration::from_secs(30)).returns(sum(8));
    let start = Instant::now();
    mock.client().add(add(5, 3)).await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(30));
}

#[tokio::test]
async fn a_dropped_connection_is_unavailable() {
    let mock = MockCalculator::new();
    mock.expect_add().drops_connection();
    let status = mock.client().add(add(5, 3)).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
}

#[tokio::test]
async fn a_served_mock_breaks_connections_of_http1_as_well() {
    let mock = MockCalculator::new();
    mock.expect_add().with(add(2, 2)).drops_connection();
    mock.expect_add().with(add(5, 3)).returns(sum(8));
    let serving = mock.serve().await.unwrap();
    let http1 = Client::builder(TokioExecutor::new()).build_http();
    let channel = Channel::with_protocol(http1, Protocol::GrpcWeb);
    let client = CalculatorClient::with_origin(channel, serving.uri().parse::<Uri>().unwrap());
    let status = client.add(add(2, 2)).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("connection closed"), "{status}");
    client.add(add(5, 3)).await.unwrap();
}

#[tokio::test]
async fn a_served_mock_breaks_the_connection_with_all_of_its_calls() {
    for latency in [Duration::ZERO, Duration::from_millis(5)] {
        breaks_the_connection_after(latency).await;
    }
}

async fn breaks_the_connection_after(latency: Duration) {
    let mock = MockCalculator::new();
    mock.expect_add().with(add(1, 1)).hangs();
    mock.expect_add().with(add(2, 2)).after(latency).drops_connection();
    mock.expect_add().with(add(5, 3)).returns(sum(8));
    let serving = mock.serve().await.unwrap();
    let client = CalculatorClient::connect(serving.uri()).await.unwrap();
    let hanging = tokio::spawn({
        let client = client.clone();
        async move { client.add(add(1, 1)).await }
    });
    while mock.add_calls().is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let status = client.add(add(2, 2)).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(hanging.await.unwrap().unwrap_err().code(), Code::Unavailable);
    assert_eq!(client.add(add(5, 3)).await.unwrap().into_inner(), sum(8));
}

#[tokio::test]
async fn a_list_of_responses_is_streamed_and_the_requests_are_read() {
    let mock = MockTelemetry::new();
    mock.expect_watch().streams([point(1.0), point(2.0)]);
    mock.expect_tail().streams([point(3.0)]);
    let mut points = mock.client().watch(query("a")).await.unwrap().into_inner();
    assert_eq!(points.message().await.unwrap(), Some(point(1.0)));
    assert_eq!(points.message().await.unwrap(), Some(point(2.0)));
    assert_eq!(points.message().await.unwrap(), None);
    let queries = tokio_stream::iter([query("a"), query("b")]);
    let mut points = mock.client().tail(queries).await.unwrap().into_inner();
    assert_eq!(points.message().await.unwrap(), Some(point(3.0)));
    assert_eq!(points.message().await.unwrap(), None);
    assert_eq!(mock.tail_calls()[0].messages, [query("a"), query("b")]);
}

#[tokio::test]
async fn an_expectation_without_an_answer_says_so() {
    let mock = MockCalculator::new();
    let _ = mock.expect_add().once();
    let status = mock.client().add(add(5, 3)).await.unwrap_err();
    assert!(status.message().contains("no answer was set up"), "{status}");
    assert!(verdict_of(mock).contains("no answer was set up"));
}
