//! gzip both ways, by what a relay sees of a megabyte of zeros.

use rust_scaffold::{CompressionEncoding::Gzip, Streaming};

use super::{
    Check, Outcome, checks,
    peer::{Peer, query},
};
use crate::contract::telemetry::{Point, Query, TelemetryClient, point::Value};

pub(super) const CHECKS: &[Check] = checks![
    requests_are_compressed_with_gzip,
    responses_are_compressed_with_gzip,
    responses_are_plain_for_clients_without_gzip,
];

const MEGABYTE: usize = 1 << 20;
const LITTLE: usize = 64 << 10;

async fn requests_are_compressed_with_gzip(peer: Peer) -> Outcome {
    let (relayed, relay) = peer.through_relay().await?;
    let zeros = Point { value: Some(Value::Raw(vec![0; MEGABYTE])), ..Point::default() };
    let telemetry = relayed.telemetry.send_compressed(Gzip);
    let summary = telemetry.upload(Streaming::from_iter([zeros.clone(), zeros])).await?;
    assert_eq!(summary.into_inner().accepted, 2);
    assert!(relay.sent() < LITTLE, "{} bytes", relay.sent());
    Ok(())
}

async fn responses_are_compressed_with_gzip(peer: Peer) -> Outcome {
    let (relayed, relay) = peer.through_relay().await?;
    megabyte_arrives(relayed.telemetry.accept_compressed(Gzip)).await?;
    assert!(relay.received() < LITTLE, "{} bytes", relay.received());
    Ok(())
}

async fn responses_are_plain_for_clients_without_gzip(peer: Peer) -> Outcome {
    let (relayed, relay) = peer.through_relay().await?;
    megabyte_arrives(relayed.telemetry).await?;
    assert!(relay.received() > MEGABYTE, "{} bytes", relay.received());
    Ok(())
}

async fn megabyte_arrives(telemetry: TelemetryClient) -> Outcome {
    let query = Query { limit: MEGABYTE as u32, ..query("large", &[]) };
    let point = telemetry.latest(query).await?.into_inner();
    assert!(point.value == Some(Value::Raw(vec![0; MEGABYTE])));
    Ok(())
}
