//! The texts of verdicts, as goldens: `BLESS=1` accepts what came out.

use std::{fs, path::Path, time::Duration};

use rust_scaffold::{
    Request, Streaming,
    mock::{Sequence, ge, len, none, script, unordered, within},
};

use crate::{
    calculator::{MockCalculator, SubtractRequest, SubtractResponse, like},
    messages::{add, point, query, sum, summary, verdict_of},
    telemetry::{MockTelemetry, Point, Query, telemetry_mock},
};

/// Compares `text` with the golden `name`.
#[track_caller]
fn is_golden(name: &str, text: &str) {
    let path = Path::new("tests/mocks/failure_texts").join(name).with_extension("txt");
    if std::env::var_os("BLESS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        return;
    }
    let golden = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        text == golden,
        "expected {}:\n{golden}\ngot:\n{text}\nIf that is what you meant: BLESS=1 cargo test -p \
         rust-scaffold-tests --test mocks",
        path.display()
    );
}

#[tokio::test]
async fn an_unexpected_call_lists_what_was_set_up_the_closest_first() {
    let mock = MockCalculator::new();
    mock.expect_add().with(add(7, 9)).times(2..).returns(sum(16));
    mock.expect_add().with(like::AddRequest::new().a(2).b(ge(4))).returns(sum(6));
    mock.expect_add().metadata("x-tenant", "one").deadline(none()).returns(sum(0));
    mock.on_add().matching("a > b", |request| request.a > request.b).returns(sum(0));
    let mut request = Request::new(add(2, 3));
    request.metadata_mut().insert("x-tenant", "two".parse().unwrap());
    request.set_timeout(Duration::from_secs(5));
    let status = mock.client().add(request).await.unwrap_err();
    let text = verdict_of(mock);
    is_golden("unexpected", &text);
    let wire = status.message().strip_prefix("MockCalculator: ").unwrap();
    assert!(text.replace("\n   ", "\n").contains(wire), "on the wire: {wire}");
}

#[tokio::test]
async fn a_call_of_a_method_for_which_nothing_was_set_up_says_so() {
    let mock = MockCalculator::new();
    mock.client().add(add(5, 3)).await.unwrap_err();
    is_golden("nothing_set_up", &verdict_of(mock));
}

#[tokio::test]
async fn a_missing_call_says_what_came_instead() {
    let mock = MockCalculator::new();
    mock.expect_add().with(add(5, 3)).times(2).returns(sum(8));
    mock.expect_subtract().returns(SubtractResponse { result: 2 });
    mock.on_add().fails(rust_scaffold::Status::unavailable("down\nfor a while"));
    mock.client().add(add(5, 3)).await.unwrap();
    for number in 0..7 {
        mock.client().add(add(number, 0)).await.unwrap_err();
    }
    is_golden("missing", &verdict_of(mock));
}

#[test]
fn a_mock_that_was_not_called_at_all_says_so() {
    let mock = MockCalculator::new();
    mock.expect_subtract().with(SubtractRequest { a: 1, b: 2 }).once();
    is_golden("not_called", &verdict_of(mock));
}

#[tokio::test]
async fn a_call_too_many_says_that_the_expectation_has_had_its_calls() {
    let mock = MockCalculator::new();
    mock.expect_add().with(add(5, 3)).once().returns(sum(8));
    mock.client().add(add(5, 3)).await.unwrap();
    mock.client().add(add(5, 3)).await.unwrap_err();
    is_golden("too_many", &verdict_of(mock));
}

#[tokio::test]
async fn a_call_out_of_sequence_says_what_has_to_come_first() {
    let (calculator, telemetry) = (MockCalculator::new(), MockTelemetry::new());
    let sequence = Sequence::new();
    calculator.expect_add().in_sequence(&sequence).returns(sum(1));
    telemetry.expect_latest().in_sequence(&sequence).returns(point(1.0));
    telemetry.client().latest(query("a")).await.unwrap_err();
    calculator.client().add(add(0, 0)).await.unwrap();
    is_golden("out_of_sequence", &verdict_of(telemetry));
}

