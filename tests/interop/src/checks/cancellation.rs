//! Calls that the client cancels: the server notices and drops its handler.

use rust_scaffold::Streaming;

use super::{
    Check, Outcome, checks,
    peer::{Peer, count, named},
};
use crate::contract::telemetry::{Point, Query};

pub(super) const CHECKS: &[Check] = checks![
    cancelled_unary_calls_are_dropped,
    cancelled_server_streams_are_dropped,
    cancelled_client_streams_are_dropped,
    cancelled_bidirectional_streams_are_dropped,
];

async fn cancelled_unary_calls_are_dropped(peer: Peer) -> Outcome {
    let (name, query) = named("slow");
    tokio::select! {
        answer = peer.telemetry.latest(query) => panic!("answered: {answer:?}"),
        running = peer.becomes(&name, "running") => running?,
    }
    peer.becomes(&name, "dropped").await
}

async fn cancelled_server_streams_are_dropped(peer: Peer) -> Outcome {
    let (name, query) = named("endless");
    let mut points = peer.telemetry.watch(query).await?.into_inner();
    for number in 0..3 {
        assert_eq!(count(points.message().await?), Some(number));
    }
    drop(points);
    peer.becomes(&name, "dropped").await
}

async fn cancelled_client_streams_are_dropped(peer: Peer) -> Outcome {
    let (name, query) = named("room");
    let (points, requests) = Streaming::channel(1);
    points.send(Point { labels: query.labels, ..Point::default() }).await?;
    tokio::select! {
        answer = peer.telemetry.upload(requests) => panic!("answered: {answer:?}"),
        running = peer.becomes(&name, "running") => running?,
    }
    peer.becomes(&name, "dropped").await
}

async fn cancelled_bidirectional_streams_are_dropped(peer: Peer) -> Outcome {
    let (name, query) = named("ball");
    let (queries, requests) = Streaming::channel(1);
    let mut points = peer.telemetry.tail(requests).await?.into_inner();
    queries.send(Query { limit: 7, ..query }).await?;
    assert_eq!(count(points.message().await?), Some(7));
    drop(points);
    peer.becomes(&name, "dropped").await
}
