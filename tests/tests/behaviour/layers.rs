//! Layers around everything that a server serves, wherever it serves it.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderValue, Request, Response, StatusCode};
use rust_scaffold::{
    Channel, Code, HttpBody, Routes, Server, Status,
    tonic::{self, body::Body},
};
use tower::{
    ServiceBuilder,
    limit::ConcurrencyLimitLayer,
    util::{MapRequestLayer, MapResponseLayer},
};
use tower_layer::layer_fn;
use tower_service::Service;

use crate::{
    mounted::{mount, response, send},
    station::{Station, query},
    telemetry::{TelemetryClient, TelemetryServer},
};

/// What a layer does with calls, or with those that have the header `word`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Does {
    Answers,
    Fails,
    PanicsInCall,
    PanicsInFuture,
    /// With all calls, as it has not seen their headers yet.
    PanicsWhenAskedIfReady,
    FailsToBeReady,
    IsReadyLater,
    FailsLater,
    PanicsLater,
}

use Does::*;

/// Any error, of which only the source is a status.
#[derive(Debug)]
struct Failed(Option<Status>);

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this layer fails")
    }
}

impl std::error::Error for Failed {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.as_ref().map(|status| status as _)
    }
}

#[derive(Clone)]
struct Layered {
    does: Does,
    inner: Routes,
    /// How often it was asked whether it is ready.
    asked: usize,
}

impl Service<Request<HttpBody>> for Layered {
    type Response = Response<HttpBody>;
    type Error = Failed;
    type Future = Pin<Box<dyn Future<Output = Result<Response<HttpBody>, Failed>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failed>> {
        self.asked += 1;
        match self.does {
            PanicsWhenAskedIfReady => panic!("this layer is never ready"),
            FailsToBeReady => Poll::Ready(Err(Failed(Some(Status::aborted("never ready"))))),
            IsReadyLater | FailsLater | PanicsLater if self.asked < 3 => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            FailsLater => Poll::Ready(Err(Failed(None))),
            PanicsLater => panic!("this layer is not ready after all"),
            _ => Poll::Ready(Ok(())),
        }
    }

    fn call(&mut self, request: Request<HttpBody>) -> Self::Future {
        let does = self.does;
        let answer = self.inner.call(request);
        assert!(does != IsReadyLater || self.asked >= 3, "it was called before it was ready");
        match does {
            Answers => Box::pin(async {
                let head = Response::builder().header("content-type", "application/grpc");
                let head = head.header("grpc-status", "10").header("word", "answered");
                Ok(head.body(HttpBody::default()).unwrap())
            }),
            Fails => Box::pin(async { Err(Failed(Some(Status::aborted("refused")))) }),
            PanicsInCall => panic!("this layer takes no calls"),
            PanicsInFuture => Box::pin(async { panic!("this layer answers no calls") }),
            _ => Box::pin(async move {
                let Ok(response) = answer.await;
                Ok(response)
            }),
        }
    }
}

fn station() -> TelemetryServer<Station> {
    TelemetryServer::new(Station::default())
}

/// A layer that adds `value` to the header `layers` of every response.
fn adds(
    value: &'static str,
) -> MapResponseLayer<impl Fn(Response<HttpBody>) -> Response<HttpBody> + Clone> {
    MapResponseLayer::new(move |mut response: Response<HttpBody>| {
        response.headers_mut().append("layers", HeaderValue::from_static(value));
        response
    })
}

fn layers_of<B>(response: &Response<B>) -> Vec<&str> {
    let values = response.headers().get_all("layers").iter();
    values.map(|value| value.to_str().unwrap()).collect()
}

/// Whether calls start on the connection's task or on one of their own.
fn servers() -> [Server; 2] {
    [
        Server::new().inline_limit(Duration::from_secs(60)),
        Server::new().inline_limit(Duration::ZERO),
    ]
}

#[tokio::test]
async fn a_layer_sees_every_response() {
    // Added before and after the layer.
    let before = |server: Server| server.add_service(station()).layer(adds("a"));
    let after = |server: Server| server.layer(adds("a")).add_service(station());
    for server in servers().map(before).into_iter().chain(servers().map(after)) {
        for (name, mut channel, _, task) in mount(server).await {
            for (method, path, content_type, expected) in [
                ("POST", "/telemetry.Telemetry/Latest", "application/grpc", StatusCode::OK),
                ("POST", "/telemetry.Telemetry/Missing", "application/grpc", StatusCode::OK),
                ("POST", "/missing.Service/Method", "application/grpc", StatusCode::OK),
                (
                    "POST",
                    "/missing.Service/Method",
                    "text/html",
                    StatusCode::UNSUPPORTED_MEDIA_TYPE,
                ),
                ("POST", "/telemetry.Telemetry/Latest", "a/b", StatusCode::UNSUPPORTED_MEDIA_TYPE),
                ("GET", "/", "application/grpc", StatusCode::METHOD_NOT_ALLOWED),
            ] {
                let request = Request::builder().method(method).uri(path).header("te", "trailers");
                let request = request.header("content-type", content_type);
                let response = send(&mut channel, request.body(Body::empty()).unwrap()).await;
                assert_eq!(response.status(), expected, "{name}: {method} {path} {content_type}");
                assert_eq!(layers_of(&response), ["a"], "{name}: {method} {path} {content_type}");
            }
            task.abort();
        }
    }
}

