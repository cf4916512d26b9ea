//! Calls that fail: code, message and details, wherever in the call it happens.

use std::fmt::Debug;

use rust_scaffold::{Code, Status, Streaming};

use super::{
    Check, Outcome, checks,
    peer::{Peer, count, fails_with, query},
};
use crate::{
    contract::{
        calculator::{AddRequest, SubtractRequest},
        greeter::HelloRequest,
        newer::MultiplyRequest,
        telemetry::{Point, Query},
    },
    scenarios::{ERROR_DETAILS, ERROR_MESSAGE},
};

pub(super) const CHECKS: &[Check] = checks![
    overflow_is_out_of_range,
    unary_calls_fail_with_message_and_details,
    server_streams_fail_after_messages,
    client_streams_fail_before_they_end,
    bidirectional_streams_fail_after_messages,
    unknown_methods_are_unimplemented,
    unknown_services_are_unimplemented,
];

async fn overflow_is_out_of_range(peer: Peer) -> Outcome {
    for (a, b) in [(i32::MAX, 1), (i32::MIN, -1)] {
        fails_with(Code::OutOfRange, peer.calculator.add(AddRequest { a, b }).await);
    }
    let request = SubtractRequest { a: 0, b: i32::MIN };
    fails_with(Code::OutOfRange, peer.calculator.subtract(request).await);
    Ok(())
}

async fn unary_calls_fail_with_message_and_details(peer: Peer) -> Outcome {
    is_the_error(peer.telemetry.latest(query("error", &[])).await);
    Ok(())
}

async fn server_streams_fail_after_messages(peer: Peer) -> Outcome {
    let mut points = peer.telemetry.watch(query("error", &[])).await?.into_inner();
    assert_eq!(count(points.message().await?), Some(0));
    assert_eq!(count(points.message().await?), Some(1));
    is_the_error(points.message().await);
    Ok(())
}

async fn client_streams_fail_before_they_end(peer: Peer) -> Outcome {
    let (points, requests) = Streaming::channel(1);
    points.send(Point { series: "error".to_owned(), ..Point::default() }).await?;
    is_the_error(peer.telemetry.upload(requests).await);
    Ok(())
}

async fn bidirectional_streams_fail_after_messages(peer: Peer) -> Outcome {
    let (queries, requests) = Streaming::channel(1);
    let mut points = peer.telemetry.tail(requests).await?.into_inner();
    queries.send(Query { limit: 7, ..query("ball", &[]) }).await?;
    assert_eq!(count(points.message().await?), Some(7));
    queries.send(query("error", &[])).await?;
    is_the_error(points.message().await);
    Ok(())
}

async fn unknown_methods_are_unimplemented(peer: Peer) -> Outcome {
    let request = MultiplyRequest { a: 5, b: 3 };
    fails_with(Code::Unimplemented, peer.newer.multiply(request).await);
    Ok(())
}

async fn unknown_services_are_unimplemented(peer: Peer) -> Outcome {
    let request = HelloRequest { name: "you".to_owned() };
    fails_with(Code::Unimplemented, peer.greeter.say_hello(request).await);
    Ok(())
}

fn is_the_error<T: Debug>(outcome: Result<T, Status>) {
    let status = fails_with(Code::InvalidArgument, outcome);
    assert_eq!(status.message(), ERROR_MESSAGE);
    assert_eq!(status.details(), ERROR_DETAILS);
}
