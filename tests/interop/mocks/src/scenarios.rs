//! What mocks are told in each scenario. The clients know what they should see of it.

use std::{future::Future, pin::Pin, time::Duration};

use rust_scaffold::{
    Code, Response, Status, Trailers,
    metadata::MetadataMap,
    mock::{Sequence, contains, ge, script},
};

use crate::telemetry::{MockTelemetry, Point, Query, Summary, point::Value, telemetry_mock::like};

pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) set_up: fn(&MockTelemetry) -> After,
    pub(crate) verdict: Verdict,
}

pub(crate) enum Verdict {
    Well,
    /// Something is wrong, and the verdict says this.
    Wrong(&'static [&'static str]),
    /// So it is, and the client is told of it in the same words.
    Told(&'static [&'static str]),
}

/// What there is to wait for when the client has ended.
pub(crate) type After = Pin<Box<dyn Future<Output = ()> + Send>>;

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario { name: "unary", set_up: unary, verdict: Verdict::Well },
    Scenario { name: "server_stream", set_up: server_stream, verdict: Verdict::Well },
    Scenario { name: "client_stream", set_up: client_stream, verdict: Verdict::Well },
    Scenario { name: "dialogue", set_up: dialogue, verdict: Verdict::Well },
    Scenario { name: "sequence", set_up: sequence, verdict: Verdict::Well },
    Scenario { name: "details", set_up: details, verdict: Verdict::Well },
    Scenario { name: "deadline", set_up: deadline, verdict: Verdict::Well },
    Scenario { name: "cancellation", set_up: cancellation, verdict: Verdict::Well },
    Scenario {
        name: "unexpected",
        set_up: unexpected,
        verdict: Verdict::Told(&[
            "unexpected call of telemetry.Telemetry/Latest",
            r#"any calls with Query { series: "a""#,
            r#"series: expected "a", got "b""#,
        ]),
    },
    Scenario {
        name: "unfinished",
        set_up: unfinished,
        verdict: Verdict::Wrong(&[
            "script of telemetry.Telemetry/Watch, step 2 of 3",
            "not played to its end",
        ]),
    },
    Scenario {
        name: "long",
        set_up: long,
        verdict: Verdict::Told(&["unexpected call of telemetry.Telemetry/Latest", "日本語 99"]),
    },
];

fn nothing() -> After {
    Box::pin(std::future::ready(()))
}

fn point(number: f64) -> Point {
    Point { series: "a".into(), value: Some(Value::Number(number)), ..Point::default() }
}

fn query(series: &str) -> Query {
    Query { series: series.into(), ..Query::default() }
}

fn unary(mock: &MockTelemetry) -> After {
    let mut response = Response::new(point(1.0));
    let value = "head".parse().expect("metadata");
    response.metadata_mut().insert("x-head", value);
    let mut trailers = MetadataMap::new();
    trailers.insert("x-tail", "tail".parse().expect("metadata"));
    response.extensions_mut().insert(Trailers(trailers));
    mock.expect_latest()
        .with(like::Query::new().series("a").limit(ge(2)).labels(contains("room".to_owned())))
        .metadata("x-tenant", "one")
        .metadata_bin("x-trace-bin", b"\0\xff")
        .once()
        .returns(response);
    nothing()
}

fn server_stream(mock: &MockTelemetry) -> After {
    let mut trailers = MetadataMap::new();
    trailers.insert("x-tail", "tail".parse().expect("metadata"));
    let steps = script()
        .header("x-head", "head")
        .expect(query("a"))
        .send(point(1.0))
        .send(point(2.0))
        // grpc-js drops messages that come together with the status of a failure.
        .wait(Duration::from_millis(50))
        .fail(Status::with_metadata(Code::DataLoss, "node lost", trailers));
    mock.expect_watch().once().script(steps);
    nothing()
}

fn client_stream(mock: &MockTelemetry) -> After {
    let summary = Summary { accepted: 2, ..Summary::default() };
    mock.expect_upload().with([point(1.0), point(2.0)]).once().returns(summary);
    nothing()
}

fn dialogue(mock: &MockTelemetry) -> After {
    let steps = script()
        .expect(query("a"))
        .send(point(1.0))
        .expect(query("b"))
        .send(point(2.0))
        .expect_end()
        .trailer("x-tail", "tail");
    mock.expect_tail().once().script(steps);
    nothing()
}

fn sequence(mock: &MockTelemetry) -> After {
    let sequence = Sequence::new();
    mock.expect_latest().in_sequence(&sequence).flaky(1, Code::Unavailable).returns(point(1.0));
    mock.expect_watch().in_sequence(&sequence).streams([point(2.0)]);
    nothing()
}

fn details(mock: &MockTelemetry) -> After {
    mock.expect_latest().once().fails_with(Code::Aborted, "naïve: 日本語", &b"\0\x01\xfe\xff"[..]);
    nothing()
}

fn deadline(mock: &MockTelemetry) -> After {
    mock.expect_latest().once().hangs();
    let mock = mock.clone();
    Box::pin(async move {
        while !mock.latest_calls().iter().any(|call| call.outcome.is_cancelled()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let deadline = mock.latest_calls()[0].deadline;
        assert!(deadline.is_some_and(|it| it <= Duration::from_secs(1)), "{deadline:?}");
    })
}

fn cancellation(mock: &MockTelemetry) -> After {
    let mut watches = mock.expect_watch().once().interactive();
    let cancelled = tokio::spawn(async move {
        let mut call = watches.accept().await;
        call.send(point(1.0)).await.expect("the client waits for it");
        call.cancelled().await;
    });
    Box::pin(async move { cancelled.await.expect("the client cancels the call") })
}

fn unexpected(mock: &MockTelemetry) -> After {
    mock.on_latest().with(query("a")).returns(point(1.0));
    nothing()
}

fn unfinished(mock: &MockTelemetry) -> After {
    let hour = Duration::from_secs(3600);
    mock.expect_watch().once().script(script().send(point(1.0)).wait(hour).send(point(2.0)));
    nothing()
}

fn long(mock: &MockTelemetry) -> After {
    for number in 0..100 {
        mock.on_latest().with(query(&format!("日本語 {number}"))).returns(point(1.0));
    }
    nothing()
}
