//! User code that panics, wherever a server runs it: its call fails, and nothing else does.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::StreamBody;
use rust_scaffold::{
    Channel, Code, HttpBody, Request, Response, Server, Status, Streaming,
    tonic::{server::NamedService, service::interceptor::InterceptedService},
};
use tokio_stream::{StreamExt as _, wrappers::TcpListenerStream};
use tower_service::Service;

use crate::{
    routes::listen,
    station::{Station, point, query},
    telemetry::{Point, Query, Summary, Telemetry, TelemetryClient, TelemetryServer},
};

type Answer<T> = Result<Response<T>, Status>;
type HttpResponse = http::Response<HttpBody>;

/// Panics when it is dropped.
#[derive(Clone, Debug)]
struct Explosive;

impl Drop for Explosive {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "this value panics when it is dropped");
    }
}

/// Handlers that hold something explosive, until they have answered, or for ever.
#[derive(Clone, Copy)]
struct Mined;

impl Telemetry for Mined {
    async fn latest(&self, request: Request<Query>) -> Answer<Point> {
        let explosive = Explosive;
        match request.get_ref().series.as_str() {
            "hangs" => std::future::pending().await,
            "yields" => tokio::task::yield_now().await,
            _ => {}
        }
        let mut response = Response::new(point("a"));
        if request.get_ref().series == "hands on" {
            std::mem::forget(explosive);
            response.extensions_mut().insert(Explosive);
        }
        Ok(response)
    }

    async fn watch(&self, request: Request<Query>) -> Answer<Streaming<Point>> {
        let explosive = Explosive;
        let points = tokio_stream::iter(0..request.get_ref().limit).map(move |_| {
            let _explosive = &explosive;
            Ok(point("a"))
        });
        Ok(Response::new(Streaming::new(points)))
    }

    async fn upload(&self, request: Request<Streaming<Point>>) -> Answer<Summary> {
        let _explosive = Explosive;
        drop(request);
        Ok(Response::new(Summary::default()))
    }

    async fn tail(&self, request: Request<Streaming<Query>>) -> Answer<Streaming<Point>> {
        let explosive = Explosive;
        let points = request.into_inner().map(move |query| {
            let _explosive = &explosive;
            Ok(point(&query?.series))
        });
        Ok(Response::new(Streaming::new(points)))
    }

    async fn last(&self, request: Request<Query>) -> Answer<Point> {
        self.latest(request).await
    }
}

/// Where a layer panics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Ready,
    Call,
    Future,
    Body,
    BodyAfterData,
}

/// A layer around a station that panics for every call whose `word` is `boom`.
#[derive(Clone)]
struct Layer {
    place: Place,
    inner: TelemetryServer<Station>,
}

impl NamedService for Layer {
    const NAME: &'static str = "telemetry.Telemetry";
}

impl Service<http::Request<HttpBody>> for Layer {
    type Response = HttpResponse;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        assert_ne!(self.place, Place::Ready, "this layer is never ready");
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<HttpBody>) -> Self::Future {
        let place = self.place;
        let calm = request.headers().get("word").is_none_or(|word| word != "boom");
        if calm {
            return Box::pin(self.inner.call(request));
        }
        assert_ne!(place, Place::Call, "this layer takes no calls");
        Box::pin(async move {
            assert_ne!(place, Place::Future, "this layer answers no calls");
            let head = http::Response::builder().header("content-type", "application/grpc");
            let data = match place {
                Place::BodyAfterData => Some(Ok(http_body::Frame::data(Bytes::from(vec![0; 5])))),
                _ => None,
            };
            let frames = tokio_stream::iter(data).chain(tokio_stream::iter(std::iter::from_fn(
                || -> Option<Result<_, Status>> { panic!("this body has no bytes") },
            )));
            Ok(head.body(HttpBody::new(StreamBody::new(frames))).unwrap())
        })
    }
}

/// Serves with `server`; the client, and how many connections it has made.
async fn serve(server: Server) -> (TelemetryClient, Arc<AtomicUsize>) {
    let (listener, address) = listen().await;
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    let incoming = TcpListenerStream::new(listener).map(move |connection| {
        count.fetch_add(1, Ordering::SeqCst);
        connection
    });
    tokio::spawn(server.serve_incoming(incoming));
    let channel = Channel::connect_lazy(format!("http://{address}")).unwrap();
    (TelemetryClient::new(channel), connections)
}

fn boom(word: &str) -> Request<Query> {
    let mut request = Request::new(query("a", 3));
    request.metadata_mut().insert("word", word.parse().unwrap());
    request
}

/// Whichever way a handler is run: at first on the task of the connection, or not.
fn servers() -> [Server; 2] {
    [
        Server::new().inline_limit(Duration::from_secs(60)),
        Server::new().inline_limit(Duration::ZERO),
    ]
}

