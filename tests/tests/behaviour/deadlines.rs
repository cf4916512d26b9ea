//! A deadline ends a call with `DeadlineExceeded`, on whichever side it passes first.

use std::{
    convert::Infallible,
    sync::Mutex,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use http_body_util::{BodyExt as _, StreamBody, combinators::UnsyncBoxBody};
use rust_scaffold::{Channel, Code, Request, Response, Status, Streaming};
use tokio::{sync::oneshot, time::timeout};

use crate::{
    routes,
    station::{Station, point, query},
    telemetry::{Point, Query, Summary, Telemetry, TelemetryClient, TelemetryServer},
};

const SHORT: Duration = Duration::from_millis(300);
const SOON: Duration = Duration::from_secs(10);

fn in_a_moment<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(SHORT);
    request
}

#[tokio::test]
async fn an_expired_deadline_is_deadline_exceeded_and_drops_the_handler() {
    let station = Station::default();
    for route in routes::all(TelemetryServer::new(station.clone())).await {
        let status = route.client.latest(in_a_moment(query("hangs", 1))).await.unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded, "{}", route.name);
        timeout(SOON, station.idle()).await.expect(route.name);
    }
}

#[tokio::test]
async fn a_deadline_covers_the_messages_of_a_response_stream() {
    let station = Station::default();
    for route in routes::all(TelemetryServer::new(station.clone())).await {
        let response = route.client.watch(in_a_moment(query("hangs", 2))).await.unwrap();
        let mut points = response.into_inner();
        assert!(points.message().await.unwrap().is_some(), "{}", route.name);
        assert!(points.message().await.unwrap().is_some(), "{}", route.name);
        let status = points.message().await.unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded, "{}", route.name);
        assert_eq!(points.message().await.unwrap(), None, "{}: an error ends it", route.name);
        timeout(SOON, station.idle()).await.expect(route.name);
    }
}

#[tokio::test]
async fn a_deadline_covers_a_request_stream_that_never_ends() {
    let station = Station::default();
    for route in routes::all(TelemetryServer::new(station.clone())).await {
        let (points, stream) = Streaming::channel(1);
        points.send(point("a")).await.unwrap();
        let status = route.client.upload(in_a_moment(stream)).await.unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded, "{}", route.name);
        timeout(SOON, station.idle()).await.expect(route.name);
        timeout(SOON, points.closed()).await.expect(route.name);
    }
}

/// The server's half alone: a client that sends `grpc-timeout` and then only listens.
#[tokio::test]
async fn the_server_enforces_grpc_timeout_by_itself() {
    use tower_service::Service as _;
    for (path, series) in [("Latest", "hangs"), ("Watch", "hangs")] {
        let station = Station::default();
        let mut request = crate::http::request(path, &[query(series, 0)]);
        request.headers_mut().insert("grpc-timeout", HeaderValue::from_static("50m"));
        let response = TelemetryServer::new(station.clone()).call(request).await.unwrap();
        let head = response.headers().clone();
        let body = response.into_body().collect().await.unwrap();
        let trailers = body.trailers().cloned().unwrap_or(head);
        assert_eq!(trailers["grpc-status"], "4", "{path}");
        timeout(SOON, station.idle()).await.expect(path);
    }
}

/// Reads requests in a task that outlives the handler, and tells what ended them.
struct Reader(Mutex<Option<oneshot::Sender<Code>>>);

impl Telemetry for Reader {
    async fn latest(&self, _: Request<Query>) -> Result<Response<Point>, Status> {
        Err(Status::unimplemented("only reads"))
    }

    async fn watch(&self, _: Request<Query>) -> Result<Response<Streaming<Point>>, Status> {
        Err(Status::unimplemented("only reads"))
    }

    async fn upload(&self, _: Request<Streaming<Point>>) -> Result<Response<Summary>, Status> {
        Err(Status::unimplemented("only reads"))
    }

    async fn tail(
        &self,
        request: Request<Streaming<Query>>,
    ) -> Result<Response<Streaming<Point>>, Status> {
        let (ended, mut queries) = (self.0.lock().unwrap().take().unwrap(), request.into_inner());
        tokio::spawn(async move {
            let end = queries.message().await.unwrap_err();
            ended.send(end.code()).unwrap();
        });
        Ok(Response::new(Streaming::new(tokio_stream::pending())))
    }

    async fn last(&self, request: Request<Query>) -> Result<Response<Point>, Status> {
        self.latest(request).await
    }
}

#[tokio::test]
async fn a_deadline_ends_the_requests_of_a_task_that_outlives_the_handler() {
    let (ended, end) = oneshot::channel();
    let client = TelemetryClient::in_process(Reader(Mutex::new(Some(ended))));
    let response = client.tail(in_a_moment(tokio_stream::pending::<Query>())).await.unwrap();
    let code = timeout(SOON, end).await.unwrap().unwrap();
    assert_eq!(code, Code::DeadlineExceeded);
    let status = response.into_inner().message().await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
}

/// A server that never answers, or falls silent after its headers.
#[derive(Clone)]
struct Silent {
    after_headers: bool,
}

impl tower_service::Service<http::Request<rust_scaffold::tonic::body::Body>> for Silent {
    type Response = http::Response<UnsyncBoxBody<Bytes, Infallible>>;
    type Error = Infallible;
    type Future = futures_util::future::BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: http::Request<rust_scaffold::tonic::body::Body>) -> Self::Future {
        let after_headers = self.after_headers;
        Box::pin(async move {
            if !after_headers {
                std::future::pending::<()>().await;
            }
            let body = StreamBody::new(tokio_stream::pending());
            let mut response = http::Response::new(body.boxed_unsync());
            *response.headers_mut() = HeaderMap::from_iter([(
                http::header::CONTENT_TYPE,
                HeaderValue::from_static("application/grpc"),
            )]);
            Ok(response)
        })
    }
}

#[tokio::test(start_paused = true)]
async fn the_client_enforces_the_deadline_by_itself() {
    for after_headers in [false, true] {
        let client = TelemetryClient::new(Channel::new(Silent { after_headers }));
        let unary = client.latest(in_a_moment(query("a", 1))).await.unwrap_err();
        assert_eq!(unary.code(), Code::DeadlineExceeded);
        let stream = match client.watch(in_a_moment(query("a", 1))).await {
            Ok(response) => response.into_inner().message().await.unwrap_err(),
            Err(status) => status,
        };
        assert_eq!(stream.code(), Code::DeadlineExceeded);
        let streams = client.tail(in_a_moment(tokio_stream::pending::<Query>())).await;
        let tail = match streams {
            Ok(response) => response.into_inner().message().await.unwrap_err(),
            Err(status) => status,
        };
        assert_eq!(tail.code(), Code::DeadlineExceeded);
    }
}

#[tokio::test(start_paused = true)]
async fn in_process_deadlines_hold_in_virtual_time() {
    let client = TelemetryClient::in_process(Station::default());
    let mut request = Request::new(query("hangs", 0));
    request.set_timeout(Duration::from_secs(1800));
    let status = client.latest(request).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    client.latest(query("hangs", 0)).await.unwrap();
}

#[tokio::test]
async fn a_malformed_timeout_is_an_error_of_the_client() {
    let client = TelemetryClient::in_process(Station::default());
    let mut request = Request::new(query("a", 0));
    request.metadata_mut().insert("grpc-timeout", "soon".parse().unwrap());
    let status = client.latest(request).await.unwrap_err();
    assert!(status.message().contains("malformed grpc-timeout \"soon\""), "{status}");
}
