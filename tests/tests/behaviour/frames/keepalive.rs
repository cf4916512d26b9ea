//! Pings: how often each side sends them, and what it makes of the other's.
//!
//! See [gRFC A8](https://github.com/grpc/proposal/blob/master/A8-client-side-keepalive.md).

use std::{io, time::Duration};

use h2::Reason;
use rust_scaffold::{Channel, ChannelBuilder, Code, Server};
use tokio::{io::DuplexStream, sync::mpsc, time::Instant};

use super::{
    frame::{Frame, GOAWAY, PING},
    peer::{Peer, answer, call, message},
};
use crate::{
    station::{Station, query},
    telemetry::{TelemetryClient, TelemetryServer},
};

const SECOND: Duration = Duration::from_secs(1);

fn pings(number: usize) -> Vec<Frame> {
    vec![Frame::new(PING, 0, 0, *b"too many"); number]
}

/// Receives the end of a connection whose client has pinged too often.
async fn is_struck_out(peer: &mut Peer) {
    let mut last = None;
    while let Some(frame) = peer.receive().await {
        last = Some(frame);
    }
    let goaway = last.expect("a last frame");
    assert_eq!((goaway.kind, goaway.stream), (GOAWAY, 0));
    assert_eq!(goaway.number(4), u32::from(Reason::ENHANCE_YOUR_CALM));
    assert_eq!(&goaway.payload[8..], b"too_many_pings");
}

#[tokio::test]
async fn a_client_that_pings_too_often_is_told_so_with_calls_and_without() {
    for has_call in [true, false] {
        let station = Station::default();
        let mut peer = Peer::of_server(&station).await;
        peer.settled().await;
        if has_call {
            peer.send([call(1, "Latest"), Frame::data(1, message(&query("hangs", 1))).ends()])
                .await;
            station.busy().await;
        }
        peer.send(pings(2)).await;
        peer.settled().await;
        peer.send(pings(1)).await;
        is_struck_out(&mut peer).await;
        station.idle().await;
        assert_eq!(peer.goaways, [(u32::from(has_call), Reason::ENHANCE_YOUR_CALM.into())]);
    }
}

#[tokio::test]
async fn a_client_may_ping_for_every_answer_that_it_gets() {
    let mut peer = Peer::of_server(&Station::default()).await;
    for stream in (1..100).step_by(2) {
        peer.is_served(stream).await;
        peer.settled().await;
    }
}

#[tokio::test]
async fn a_client_may_ping_as_often_as_its_server_permits() {
    let zero = Server::new().permit_keep_alive_interval(Duration::ZERO);
    let station = Station::default();
    let mut peer = Peer::of(zero.permit_keep_alive_while_idle(true), &station, &[]).await;
    for _ in 0..100 {
        peer.settled().await;
    }
    let zero = Server::new().permit_keep_alive_interval(Duration::ZERO);
    let mut peer = Peer::of(zero, &station, &[]).await;
    peer.send(pings(4)).await;
    is_struck_out(&mut peer).await;
}

/// A client with these settings, and its connections, in the hands of the test.
fn client(channel: ChannelBuilder) -> (TelemetryClient, mpsc::UnboundedReceiver<DuplexStream>) {
    let (opened, connections) = mpsc::unbounded_channel();
    let channel = channel.connector(move |_| {
        let (here, there) = tokio::io::duplex(1 << 16);
        let sent = opened.send(there);
        async { sent.map(|()| here).map_err(|_| io::ErrorKind::ConnectionRefused.into()) }
    });
    (TelemetryClient::new(channel.connect_lazy().unwrap()), connections)
}

/// After how long the next ping comes.
async fn next_ping(peer: &mut Peer) -> Duration {
    let (start, before) = (Instant::now(), peer.pings.len());
    while peer.pings.len() == before {
        peer.receive().await.expect("a ping");
    }
    start.elapsed()
}

/// Begins with a call that goes on until its connection ends.
fn begin(client: &TelemetryClient) -> tokio::task::JoinHandle<rust_scaffold::Status> {
    let client = client.clone();
    tokio::spawn(async move { client.latest(query("a", 1)).await.unwrap_err() })
}

#[tokio::test(start_paused = true)]
async fn a_client_pings_every_ten_seconds_at_the_most() {
    for (interval, every) in [(Duration::ZERO, 10), (SECOND, 10), (25 * SECOND, 25)] {
        let channel = Channel::builder("http://station").keep_alive_interval(Some(interval));
        let (client, mut connections) = client(channel);
        let call = begin(&client);
        let mut peer = Peer::server(connections.recv().await.unwrap(), &[]).await;
        for _ in 0..5 {
            assert_eq!(next_ping(&mut peer).await.as_secs(), every, "{interval:?}");
        }
        call.abort();
    }
}