#[tokio::test]
async fn a_layer_wraps_the_fallback() {
    for server in [
        Server::new().fallback(station()).layer(adds("a")),
        Server::new().layer(adds("a")).fallback(station()),
    ] {
        for (name, mut channel, address, task) in mount(server).await {
            let ours = TelemetryClient::new(Channel::connect(address).await.unwrap());
            let answer = ours.latest(query("a", 1)).await.unwrap();
            assert_eq!(answer.metadata().get("layers").unwrap(), "a", "{name}");
            let unknown = response(&mut channel, "/missing.Service/Method").await;
            assert_eq!(layers_of(&unknown), ["a"], "{name}");
            task.abort();
        }
    }
}

#[tokio::test]
async fn the_layer_that_was_added_first_is_the_outermost() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sees = |name: &'static str| {
        let seen = Arc::clone(&seen);
        MapRequestLayer::new(move |request: Request<HttpBody>| {
            seen.lock().unwrap().push(name);
            request
        })
    };
    let stack = ServiceBuilder::new().layer(sees("b")).layer(adds("b")).into_inner();
    let server = Server::new().layer(sees("a")).layer(adds("a")).add_service(station());
    let server = server.layer(stack).layer(sees("c")).layer(adds("c"));
    for (name, mut channel, _, task) in mount(server).await {
        let response = response(&mut channel, "/telemetry.Telemetry/Missing").await;
        assert_eq!(layers_of(&response), ["c", "b", "a"], "{name}");
        assert_eq!(std::mem::take(&mut *seen.lock().unwrap()), ["a", "b", "c"], "{name}");
        task.abort();
    }
}

/// Statuses of calls through a layer that does this, in any server.
async fn statuses(does: Does) -> Vec<Result<(), Status>> {
    let mut statuses = Vec::new();
    for server in servers() {
        let server = server.add_service(station()).layer(adds("outer"));
        let server = server.layer(layer_fn(move |inner| Layered { does, inner, asked: 0 }));
        for (name, _, address, task) in mount(server).await {
            let ours = TelemetryClient::new(Channel::connect(address).await.unwrap());
            // The connection stays as it is.
            for _ in 0..2 {
                let answer = ours.latest(query("a", 1)).await;
                let metadata = match &answer {
                    Ok(answer) => answer.metadata(),
                    Err(status) => status.metadata(),
                };
                assert_eq!(metadata.get("layers").unwrap(), "outer", "{does:?} in {name}");
                statuses.push(answer.map(drop));
            }
            task.abort();
        }
    }
    assert_eq!(statuses.len(), 12);
    statuses
}

#[tokio::test]
async fn a_layer_answers_by_itself() {
    for status in statuses(Answers).await {
        let status = status.unwrap_err();
        assert_eq!(status.code(), Code::Aborted, "{status}");
        assert_eq!(status.metadata().get("word").unwrap(), "answered");
    }
}

#[tokio::test]
async fn a_layer_that_is_not_ready_at_first_is_waited_for() {
    for status in statuses(IsReadyLater).await {
        status.unwrap();
    }
}

#[tokio::test]
async fn the_error_of_a_layer_is_the_status_in_it() {
    for does in [Fails, FailsToBeReady] {
        for status in statuses(does).await {
            assert_eq!(status.unwrap_err().code(), Code::Aborted, "{does:?}");
        }
    }
    for status in statuses(FailsLater).await {
        let status = status.unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::Unknown, "this layer fails"));
    }
}

#[tokio::test]
async fn a_layer_of_a_server_that_panics_fails_the_call_alone() {
    for does in [PanicsInCall, PanicsInFuture, PanicsWhenAskedIfReady, PanicsLater] {
        for status in statuses(does).await {
            let status = status.unwrap_err();
            assert_eq!(status.code(), Code::Internal, "{does:?}: {status}");
        }
    }
}

#[tokio::test]
async fn a_panic_in_a_layer_leaves_other_calls_of_the_connection() {
    let boom = MapRequestLayer::new(|request: Request<HttpBody>| {
        assert!(!request.headers().contains_key("boom"), "this layer panics");
        request
    });
    for server in servers() {
        let server = server.layer(boom.clone()).add_service(station());
        for (name, _, address, task) in mount(server).await {
            let ours = TelemetryClient::new(Channel::connect(address).await.unwrap());
            let beside = ours.watch(query("a", 3)).await.unwrap();
            let mut request = tonic::Request::new(query("a", 1));
            request.metadata_mut().insert("boom", "boom".parse().unwrap());
            let failure = ours.latest(request).await.unwrap_err();
            assert_eq!(failure.code(), Code::Internal, "{name}");
            let point = beside.into_inner().message().await.unwrap().unwrap();
            assert_eq!(point.series, "a", "{name}");
            task.abort();
        }
    }
}

#[tokio::test]
async fn a_limit_of_towers_holds_for_all_connections() {
    let station = Station::default();
    let limit = ServiceBuilder::new().load_shed().concurrency_limit(1).into_inner();
    let server = Server::new().layer(limit).add_service(TelemetryServer::new(station.clone()));
    for (name, _, address, task) in mount(server).await {
        let connect = async || TelemetryClient::new(Channel::connect(&*address).await.unwrap());
        let (first, second) = (connect().await, connect().await);
        let hangs = tokio::spawn(async move { first.latest(query("hangs", 1)).await });
        station.busy().await;
        let failure = second.latest(query("a", 1)).await.unwrap_err();
        assert_eq!(failure.code(), Code::ResourceExhausted, "{name}: {failure}");
        hangs.abort();
        station.idle().await;
        second.latest(query("a", 1)).await.unwrap();
        task.abort();
    }
}

#[test]
fn a_server_shows_its_layers() {
    let server = Server::new().layer(ConcurrencyLimitLayer::new(1));
    let text = format!("{server:?}");
    assert!(text.contains("ConcurrencyLimitLayer"), "{text}");
}