#[tokio::test]
async fn fields_that_differ_are_named_in_nested_messages() {
    let mock = MockTelemetry::new();
    let expected = Query {
        labels: [("room".to_owned(), "one".to_owned())].into(),
        max_age: Some(rust_scaffold::prost_types::Duration { seconds: 1, nanos: 0 }),
        ..query("a")
    };
    mock.expect_latest().with(expected).returns(point(1.0));
    let labels = [("room", "one"), ("floor", "two")];
    let matcher = telemetry_mock::like::Query::new().series("b").labels(labels).limit(ge(2));
    mock.expect_latest().with(matcher).returns(point(1.0));
    let request = Query {
        labels: [("room", "two"), ("x", "y")].map(|(key, it)| (key.into(), it.into())).into(),
        limit: 1,
        ..query("a")
    };
    mock.client().latest(request).await.unwrap_err();
    is_golden("nested", &verdict_of(mock));
}

#[tokio::test]
async fn long_values_are_cut() {
    let mock = MockTelemetry::new();
    mock.expect_latest().with(query("a")).returns(point(1.0));
    mock.client().latest(query(&"long ".repeat(1000))).await.unwrap_err();
    is_golden("long", &verdict_of(mock));
}

#[tokio::test]
async fn a_stream_of_requests_shows_the_first_few() {
    let mock = MockTelemetry::new();
    mock.expect_upload().with([point(1.0), point(2.0)]).returns(summary(2));
    mock.expect_upload().with(len(3)).returns(summary(3));
    mock.expect_upload().with(unordered([point(1.0), point(0.0)])).returns(summary(2));
    let points = (0..8).map(|number| point(number.into()));
    mock.client().upload(tokio_stream::iter(points)).await.unwrap_err();
    is_golden("stream", &verdict_of(mock));
}

#[tokio::test]
async fn a_script_says_at_which_step_what_went_wrong() {
    let mock = MockTelemetry::new();
    let steps = script()
        .expect(query("a"))
        .send(point(1.0))
        .expect(telemetry_mock::like::Query::new().series("b").limit(ge(2)))
        .expect_end();
    mock.expect_tail().script(steps);
    let requests = tokio_stream::iter([query("a"), query("c")]);
    let mut points = mock.client().tail(requests).await.unwrap().into_inner();
    points.message().await.unwrap();
    points.message().await.unwrap_err();
    is_golden("script", &verdict_of(mock));
}

#[tokio::test]
async fn a_script_that_was_not_played_says_where_it_stopped() {
    let mock = MockTelemetry::new();
    mock.expect_tail().script(script().send(point(1.0)).expect(query("a")).send(point(2.0)));
    let (sender, requests) = Streaming::<Query>::channel(1);
    let mut points = mock.client().tail(requests).await.unwrap().into_inner();
    points.message().await.unwrap();
    drop((sender, points));
    is_golden("script_unfinished", &verdict_of(mock));
}

#[tokio::test]
async fn a_panic_in_an_answer_or_a_predicate_is_in_the_verdict() {
    let mock = MockTelemetry::new();
    mock.expect_latest().answers(async |request: Request<Query>| {
        assert_eq!(request.get_ref().series, "b", "the wrong series");
        Ok(point(1.0))
    });
    mock.expect_upload()
        .matching("a point", |points: &[Point]| points[0].series == "a")
        .returns(summary(1));
    mock.client().latest(query("a")).await.unwrap_err();
    mock.client().upload(tokio_stream::empty::<Point>()).await.unwrap_err();
    is_golden("panic", &verdict_of(mock));
}

#[tokio::test]
async fn what_a_deadline_should_be_is_said() {
    let mock = MockCalculator::new();
    mock.expect_add().deadline(within(Duration::from_secs(1))).never();
    mock.expect_add().deadline(within(Duration::from_secs(2))).returns(sum(0));
    mock.client().add(add(0, 0)).await.unwrap_err();
    is_golden("deadline", &verdict_of(mock));
}
