//! Large messages, below and above the limit of 4 MiB that both sides have by default.

use rust_scaffold::{Code, Streaming};

use super::{
    Check, Outcome, checks,
    peer::{Peer, fails_with, query},
};
use crate::contract::telemetry::{Point, Query, point::Value};

pub(super) const CHECKS: &[Check] = checks![
    large_messages_arrive,
    responses_over_the_limit_are_refused_by_the_client,
    requests_over_the_limit_are_refused_by_the_server,
];

const MEBIBYTE: usize = 1 << 20;

async fn large_messages_arrive(peer: Peer) -> Outcome {
    let size = 3 * MEBIBYTE;
    let point = peer.telemetry.latest(large_query(size)).await?.into_inner();
    assert!(point.value == large_point(size).value);
    let summary = peer.telemetry.upload(Streaming::from_iter([large_point(size)])).await?;
    assert_eq!(summary.into_inner().accepted, 1);
    Ok(())
}

async fn responses_over_the_limit_are_refused_by_the_client(peer: Peer) -> Outcome {
    let answer = peer.telemetry.latest(large_query(5 * MEBIBYTE)).await;
    fails_with(Code::ResourceExhausted, answer);
    Ok(())
}

async fn requests_over_the_limit_are_refused_by_the_server(peer: Peer) -> Outcome {
    let too_large = Streaming::from_iter([large_point(5 * MEBIBYTE)]);
    fails_with(Code::ResourceExhausted, peer.telemetry.upload(too_large).await);
    Ok(())
}

fn large_query(size: usize) -> Query {
    Query { limit: size as u32, ..query("large", &[]) }
}

fn large_point(size: usize) -> Point {
    Point { value: Some(Value::Raw(vec![0; size])), ..Point::default() }
}
