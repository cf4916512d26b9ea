//! How connections end: in order, in time, and without a rest.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use rust_scaffold::{Channel, Code, Request, Response, Server, Status, Streaming};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf},
    net::TcpStream,
    sync::oneshot,
    task::{JoinHandle, JoinSet},
    time::timeout,
};

use crate::{
    routes::listen,
    station::{Station, point, query},
    telemetry::{Point, Query, Summary, Telemetry, TelemetryClient, TelemetryServer, point::Value},
};

/// Only against hanging.
const LONG: Duration = Duration::from_secs(60);
/// The smallest that a client can begin HTTP/2 with: the preface and a SETTINGS frame.
const GREETING: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";

type Answer<T> = Result<Response<T>, Status>;

/// Answers with a megabyte.
#[derive(Clone, Copy)]
struct Bulky;

impl Telemetry for Bulky {
    async fn latest(&self, _: Request<Query>) -> Answer<Point> {
        Ok(Response::new(Point { value: Some(Value::Raw(vec![7; 1 << 20])), ..point("a") }))
    }

    async fn watch(&self, _: Request<Query>) -> Answer<Streaming<Point>> {
        Err(Status::unimplemented("not here"))
    }

    async fn upload(&self, _: Request<Streaming<Point>>) -> Answer<Summary> {
        Err(Status::unimplemented("not here"))
    }

    async fn tail(&self, _: Request<Streaming<Query>>) -> Answer<Streaming<Point>> {
        Err(Status::unimplemented("not here"))
    }

    async fn last(&self, request: Request<Query>) -> Answer<Point> {
        self.latest(request).await
    }
}

