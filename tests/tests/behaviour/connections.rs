//! How connections come up, are shared, and end.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread::ThreadId,
    time::{Duration, Instant},
};

use rust_scaffold::{Channel, Code, Request, Response, Server, Status, WaitForReady};
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpStream},
    runtime::Runtime,
};
use tokio_stream::{StreamExt as _, wrappers::TcpListenerStream};

use crate::{
    calculator::{
        AddRequest, AddResponse, Calculator, CalculatorClient, CalculatorServer, SubtractRequest,
        SubtractResponse,
    },
    routes::listen,
    station::{Station, query},
    telemetry::{TelemetryClient, TelemetryServer},
};

type Answer<T> = Result<Response<T>, Status>;

/// Serves a station with `server`, and says where and how many connections it has had.
pub(crate) async fn serve(server: Server) -> (String, Arc<AtomicUsize>) {
    let (listener, address) = listen().await;
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    let incoming = TcpListenerStream::new(listener).map(move |connection| {
        count.fetch_add(1, Ordering::SeqCst);
        connection
    });
    let server = server.add_service(TelemetryServer::new(Station::default()));
    tokio::spawn(server.serve_incoming(incoming));
    (format!("http://{address}"), connections)
}

fn lazy(address: &str) -> TelemetryClient {
    TelemetryClient::new(Channel::connect_lazy(address).unwrap())
}

fn within<T>(time: Duration, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(time);
    request
}

#[tokio::test]
async fn a_server_that_shuts_down_ends_the_calls_in_progress_and_takes_no_more() {
    let (listener, address) = listen().await;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let station = Station::default();
    let server = Server::new().add_service(TelemetryServer::new(station.clone()));
    let served = tokio::spawn(server.serve_listener_with_shutdown(listener, async {
        stopped.await.unwrap();
    }));
    let client = lazy(&format!("http://{address}"));
    let (sender, queries) = rust_scaffold::Streaming::channel(1);
    let mut answers = client.tail(queries).await.unwrap().into_inner();
    stop.send(()).unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(client.latest(query("a", 1)).await.unwrap_err().code(), Code::Unavailable);
    sender.send(query("still there", 1)).await.unwrap();
    assert_eq!(answers.message().await.unwrap().unwrap().series, "still there");
    drop(sender);
    assert_eq!(answers.message().await.unwrap(), None);
    served.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_ever_when_told_not_to() {
    let (listener, address) = listen().await;
    let station = Station::default();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = Server::new()
        .add_service(TelemetryServer::new(station.clone()))
        .shutdown_timeout(Some(Duration::from_millis(20)));
    let served = tokio::spawn(server.serve_listener_with_shutdown(listener, async {
        stopped.await.unwrap();
    }));
    let client = lazy(&format!("http://{address}"));
    let hanging = tokio::spawn(async move { client.latest(query("hangs", 1)).await });
    station.busy().await;
    stop.send(()).unwrap();
    served.await.unwrap().unwrap();
    assert_eq!(hanging.await.unwrap().unwrap_err().code(), Code::Unavailable);
    station.idle().await;
}

#[tokio::test]
async fn connections_of_a_certain_age_are_replaced_and_no_call_notices() {
    let age = Some(Duration::from_millis(20));
    let (address, connections) = serve(Server::new().max_connection_age(age)).await;
    let client = lazy(&address);
    while connections.load(Ordering::SeqCst) < 5 {
        client.latest(query("a", 1)).await.unwrap();
    }
}

#[tokio::test]
async fn idle_connections_are_closed_and_made_again() {
    let idle = Some(Duration::from_millis(20));
    let (address, connections) = serve(Server::new().max_connection_idle(idle)).await;
    let client = lazy(&address);
    client.latest(query("a", 1)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    client.latest(query("a", 1)).await.unwrap();
    assert_eq!(connections.load(Ordering::SeqCst), 2);
}

#[test]
fn a_channel_outlives_the_runtime_that_its_connection_ran_on() {
    let [servers, connections, callers] = [(); 3].map(|()| Runtime::new().unwrap());
    let station = Station::default();
    let server = Server::new().add_service(TelemetryServer::new(station.clone()));
    let (listener, address) = servers.block_on(listen());
    servers.spawn(server.serve_incoming(TcpListenerStream::new(listener)));
    let client = lazy(&format!("http://{address}"));
    connections.block_on(client.latest(query("a", 1))).unwrap();
    let hanging = client.clone();
    let hanging = callers.spawn(async move { hanging.latest(query("hangs", 1)).await });
    callers.block_on(station.busy());
    connections.shutdown_background();
    let lost = callers.block_on(hanging).unwrap();
    assert_eq!(lost.unwrap_err().code(), Code::Unavailable);
    callers.block_on(client.latest(query("a", 1))).unwrap();
}

#[test]
fn a_runtime_that_shuts_down_does_not_wait_for_a_call_that_wants_a_connection() {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build().unwrap();
    let client = lazy("http://127.0.0.1:1");
    let (calling, ended) = std::sync::mpsc::channel::<()>();
    runtime.spawn(async move {
        let _calling = calling;
        // Such a runtime drops new tasks at once, among them attempts to connect.
        while !tokio::spawn(std::future::pending::<()>()).is_finished() {
            std::thread::sleep(Duration::from_millis(1));
        }
        client.latest(query("a", 1)).await
    });
    runtime.shutdown_background();
    let end = ended.recv_timeout(Duration::from_secs(60));
    assert_eq!(end, Err(std::sync::mpsc::RecvTimeoutError::Disconnected), "it goes on and on");
}

#[tokio::test]
async fn a_server_that_says_nothing_is_not_connected_to() {
    let channel = Channel::builder(silent_server(&[]).await);
    let error = channel.connect_timeout(Duration::from_millis(20)).connect().await.unwrap_err();
    let status = Status::from(error);
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("no answer within 20ms"), "{status}");
}

/// A server that takes connections and says no more than `greeting`.
async fn silent_server(greeting: &'static [u8]) -> String {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        let mut connections = Vec::new();
        loop {
            let (mut connection, _) = listener.accept().await.unwrap();
            connection.write_all(greeting).await.unwrap();
            connections.push(connection);
        }
    });
    format!("http://{address}")
}

