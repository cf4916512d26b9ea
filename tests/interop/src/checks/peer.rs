//! What every check is given: clients of the server, and what it asks of it.

use std::{
    collections::HashMap,
    fmt::Debug,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use rust_scaffold::{Channel, Code, Request, Status, Streaming};
use tokio::time::sleep;

use crate::{
    contract::{
        calculator::CalculatorClient,
        greeter::GreeterClient,
        newer,
        telemetry::{Point, Query, TelemetryClient, point::Value},
    },
    relay::Relay,
};

#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) calculator: CalculatorClient,
    pub(super) greeter: GreeterClient,
    pub(super) newer: newer::CalculatorClient,
    pub(super) telemetry: TelemetryClient,
    address: String,
}

impl Peer {
    pub(super) async fn connect(address: &str) -> Result<Self, Status> {
        Ok(Self::over(Channel::connect(format!("http://{address}")).await?, address))
    }

    pub(super) fn over(channel: Channel, address: &str) -> Self {
        Self {
            calculator: CalculatorClient::new(channel.clone()),
            greeter: GreeterClient::new(channel.clone()),
            newer: newer::CalculatorClient::new(channel.clone()),
            telemetry: TelemetryClient::new(channel),
            address: address.to_owned(),
        }
    }

    /// The same server through a relay.
    pub(super) async fn through_relay(&self) -> Result<(Self, Relay), Status> {
        let relay = Relay::to(&self.address).await?;
        let peer = Self::connect(&relay.address().to_string()).await?;
        Ok((peer, relay))
    }

    /// Waits until the call that is named has reached the state.
    pub(super) async fn becomes(&self, name: &str, state: &str) -> Result<(), Status> {
        let mut seen = None;
        for _ in 0..200 {
            let query = query("state", &[("call", name)]);
            seen = self.telemetry.latest(query).await?.into_inner().value;
            if matches!(&seen, Some(Value::Text(text)) if text == state) {
                return Ok(());
            }
            sleep(Duration::from_millis(25)).await;
        }
        panic!("call {name} is {seen:?}, not {state}");
    }
}

pub(super) fn query(series: &str, labels: &[(&str, &str)]) -> Query {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    let labels: HashMap<_, _> = labels.iter().map(owned).collect();
    Query { series: series.to_owned(), labels, ..Query::default() }
}

/// A query whose call has a name that no other has.
pub(super) fn named(series: &str) -> (String, Query) {
    static NUMBER: AtomicU32 = AtomicU32::new(1);
    let name = format!("rust-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let query = query(series, &[("call", &name)]);
    (name, query)
}

pub(super) fn with_timeout<T>(message: T, timeout: Duration) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(timeout);
    request
}

/// What counts the point.
pub(super) fn count(point: Option<Point>) -> Option<i64> {
    match point?.value? {
        Value::Count(count) => Some(count),
        _ => None,
    }
}

pub(super) async fn collect<T>(mut stream: Streaming<T>) -> Result<Vec<T>, Status> {
    let mut messages = Vec::new();
    while let Some(message) = stream.message().await? {
        messages.push(message);
    }
    Ok(messages)
}

/// The status that a call has failed with, which has this code.
pub(super) fn fails_with<T: Debug>(code: Code, outcome: Result<T, Status>) -> Status {
    match outcome {
        Err(status) if status.code() == code => status,
        other => panic!("{other:?} instead of {code:?}"),
    }
}
