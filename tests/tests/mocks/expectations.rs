//! Which calls an expectation takes.

use std::time::Duration;

use rust_scaffold::{
    BidiCall, Code, Request, Streaming,
    mock::{Sequence, ge, none, that, within},
};

use crate::{
    calculator::{MockCalculator, SubtractRequest, SubtractResponse, calculator_mock::like},
    messages::{add, point, query, sum, summary, verdict, verdict_of},
    telemetry::{MockTelemetry, Telemetry, TelemetryClient, telemetry_mock},
};

#[tokio::test]
async fn a_call_is_taken_by_the_first_expectation_that_it_fits() {
    let mock = MockCalculator::new();
    mock.expect_add().with(add(5, 3)).once().returns(sum(8));
    mock.expect_add().with(like::AddRequest::new().a(ge(6))).returns(sum(100));
    mock.on_add().returns(sum(0));
    let client = mock.client();
    assert_eq!(client.add(add(7, 1)).await.unwrap().into_inner(), sum(100));
    assert_eq!(client.add(add(5, 3)).await.unwrap().into_inner(), sum(8));
    assert_eq!(client.add(add(5, 3)).await.unwrap().into_inner(), sum(0));
    assert_eq!(client.add(add(1, 1)).await.unwrap().into_inner(), sum(0));
}

#[tokio::test]
async fn an_expectation_takes_over_where_the_one_before_has_had_its_calls() {
    let mock = MockCalculator::new();
    mock.expect_add().times(2).fails(rust_scaffold::Status::unavailable("down"));
    mock.expect_add().once().returns(sum(8));
    let client = mock.client();
    for expected in [Code::Unavailable, Code::Unavailable, Code::Ok] {
        let code = client.add(add(5, 3)).await.map_or_else(|it| it.code(), |_| Code::Ok);
        assert_eq!(code, expected);
    }
}

#[tokio::test]
async fn expectations_go_before_stubs_whenever_they_were_made() {
    let mock = MockCalculator::new();
    mock.on_add().returns(sum(0));
    mock.expect_add().once().returns(sum(1));
    let client = mock.client();
    assert_eq!(client.add(add(1, 0)).await.unwrap().into_inner(), sum(1));
    assert_eq!(client.add(add(1, 0)).await.unwrap().into_inner(), sum(0));
}

#[tokio::test]
async fn a_call_that_never_may_come_is_refused_though_a_stub_would_take_it() {
    let mock = MockCalculator::new();
    mock.on_add().returns(sum(0));
    mock.expect_add().with(add(1, 1)).never();
    assert_eq!(mock.client().add(add(1, 2)).await.unwrap().into_inner(), sum(0));
    let status = mock.client().add(add(1, 1)).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    assert!(verdict_of(mock).contains("no such call may come"));
}

#[tokio::test]
async fn a_predicate_says_which_calls_are_meant() {
    let mock = MockCalculator::new();
    mock.expect_add().matching("a < b", |request| request.a < request.b).returns(sum(1));
    mock.expect_add()
        .with(that("a > b", |it: &crate::calculator::AddRequest| it.a > it.b))
        .returns(sum(2));
    assert_eq!(mock.client().add(add(1, 2)).await.unwrap().into_inner(), sum(1));
    assert_eq!(mock.client().add(add(2, 1)).await.unwrap().into_inner(), sum(2));
}

#[tokio::test]
async fn metadata_and_deadline_tell_calls_apart() {
    let mock = MockCalculator::new();
    mock.expect_add().metadata("x-tenant", "one").returns(sum(1));
    mock.expect_add().metadata_bin("x-trace-bin", b"\0\xff").returns(sum(2));
    mock.expect_add().deadline(within(Duration::from_secs(5))).returns(sum(3));
    mock.expect_add().deadline(none()).metadata("x-tenant", none()).returns(sum(4));
    let client = mock.client();
    let with = |change: fn(&mut Request<_>)| {
        let mut request = Request::new(add(0, 0));
        change(&mut request);
        let client = client.clone();
        async move { client.add(request).await.unwrap().into_inner().result }
    };
    assert_eq!(
        with(|it| drop(it.metadata_mut().insert("x-tenant", "one".parse().unwrap()))).await,
        1
    );
    let binary = |it: &mut Request<_>| {
        let value = rust_scaffold::metadata::MetadataValue::from_bytes(b"\0\xff");
        it.metadata_mut().insert_bin("x-trace-bin", value);
    };
    assert_eq!(with(binary).await, 2);
    assert_eq!(with(|it| it.set_timeout(Duration::from_secs(5))).await, 3);
    assert_eq!(with(|_| {}).await, 4);
}

#[tokio::test]
async fn one_of_several_values_of_a_name_has_to_fit() {
    let mock = MockCalculator::new();
    mock.expect_add().metadata("x-role", "admin").returns(sum(1));
    let mut request = Request::new(add(0, 0));
    request.metadata_mut().append("x-role", "reader".parse().unwrap());
    request.metadata_mut().append("x-role", "admin".parse().unwrap());
    mock.client().add(request).await.unwrap();
}

