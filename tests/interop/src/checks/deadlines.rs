//! Deadlines: the client says `DeadlineExceeded`, and the server drops its handler.

use std::time::Duration;

use rust_scaffold::Code;

use super::{
    Check, Outcome, checks,
    peer::{Peer, count, fails_with, named, with_timeout},
};

pub(super) const CHECKS: &[Check] = checks![
    expired_deadline_of_a_unary_call,
    expired_deadline_in_the_midst_of_a_stream,
    each_side_keeps_the_deadline_when_the_network_is_silent,
    deadlines_that_hold_change_nothing,
];

async fn expired_deadline_of_a_unary_call(peer: Peer) -> Outcome {
    let (name, query) = named("slow");
    let request = with_timeout(query, Duration::from_millis(500));
    fails_with(Code::DeadlineExceeded, peer.telemetry.latest(request).await);
    peer.becomes(&name, "dropped").await
}

async fn expired_deadline_in_the_midst_of_a_stream(peer: Peer) -> Outcome {
    let (name, query) = named("slow");
    let request = with_timeout(query, Duration::from_secs(1));
    let mut points = peer.telemetry.watch(request).await?.into_inner();
    assert_eq!(count(points.message().await?), Some(0));
    fails_with(Code::DeadlineExceeded, points.message().await);
    peer.becomes(&name, "dropped").await
}

async fn each_side_keeps_the_deadline_when_the_network_is_silent(peer: Peer) -> Outcome {
    let (name, query) = named("slow");
    let (relayed, relay) = peer.through_relay().await?;
    let silence = async {
        peer.becomes(&name, "running").await?;
        relay.fall_silent();
        Ok(())
    };
    let request = with_timeout(query, Duration::from_secs(2));
    let (answer, silenced) = tokio::join!(relayed.telemetry.latest(request), silence);
    fails_with(Code::DeadlineExceeded, answer);
    silenced.and(peer.becomes(&name, "dropped").await)
}

async fn deadlines_that_hold_change_nothing(peer: Peer) -> Outcome {
    let (name, query) = named("room");
    peer.telemetry.latest(with_timeout(query, Duration::from_secs(10))).await?;
    peer.becomes(&name, "finished").await
}
