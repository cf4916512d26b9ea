//! Calls that wait for a stream, because the server lets a connection have only so many.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rust_scaffold::{Channel, ChannelBuilder, Code, Request, Server};
use tokio::{net::TcpStream, task::JoinSet};

use crate::{
    routes::listen,
    station::{Station, query},
    telemetry::{Query, TelemetryClient, TelemetryServer},
};

/// Only against hanging.
const LONG: Duration = Duration::from_secs(60);

/// A channel to a server that lets a connection have `limit` calls.
async fn channel(limit: u32) -> (ChannelBuilder, Station) {
    let (listener, address) = listen().await;
    let station = Station::default();
    let server = Server::new()
        .max_concurrent_streams(limit)
        .add_service(TelemetryServer::new(station.clone()));
    tokio::spawn(server.serve_listener(listener));
    (Channel::builder(format!("http://{address}")), station)
}

fn lazy(channel: ChannelBuilder) -> TelemetryClient {
    TelemetryClient::new(channel.connect_lazy().unwrap())
}

fn within(time: Duration, message: Query) -> Request<Query> {
    let mut request = Request::new(message);
    request.set_timeout(time);
    request
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_that_waits_for_a_stream_gets_one() {
    for (limit, connections, calls) in [(1, 1, 200), (2, 1, 200), (4, 3, 200), (100, 1, 3000)] {
        let client = lazy(channel(limit).await.0.max_connections(connections));
        for wave in 0..3 {
            let mut waiting = JoinSet::new();
            for _ in 0..calls {
                let client = client.clone();
                waiting.spawn(async move { client.latest(within(LONG, query("a", 3))).await });
            }
            while let Some(answer) = waiting.join_next().await {
                let place = format!("limit {limit}, {connections} connections, wave {wave}");
                answer.unwrap().unwrap_or_else(|status| panic!("{place}: {status}"));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_are_given_up_while_they_wait_keep_no_stream() {
    let (channel, station) = channel(1).await;
    let client = lazy(channel.max_connections(1));
    for _ in 0..20 {
        let holding = tokio::spawn({
            let client = client.clone();
            async move { client.latest(query("hangs", 0)).await }
        });
        station.busy().await;
        let mut waiting = JoinSet::new();
        for _ in 0..20 {
            let client = client.clone();
            waiting.spawn(async move { client.latest(query("a", 3)).await });
        }
        tokio::task::yield_now().await;
        let behind = tokio::spawn({
            let client = client.clone();
            async move { client.latest(within(LONG, query("a", 3))).await }
        });
        waiting.shutdown().await;
        holding.abort();
        behind.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_connection_that_could_not_be_added_is_tried_again_after_the_backoff() {
    let (listener, address) = listen().await;
    let server = Server::new()
        .max_concurrent_streams(1)
        .add_service(TelemetryServer::new(Station::default()));
    tokio::spawn(server.serve_listener(listener));
    let attempts = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&attempts);
    let channel = Channel::builder("http://station")
        .backoff(Duration::from_millis(20), Duration::from_millis(20))
        .connector(move |_| {
            let attempt = count.fetch_add(1, Ordering::SeqCst);
            async move {
                match attempt {
                    1 | 2 => Err(io::Error::other("not now")),
                    _ => TcpStream::connect(address).await,
                }
            }
        });
    let client = lazy(channel);
    let holding = client.watch(query("hangs", 1)).await.unwrap();
    // Nothing else looks for a connection meanwhile.
    client.latest(within(LONG, query("a", 3))).await.unwrap();
    assert_eq!(attempts.load(Ordering::SeqCst), 4);
    drop(holding);
}

#[tokio::test]
async fn calls_that_wait_for_a_stream_of_a_connection_that_ends_are_told() {
    let (listener, address) = listen().await;
    let server = Server::new()
        .max_concurrent_streams(1)
        .add_service(TelemetryServer::new(Station::default()));
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = server.shutdown_timeout(Some(Duration::ZERO));
    let serving = tokio::spawn(server.serve_listener_with_shutdown(listener, async {
        let _ = stopped.await;
    }));
    let client = lazy(Channel::builder(format!("http://{address}")).max_connections(1));
    let holding = client.watch(query("hangs", 1)).await.unwrap();
    let waiting: Vec<_> = (0..20)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.latest(within(LONG, query("a", 3))).await })
        })
        .collect();
    tokio::task::yield_now().await;
    stop.send(()).unwrap();
    serving.await.unwrap().unwrap();
    for call in waiting {
        assert_eq!(call.await.unwrap().unwrap_err().code(), Code::Unavailable);
    }
    drop(holding);
}
