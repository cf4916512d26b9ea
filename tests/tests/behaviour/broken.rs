//! What becomes of the calls of a connection whose HTTP/2 has panicked under its lock: it can tell nobody.

use std::{
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Wake, Waker},
    time::Duration,
};

use rust_scaffold::{Channel, Code, Request, Response, Server, Status, Streaming};
use tokio::{sync::Notify, task::JoinHandle, time::timeout};
use tokio_stream::Stream as _;

use crate::{
    routes::listen,
    station::{Busy, Station, query},
    telemetry::{Point, Query, Summary, Telemetry, TelemetryClient, TelemetryServer},
};

/// Only against hanging.
const LONG: Duration = Duration::from_secs(30);

/// Panics when it wakes somebody, as HTTP/2 does when something has come.
struct Bomb;

impl Wake for Bomb {
    fn wake(self: Arc<Self>) {
        panic!("this waker panics");
    }
}

/// Has the one who receives the next message of `stream` panic.
fn arm<T>(stream: &mut Streaming<T>) {
    let waker = Waker::from(Arc::new(Bomb));
    let polled = Pin::new(stream).poll_next(&mut Context::from_waker(&waker));
    assert!(polled.is_pending());
}

type Answer<T> = Result<Response<T>, Status>;

/// A station that waits for queries in a way that makes its connection panic, if it is asked to.
#[derive(Clone, Default)]
struct Mined {
    station: Station,
    is_armed: Arc<Notify>,
}

impl Telemetry for Mined {
    async fn latest(&self, request: Request<Query>) -> Answer<Point> {
        self.station.latest(request).await
    }

    async fn watch(&self, request: Request<Query>) -> Answer<Streaming<Point>> {
        self.station.watch(request).await
    }

    async fn upload(&self, request: Request<Streaming<Point>>) -> Answer<Summary> {
        self.station.upload(request).await
    }

    async fn tail(&self, request: Request<Streaming<Query>>) -> Answer<Streaming<Point>> {
        if !request.metadata().contains_key("mined") {
            return self.station.tail(request).await;
        }
        let mut queries = request.into_inner();
        arm(&mut queries);
        let _busy = Busy::new(&self.station.busy);
        self.is_armed.notify_one();
        std::future::pending().await
    }

    async fn last(&self, request: Request<Query>) -> Answer<Point> {
        self.station.latest(request).await
    }
}

/// Calls of all kinds that wait, on one connection.
struct Waiting {
    calls: Vec<JoinHandle<Result<(), Status>>>,
    mined: Mined,
    client: TelemetryClient,
    /// What keeps the requests of the calls going.
    _open: Vec<Box<dyn Send>>,
}

const CALLS: usize = 10;

impl Waiting {
    async fn start() -> Self {
        let (listener, address) = listen().await;
        let mined = Mined::default();
        let server = Server::new().add_service(TelemetryServer::new(mined.clone()));
        tokio::spawn(server.serve_listener(listener));
        let channel = Channel::connect(format!("http://{address}")).await.unwrap();
        let client = TelemetryClient::new(channel);
        let (mut calls, mut open) = (Vec::new(), Vec::<Box<dyn Send>>::new());
        for _ in 0..CALLS {
            let it = client.clone();
            calls.push(tokio::spawn(async move { it.latest(query("hangs", 1)).await.map(drop) }));
            let mut points = client.watch(query("hangs", 1)).await.unwrap().into_inner();
            points.message().await.unwrap().unwrap();
            calls.push(tokio::spawn(async move { points.message().await.map(drop) }));
            let (points, requests) = Streaming::channel(1);
            let it = client.clone();
            calls.push(tokio::spawn(async move { it.upload(requests).await.map(drop) }));
            let (queries, requests) = Streaming::channel(1);
            let mut answers = client.tail(requests).await.unwrap().into_inner();
            calls.push(tokio::spawn(async move { answers.message().await.map(drop) }));
            open.extend([Box::new(points) as Box<dyn Send>, Box::new(queries)]);
        }
        while mined.station.busy.load(Ordering::SeqCst) < 4 * CALLS {
            tokio::task::yield_now().await;
        }
        Self { calls, mined, client, _open: open }
    }

    /// None of them waits any longer, on either side, and the next call goes well.
    async fn all_end(self) {
        for call in self.calls {
            let failure = timeout(LONG, call).await.expect("an end").unwrap().unwrap_err();
            assert_eq!(failure.code(), Code::Unavailable, "{failure}");
        }
        timeout(LONG, self.mined.station.idle()).await.expect("the handlers are dropped");
        self.client.latest(query("a", 1)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clients_connection_that_panics_under_its_lock_ends_all_of_its_calls() {
    let waiting = Waiting::start().await;
    let (queries, requests) = Streaming::channel(1);
    let mut points = waiting.client.tail(requests).await.unwrap().into_inner();
    arm(&mut points);
    queries.send(query("a", 1)).await.unwrap();
    waiting.all_end().await;
    let failure = timeout(LONG, points.message()).await.expect("an end").unwrap_err();
    assert_eq!(failure.code(), Code::Unavailable, "{failure}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_servers_connection_that_panics_under_its_lock_ends_all_of_its_calls() {
    let waiting = Waiting::start().await;
    let (queries, requests) = Streaming::channel(1);
    let mut request = Request::new(requests);
    request.metadata_mut().insert("mined", "yes".parse().unwrap());
    let client = waiting.client.clone();
    let mined = tokio::spawn(async move { client.tail(request).await.map(drop) });
    waiting.mined.is_armed.notified().await;
    queries.send(query("a", 1)).await.unwrap();
    waiting.all_end().await;
    let failure = timeout(LONG, mined).await.expect("an end").unwrap().unwrap_err();
    assert_eq!(failure.code(), Code::Unavailable, "{failure}");
}
