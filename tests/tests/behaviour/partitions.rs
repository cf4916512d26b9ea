//! Networks that carry nothing any more, and say so to nobody.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rust_scaffold::{Channel, Code, Request, Server, WaitForReady};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, ReadHalf, WriteHalf},
    sync::{mpsc, watch},
    time::{Instant, timeout},
};
use tokio_stream::{StreamExt as _, wrappers::UnboundedReceiverStream};

use crate::{
    station::{Station, query},
    telemetry::{TelemetryClient, TelemetryServer},
};

const SECOND: Duration = Duration::from_secs(1);
/// When both sides have noticed.
const NOTICED: Duration = Duration::from_secs(13);
/// Only against hanging.
const LONG: Duration = Duration::from_secs(3600);

/// Lies between a client and a server. Data of a path that is cut waits until it is mended, as TCP sends it again.
struct Network {
    /// The paths of new connections.
    paths: watch::Sender<watch::Sender<bool>>,
    connections: Arc<AtomicUsize>,
}

impl Network {
    /// Cuts the paths of connections that there are, and of new ones.
    fn cut(&self) {
        self.paths.borrow().send_replace(false);
    }

    /// Mends what was cut.
    fn mend(&self) {
        self.paths.borrow().send_replace(true);
    }

    /// Cuts the paths of connections that there are. New ones take others.
    fn lose_connections(&self) {
        self.cut();
        self.paths.send_replace(watch::Sender::new(true));
    }
}

/// A client and a server that ask after each other every ten seconds, and wait for three.
fn client(station: &Station) -> (TelemetryClient, Network) {
    let (accepted, accepting) = mpsc::unbounded_channel::<DuplexStream>();
    let server = Server::new()
        .keep_alive_interval(Some(10 * SECOND))
        .keep_alive_timeout(3 * SECOND)
        .permit_keep_alive_interval(10 * SECOND)
        .add_service(TelemetryServer::new(station.clone()));
    let incoming = UnboundedReceiverStream::new(accepting).map(std::io::Result::Ok);
    tokio::spawn(server.serve_incoming(incoming));
    let network = Network {
        paths: watch::Sender::new(watch::Sender::new(true)),
        connections: Arc::default(),
    };
    let (paths, connections) = (network.paths.subscribe(), Arc::clone(&network.connections));
    let channel = Channel::builder("http://station")
        .keep_alive_interval(Some(10 * SECOND))
        .keep_alive_timeout(3 * SECOND)
        .connect_timeout(5 * SECOND)
        .connector(move |_| {
            let mut path = paths.borrow().subscribe();
            let (accepted, connections) = (accepted.clone(), Arc::clone(&connections));
            async move {
                carries(&mut path).await;
                connections.fetch_add(1, Ordering::SeqCst);
                let (client, from_client) = tokio::io::duplex(1 << 16);
                let (server, from_server) = tokio::io::duplex(1 << 16);
                let (reads, answers) = tokio::io::split(from_client);
                let (answered, requests) = tokio::io::split(from_server);
                tokio::spawn(carry(reads, requests, path.clone()));
                tokio::spawn(carry(answered, answers, path));
                accepted.send(server).map(|()| client).map_err(std::io::Error::other)
            }
        });
    (TelemetryClient::new(channel.connect_lazy().unwrap()), network)
}

async fn carries(path: &mut watch::Receiver<bool>) {
    if path.wait_for(|carries| *carries).await.is_err() {
        // It was cut for good.
        std::future::pending::<()>().await;
    }
}

async fn carry(
    mut from: ReadHalf<DuplexStream>,
    mut to: WriteHalf<DuplexStream>,
    mut path: watch::Receiver<bool>,
) {
    let mut buffer = vec![0; 1 << 16];
    loop {
        carries(&mut path).await;
        let read = from.read(&mut buffer).await.unwrap_or(0);
        carries(&mut path).await;
        if read == 0 || to.write_all(&buffer[..read]).await.is_err() {
            let _ = to.shutdown().await;
            return;
        }
    }
}

/// Waits for the end of a call. The limit is only against hanging.
async fn end<T>(call: impl Future<Output = T>) -> T {
    timeout(LONG, call).await.expect("it ends")
}

#[tokio::test(start_paused = true)]
async fn calls_end_when_the_network_is_cut_and_go_on_when_it_is_mended() {
    let station = Station::default();
    let (client, network) = client(&station);
    client.latest(query("a", 1)).await.unwrap();
    let mut stream = client.watch(query("hangs", 2)).await.unwrap().into_inner();
    let unary = tokio::spawn({
        let client = client.clone();
        async move { client.latest(query("hangs", 1)).await }
    });
    station.busy().await;
    let start = Instant::now();
    network.cut();

    let mut hasty = Request::new(query("a", 1));
    hasty.set_timeout(2 * SECOND);
    assert_eq!(client.latest(hasty).await.unwrap_err().code(), Code::DeadlineExceeded);
    assert_eq!(start.elapsed().as_secs(), 2);
    let stream_end = loop {
        match end(stream.message()).await {
            Ok(point) => assert!(point.is_some(), "a stream that has not ended"),
            Err(status) => break status,
        }
    };
    let ends = [end(unary).await.unwrap().unwrap_err(), stream_end];
    for status in ends {
        assert_eq!(status.code(), Code::Unavailable, "{status}");
        assert!(status.message().contains("keepalive ping"), "{status}");
    }
    assert!(start.elapsed() <= NOTICED, "{:?}", start.elapsed());
    // The server has noticed as well, and works for nobody.
    end(station.idle()).await;
    assert!(start.elapsed() <= NOTICED + SECOND, "{:?}", start.elapsed());

    let unreachable = end(client.latest(query("a", 1))).await.unwrap_err();
    assert_eq!(unreachable.code(), Code::Unavailable, "{unreachable}");
    let mut patient = Request::new(query("a", 1));
    patient.extensions_mut().insert(WaitForReady(true));
    let patient = tokio::spawn({
        let client = client.clone();
        async move { client.latest(patient).await }
    });
    tokio::time::sleep(60 * SECOND).await;
    assert!(!patient.is_finished());
    network.mend();
    end(patient).await.unwrap().unwrap();
    for _ in 0..100 {
        client.latest(query("a", 1)).await.unwrap();
    }
    assert_eq!(network.connections.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_half_open_connection_keeps_no_call_for_long() {
    let station = Station::default();
    let (client, network) = client(&station);
    for connections in 1..=3 {
        client.latest(query("a", 1)).await.unwrap();
        assert_eq!(network.connections.load(Ordering::SeqCst), connections);
        network.lose_connections();
        let start = Instant::now();
        let taken = end(client.latest(query("a", 1))).await.unwrap_err();
        assert_eq!(taken.code(), Code::Unavailable, "{taken}");
        assert!(start.elapsed() <= NOTICED, "{:?}", start.elapsed());
    }
}
