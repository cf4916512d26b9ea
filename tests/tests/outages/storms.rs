//! Servers that send their clients away all the time.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use h2::server::SendResponse;
use http::{HeaderMap, Response};
use rust_scaffold::{Channel, Status};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::{load::query, telemetry::TelemetryClient};

const CALLS: usize = 2000;
const IN_FLIGHT: usize = 64;

/// How many calls and connections a server has had.
#[derive(Clone, Default)]
struct Counts {
    calls: Arc<AtomicUsize>,
    connections: Arc<AtomicUsize>,
}

/// A server that asks its client to leave as soon as it has answered one call; and what it counts.
async fn leaving() -> (SocketAddr, Counts) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, counts) = (listener.local_addr().unwrap(), Counts::default());
    tokio::spawn({
        let counts = counts.clone();
        async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                counts.connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, counts.clone()));
            }
        }
    });
    (address, counts)
}

async fn serve(stream: TcpStream, counts: Counts) -> Result<(), h2::Error> {
    let mut connection = h2::server::handshake(stream).await?;
    while let Some(call) = connection.accept().await {
        let (_, stream) = call?;
        counts.calls.fetch_add(1, Ordering::SeqCst);
        answer(stream)?;
        connection.graceful_shutdown();
    }
    Ok(())
}

/// Answers with an empty message.
fn answer(mut stream: SendResponse<Bytes>) -> Result<(), h2::Error> {
    let head = Response::builder().header("content-type", "application/grpc").body(()).unwrap();
    let mut body = stream.send_response(head, false)?;
    body.send_data(Bytes::from_static(&[0; 5]), false)?;
    let status = ("grpc-status".parse().unwrap(), "0".parse().unwrap());
    body.send_trailers(HeaderMap::from_iter([status]))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_sends_a_goaway_after_each_call_loses_none_and_begins_none_twice() {
    let (address, counts) = leaving().await;
    let channel = Channel::connect(format!("http://{address}")).await.unwrap();
    let client = TelemetryClient::new(channel);
    let mut callers = JoinSet::new();
    for _ in 0..IN_FLIGHT {
        let client = client.clone();
        callers.spawn(async move {
            for _ in 0..CALLS / IN_FLIGHT {
                client.latest(query("a", 1)).await?;
            }
            Ok::<_, Status>(())
        });
    }
    while let Some(called) = callers.join_next().await {
        called.unwrap().unwrap();
    }
    assert_eq!(counts.calls.load(Ordering::SeqCst), CALLS / IN_FLIGHT * IN_FLIGHT);
    assert!(counts.connections.load(Ordering::SeqCst) >= 5, "{:?}", counts.connections);
}
