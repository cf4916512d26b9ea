//! What peers can make us keep: for each byte of theirs, for each call, and when they are gone. The
//! figures are printed (`--nocapture`), and each has a bound.

use std::{
    convert::Infallible,
    future::{Future as _, poll_fn},
    process::Command,
    task::Poll,
    time::Duration,
};

use rust_scaffold::{Channel, Request, Response, Server, Status, Streaming};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use crate::{
    frame::{
        ACK, DATA, Frame, MAX_CONCURRENT_STREAMS, MAX_FRAME_SIZE, PING, PREFACE, SETTINGS,
        WINDOW_UPDATE,
    },
    memory::resident_kib,
    telemetry::{Point, Query, Summary, Telemetry, TelemetryClient, TelemetryServer},
};

/// In KiB.
const MIB: usize = 1024;
/// Only a hang takes so long.
const LONG: Duration = Duration::from_secs(60);

type Answer<T> = Result<Response<T>, Status>;

/// Runs the test of this name in a process of its own, where nobody has used memory before, and says
/// whether this is that process.
fn is_alone(name: &str) -> bool {
    const ALONE: &str = "HOARDS_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let mut test = Command::new(std::env::current_exe().unwrap());
    let test = test.args([&format!("hoards::{name}"), "--exact", "--nocapture"]).env(ALONE, "");
    let output = test.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let figures = text.lines().filter(|line| line.contains("KiB") || line.contains("bytes"));
    figures.for_each(|line| println!("{line}"));
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    false
}

/// A service that reads no streams of requests.
struct Idler;

impl Telemetry for Idler {
    async fn latest(&self, _: Request<Query>) -> Answer<Point> {
        Ok(Response::new(Point::default()))
    }

    async fn watch(&self, _: Request<Query>) -> Answer<Streaming<Point>> {
        Ok(Response::new(Streaming::default()))
    }

    async fn upload(&self, requests: Request<Streaming<Point>>) -> Answer<Summary> {
        let never: Infallible = std::future::pending().await;
        drop(requests);
        match never {}
    }

    async fn tail(&self, _: Request<Streaming<Query>>) -> Answer<Streaming<Point>> {
        Ok(Response::new(Streaming::default()))
    }

    async fn last(&self, request: Request<Query>) -> Answer<Point> {
        self.latest(request).await
    }
}

/// A server, and what the process had before anybody attacked it.
struct Target {
    address: String,
    before: usize,
}

impl Target {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = Server::new().add_service(TelemetryServer::new(Idler));
        tokio::spawn(server.serve_listener(listener));
        let target = Self { address, before: 0 };
        target.serves().await;
        Self { before: resident_kib(), ..target }
    }

    /// Others are served.
    async fn serves(&self) {
        let client = TelemetryClient::connect(format!("http://{}", self.address)).await.unwrap();
        timeout(LONG, client.latest(Query::default())).await.expect("an answer").unwrap();
    }

    /// The same when no more of it goes.
    async fn after_a_while(&self) -> usize {
        let mut left = self.kept();
        for _ in 0..4 {
            tokio::time::sleep(Duration::from_millis(500)).await;
            left = left.min(self.kept());
        }
        left
    }

    /// How many KiB more there are than before.
    fn kept(&self) -> usize {
        resident_kib().saturating_sub(self.before)
    }
}

/// A client that fills what the server gives it room for.
struct Hoarder {
    io: TcpStream,
    credit: i64,
    max_frame_size: usize,
}

impl Hoarder {
    async fn connect(target: &Target) -> Self {
        let mut io = TcpStream::connect(&target.address).await.unwrap();
        io.write_all(PREFACE).await.unwrap();
        io.write_all(&Frame::settings(&[]).encode()).await.unwrap();
        let mut hoarder = Self { io, credit: 65_535, max_frame_size: 16_384 };
        // The connection's window is widened behind the first answer.
        hoarder.settle().await;
        hoarder.settle().await;
        hoarder
    }

    /// Reads until a PING is answered: by then the server has said what it takes.
    async fn settle(&mut self) {
        let ping = Frame::new(PING, 0, 0, [7; 8]).encode();
        // Whoever closes the connection has had enough: so be it.
        let _ = self.io.write_all(&ping).await;
        let settled = async { while self.read().await.is_some_and(|frame| frame.kind != PING) {} };
        timeout(LONG, settled).await.expect("an answer to PING, or the end");
    }

    async fn read(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.io.read_exact(&mut head).await.ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let mut payload = vec![0; length];
        self.io.read_exact(&mut payload).await.ok()?;
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        let frame = Frame { kind: head[3], flags: head[4], stream, payload };
        match frame.kind {
            SETTINGS if !frame.has(ACK) => {
                self.note_settings(&frame);
                // What they allow holds from then on.
                self.io.write_all(&Frame::new(SETTINGS, ACK, 0, []).encode()).await.ok()?;
            }
            WINDOW_UPDATE if stream == 0 => self.credit += i64::from(frame.number(0)),
            _ => {}
        }
        Some(frame)
    }

    fn note_settings(&mut self, frame: &Frame) {
        for setting in frame.payload.chunks_exact(6) {
            if u16::from_be_bytes([setting[0], setting[1]]) == MAX_FRAME_SIZE {
                let value = u32::from_be_bytes(setting[2..].try_into().unwrap());
                self.max_frame_size = value as usize;
            }
        }
    }

