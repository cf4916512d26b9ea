//! Clients that mean harm: the server stays up, its memory stays bounded, others are served.

use std::time::Duration;

use rust_scaffold::{Request, Response, Server, Status, Streaming};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::MutexGuard,
    time::timeout,
};

use crate::{
    TURN, memory,
    telemetry::{Point, Query, Summary, Telemetry, TelemetryClient, TelemetryServer},
};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// What an attack may make a server keep, in MiB.
const BOUND: usize = 64;

type Answer<T> = Result<Response<T>, Status>;

/// A service whose streams never end, and are made as they are read.
struct Spring;

impl Telemetry for Spring {
    async fn latest(&self, request: Request<Query>) -> Answer<Point> {
        Ok(Response::new(point(&request.get_ref().series)))
    }

    async fn watch(&self, _: Request<Query>) -> Answer<Streaming<Point>> {
        let points = std::iter::repeat_with(|| Ok(point(&"x".repeat(1000))));
        Ok(Response::new(Streaming::new(tokio_stream::iter(points))))
    }

    async fn upload(&self, _: Request<Streaming<Point>>) -> Answer<Summary> {
        Ok(Response::new(Summary::default()))
    }

    async fn tail(&self, _: Request<Streaming<Query>>) -> Answer<Streaming<Point>> {
        Ok(Response::new(Streaming::default()))
    }

    async fn last(&self, request: Request<Query>) -> Answer<Point> {
        self.latest(request).await
    }
}

fn point(series: &str) -> Point {
    Point { series: series.into(), ..Point::default() }
}

/// A query with a series of this many bytes.
fn query(size: usize) -> Query {
    Query { series: "x".repeat(size), ..Query::default() }
}

/// A server under attack, and somebody else who uses it.
pub(crate) struct Victim {
    address: String,
    other: TelemetryClient,
    memory: usize,
    _turn: MutexGuard<'static, ()>,
}

impl Victim {
    pub(crate) async fn new() -> Self {
        let turn = TURN.lock().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = Server::new().add_service(TelemetryServer::new(Spring));
        tokio::spawn(server.serve_listener(listener));
        let other = TelemetryClient::connect(format!("http://{address}")).await.unwrap();
        Self { address, other, memory: memory::resident(), _turn: turn }
    }

    /// An attacker who has said nothing yet.
    pub(crate) async fn connect(&self) -> Attacker {
        Attacker { io: TcpStream::connect(&self.address).await.unwrap() }
    }

    async fn attacker(&self, settings: &[u8]) -> Attacker {
        let mut attacker = self.connect().await;
        attacker.io.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        attacker.io.write_all(&frame(SETTINGS, 0, 0, settings)).await.unwrap();
        attacker
    }

    /// Others are served, and the server has not kept more than it may.
    pub(crate) async fn is_well(&self, attack: &str) {
        let mut request = Request::new(query(3));
        request.set_timeout(Duration::from_secs(20));
        let answer = self.other.latest(request).await.unwrap();
        assert_eq!(answer.into_inner().series, "xxx");
        let grown = memory::resident().saturating_sub(self.memory);
        println!("{attack}: {grown} MiB more");
        assert!(grown < BOUND, "{attack}: {grown} MiB more");
    }
}

pub(crate) struct Attacker {
    io: TcpStream,
}