#[tokio::test]
async fn all_the_requests_of_a_client_stream_are_matched() {
    let mock = MockTelemetry::new();
    mock.expect_upload().with([point(1.0), point(2.0)]).returns(summary(2));
    mock.expect_upload().matching("three points", |points| points.len() == 3).returns(summary(3));
    let client = mock.client();
    for count in [3_u64, 2] {
        let points = (1..=count).map(|number| point(number as f64)).collect::<Vec<_>>();
        let answer = client.upload(tokio_stream::iter(points)).await.unwrap();
        assert_eq!(answer.into_inner(), summary(count));
    }
}

#[tokio::test]
async fn the_first_request_of_a_bidirectional_stream_is_matched() {
    let mock = MockTelemetry::new();
    mock.expect_tail().with(telemetry_mock::like::Query::new().series("b")).streams([point(2.0)]);
    mock.expect_tail().with(query("a")).streams([point(1.0)]);
    let client = mock.client();
    for (series, number) in [("a", 1.0), ("b", 2.0)] {
        let queries = tokio_stream::iter([query(series), query("other")]);
        let mut points = client.tail(queries).await.unwrap().into_inner();
        assert_eq!(points.message().await.unwrap(), Some(point(number)));
        assert_eq!(points.message().await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_sequence_orders_calls_across_mocks() {
    let (calculator, telemetry) = (MockCalculator::new(), MockTelemetry::new());
    let sequence = Sequence::new();
    calculator.expect_add().in_sequence(&sequence).returns(sum(1));
    telemetry.expect_latest().in_sequence(&sequence).returns(point(1.0));
    calculator
        .expect_subtract()
        .in_sequence(&sequence)
        .times(1..=2)
        .returns(SubtractResponse { result: 0 });
    calculator.expect_add().in_sequence(&sequence).returns(sum(2));
    calculator.client().add(add(0, 0)).await.unwrap();
    telemetry.client().latest(query("a")).await.unwrap();
    calculator.client().subtract(SubtractRequest { a: 0, b: 0 }).await.unwrap();
    assert_eq!(calculator.client().add(add(0, 0)).await.unwrap().into_inner(), sum(2));
}

#[tokio::test]
async fn a_call_before_its_turn_or_after_it_fails() {
    let mock = MockCalculator::new();
    let sequence = Sequence::new();
    mock.expect_add().with(add(1, 0)).in_sequence(&sequence).times(1..).returns(sum(1));
    mock.expect_add().with(add(2, 0)).in_sequence(&sequence).returns(sum(2));
    let client = mock.client();
    client.add(add(2, 0)).await.unwrap_err();
    client.add(add(1, 0)).await.unwrap();
    client.add(add(2, 0)).await.unwrap();
    client.add(add(1, 0)).await.unwrap_err();
    let verdict = verdict_of(mock);
    assert!(verdict.contains("has to come first"), "{verdict}");
    assert!(verdict.contains("has come already"), "{verdict}");
}

#[tokio::test]
async fn a_checkpoint_forgets_what_was_expected_but_not_the_stubs() {
    let mock = MockCalculator::new();
    mock.on_add().returns(sum(0));
    mock.expect_add().once().returns(sum(1));
    mock.client().add(add(0, 0)).await.unwrap();
    mock.checkpoint();
    assert_eq!(mock.client().add(add(0, 0)).await.unwrap().into_inner(), sum(0));
    mock.verify();
}

#[test]
fn what_makes_no_sense_is_refused_where_the_test_says_it() {
    let mock = MockCalculator::new();
    let text = verdict(|| drop(mock.on_add().metadata("x-bytes-bin", "value")));
    assert!(text.contains("`x-bytes-bin` is no name"), "{text}");
    let text = verdict(|| drop(mock.on_add().metadata_bin("x-text", b"value")));
    assert!(text.contains("`x-text` is no name"), "{text}");
    let text = verdict(|| drop(mock.on_add().times(2..2)));
    assert!(text.contains("2..2 is no number of calls"), "{text}");
    let text =
        verdict(|| drop(mock.on_add().returns_each(Vec::<crate::calculator::AddResponse>::new())));
    assert!(text.contains("no responses"), "{text}");
}

#[tokio::test]
async fn an_opened_call_is_chosen_by_its_first_request() {
    let mock = MockTelemetry::new();
    mock.expect_tail().with(query("b")).streams([point(2.0)]);
    mock.expect_tail().with(query("a")).streams([point(1.0)]);
    let direct = TelemetryClient::in_process_direct(mock.clone());
    for (client, name, expected) in [(mock.client(), "a", 1.0), (direct, "b", 2.0)] {
        let (queries, requests) = Streaming::channel(1);
        let (headers, mut points) = client.tail(requests).open();
        queries.send(query(name)).await.unwrap();
        assert!(headers.await.is_ok());
        assert_eq!(points.message().await.unwrap(), Some(point(expected)));
        assert_eq!(points.message().await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_mock_as_the_contract_is_opened_too() {
    let mock = MockTelemetry::new();
    mock.expect_tail().with(query("a")).streams([point(1.0)]);
    let (queries, requests) = Streaming::channel(1);
    let handle = mock.clone();
    let call = async move { Telemetry::tail(&handle, Request::new(requests)).await };
    let (_, mut points) = BidiCall::new(call).open();
    queries.send(query("a")).await.unwrap();
    assert_eq!(points.message().await.unwrap(), Some(point(1.0)));
}