/// Serves a station with `server` to the other end of what is returned.
fn serve(server: Server) -> DuplexStream {
    let (here, there) = tokio::io::duplex(1 << 16);
    let server = server.add_service(TelemetryServer::new(Station::default()));
    tokio::spawn(server.serve_incoming(tokio_stream::once(Ok(there))));
    here
}

#[tokio::test(start_paused = true)]
async fn a_server_pings_every_second_at_the_most() {
    for (interval, every) in [(Duration::ZERO, 1), (25 * SECOND, 25)] {
        let mut peer =
            Peer::client(serve(Server::new().keep_alive_interval(Some(interval))), &[]).await;
        for _ in 0..5 {
            assert_eq!(next_ping(&mut peer).await.as_secs(), every, "{interval:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_told_of_too_many_pings_sends_half_as_many() {
    let channel = Channel::builder("http://station").keep_alive_interval(Some(10 * SECOND));
    let (client, mut connections) = client(channel);
    // Others who want calm mean something else.
    for (every, words) in [(10, "too_many_pings"), (20, "too_many_calls"), (20, "too_many_pings")] {
        let call = begin(&client);
        let mut peer = Peer::server(connections.recv().await.unwrap(), &[]).await;
        assert_eq!(next_ping(&mut peer).await.as_secs(), every);
        let mut goaway = Frame::goaway(1, Reason::ENHANCE_YOUR_CALM);
        goaway.payload.extend(words.as_bytes());
        peer.send([goaway]).await;
        drop(peer);
        let status = call.await.unwrap();
        assert_eq!(status.code(), Code::Unavailable, "{status}");
        let reason = format!("ENHANCE_YOUR_CALM `{words}`");
        assert!(status.message().contains(&reason), "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn calls_are_told_that_their_server_answers_no_pings() {
    let channel = Channel::builder("http://station")
        .keep_alive_interval(Some(10 * SECOND))
        .keep_alive_timeout(3 * SECOND);
    let (client, mut connections) = client(channel);
    let call = begin(&client);
    let mut points = tokio::spawn({
        let client = client.clone();
        async move { client.watch(query("a", 1)).await.unwrap().into_inner() }
    });
    let mut peer = Peer::server(connections.recv().await.unwrap(), &[]).await;
    peer.answers_pings = false;
    peer.ended(1).await;
    peer.ended(3).await;
    let [head, point, _] = answer(3, "a");
    peer.send([head, point]).await;
    let start = Instant::now();
    let mut points = (&mut points).await.unwrap();
    points.message().await.unwrap();
    let streamed = points.message().await.unwrap_err();
    assert_eq!(start.elapsed().as_secs(), 13);
    for status in [call.await.unwrap(), streamed] {
        assert_eq!(status.code(), Code::Unavailable, "{status}");
        assert!(status.message().contains("keepalive ping within 3s"), "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_answers_no_pings_is_given_up() {
    let server = Server::new().keep_alive_interval(Some(5 * SECOND)).keep_alive_timeout(2 * SECOND);
    let mut peer = Peer::client(serve(server), &[]).await;
    peer.answers_pings = false;
    let start = Instant::now();
    peer.closed().await;
    assert_eq!(start.elapsed().as_secs(), 7);
}

#[tokio::test(start_paused = true)]
async fn whoever_answers_pings_is_kept() {
    let lenient = || Server::new().permit_keep_alive_while_idle(true).max_connection_idle(None);
    let pinging = lenient().keep_alive_interval(Some(10 * SECOND)).keep_alive_timeout(SECOND);
    let every = 10 * SECOND;
    let permitting = lenient().permit_keep_alive_interval(every);
    for (server, interval) in [(permitting, Some(every)), (pinging, None)] {
        // There is no other.
        let connection = std::sync::Mutex::new(Some(serve(server)));
        let channel = Channel::builder("http://station")
            .keep_alive_interval(interval)
            .keep_alive_timeout(SECOND)
            .keep_alive_while_idle(true)
            .connector(move |_| {
                let connection = connection.lock().unwrap().take();
                async { connection.ok_or_else(|| io::ErrorKind::ConnectionRefused.into()) }
            });
        let client = TelemetryClient::new(channel.connect().await.unwrap());
        for _ in 0..10 {
            tokio::time::sleep(60 * SECOND).await;
            client.latest(query("a", 1)).await.unwrap();
        }
    }
}