    /// Begins an upload; says how many bytes it took.
    async fn upload(&mut self, stream: u32) -> usize {
        let fields = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", "/telemetry.Telemetry/Upload"),
            (":authority", "a"),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
        ];
        self.send(&Frame::headers(stream, &fields).encode()).await
    }

    /// Sends what the server takes within a while.
    async fn send(&mut self, bytes: &[u8]) -> usize {
        let sent = timeout(Duration::from_secs(5), self.io.write_all(bytes)).await;
        if matches!(sent, Ok(Ok(()))) { bytes.len() } else { 0 }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frame_that_does_not_end_holds_little() {
    if !is_alone("a_frame_that_does_not_end_holds_little") {
        return;
    }
    const CONNECTIONS: usize = 100;
    let target = Target::new().await;
    let (mut hoarders, mut sent) = (Vec::new(), 0);
    for _ in 0..CONNECTIONS {
        let mut hoarder = Hoarder::connect(&target).await;
        hoarder.upload(1).await;
        let frame = Frame::new(DATA, 0, 1, vec![0; hoarder.max_frame_size]).encode();
        // But for the last byte.
        sent += hoarder.send(&frame[..frame.len() - 1]).await;
        hoarders.push(hoarder);
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let kept = target.kept();
    let (each, sent) = (kept / CONNECTIONS, sent / 1024 / CONNECTIONS);
    println!("an unfinished frame of {sent} KiB: {each} KiB for each connection");
    target.serves().await;
    assert!(each < 1280, "{each} KiB for each connection");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_of_one_byte_hold_little_more_than_they_are() {
    if !is_alone("frames_of_one_byte_hold_little_more_than_they_are") {
        return;
    }
    let target = Target::new().await;
    let mut hoarder = Hoarder::connect(&target).await;
    let mut sent = 0;
    for stream in [1, 3, 5, 7, 9] {
        hoarder.upload(stream).await;
        let frames = Frame::data(stream, [0]).encode().repeat(1000);
        for _ in 0..190 {
            sent += hoarder.send(&frames).await;
        }
        hoarder.settle().await;
        let kept = target.kept();
        println!("{} KiB of DATA frames of one byte: {kept} KiB", sent / 1024);
        assert!(kept < 128 * MIB, "{kept} KiB for {} KiB", sent / 1024);
    }
    target.serves().await;
}

#[tokio::test]
async fn calls_that_are_given_up_while_the_server_does_not_read_leave_nothing() {
    if !is_alone("calls_that_are_given_up_while_the_server_does_not_read_leave_nothing") {
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    // It says how many calls it takes, and reads none of them.
    let deaf = tokio::spawn(async move {
        let (mut io, _) = listener.accept().await.unwrap();
        let settings = Frame::settings(&[(MAX_CONCURRENT_STREAMS, i32::MAX as u32)]);
        io.write_all(&settings.encode()).await.unwrap();
        std::future::pending::<()>().await;
        drop(io);
    });
    let channel = Channel::builder(address).max_connections(1).connect().await.unwrap();
    let client = TelemetryClient::new(channel);
    let metadata = "x".repeat(8 * 1024);
    let before = resident_kib();
    give_up(&client, 10, &metadata, 3000).await;
    let kept = resident_kib().saturating_sub(before);
    println!("calls that are given up before the kernel has enough for the server: {kept} KiB");
    assert!(kept < 64 * MIB, "{kept} KiB");
    for (size, calls) in [(10, 40_000), (10 * 1024, 10_000)] {
        give_up(&client, size, "", calls / 4).await;
        let before = resident_kib();
        give_up(&client, size, "", calls).await;
        let grown = resident_kib().saturating_sub(before);
        println!("calls of {size} bytes that are given up: {} bytes each", grown * 1024 / calls);
        assert!(grown < 4 * MIB, "{grown} KiB for {calls} calls of {size} bytes");
    }
    deaf.abort();
}

/// Makes calls with this much to say, each of which is given up once it was handed to the connection.
async fn give_up(client: &TelemetryClient, size: usize, metadata: &str, calls: usize) {
    for _ in 0..calls {
        let query = Query { series: "x".repeat(size), ..Query::default() };
        let mut request = Request::new(query);
        request.metadata_mut().insert("x-long", metadata.parse().unwrap());
        let mut call = std::pin::pin!(client.latest(request));
        let polled = poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx))).await;
        assert!(polled.is_pending());
        // The connection's task takes it.
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_that_nobody_reads_hold_little_more_than_they_are() {
    if !is_alone("messages_that_nobody_reads_hold_little_more_than_they_are") {
        return;
    }
    let target = Target::new().await;
    let (mut hoarders, mut sent) = (Vec::new(), 0);
    for _ in 0..32 {
        let mut hoarder = Hoarder::connect(&target).await;
        for stream in (1..20).step_by(2) {
            hoarder.upload(stream).await;
            // As messages of a KiB are: glibc keeps small blocks more readily than large ones.
            while hoarder.credit > 1024 {
                let frames = Frame::data(stream, vec![0; 1024]).encode();
                let fits = (hoarder.credit as usize / 1024).min(400);
                sent += hoarder.send(&frames.repeat(fits)).await / 1024;
                hoarder.credit -= fits as i64 * 1024;
                if fits == 400 {
                    break;
                }
            }
        }
        hoarder.settle().await;
        hoarders.push(hoarder);
    }
    let peak = target.kept();
    drop(hoarders);
    let left = target.after_a_while().await;
    println!("{sent} KiB that nobody reads: {peak} KiB at the peak, {left} KiB when they are gone");
    target.serves().await;
    assert!(peak > 32 * MIB, "{peak} KiB are no attack");
    assert!(peak < 2 * sent, "{peak} KiB for {sent} KiB");
}