#[tokio::test]
async fn a_layer_that_panics_fails_its_call_alone() {
    for place in [Place::Call, Place::Future, Place::Body, Place::BodyAfterData] {
        for server in servers() {
            let layer = Layer { place, inner: TelemetryServer::new(Station::default()) };
            for server in [server.clone().add_tower_service(layer.clone()), server.fallback(layer)]
            {
                let (client, connections) = serve(server).await;
                let beside = client.watch(query("hangs", 1)).await.unwrap();
                for _ in 0..3 {
                    let failure = client.latest(boom("boom")).await.unwrap_err();
                    assert_eq!(failure.code(), Code::Internal, "{place:?}: {failure}");
                    client.latest(boom("calm")).await.unwrap();
                }
                assert_eq!(beside.into_inner().message().await.unwrap().unwrap().series, "hangs");
                assert_eq!(connections.load(Ordering::SeqCst), 1, "{place:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_layer_that_panics_when_it_is_asked_whether_it_is_ready_fails_its_calls_alone() {
    let layer = Layer { place: Place::Ready, inner: TelemetryServer::new(Station::default()) };
    let (client, connections) = serve(Server::new().add_tower_service(layer)).await;
    for _ in 0..3 {
        let failure = client.latest(boom("calm")).await.unwrap_err();
        assert_eq!(failure.code(), Code::Internal, "{failure}");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_interceptor_that_panics_fails_its_call_alone() {
    let intercept = |request: Request<()>| {
        let calm = request.metadata().get("word").is_some_and(|word| word == "calm");
        assert!(calm, "this interceptor lets nobody through");
        Ok(request)
    };
    let station = TelemetryServer::new(Station::default());
    let service = InterceptedService::new(station, intercept);
    let (client, connections) = serve(Server::new().add_tower_service(service)).await;
    for _ in 0..3 {
        let failure = client.latest(boom("boom")).await.unwrap_err();
        assert_eq!(failure.code(), Code::Internal, "{failure}");
        client.latest(boom("calm")).await.unwrap();
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_destructor_that_panics_fails_its_call_alone() {
    for server in servers() {
        let (client, connections) = serve(server.add_service(TelemetryServer::new(Mined))).await;
        for series in ["a", "yields", "hands on"] {
            let failure = client.latest(query(series, 3)).await.unwrap_err();
            assert_eq!(failure.code(), Code::Internal, "{series}: {failure}");
        }
        let failure = client.upload(Streaming::from_iter([point("a")])).await.unwrap_err();
        assert_eq!(failure.code(), Code::Internal, "{failure}");
        let mut points = client.watch(query("a", 3)).await.unwrap().into_inner();
        for _ in 0..3 {
            points.message().await.unwrap().unwrap();
        }
        assert_eq!(points.message().await.unwrap_err().code(), Code::Internal);
        // Of these, the client does not wait for the end.
        let mut points = client.watch(query("a", u32::MAX)).await.unwrap().into_inner();
        points.message().await.unwrap().unwrap();
        drop(points);
        let mut late = Request::new(query("hangs", 1));
        late.set_timeout(Duration::from_millis(20));
        assert_eq!(client.latest(late).await.unwrap_err().code(), Code::DeadlineExceeded);
        let mut points =
            client.tail(Streaming::from_iter([query("a", 1)])).await.unwrap().into_inner();
        points.message().await.unwrap().unwrap();
        drop(points);
        assert_eq!(client.latest(query("a", 3)).await.unwrap_err().code(), Code::Internal);
        assert_eq!(connections.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn a_destructor_of_the_server_that_panics_stays_there_in_process() {
    let server = TelemetryServer::new(Mined);
    for channel in [Channel::in_process(server.clone()), Channel::in_process_direct(server)] {
        let client = TelemetryClient::new(channel);
        let failure = client.latest(query("a", 3)).await.unwrap_err();
        assert_eq!(failure.code(), Code::Internal, "{failure}");
        drop(tokio::time::timeout(Duration::ZERO, client.latest(query("hangs", 1))).await);
        let mut points = client.watch(query("a", 3)).await.unwrap().into_inner();
        points.message().await.unwrap().unwrap();
        drop(points);
    }
}

#[tokio::test]
async fn requests_of_the_client_that_panic_fail_their_call_alone() {
    let (client, connections) =
        serve(Server::new().add_service(TelemetryServer::new(Station::default()))).await;
    let beside = client.watch(query("hangs", 1)).await.unwrap();
    let explosive = Explosive;
    let mined = tokio_stream::iter([point("a")]).map(move |point| {
        let _explosive = &explosive;
        Ok(point)
    });
    let panics = tokio_stream::iter(std::iter::from_fn(|| -> Option<Result<Point, Status>> {
        panic!("these requests panic")
    }));
    for requests in [Streaming::new(mined), Streaming::new(panics)] {
        let failure = client.upload(requests).await.unwrap_err();
        assert_eq!(failure.code(), Code::Internal, "{failure}");
    }
    client.latest(query("a", 3)).await.unwrap();
    assert_eq!(beside.into_inner().message().await.unwrap().unwrap().series, "hangs");
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}
