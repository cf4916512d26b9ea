//! Streams of one connection share it: none of them keeps others from going on, whatever it does.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use rust_scaffold::{Channel, Request, Response, Server, Status, Streaming};
use tokio::{net::TcpSocket, task::JoinSet, time::timeout};
use tokio_stream::{Stream, StreamExt as _};

use crate::{
    station::{point, query},
    telemetry::{Point, Query, Summary, Telemetry, TelemetryClient, TelemetryServer, point::Value},
};

/// Only against hanging.
const LONG: Duration = Duration::from_secs(60);
/// What the kernel is asked to buffer for a slow network.
const NARROW: u32 = 16 * 1024;
/// How many calls have to be answered beside transfers.
const CALLS: usize = 100;
/// How many streams share a connection, and how many bytes they carry together until their shares are compared: several of
/// the largest messages each, as a message counts when it is complete.
const EQUALS: usize = 8;
const TOGETHER: usize = 64 << 20;

type Answer<T> = Result<Response<T>, Status>;

/// How far each of several transfers is, in bytes.
type Progress = Arc<[AtomicUsize; EQUALS]>;

fn carried(progress: &Progress) -> Vec<usize> {
    progress.iter().map(|bytes| bytes.load(Ordering::SeqCst)).collect()
}

/// Sends points of as many bytes as the limit says, without an end, and counts those that are uploaded under the
/// number that is their series. The series `computes` does so before each point.
#[derive(Clone, Default)]
struct Endless {
    uploaded: Progress,
}

impl Telemetry for Endless {
    async fn latest(&self, _: Request<Query>) -> Answer<Point> {
        Ok(Response::new(point("a")))
    }

    async fn watch(&self, request: Request<Query>) -> Answer<Streaming<Point>> {
        let query = request.into_inner();
        let points = blocks("a", query.limit as usize);
        Ok(Response::new(match query.series.as_str() {
            "computes" => Streaming::new(points.map(|point| {
                compute();
                point
            })),
            _ => Streaming::new(points),
        }))
    }

    async fn upload(&self, request: Request<Streaming<Point>>) -> Answer<Summary> {
        let mut points = request.into_inner();
        while let Some(point) = points.message().await? {
            let number: usize = point.series.parse().unwrap();
            self.uploaded[number].fetch_add(size(&point), Ordering::SeqCst);
        }
        Ok(Response::new(Summary::default()))
    }

    async fn tail(&self, _: Request<Streaming<Query>>) -> Answer<Streaming<Point>> {
        Err(Status::unimplemented("not here"))
    }

    async fn last(&self, request: Request<Query>) -> Answer<Point> {
        self.latest(request).await
    }
}

/// Points of so many bytes, without an end.
fn blocks(series: &str, bytes: usize) -> impl Stream<Item = Result<Point, Status>> + use<> {
    let block = Point { value: Some(Value::Raw(vec![7; bytes])), ..point(series) };
    tokio_stream::iter(std::iter::repeat_with(move || Ok(block.clone())))
}

fn size(point: &Point) -> usize {
    match &point.value {
        Some(Value::Raw(bytes)) => bytes.len(),
        _ => 0,
    }
}

fn compute() {
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_millis(2) {
        std::hint::spin_loop();
    }
}

/// What runs beside the calls of a test, over one connection.
struct Load {
    client: TelemetryClient,
    downloaded: Progress,
    uploaded: Progress,
    tasks: JoinSet<Result<(), Status>>,
}

impl Load {
    /// A client and a server between which the kernel buffers `narrow` many bytes, or as many as it likes.
    async fn start(narrow: Option<u32>) -> Self {
        let socket = move || {
            let socket = TcpSocket::new_v4()?;
            if let Some(bytes) = narrow {
                socket.set_send_buffer_size(bytes)?;
                socket.set_recv_buffer_size(bytes)?;
            }
            std::io::Result::Ok(socket)
        };
        let listening = socket().unwrap();
        listening.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        // Its connections have the same buffers.
        let listener = listening.listen(16).unwrap();
        let address = listener.local_addr().unwrap();
        let service = Endless::default();
        let uploaded = Arc::clone(&service.uploaded);
        let server = Server::new().add_service(TelemetryServer::new(service));
        tokio::spawn(server.serve_listener(listener));
        let channel = Channel::builder(format!("http://{address}"))
            .connector(move |_| async move { socket()?.connect(address).await })
            .max_connections(1);
        let client = TelemetryClient::new(channel.connect().await.unwrap());
        Self { client, downloaded: Progress::default(), uploaded, tasks: JoinSet::new() }
    }