/// A channel whose windows are small: it sends window updates up to the end of a response.
async fn narrow(address: &str) -> Channel {
    let channel = Channel::builder(address);
    channel.initial_stream_window_size(64 * 1024).connect().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_responses_arrive_although_their_connections_age() {
    let (listener, address) = listen().await;
    let server = Server::new().max_connection_age(Some(Duration::from_millis(50)));
    tokio::spawn(server.add_service(TelemetryServer::new(Bulky)).serve_listener(listener));
    let client = TelemetryClient::new(narrow(&format!("http://{address}")).await);
    let mut calls = JoinSet::new();
    for _ in 0..8 {
        let client = client.clone();
        calls.spawn(async move {
            for _ in 0..40 {
                client.latest(query("a", 1)).await?;
            }
            Ok::<_, Status>(())
        });
    }
    while let Some(outcome) = calls.join_next().await {
        outcome.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_responses_arrive_although_the_server_shuts_down() {
    for _ in 0..20 {
        let (listener, address) = listen().await;
        let server = Server::new().add_service(TelemetryServer::new(Bulky));
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(server.serve_listener_with_shutdown(listener, async {
            let _ = stopped.await;
        }));
        let client = TelemetryClient::new(narrow(&format!("http://{address}")).await);
        let call = tokio::spawn(async move { client.latest(query("a", 1)).await });
        tokio::task::yield_now().await;
        stop.send(()).unwrap();
        match call.await.unwrap() {
            Ok(_) => {}
            // It came too late.
            Err(status) => {
                assert_eq!(status.code(), Code::Unavailable, "{status}");
                assert!(!status.message().contains("reset"), "{status}");
            }
        }
        timeout(LONG, serving).await.unwrap().unwrap().unwrap();
    }
}

/// How long a server takes to stop whose client has sent `bytes` and says nothing more.
async fn stopping(server: Server, bytes: &[u8]) -> Duration {
    let (listener, address) = listen().await;
    let (stop, stopped) = oneshot::channel::<()>();
    let server = server.add_service(TelemetryServer::new(Station::default()));
    let serving = tokio::spawn(server.serve_listener_with_shutdown(listener, async {
        let _ = stopped.await;
    }));
    let mut silent = TcpStream::connect(address).await.unwrap();
    silent.write_all(bytes).await.unwrap();
    // Its connection was accepted, and what it says was read, before this call ends.
    let client = TelemetryClient::connect(format!("http://{address}")).await.unwrap();
    client.latest(query("a", 3)).await.unwrap();
    drop(client);
    let start = Instant::now();
    stop.send(()).unwrap();
    timeout(LONG, serving).await.expect("it stops").unwrap().unwrap();
    start.elapsed()
}

#[tokio::test]
async fn a_silent_connection_does_not_keep_a_server_from_stopping() {
    let patient = || {
        let never = Duration::from_secs(3600);
        Server::new().handshake_timeout(never).keep_alive_timeout(never)
    };
    for bytes in [b"".as_slice(), &GREETING[..10], &GREETING[..24], GREETING] {
        for server in [patient(), patient().shutdown_timeout(Some(Duration::from_secs(3600)))] {
            stopping(server, bytes).await;
        }
    }
}

#[tokio::test]
async fn of_the_limits_that_end_a_connection_the_earliest_holds() {
    let (listener, address) = listen().await;
    let station = Station::default();
    let server = Server::new()
        .max_connection_age(Some(Duration::from_millis(10)))
        .max_connection_age_grace(Some(Duration::from_millis(100)))
        .shutdown_timeout(None)
        .add_service(TelemetryServer::new(station.clone()));
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(server.serve_listener_with_shutdown(listener, async {
        let _ = stopped.await;
    }));
    let client = TelemetryClient::connect(format!("http://{address}")).await.unwrap();
    let call = tokio::spawn(async move { client.latest(query("hangs", 1)).await });
    station.busy().await;
    // The age has come before this, and its grace ends the call; the shutdown waits as long as it takes.
    tokio::time::sleep(Duration::from_millis(30)).await;
    stop.send(()).unwrap();
    let failure = timeout(LONG, call).await.expect("its connection ends").unwrap().unwrap_err();
    assert_eq!(failure.code(), Code::Unavailable, "{failure}");
    timeout(LONG, serving).await.unwrap().unwrap().unwrap();
}

/// A server on a connection in memory, with a client of it, and what has it shut down.
fn in_memory(
    server: Server,
    station: &Station,
) -> (TelemetryClient, oneshot::Sender<()>, JoinHandle<io::Result<()>>) {
    let (here, there) = tokio::io::duplex(64 * 1024);
    let (stop, stopped) = oneshot::channel::<()>();
    let server = server.add_service(TelemetryServer::new(station.clone()));
    let incoming = tokio_stream::once(Ok(there));
    let serving = tokio::spawn(server.serve_incoming_with_shutdown(incoming, async {
        let _ = stopped.await;
    }));
    let here = Mutex::new(Some(here));
    let channel = Channel::builder("http://station").connector(move |_| {
        let io = here.lock().unwrap().take();
        async move { io.ok_or_else(|| io::ErrorKind::ConnectionRefused.into()) }
    });
    (TelemetryClient::new(channel.connect_lazy().unwrap()), stop, serving)
}

#[tokio::test(start_paused = true)]
async fn a_connection_ends_of_its_age_whenever_a_shutdown_without_a_limit_begins() {
    // Before its age, and after it.
    for seconds in [0, 100] {
        let server = Server::new()
            .max_connection_age(Some(Duration::from_secs(60)))
            .max_connection_age_grace(Some(Duration::from_secs(100)))
            .shutdown_timeout(None);
        let station = Station::default();
        let (client, stop, serving) = in_memory(server, &station);
        let call = tokio::spawn(async move { client.latest(query("hangs", 1)).await });
        station.busy().await;
        let start = tokio::time::Instant::now();
        let shutdown = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            stop.send(()).unwrap();
        });
        let failure = call.await.unwrap().unwrap_err();
        assert_eq!(failure.code(), Code::Unavailable, "{failure}");
        let end = start.elapsed().as_secs();
        assert!((150..=170).contains(&end), "it ends after {end} s, shut down after {seconds} s");
        shutdown.await.unwrap();
        timeout(LONG, serving).await.unwrap().unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_whose_connections_have_all_come_is_shut_down_when_it_is_told() {
    let station = Station::default();
    let server = Server::new().shutdown_timeout(Some(Duration::from_secs(10)));
    let (client, stop, serving) = in_memory(server, &station);
    let call = tokio::spawn(async move { client.latest(query("hangs", 1)).await });
    station.busy().await;
    stop.send(()).unwrap();
    timeout(LONG, serving).await.expect("it shuts down").unwrap().unwrap();
    assert_eq!(call.await.unwrap().unwrap_err().code(), Code::Unavailable);
}

#[tokio::test]
async fn an_attempt_to_connect_that_fails_leaves_nothing() {
    for greeting in [b"".as_slice(), b"\0\0\0\x04\x01\0\0\0\0"] {
        let (listener, address) = listen().await;
        let channel = Channel::builder(format!("http://{address}"))
            .connect_timeout(Duration::from_millis(50))
            .connect_lazy()
            .unwrap();
        let client = TelemetryClient::new(channel);
        let call = tokio::spawn(async move { client.latest(query("a", 1)).await });
        let (mut socket, _) = listener.accept().await.unwrap();
        socket.write_all(greeting).await.unwrap();
        let failure = timeout(LONG, call).await.unwrap().unwrap().unwrap_err();
        assert_eq!(failure.code(), Code::Unavailable, "{failure}");
        // The client has closed its end.
        let mut rest = Vec::new();
        let _ = timeout(LONG, socket.read_to_end(&mut rest)).await.expect("the socket is closed");
    }
}

/// A connection that panics when it is read or written, once it is told to.
struct Fragile {
    io: TcpStream,
    panics: Arc<[AtomicBool; 2]>,
}

const READ: usize = 0;
const WRITE: usize = 1;

impl Fragile {
    fn check(&self, access: usize) {
        assert!(!self.panics[access].load(Ordering::SeqCst), "this connection panics");
    }
}

impl AsyncRead for Fragile {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(READ);
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Fragile {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(WRITE);
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[tokio::test]
async fn a_connection_that_panics_answers_all_of_its_calls() {
    for access in [READ, WRITE] {
        let (listener, address) = listen().await;
        let station = Station::default();
        let server = Server::new().add_service(TelemetryServer::new(station.clone()));
        tokio::spawn(server.serve_listener(listener));
        let panics = Arc::new([AtomicBool::new(false), AtomicBool::new(false)]);
        let told = Arc::clone(&panics);
        let channel = Channel::builder("http://station").connector(move |_| {
            let panics = Arc::clone(&told);
            async move { Ok(Fragile { io: TcpStream::connect(address).await?, panics }) }
        });
        let client = TelemetryClient::new(channel.connect().await.unwrap());
        let mut points = client.watch(query("hangs", 1)).await.unwrap().into_inner();
        points.message().await.unwrap().unwrap();
        let call = || {
            let client = client.clone();
            tokio::spawn(async move { client.latest(query("hangs", 1)).await })
        };
        let mut calls: Vec<_> = (0..10).map(|_| call()).collect();
        while station.busy.load(Ordering::SeqCst) < 11 {
            tokio::task::yield_now().await;
        }
        panics[access].store(true, Ordering::SeqCst);
        calls.push(call());
        for call in calls {
            let failure = timeout(LONG, call).await.expect("an answer").unwrap().unwrap_err();
            assert_eq!(failure.code(), Code::Unavailable, "{failure}");
        }
        let failure = timeout(LONG, points.message()).await.expect("an end").unwrap_err();
        assert_eq!(failure.code(), Code::Unavailable, "{failure}");
    }
}
