//! Flow-control credit: who reads nothing holds up nobody else.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use rust_scaffold::{Channel, HttpBody, Request, Response, Server, Status, Streaming};
use tokio::time::timeout;
use tonic::server::NamedService;
use tower_service::Service;

use crate::{
    routes::listen,
    station::{point, query},
    telemetry::{Point, Query, Summary, Telemetry, TelemetryClient, TelemetryServer, point::Value},
};

/// Only against hanging.
const LONG: Duration = Duration::from_secs(60);
/// The windows that both sides have here, of a stream and of a connection.
const STREAM: u32 = 64 * 1024;
const CONNECTION: u32 = 128 * 1024;
/// More streams than fit into the window of a connection.
const MANY: usize = 32;

type Answer<T> = Result<Response<T>, Status>;

/// Reads nothing of a stream of requests, and never comes to an end; answers a `latest` at once, unless
/// its series is `waits`.
#[derive(Clone, Copy)]
pub(crate) struct Idle;

impl Telemetry for Idle {
    async fn latest(&self, request: Request<Query>) -> Answer<Point> {
        if request.get_ref().series.starts_with("waits") {
            return std::future::pending().await;
        }
        Ok(Response::new(block()))
    }

    async fn watch(&self, request: Request<Query>) -> Answer<Streaming<Point>> {
        if request.get_ref().series.starts_with("waits") {
            return Ok(Response::new(Streaming::new(tokio_stream::pending())));
        }
        let blocks = std::iter::repeat_with(|| Ok(block()));
        Ok(Response::new(Streaming::new(tokio_stream::iter(blocks))))
    }

    async fn upload(&self, request: Request<Streaming<Point>>) -> Answer<Summary> {
        let _unread = request;
        std::future::pending().await
    }

    async fn tail(&self, request: Request<Streaming<Query>>) -> Answer<Streaming<Point>> {
        // Dropped: nobody will read them.
        drop(request);
        Ok(Response::new(Streaming::new(tokio_stream::pending())))
    }

    async fn last(&self, request: Request<Query>) -> Answer<Point> {
        self.latest(request).await
    }
}

/// A layer that keeps the calls of `watch` to itself, and lets others through.
#[derive(Clone)]
struct Holding(TelemetryServer<Idle>);

impl NamedService for Holding {
    const NAME: &'static str = <TelemetryServer<Idle> as NamedService>::NAME;
}

type HttpResponse = http::Response<HttpBody>;

impl Service<http::Request<HttpBody>> for Holding {
    type Response = HttpResponse;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<HttpBody>) -> Self::Future {
        if !request.uri().path().ends_with("/Watch") {
            return Box::pin(self.0.call(request));
        }
        Box::pin(async move {
            let _unread = request;
            std::future::pending().await
        })
    }
}

fn block() -> Point {
    Point { value: Some(Value::Raw(vec![7; 16 * 1024])), ..point("block") }
}

fn server() -> Server {
    Server::new()
        .initial_stream_window_size(STREAM)
        .initial_connection_window_size(CONNECTION)
        .add_service(TelemetryServer::new(Idle))
}

/// A client of `server`, over one connection.
async fn client(server: Server) -> TelemetryClient {
    let (listener, address) = listen().await;
    tokio::spawn(server.serve_listener(listener));
    let channel = Channel::builder(format!("http://{address}"))
        .initial_stream_window_size(STREAM)
        .initial_connection_window_size(CONNECTION)
        .max_connections(1);
    TelemetryClient::new(channel.connect().await.unwrap())
}

/// A call that takes windows in both directions goes through.
async fn is_served(client: &TelemetryClient, place: &str) {
    let large = query(&"x".repeat(100_000), 1);
    let answer = timeout(LONG, client.latest(large)).await;
    answer.unwrap_or_else(|_| panic!("a call beside {place} hangs")).unwrap();
}

#[tokio::test]
async fn what_handlers_have_read_goes_back_while_they_are_at_work() {
    let client = client(server()).await;
    let waits = || query(&format!("waits{}", "x".repeat(30_000)), 1);
    let mut calls = Vec::new();
    for _ in 0..MANY {
        calls.push(client.watch(waits()).await.unwrap());
    }
    is_served(&client, "streams of responses whose requests were read").await;
    let calls: Vec<_> = (0..MANY)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.latest(waits()).await })
        })
        .collect();
    is_served(&client, "handlers that have read their requests").await;
    calls.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn requests_that_a_handler_drops_go_back_while_it_answers() {
    let client = client(server()).await;
    let mut calls = Vec::new();
    for _ in 0..MANY {
        let requests = (0..4).map(|_| query(&"x".repeat(16_000), 1));
        calls.push(client.tail(Streaming::from_iter(requests)).await.unwrap());
    }
    is_served(&client, "requests that were dropped").await;
}