    /// Downloads points of so many bytes, as transfer `number`.
    fn download(&mut self, number: usize, series: &'static str, bytes: usize) {
        let (client, downloaded) = (self.client.clone(), Arc::clone(&self.downloaded));
        self.tasks.spawn(async move {
            let limit = u32::try_from(bytes).unwrap();
            let mut points = client.watch(query(series, limit)).await?.into_inner();
            while let Some(point) = points.message().await? {
                downloaded[number].fetch_add(size(&point), Ordering::SeqCst);
            }
            Ok(())
        });
    }

    /// Uploads points of so many bytes, as transfer `number`.
    fn upload(&mut self, number: usize, bytes: usize) {
        let client = self.client.clone();
        let points = Streaming::new(blocks(&number.to_string(), bytes));
        self.tasks.spawn(async move { client.upload(points).await.map(drop) });
    }

    /// Makes unary calls without a pause, so many at a time.
    fn flood(&mut self, calls: usize, answered: &Arc<AtomicUsize>) {
        for _ in 0..calls {
            let (client, answered) = (self.client.clone(), Arc::clone(answered));
            self.tasks.spawn(async move {
                loop {
                    client.latest(query("a", 1)).await?;
                    answered.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
    }

    /// Waits until `holds`. No transfer may end meanwhile.
    async fn until(&mut self, what: &str, mut holds: impl FnMut() -> bool) {
        let holding = async {
            while !holds() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::select! {
            ended = self.tasks.join_next(), if !self.tasks.is_empty() => panic!("{ended:?}"),
            waited = timeout(LONG, holding) => waited.unwrap_or_else(|_| panic!("{what}")),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_are_answered_beside_transfers_and_transfers_go_on_beside_calls() {
    for narrow in [None, Some(NARROW)] {
        let mut load = Load::start(narrow).await;
        let client = load.client.clone();
        let mut unread = client.watch(query("a", 64 * 1024)).await.unwrap().into_inner();
        unread.message().await.unwrap().unwrap();
        load.download(0, "a", 1 << 20);
        load.download(1, "computes", 1024);
        load.upload(0, 1 << 20);
        let (down, up) = (Arc::clone(&load.downloaded), Arc::clone(&load.uploaded));
        let others = Arc::new(AtomicUsize::new(0));
        load.flood(64, &others);
        let counts = || {
            [carried(&down)[0], carried(&down)[1], carried(&up)[0], others.load(Ordering::SeqCst)]
        };
        load.until("all of them go on", || counts().iter().all(|count| *count > 0)).await;
        let before = counts();
        for nth in 0..CALLS {
            let answer = timeout(LONG, client.latest(query("a", 1))).await;
            answer
                .unwrap_or_else(|_| panic!("call {nth} hangs, {narrow:?}: {:?}", counts()))
                .unwrap();
        }
        load.until("transfers go on", || {
            counts().iter().zip(before).all(|(now, then)| *now > then)
        })
        .await;
        timeout(LONG, unread.message()).await.expect("it goes on when it is read").unwrap();
    }
}

/// On one thread: streams would have to wait for a worker that the system lets wait.
#[tokio::test]
async fn equal_streams_get_equal_shares() {
    for bytes in [16 * 1024, 1 << 20] {
        for narrow in [None, Some(NARROW)] {
            let mut load = Load::start(narrow).await;
            (0..EQUALS).for_each(|number| load.download(number, "a", bytes));
            let progress = Arc::clone(&load.downloaded);
            have_equal_shares(&mut load, &progress, "downloads").await;
            let mut load = Load::start(narrow).await;
            (0..EQUALS).for_each(|number| load.upload(number, bytes));
            let progress = Arc::clone(&load.uploaded);
            have_equal_shares(&mut load, &progress, "uploads").await;
        }
    }
}

async fn have_equal_shares(load: &mut Load, progress: &Progress, what: &str) {
    // One that the scheduler lets begin late has a share from then on.
    load.until(what, || carried(progress).iter().all(|bytes| *bytes > 0)).await;
    let before = carried(progress);
    let since =
        || carried(progress).iter().zip(&before).map(|(now, then)| now - then).collect::<Vec<_>>();
    let mut shares = Vec::new();
    load.until(what, || {
        shares = since();
        shares.iter().sum::<usize>() >= TOGETHER
    })
    .await;
    let mean = shares.iter().sum::<usize>() / EQUALS;
    assert!(shares.iter().all(|share| (mean / 2..mean * 2).contains(share)), "{what}: {shares:?}");
}
