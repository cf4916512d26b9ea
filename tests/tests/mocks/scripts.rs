//! Calls that are played step by step.

use std::time::Duration;

use rust_scaffold::{
    Code, Status, Streaming,
    mock::{Outcome, script},
};

use crate::{
    messages::{point, query, summary, verdict, verdict_of},
    telemetry::{MockTelemetry, telemetry_mock::like},
};

#[tokio::test]
async fn a_server_stream_has_a_header_an_end_and_trailers() {
    let mock = MockTelemetry::new();
    mock.expect_watch().script(
        script()
            .header("x-source", "cache")
            .expect(query("a"))
            .send(point(1.0))
            .send(point(2.0))
            .trailer("x-rows", "2")
            .trailer("x-raw-bin", "\u{1}"),
    );
    let response = mock.client().watch(query("a")).await.unwrap();
    assert_eq!(response.metadata().get("x-source").unwrap(), "cache");
    let mut points = response.into_inner();
    assert_eq!(points.message().await.unwrap(), Some(point(1.0)));
    assert_eq!(points.message().await.unwrap(), Some(point(2.0)));
    assert_eq!(points.message().await.unwrap(), None);
    let trailers = points.skip_to_trailers().await.unwrap();
    assert_eq!(trailers.get("x-rows").unwrap(), "2");
    assert_eq!(trailers.get_bin("x-raw-bin").unwrap().to_bytes().unwrap(), &[1_u8][..]);
    assert!(mock.watch_calls()[0].outcome.is_ok());
}

#[tokio::test]
async fn a_stream_fails_midway() {
    let mock = MockTelemetry::new();
    mock.expect_watch().script(script().send(point(1.0)).fail(Status::data_loss("node lost")));
    let mut points = mock.client().watch(query("a")).await.unwrap().into_inner();
    assert_eq!(points.message().await.unwrap(), Some(point(1.0)));
    assert_eq!(points.message().await.unwrap_err().code(), Code::DataLoss);
    assert_eq!(mock.watch_calls()[0].outcome.code(), Some(Code::DataLoss));
}

#[tokio::test]
async fn a_script_that_begins_with_a_failure_fails_the_call_itself() {
    let mock = MockTelemetry::new();
    mock.expect_watch().script(script().fail(Status::permission_denied("no")));
    let status = mock.client().watch(query("a")).await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
}

#[tokio::test]
async fn a_client_stream_is_answered_once() {
    let mock = MockTelemetry::new();
    let steps = script()
        .expect(point(1.0))
        .expect(like::Point::new().number(2.0))
        .expect_end()
        .send(summary(2))
        .trailer("x-done", "yes");
    mock.expect_upload().script(steps);
    let points = tokio_stream::iter([point(1.0), point(2.0)]);
    let response = mock.client().upload(points).await.unwrap();
    assert_eq!(response.metadata().get("x-done").unwrap(), "yes");
    assert_eq!(response.into_inner(), summary(2));
}

#[tokio::test]
async fn a_client_stream_is_answered_before_its_end() {
    let mock = MockTelemetry::new();
    mock.expect_upload().script(script().expect(point(1.0)).send(summary(1)));
    let (sender, points) = Streaming::channel(1);
    sender.send(point(1.0)).await.unwrap();
    assert_eq!(mock.client().upload(points).await.unwrap().into_inner(), summary(1));
}

#[tokio::test]
async fn a_dialogue_goes_back_and_forth() {
    let mock = MockTelemetry::new();
    let steps = script()
        .expect(query("a"))
        .send(point(1.0))
        .expect(query("b"))
        .send(point(2.0))
        .expect_end();
    mock.expect_tail().script(steps);
    let (sender, queries) = Streaming::channel(1);
    let mut points = mock.client().tail(queries).await.unwrap().into_inner();
    for (series, number) in [("a", 1.0), ("b", 2.0)] {
        sender.send(query(series)).await.unwrap();
        assert_eq!(points.message().await.unwrap(), Some(point(number)));
    }
    drop(sender);
    assert_eq!(points.message().await.unwrap(), None);
    assert_eq!(mock.tail_calls()[0].messages, [query("a"), query("b")]);
}

#[tokio::test]
async fn the_end_of_the_requests_is_not_implied() {
    let mock = MockTelemetry::new();
    mock.expect_tail().script(script().expect(query("a")).send(point(1.0)));
    let (sender, queries) = Streaming::channel(2);
    sender.send(query("a")).await.unwrap();
    let mut points = mock.client().tail(queries).await.unwrap().into_inner();
    assert_eq!(points.message().await.unwrap(), Some(point(1.0)));
    assert_eq!(points.message().await.unwrap(), None);
}