#[tokio::test]
async fn responses_that_nobody_reads_leave_others_their_window() {
    let client = client(server()).await;
    let mut unread = Vec::new();
    for count in 1..=MANY {
        unread.push(client.watch(query("all", 1)).await.unwrap());
        is_served(&client, &format!("{count} unread streams")).await;
    }
    drop(unread);
    is_served(&client, "nothing").await;
}

#[tokio::test]
async fn requests_that_nobody_reads_leave_others_their_window() {
    let client = client(server()).await;
    let mut uploads = Vec::new();
    for count in 1..=MANY {
        let client = client.clone();
        uploads.push(tokio::spawn({
            let client = client.clone();
            let blocks = std::iter::repeat_with(|| Ok(block()));
            async move { client.upload(Streaming::new(tokio_stream::iter(blocks))).await }
        }));
        is_served(&client, &format!("{count} unread uploads")).await;
    }
    uploads.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn requests_that_a_layer_holds_leave_others_their_window() {
    let server = Server::new()
        .initial_stream_window_size(STREAM)
        .initial_connection_window_size(CONNECTION)
        .add_tower_service(Holding(TelemetryServer::new(Idle)));
    let client = client(server).await;
    let mut held = Vec::new();
    for count in 1..=MANY {
        let (client, request) = (client.clone(), query(&"x".repeat(30_000), 1));
        held.push(tokio::spawn({
            let client = client.clone();
            async move { client.watch(request).await }
        }));
        is_served(&client, &format!("{count} calls that a layer holds")).await;
    }
    held.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn a_connection_stops_at_its_limit_and_goes_on_when_somebody_reads() {
    let client = client(server()).await;
    let (listener, address) = listen().await;
    tokio::spawn(server().serve_listener(listener));
    let channel = Channel::builder(format!("http://{address}"))
        .initial_stream_window_size(STREAM)
        .initial_connection_window_size(CONNECTION)
        .max_receive_buffer_size(0)
        .max_connections(1);
    let limited = TelemetryClient::new(channel.connect().await.unwrap());
    let mut unread = Vec::new();
    for _ in 0..3 {
        unread.push(limited.watch(query("all", 1)).await.unwrap());
        unread.push(client.watch(query("all", 1)).await.unwrap());
    }
    // It is full as soon as the other one has as much and more.
    is_served(&client, "three unread streams").await;
    let mut waiting = std::pin::pin!(limited.latest(query("a", 1)));
    let stopped = timeout(Duration::from_millis(200), waiting.as_mut()).await;
    assert!(stopped.is_err(), "there is a window left");
    drop(unread);
    timeout(LONG, waiting).await.unwrap().unwrap();
}

struct Counting;

impl rust_scaffold::Interceptor for Counting {
    async fn intercept(
        &self,
        call: rust_scaffold::InterceptedCall,
        next: rust_scaffold::Next<'_>,
    ) -> Result<rust_scaffold::Reply, Status> {
        next.on_end(|_| ()).run(call).await
    }
}

/// Keeps all calls but those of `latest` to itself.
#[derive(Clone)]
struct HoldingUploads(TelemetryServer<Idle>);

impl NamedService for HoldingUploads {
    const NAME: &'static str = <TelemetryServer<Idle> as NamedService>::NAME;
}

impl Service<http::Request<HttpBody>> for HoldingUploads {
    type Response = HttpResponse;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<HttpBody>) -> Self::Future {
        if request.uri().path().ends_with("/Latest") {
            return Box::pin(self.0.call(request));
        }
        Box::pin(async move {
            let _unread = request;
            std::future::pending().await
        })
    }
}

/// How many held uploads it takes until another call hangs.
async fn held_until_others_hang(server: Server) -> Option<usize> {
    let server = server
        .initial_stream_window_size(STREAM)
        .initial_connection_window_size(CONNECTION)
        .add_tower_service(HoldingUploads(TelemetryServer::new(Idle)));
    let client = client(server).await;
    let mut held = Vec::new();
    for count in 1..=MANY {
        held.push(tokio::spawn({
            let client = client.clone();
            let blocks = std::iter::repeat_with(|| Ok(block()));
            async move { client.upload(Streaming::new(tokio_stream::iter(blocks))).await }
        }));
        let served = is_served(&client, "uploads that a service holds");
        if timeout(LONG, served).await.is_err() {
            return Some(count);
        }
    }
    None
}

#[tokio::test]
async fn uploads_that_a_tower_service_holds_leave_others_their_window() {
    assert_eq!(held_until_others_hang(Server::new()).await, None, "without interceptors");
    let server = Server::new().intercept(Counting);
    assert_eq!(held_until_others_hang(server).await, None, "behind an interceptor");
}
