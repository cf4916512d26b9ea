//! What `run.js` runs: messages are written and read and, with the feature `client`, calls are made. The
//! exit code is how many came through.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, which is a trap")]

use std::process::ExitCode;

use rust_scaffold::prost::Message as _;
use without_sockets::telemetry::{Point, point::Value};

fn main() -> ExitCode {
    let value = Some(Value::Number(-0.5));
    let point = Point { series: "a".to_owned(), value, ..Point::default() };
    let bytes = point.encode_to_vec();
    assert_eq!(bytes.len(), point.encoded_len());
    assert_eq!(Point::decode(&bytes[..]).unwrap(), point);
    ExitCode::from(1 + calls(&point))
}

#[cfg(not(feature = "client"))]
fn calls(_: &Point) -> u8 {
    0
}

/// Makes a call over a transport that answers with `point`; 1 when it came.
#[cfg(feature = "client")]
fn calls(point: &Point) -> u8 {
    use std::{
        future::Future as _,
        pin::pin,
        task::{Context, Poll, Waker},
    };

    use without_sockets::{client, telemetry::Query, transport::Canned};

    let client = client(Canned::new(point));
    let mut call = pin!(client.latest(Query::default()));
    // Nothing waits for anything here.
    let Poll::Ready(answer) = call.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("the answer is there")
    };
    assert_eq!(answer.unwrap().into_inner(), *point);
    1
}