#[tokio::test]
async fn a_client_that_does_not_begin_is_given_up() {
    let server = Server::new().handshake_timeout(Duration::from_millis(20));
    let (address, _) = serve(server).await;
    closed(&TcpStream::connect(address.trim_start_matches("http://")).await.unwrap()).await;
}

/// Reads until the other side has closed `connection`.
async fn closed(connection: &TcpStream) {
    let mut buffer = [0; 1024];
    loop {
        connection.readable().await.unwrap();
        match connection.try_read(&mut buffer) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}

#[tokio::test]
async fn connections_over_the_limit_wait_for_their_turn() {
    let (address, connections) = serve(Server::new().max_connections(1)).await;
    let first = lazy(&address);
    first.latest(query("a", 1)).await.unwrap();
    let second = lazy(&address);
    let late = second.latest(within(Duration::from_millis(50), query("a", 1))).await;
    assert_eq!(late.unwrap_err().code(), Code::DeadlineExceeded);
    drop(first);
    second.latest(query("a", 1)).await.unwrap();
    assert_eq!(connections.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn calls_fail_fast_or_wait_until_the_server_is_there() {
    let (listener, address) = listen().await;
    drop(listener);
    let address = format!("http://{address}");
    let fails =
        Channel::builder(&address).backoff(Duration::from_secs(60), Duration::from_secs(60));
    let fails = TelemetryClient::new(fails.connect_lazy().unwrap());
    for _ in 0..2 {
        let status = fails.latest(query("a", 1)).await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable);
        assert!(status.message().contains(&address), "{status}");
    }
    let mut patient = within(Duration::from_millis(50), query("a", 1));
    patient.extensions_mut().insert(WaitForReady(true));
    assert_eq!(fails.latest(patient).await.unwrap_err().code(), Code::DeadlineExceeded);

    let waits = Channel::builder(&address)
        .backoff(Duration::from_millis(5), Duration::from_millis(20))
        .wait_for_ready(true);
    let waits = TelemetryClient::new(waits.connect_lazy().unwrap());
    let waiting = tokio::spawn(async move { waits.latest(query("a", 1)).await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    let listener = TcpListener::bind(address.trim_start_matches("http://")).await.unwrap();
    let server = Server::new().add_service(TelemetryServer::new(Station::default()));
    tokio::spawn(server.serve_listener(listener));
    waiting.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_server_that_closes_every_connection_is_not_stormed() {
    let (listener, address) = listen().await;
    let accepted = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&accepted);
    tokio::spawn(async move {
        loop {
            drop(listener.accept().await.unwrap());
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    let client = lazy(&format!("http://{address}"));
    for _ in 0..100 {
        let status = client.latest(query("a", 1)).await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable);
    }
    assert!(accepted.load(Ordering::SeqCst) < 10, "{accepted:?}");
}

#[tokio::test]
async fn more_calls_than_a_connection_takes_get_more_connections() {
    let (address, connections) = serve(Server::new().max_concurrent_streams(2)).await;
    let client = lazy(&address);
    // The server's limit is known once it has answered.
    client.latest(query("a", 1)).await.unwrap();
    let hang = || {
        let client = client.clone();
        tokio::spawn(async move { client.latest(query("hangs", 1)).await })
    };
    let hanging: Vec<_> = (0..5).map(|_| hang()).collect();
    tokio::time::sleep(Duration::from_millis(50)).await;
    client.latest(query("a", 1)).await.unwrap();
    assert_eq!(connections.load(Ordering::SeqCst), 3);
    hanging.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn calls_wait_for_room_when_there_may_be_no_more_connections() {
    let (address, connections) = serve(Server::new().max_concurrent_streams(1)).await;
    let channel = Channel::builder(&address).max_connections(1).connect().await.unwrap();
    let client = TelemetryClient::new(channel);
    client.latest(query("a", 1)).await.unwrap();
    let hanging = tokio::spawn({
        let client = client.clone();
        async move { client.latest(query("hangs", 1)).await }
    });
    tokio::time::sleep(Duration::from_millis(20)).await;
    let waiting = client.latest(within(Duration::from_millis(50), query("a", 1))).await;
    assert_eq!(waiting.unwrap_err().code(), Code::DeadlineExceeded);
    hanging.abort();
    client.latest(query("a", 1)).await.unwrap();
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

/// Computes for a while, and notes on which threads.
#[derive(Clone, Default)]
struct Grinder(Arc<Mutex<HashSet<ThreadId>>>);

impl Calculator for Grinder {
    async fn add(&self, _: Request<AddRequest>) -> Answer<AddResponse> {
        self.0.lock().unwrap().insert(std::thread::current().id());
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_millis(5) {
            std::hint::spin_loop();
        }
        Ok(Response::new(AddResponse { result: 8 }))
    }

    async fn subtract(&self, _: Request<SubtractRequest>) -> Answer<SubtractResponse> {
        Err(Status::unimplemented("not this one"))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn handlers_that_compute_spread_over_threads_though_they_share_a_connection() {
    let grinder = Grinder::default();
    let (address, connections) =
        serve(Server::new().add_service(CalculatorServer::new(grinder.clone()))).await;
    let client = CalculatorClient::connect(&address).await.unwrap();
    let calls: Vec<_> = (0..64)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.add(AddRequest { a: 5, b: 3 }).await })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap().into_inner().result, 8);
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
    assert!(grinder.0.lock().unwrap().len() > 1);
}