impl Attacker {
    /// Sends `bytes`; whether the server still takes them.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> bool {
        let sent = timeout(Duration::from_millis(500), self.io.write_all(bytes)).await;
        matches!(sent, Ok(Ok(())))
    }

    /// Whether the server closes the connection.
    pub(crate) async fn is_closed(&mut self) -> bool {
        let mut buffer = vec![0; 64 * 1024];
        let end = async { while let Ok(1..) = self.io.read(&mut buffer).await {} };
        timeout(Duration::from_secs(5), end).await.is_ok()
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// The headers of a call of `telemetry.Telemetry`, as HPACK spells them without compression.
fn request(method: &str) -> Vec<u8> {
    let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    let path = text(&format!("/telemetry.Telemetry/{method}"));
    let content_type = text("application/grpc");
    let te = [text("te"), text("trailers")].concat();
    [&[0x83, 0x86, 0x04], &path[..], &[0x01], &text("a"), &[0x0f, 0x10], &content_type, &[0], &te]
        .concat()
}

/// A query as a message.
pub(crate) fn message() -> Vec<u8> {
    use rust_scaffold::prost::Message as _;
    let message = query(3).encode_to_vec();
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0], &length[..], &message].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rapid_reset() {
    let victim = Victim::new().await;
    let mut attacker = victim.attacker(&[]).await;
    for stream in (1..200_000).step_by(2) {
        let call = frame(HEADERS, END_HEADERS, stream, &request("Latest"));
        let reset = frame(RST_STREAM, 0, stream, &[0, 0, 0, 8]);
        if !attacker.send(&[call, reset].concat()).await {
            break;
        }
    }
    assert!(attacker.is_closed().await);
    victim.is_well("rapid reset").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endless_continuation() {
    let victim = Victim::new().await;
    let mut attacker = victim.attacker(&[]).await;
    attacker.send(&frame(HEADERS, 0, 1, &request("Latest"))).await;
    let more = frame(CONTINUATION, 0, 1, &[&[0, 1, b'x', 100][..], &[b'y'; 100]].concat());
    for _ in 0..100_000 {
        if !attacker.send(&more).await {
            break;
        }
    }
    assert!(attacker.is_closed().await);
    victim.is_well("endless CONTINUATION").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floods_of_settings_and_pings() {
    let victim = Victim::new().await;
    for (name, flood) in [
        ("SETTINGS", frame(SETTINGS, 0, 0, &[0, 4, 0, 1, 0, 0])),
        ("PING", frame(PING, 0, 0, &[7; 8])),
    ] {
        let mut attacker = victim.attacker(&[]).await;
        let flood = flood.repeat(1000);
        // Nobody reads the answers: in the end the server stops listening.
        for _ in 0..1000 {
            if !attacker.send(&flood).await {
                break;
            }
        }
        victim.is_well(name).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_that_do_not_read() {
    let victim = Victim::new().await;
    let mut attackers = Vec::new();
    for _ in 0..20 {
        let mut attacker = victim.attacker(&[]).await;
        for stream in (1..100).step_by(2) {
            let call = frame(HEADERS, END_HEADERS, stream, &request("Watch"));
            let query = frame(DATA, END_STREAM, stream, &message());
            attacker.send(&[call, query].concat()).await;
        }
        attackers.push(attacker);
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    victim.is_well("1000 calls that are not read").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn windows_of_nothing() {
    let victim = Victim::new().await;
    let mut attacker = victim.attacker(&[0, 4, 0, 0, 0, 0]).await;
    for stream in (1..2000).step_by(2) {
        let call = frame(HEADERS, END_HEADERS, stream, &request("Watch"));
        let query = frame(DATA, END_STREAM, stream, &message());
        attacker.send(&[call, query].concat()).await;
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    victim.is_well("1000 calls with windows of zero").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_that_do_not_finish() {
    let victim = Victim::new().await;
    let mut attackers = Vec::new();
    for _ in 0..20 {
        let mut attacker = victim.attacker(&[]).await;
        for stream in (1..100).step_by(2) {
            // The beginning of a message of 4 MiB, byte by byte.
            attacker.send(&frame(HEADERS, END_HEADERS, stream, &request("Latest"))).await;
            attacker.send(&frame(DATA, 0, stream, &[0])).await;
            attacker.send(&frame(DATA, 0, stream, &[0, 0x40, 0, 0, 1])).await;
        }
        attackers.push(attacker);
    }
    victim.is_well("1000 requests that do not end").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_idle_connections() {
    let victim = Victim::new().await;
    let connections = 10_000.min(open_files() / 2 - 100);
    let mut attackers = Vec::new();
    for _ in 0..connections {
        attackers.push(victim.attacker(&[]).await);
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut request = Request::new(query(3));
    request.set_timeout(Duration::from_secs(20));
    victim.other.latest(request).await.unwrap();
    let grown = memory::resident().saturating_sub(victim.memory);
    println!("{connections} idle connections: {grown} MiB more");
    // Both ends of them.
    assert!(grown * 1024 < connections * 64 + BOUND * 1024);
}

/// How many files this process may have open, which it raises as far as it may.
fn open_files() -> usize {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // It stays what it was where it may not be raised.
    let _ = setrlimit(Resource::Nofile, limit);
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(65_536);
    usize::try_from(limit).unwrap_or(65_536)
}
