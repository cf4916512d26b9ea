//! Calls that succeed: numbers, every kind of value, all four kinds of call.

use rust_scaffold::{Streaming, prost_types::Timestamp};
use tokio::task::JoinSet;

use super::{
    Check, Outcome, checks,
    peer::{Peer, collect, count, query},
};
use crate::{
    contract::{
        calculator::{AddRequest, SubtractRequest},
        telemetry::{
            Point, Query,
            point::{Quality, Value},
        },
    },
    scenarios::kinds,
};

pub(super) const CHECKS: &[Check] = checks![
    numbers_are_added_and_subtracted,
    a_hundred_calls_run_at_once,
    unary_calls_are_answered,
    every_kind_of_value_arrives,
    server_streams_arrive_in_order,
    client_streams_are_summed_up,
    empty_client_streams_are_answered,
    bidirectional_streams_play_ping_pong,
    empty_bidirectional_streams_end,
];

const MIN: i32 = i32::MIN;
const MAX: i32 = i32::MAX;

async fn numbers_are_added_and_subtracted(peer: Peer) -> Outcome {
    for (a, b) in [(5, 3), (-5, 3), (0, 0), (MAX, 0), (MIN, MAX), (MIN, 0)] {
        let sum = peer.calculator.add(AddRequest { a, b }).await?.into_inner();
        assert_eq!(sum.result, a + b, "{a} + {b}");
    }
    for (a, b) in [(10, 4), (-10, -4), (4, 10), (MIN, 0), (-1, MAX), (-1, MIN)] {
        let difference = peer.calculator.subtract(SubtractRequest { a, b }).await?.into_inner();
        assert_eq!(difference.result, a - b, "{a} - {b}");
    }
    Ok(())
}

async fn a_hundred_calls_run_at_once(peer: Peer) -> Outcome {
    let mut calls = JoinSet::new();
    for a in 0..100 {
        let calculator = peer.calculator.clone();
        calls.spawn(async move { (a, calculator.add(AddRequest { a, b: 1 }).await) });
    }
    for (a, sum) in calls.join_all().await {
        assert_eq!(sum?.into_inner().result, a + 1);
    }
    Ok(())
}

async fn unary_calls_are_answered(peer: Peer) -> Outcome {
    let query = query("room", &[("floor", "2"), ("größe", "1 µm")]);
    let expected = Point {
        series: "room".to_owned(),
        labels: query.labels.clone(),
        value: Some(Value::Number(21.5)),
        quality: Quality::Good.into(),
        time: None,
    };
    assert_eq!(peer.telemetry.latest(query.clone()).await?.into_inner(), expected);
    #[expect(deprecated, reason = "deprecated methods work, too")]
    let last = peer.telemetry.last(query).await?.into_inner();
    assert_eq!(last, expected);
    Ok(())
}

async fn every_kind_of_value_arrives(peer: Peer) -> Outcome {
    let points = peer.telemetry.watch(query("kinds", &[])).await?.into_inner();
    assert_eq!(collect(points).await?, kinds());
    Ok(())
}

async fn server_streams_arrive_in_order(peer: Peer) -> Outcome {
    for limit in [1000, 0] {
        let query = Query { limit, ..query("counts", &[]) };
        let points = collect(peer.telemetry.watch(query).await?.into_inner()).await?;
        let counts: Vec<_> = points.into_iter().filter_map(|point| count(Some(point))).collect();
        assert!(counts.into_iter().eq(0..limit.into()));
    }
    Ok(())
}

async fn client_streams_are_summed_up(peer: Peer) -> Outcome {
    let point = |n: i64| Point {
        series: if n % 2 == 0 { "even" } else { "odd" }.to_owned(),
        time: Some(Timestamp { seconds: n, nanos: 0 }),
        value: Some(Value::Number(n as f64 / 2.0)),
        ..Point::default()
    };
    let points = Streaming::from_iter((-500..500).map(point));
    let summary = peer.telemetry.upload(points).await?.into_inner();
    assert_eq!(summary.accepted, 1000);
    let by_series = [("even".to_owned(), 500), ("odd".to_owned(), 500)];
    assert_eq!(summary.accepted_by_series, by_series.into());
    assert_eq!((summary.minimum, summary.maximum), (Some(-250.0), Some(249.5)));
    assert_eq!(summary.span.map(|span| span.seconds), Some(999));
    Ok(())
}

async fn empty_client_streams_are_answered(peer: Peer) -> Outcome {
    let summary = peer.telemetry.upload(Streaming::default()).await?.into_inner();
    assert_eq!(summary.accepted, 0);
    assert_eq!(summary.minimum, None);
    assert_eq!(summary.span, None);
    Ok(())
}

async fn bidirectional_streams_play_ping_pong(peer: Peer) -> Outcome {
    let (queries, requests) = Streaming::channel(1);
    let mut points = peer.telemetry.tail(requests).await?.into_inner();
    for limit in 0..100 {
        queries.send(Query { limit, ..query("ball", &[]) }).await?;
        assert_eq!(count(points.message().await?), Some(limit.into()));
    }
    drop(queries);
    assert_eq!(points.message().await?, None);
    Ok(())
}

async fn empty_bidirectional_streams_end(peer: Peer) -> Outcome {
    let points = peer.telemetry.tail(Streaming::default()).await?.into_inner();
    assert_eq!(collect(points).await?, []);
    Ok(())
}
