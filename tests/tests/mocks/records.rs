//! What a mock remembers of its calls.

use std::time::Duration;

use rust_scaffold::{Code, Request, Status, Streaming, mock::Outcome};
use tokio::time::Instant;

use crate::{
    calculator::{Calculator, MockCalculator},
    messages::{add, point, query, sum, summary},
    telemetry::MockTelemetry,
};

#[tokio::test(start_paused = true)]
async fn a_call_is_remembered_with_request_metadata_deadline_outcome_and_time() {
    let mock = MockCalculator::new();
    mock.expect_add().after(Duration::from_secs(2)).returns(sum(8));
    let before = Instant::now();
    let mut request = Request::new(add(5, 3));
    request.metadata_mut().insert("x-tenant", "one".parse().unwrap());
    request.set_timeout(Duration::from_secs(7));
    mock.client().add(request).await.unwrap();
    let calls = mock.add_calls();
    let [call] = calls.as_slice() else { panic!("{calls:?}") };
    assert_eq!(*call.request(), add(5, 3));
    assert_eq!(call.metadata.get("x-tenant").unwrap(), "one");
    assert_eq!(call.deadline, Some(Duration::from_secs(7)));
    assert!(matches!(call.outcome, Outcome::Ok));
    assert_eq!(call.started, before);
    assert_eq!(call.ended, Some(before + Duration::from_secs(2)));
}

#[tokio::test]
async fn each_outcome_is_told() {
    let mock = MockCalculator::new();
    mock.expect_add().with(add(1, 0)).returns(sum(1));
    mock.expect_add().with(add(2, 0)).fails(Status::not_found("no"));
    mock.expect_add().with(add(3, 0)).hangs();
    let client = mock.client();
    client.add(add(1, 0)).await.unwrap();
    client.add(add(2, 0)).await.unwrap_err();
    let hanging = client.add(add(3, 0));
    let mut hanging = Box::pin(hanging);
    let waker = std::task::Waker::noop();
    let mut context = std::task::Context::from_waker(waker);
    assert!(hanging.as_mut().poll(&mut context).is_pending());
    let codes = mock.add_calls().iter().map(|call| call.outcome.code()).collect::<Vec<_>>();
    assert_eq!(codes, [Some(Code::Ok), Some(Code::NotFound), None]);
    assert!(matches!(mock.add_calls()[2].outcome, Outcome::Pending));
    assert_eq!(mock.add_calls()[2].ended, None);
    drop(hanging);
    assert!(mock.add_calls()[2].outcome.is_cancelled());
}

#[tokio::test]
async fn the_messages_of_streams_are_remembered_as_they_are_read() {
    let mock = MockTelemetry::new();
    mock.expect_upload().returns(summary(2));
    mock.expect_watch().streams([point(1.0), point(2.0)]);
    mock.client().upload(tokio_stream::iter([point(1.0), point(2.0)])).await.unwrap();
    assert_eq!(mock.upload_calls()[0].messages, [point(1.0), point(2.0)]);
    let points = mock.client().watch(query("a")).await.unwrap().into_inner();
    drop(points);
    assert_eq!(*mock.watch_calls()[0].request(), query("a"));
    assert!(mock.watch_calls()[0].outcome.is_cancelled());
}

#[tokio::test]
async fn requests_that_fail_fail_the_call() {
    let mock = MockTelemetry::new();
    mock.on_upload().returns(summary(0));
    let (sender, points) = Streaming::channel(2);
    sender.send(point(1.0)).await.unwrap();
    sender.fail(Status::aborted("the caller's own trouble")).await.unwrap();
    let status = mock.client().upload(points).await.unwrap_err();
    assert_eq!(status.code(), Code::Aborted);
    assert_eq!(mock.upload_calls()[0].messages, [point(1.0)]);
    assert_eq!(mock.upload_calls()[0].outcome.code(), Some(Code::Aborted));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_calls_at_once_are_all_counted() {
    let mock = MockCalculator::new();
    mock.expect_add().times(1000).answers(async |request: Request<_>| {
        tokio::task::yield_now().await;
        let crate::calculator::AddRequest { a, b } = request.into_inner();
        Ok(sum(a + b))
    });
    let calls = (0..1000).map(|number| {
        let (mock, client) = (mock.clone(), mock.client());
        tokio::spawn(async move {
            let response = match number % 2 {
                0 => client.add(add(number, 1)).await,
                _ => Calculator::add(&mock, Request::new(add(number, 1))).await,
            };
            assert_eq!(response.unwrap().into_inner(), sum(number + 1));
        })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap();
    }
    let mut seen = mock.add_calls().iter().map(|call| call.request().a).collect::<Vec<_>>();
    seen.sort_unstable();
    assert_eq!(seen, (0..1000).collect::<Vec<_>>());
    mock.verify();
}

#[tokio::test]
async fn a_mock_may_be_asked_from_within_its_own_predicates_and_answers() {
    let mock = MockCalculator::new();
    let handle = mock.clone();
    let inner = mock.clone();
    mock.expect_add()
        .matching("another call before", move |_| handle.add_calls().len() == 1)
        .answers(move |_| {
            let inner = inner.clone();
            async move { Ok(sum(inner.add_calls().len() as i32)) }
        });
    mock.on_add().returns(sum(0));
    assert_eq!(mock.client().add(add(0, 0)).await.unwrap().into_inner(), sum(0));
    assert_eq!(mock.client().add(add(0, 0)).await.unwrap().into_inner(), sum(2));
}
