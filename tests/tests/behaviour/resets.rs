//! Calls that end early, by either side, again and again: the others of their connection go on.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rust_scaffold::{Channel, Code, Request, Response, Server, Status, Streaming};
use tokio::task::JoinSet;
use tokio_stream::{StreamExt as _, wrappers::TcpListenerStream};

use crate::{
    routes::listen,
    station::{point, query},
    telemetry::{Point, Query, Summary, Telemetry, TelemetryClient, TelemetryServer, point::Value},
};

/// More than any limit for the life of a connection that HTTP/2 libraries have by default.
const MANY: usize = 3000;

type Answer<T> = Result<Response<T>, Status>;

/// Refuses streams of requests without a look at them, and blocks its thread where it is told to.
#[derive(Clone, Copy)]
struct Curt;

impl Telemetry for Curt {
    async fn latest(&self, request: Request<Query>) -> Answer<Point> {
        match request.get_ref().series.as_str() {
            // As handlers should not, but some do.
            "stalls" => std::thread::sleep(Duration::from_millis(200)),
            "hangs" => std::future::pending().await,
            _ => {}
        }
        Ok(Response::new(point("a")))
    }

    async fn watch(&self, _: Request<Query>) -> Answer<Streaming<Point>> {
        let points = std::iter::repeat_with(|| Ok(point(&"x".repeat(1000))));
        Ok(Response::new(Streaming::new(tokio_stream::iter(points))))
    }

    async fn upload(&self, _: Request<Streaming<Point>>) -> Answer<Summary> {
        Err(Status::unauthenticated("no ticket"))
    }

    async fn tail(&self, _: Request<Streaming<Query>>) -> Answer<Streaming<Point>> {
        Err(Status::unauthenticated("no ticket"))
    }

    async fn last(&self, request: Request<Query>) -> Answer<Point> {
        self.latest(request).await
    }
}

/// The client, and how many connections it has made.
async fn client() -> (TelemetryClient, Arc<AtomicUsize>) {
    let (listener, address) = listen().await;
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    let incoming = TcpListenerStream::new(listener).map(move |connection| {
        count.fetch_add(1, Ordering::SeqCst);
        connection
    });
    tokio::spawn(Server::new().add_service(TelemetryServer::new(Curt)).serve_incoming(incoming));
    let channel = Channel::connect_lazy(format!("http://{address}")).unwrap();
    (TelemetryClient::new(channel), connections)
}

fn within(time: Duration, message: Query) -> Request<Query> {
    let mut request = Request::new(message);
    request.set_timeout(time);
    request
}

/// Makes [`MANY`] calls, 50 at a time.
async fn all<F>(call: impl Fn() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut calls = JoinSet::new();
    for _ in 0..MANY {
        if calls.len() == 50 {
            calls.join_next().await.unwrap().unwrap();
        }
        calls.spawn(call());
    }
    while let Some(call) = calls.join_next().await {
        call.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_that_are_refused_unread_do_not_add_up() {
    let (client, connections) = client().await;
    all(|| {
        let client = client.clone();
        let block = || Point { value: Some(Value::Raw(vec![7; 10_000])), ..point("a") };
        let points = tokio_stream::iter((0..100).map(move |_| Ok(block())));
        async move {
            let refused = client.upload(Streaming::new(points)).await.unwrap_err();
            assert_eq!(refused.code(), Code::Unauthenticated, "{refused}");
        }
    })
    .await;
    client.latest(query("a", 1)).await.unwrap();
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_are_given_up_do_not_add_up() {
    let (client, connections) = client().await;
    all(|| {
        let client = client.clone();
        async move {
            drop(client.watch(query("a", 1)).await.unwrap());
            let given_up = client.latest(query("hangs", 1));
            drop(tokio::time::timeout(Duration::ZERO, given_up).await);
            let late = client.latest(within(Duration::from_millis(1), query("hangs", 1))).await;
            assert_eq!(late.unwrap_err().code(), Code::DeadlineExceeded);
        }
    })
    .await;
    client.latest(query("a", 1)).await.unwrap();
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stalls_loses_no_call_but_those_that_were_given_up() {
    let (client, connections) = client().await;
    let beside = client.watch(query("a", 1)).await.unwrap();
    let patient = tokio::spawn({
        let client = client.clone();
        async move { client.latest(query("stalls", 1)).await }
    });
    tokio::task::yield_now().await;
    let mut hasty = JoinSet::new();
    for _ in 0..500 {
        let client = client.clone();
        hasty.spawn(async move {
            client.latest(within(Duration::from_millis(30), query("a", 1))).await
        });
    }
    while let Some(call) = hasty.join_next().await {
        if let Err(status) = call.unwrap() {
            assert_eq!(status.code(), Code::DeadlineExceeded, "{status}");
        }
    }
    patient.await.unwrap().unwrap();
    beside.into_inner().message().await.unwrap().unwrap();
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}
