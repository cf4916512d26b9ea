//! Clients that have a server keep as much as it takes from them.

use std::{convert::Infallible, time::Duration};

use rust_scaffold::{Request, Response, Server, Status, Streaming};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    runtime::Handle,
    time::timeout,
};

use crate::{
    frame::{ACK, Frame, MAX_FRAME_SIZE, PING, PREFACE, SETTINGS, WINDOW_UPDATE},
    memory::resident_kib,
    telemetry::{Point, Query, Summary, Telemetry, TelemetryClient, TelemetryServer},
};

/// In KiB.
pub(crate) const MIB: usize = 1024;
/// Only a hang takes so long.
const LONG: Duration = Duration::from_secs(60);
/// Between two looks at something.
const PAUSE: Duration = Duration::from_millis(10);

type Answer<T> = Result<Response<T>, Status>;

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
pub(crate) struct Target {
    address: String,
    /// In KiB.
    before: usize,
    /// Of the runtime.
    tasks: usize,
}

impl Target {
    pub(crate) async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = Server::new().add_service(TelemetryServer::new(Idler));
        tokio::spawn(server.serve_listener(listener));
        let target = Self { address, before: 0, tasks: tasks() };
        target.serves().await;
        target.is_left().await;
        Self { before: resident_kib(), ..target }
    }

    /// Others are served.
    pub(crate) async fn serves(&self) {
        let client = TelemetryClient::connect(format!("http://{}", self.address)).await.unwrap();
        timeout(LONG, client.latest(Query::default())).await.expect("an answer").unwrap();
    }

    /// Waits until nobody is connected any more.
    pub(crate) async fn is_left(&self) {
        let left = async {
            while tasks() > self.tasks {
                tokio::time::sleep(PAUSE).await;
            }
        };
        timeout(LONG, left).await.expect("connections end with their clients");
    }

    /// Waits until it has so many KiB more than before; says how many.
    pub(crate) async fn keeps_at_least(&self, kib: usize) -> usize {
        let kept = async {
            while self.kept() < kib {
                tokio::time::sleep(PAUSE).await;
            }
        };
        timeout(LONG, kept).await.expect("what was sent is kept");
        self.kept()
    }

    /// Waits until it has no more KiB than so many more than before. Meanwhile, others are served:
    /// allocators give back what one of their threads has freed when it next has something to do.
    pub(crate) async fn keeps_at_most(&self, kib: usize) {
        let kept = async {
            while self.kept() > kib {
                self.serves().await;
                tokio::time::sleep(PAUSE).await;
            }
        };
        let kept = timeout(LONG, kept).await;
        assert!(kept.is_ok(), "{} KiB are kept", self.kept());
    }

    /// How many KiB more there are than before.
    pub(crate) fn kept(&self) -> usize {
        resident_kib().saturating_sub(self.before)
    }
}

fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

/// A client that fills what the server gives it room for.
pub(crate) struct Hoarder {
    io: TcpStream,
    credit: i64,
    pub(crate) max_frame_size: usize,
}

impl Hoarder {
    pub(crate) async fn connect(target: &Target) -> Self {
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
    pub(crate) async fn settle(&mut self) {
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
    pub(crate) async fn upload(&mut self, stream: u32) -> usize {
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
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> usize {
        let sent = timeout(Duration::from_secs(5), self.io.write_all(bytes)).await;
        if matches!(sent, Ok(Ok(()))) { bytes.len() } else { 0 }
    }

    /// Has 32 of them send all that the server takes, in messages that nobody reads; and how many KiB
    /// that is.
    pub(crate) async fn hoard(target: &Target) -> (Vec<Self>, usize) {
        let (mut hoarders, mut sent) = (Vec::new(), 0);
        for _ in 0..32 {
            let mut hoarder = Self::connect(target).await;
            for stream in (1..20).step_by(2) {
                hoarder.upload(stream).await;
                sent += hoarder.fill(stream).await;
            }
            hoarder.settle().await;
            hoarders.push(hoarder);
        }
        (hoarders, sent)
    }

    /// Sends up to 400 messages of a KiB, as far as the window goes: glibc keeps small blocks more
    /// readily than large ones. Says how many.
    async fn fill(&mut self, stream: u32) -> usize {
        let fits = ((self.credit - 1).max(0) as usize / 1024).min(400);
        let frames = Frame::data(stream, vec![0; 1024]).encode().repeat(fits);
        self.credit -= fits as i64 * 1024;
        if self.send(&frames).await > 0 { fits } else { 0 }
    }
}
