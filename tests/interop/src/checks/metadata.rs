//! Metadata both ways, as text and binary, before and after the messages.

use rust_scaffold::{
    Code, Request, Status, Streaming,
    metadata::{MetadataMap, MetadataValue},
};

use super::{
    Check, Outcome, checks,
    peer::{Peer, fails_with, query},
};
use crate::contract::telemetry::{Point, Query};

pub(super) const CHECKS: &[Check] = checks![
    metadata_of_unary_calls,
    metadata_of_server_streams,
    metadata_of_client_streams,
    metadata_of_bidirectional_streams,
    metadata_of_errors,
];

const TEXT: [&str; 2] = ["first; value, with = and \"quotes\"", "second value"];

fn binary() -> [Vec<u8>; 2] {
    [(0..=255).collect(), Vec::new()]
}

async fn metadata_of_unary_calls(peer: Peer) -> Outcome {
    let response = peer.telemetry.latest(with_metadata(query("room", &[]))).await?;
    has_values(response.metadata(), "x-initial");
    has_values(response.metadata(), "x-trailing");
    Ok(())
}

async fn metadata_of_server_streams(peer: Peer) -> Outcome {
    let query = Query { limit: 2, ..query("counts", &[]) };
    let response = peer.telemetry.watch(with_metadata(query)).await?;
    has_values(response.metadata(), "x-initial");
    trailers_come_back(response.into_inner()).await
}

async fn metadata_of_client_streams(peer: Peer) -> Outcome {
    let points = Streaming::from_iter([Point::default()]);
    let response = peer.telemetry.upload(with_metadata(points)).await?;
    has_values(response.metadata(), "x-initial");
    has_values(response.metadata(), "x-trailing");
    Ok(())
}

async fn metadata_of_bidirectional_streams(peer: Peer) -> Outcome {
    let queries = Streaming::from_iter([query("ball", &[])]);
    let response = peer.telemetry.tail(with_metadata(queries)).await?;
    has_values(response.metadata(), "x-initial");
    trailers_come_back(response.into_inner()).await
}

async fn metadata_of_errors(peer: Peer) -> Outcome {
    let answer = peer.telemetry.latest(with_metadata(query("error", &[]))).await;
    let status = fails_with(Code::InvalidArgument, answer);
    has_values(status.metadata(), "x-trailing");
    Ok(())
}

fn with_metadata<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    for value in TEXT {
        request.metadata_mut().append("x-request", MetadataValue::from_static(value));
    }
    for value in binary() {
        request.metadata_mut().append_bin("x-request-bin", MetadataValue::from_bytes(&value));
    }
    request
}

async fn trailers_come_back(mut points: Streaming<Point>) -> Result<(), Status> {
    assert!(points.message().await?.is_some());
    has_values(&points.skip_to_trailers().await?, "x-trailing");
    Ok(())
}

fn has_values(metadata: &MetadataMap, key: &str) {
    let text: Vec<_> = metadata.get_all(key).iter().filter_map(|it| it.to_str().ok()).collect();
    // Node sends the values of a name as one, which gRPC allows.
    assert_eq!(text.join(", "), TEXT.join(", "), "{key} in {metadata:?}");
    let bytes = metadata.get_all_bin(format!("{key}-bin").as_str()).iter();
    let bytes: Vec<_> = bytes.filter_map(|value| value.to_bytes().ok()).collect();
    assert_eq!(bytes, binary(), "{key}-bin in {metadata:?}");
}