#[tokio::test]
async fn another_request_than_expected_fails_the_call_and_the_verification() {
    let mock = MockTelemetry::new();
    mock.expect_tail().script(script().expect(query("a")).send(point(1.0)));
    let mut points =
        mock.client().tail(tokio_stream::iter([query("b")])).await.unwrap().into_inner();
    let status = points.message().await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    assert!(matches!(mock.tail_calls()[0].outcome, Outcome::Failed(_)));
    let verdict = verdict_of(mock);
    assert!(verdict.contains(r#"series: expected "a", got "b""#), "{verdict}");
    assert!(verdict.contains("1 problem\n"), "{verdict}");
}

#[tokio::test]
async fn requests_that_end_too_early_or_too_late_fail_the_verification() {
    let mock = MockTelemetry::new();
    mock.expect_upload().once().script(script().expect(point(1.0)).send(summary(1)));
    mock.expect_upload().once().script(script().expect_end().send(summary(0)));
    mock.client().upload(tokio_stream::empty::<crate::telemetry::Point>()).await.unwrap_err();
    mock.client().upload(tokio_stream::iter([point(9.0)])).await.unwrap_err();
    let verdict = verdict_of(mock);
    assert!(verdict.contains("got the end of the requests"), "{verdict}");
    assert!(verdict.contains("expect the end of the requests"), "{verdict}");
    assert!(verdict.contains("number: 9.0") || verdict.contains("Number(9.0)"), "{verdict}");
}

#[tokio::test(start_paused = true)]
async fn a_script_that_is_not_played_to_its_end_fails_the_verification() {
    let mock = MockTelemetry::new();
    let hour = Duration::from_secs(3600);
    mock.expect_watch().script(script().send(point(1.0)).wait(hour).send(point(2.0)));
    let mut points = mock.client().watch(query("a")).await.unwrap().into_inner();
    assert_eq!(points.message().await.unwrap(), Some(point(1.0)));
    drop(points);
    let verdict = verdict_of(mock);
    assert!(verdict.contains("step 2 of 3: wait 3600s"), "{verdict}");
    assert!(verdict.contains("not played to its end"), "{verdict}");
}

#[tokio::test(start_paused = true)]
async fn a_script_that_still_plays_fails_the_verification_too() {
    let mock = MockTelemetry::new();
    mock.expect_watch().script(script().wait(Duration::from_secs(1)).send(point(1.0)));
    let points = mock.client().watch(query("a")).await.unwrap().into_inner();
    let verdict = verdict_of(mock);
    assert!(verdict.contains("not played to its end"), "{verdict}");
    drop(points);
}

#[tokio::test]
async fn a_script_that_hangs_has_got_to_its_end() {
    let mock = MockTelemetry::new();
    mock.expect_watch().script(script().send(point(1.0)).hang());
    let mut points = mock.client().watch(query("a")).await.unwrap().into_inner();
    assert_eq!(points.message().await.unwrap(), Some(point(1.0)));
    drop(points);
    mock.verify();
}

#[tokio::test]
async fn a_method_with_one_response_is_answered_with_one() {
    let mock = MockTelemetry::new();
    mock.expect_upload().once().script(script().expect_end());
    mock.expect_upload().once().script(script().send(summary(1)).send(summary(2)));
    for problem in ["answered with none", "answered with several"] {
        let points = tokio_stream::empty::<crate::telemetry::Point>();
        let status = mock.client().upload(points).await.unwrap_err();
        assert!(status.message().contains(problem), "{status}");
    }
    let verdict = verdict_of(mock);
    assert!(verdict.contains("answered with none") && verdict.contains("answered with several"));
}

#[test]
fn steps_in_an_impossible_order_are_refused_where_they_are_written() {
    let script = || script::<crate::telemetry::Query, crate::telemetry::Point>();
    let text = verdict(|| drop(script().send(point(1.0)).header("x-late", "yes")));
    assert!(text.contains("before the first message"), "{text}");
    let text = verdict(|| drop(script().hang().send(point(1.0))));
    assert!(text.contains("nothing comes behind"), "{text}");
    let text = verdict(|| drop(script().trailer("x y", "z")));
    assert!(text.contains("is no metadata"), "{text}");
}
