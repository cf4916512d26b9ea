//! Interceptors where a call goes another way than planned: given up, late, refused, or not of ours.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http_body_util::BodyExt as _;
use rust_scaffold::{Trailers, metadata::MetadataMap};
use tonic::server::NamedService;
use tower_service::Service;

use super::*;
use crate::telemetry::{Summary, Telemetry};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

const SOON: Duration = Duration::from_millis(100);
/// Only against hanging.
const ENOUGH: Duration = Duration::from_secs(60);

/// Gives a call up, and notes whether its handler is then dropped while the interceptor goes on.
struct GivingUp(Station, Log);

impl Interceptor for GivingUp {
    async fn intercept(&self, call: InterceptedCall, next: Next<'_>) -> Result<Reply, Status> {
        let ended = self.1.clone();
        let next = next.on_end(move |end| ended.push(format!("told {:?}", end.code())));
        let _ = timeout(SOON, next.run(call)).await;
        let idle = timeout(ENOUGH, self.0.idle()).await.is_ok();
        self.1.push(if idle { "dropped" } else { "still runs" });
        Err(Status::aborted("given up"))
    }
}

#[tokio::test]
async fn dropping_the_future_of_run_cancels_the_call_on_a_client() {
    let (station, log) = (Station::default(), Log::default());
    let mut seen = Vec::new();
    for route in routes::all(TelemetryServer::new(station.clone())).await {
        let client = route.client.clone().intercept(GivingUp(station.clone(), log.clone()));
        client.latest(query("hangs", 1)).await.unwrap_err();
        seen.push((route.name, log.take()));
        station.idle().await;
    }
    assert!(seen.iter().all(|(_, log)| log[1] == "dropped"), "{seen:?}");
}

#[tokio::test]
async fn dropping_the_future_of_run_cancels_the_call_among_several_interceptors_of_a_server() {
    let (station, log) = (Station::default(), Log::default());
    let several = vec![
        GivingUp(station.clone(), log.clone()).shared(),
        Named("inner", Log::default()).shared(),
    ];
    let server = TelemetryServer::new(station.clone()).intercept(several);
    let client = TelemetryClient::new(Channel::in_process(server));
    client.latest(query("hangs", 1)).await.unwrap_err();
    assert_eq!(log.take()[1], "dropped");
}

#[tokio::test]
async fn all_interceptors_are_told_what_a_client_does_not_take() {
    let (outer, inner) = (Ends::default(), Ends::default());
    let mut seen = Vec::new();
    for route in routes::encoding(TelemetryServer::new(Station::default())).await {
        let client = route.client.clone().max_decoding_message_size(4);
        let client = client.intercept(outer.clone()).intercept(inner.clone());
        let points = client.watch(query("a", 0)).await.unwrap().into_inner();
        points.collect::<Result<Vec<_>, _>>().await.unwrap_err();
        seen.push((route.name, outer.only().await.code, inner.only().await.code));
    }
    let code = Code::ResourceExhausted;
    assert!(seen.iter().all(|it| (it.1, it.2) == (code, code)), "{seen:?}");
}

#[tokio::test]
async fn what_a_client_does_not_take_of_a_unary_call_is_its_end_too() {
    let made = Ends::default();
    let mut seen = Vec::new();
    for route in routes::encoding(TelemetryServer::new(Station::default())).await {
        let client = route.client.clone().max_decoding_message_size(4).intercept(made.clone());
        let status = client.latest(query("a", 30)).await.unwrap_err();
        seen.push((route.name, status.code(), made.only().await.code));
    }
    assert!(seen.iter().all(|(_, got, told)| got == told), "{seen:?}");
}

/// A tower service that knows no deadlines, as tonic's services.
#[derive(Clone)]
struct Timeless(TelemetryServer<Station>);

impl NamedService for Timeless {
    const NAME: &'static str = <TelemetryServer<Station> as NamedService>::NAME;
}

impl<B> Service<HttpRequest<B>> for Timeless
where
    B: http_body::Body<Data = bytes::Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Response = http::Response<HttpBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: HttpRequest<B>) -> Self::Future {
        request.headers_mut().remove("grpc-timeout");
        Box::pin(self.0.call(request))
    }
}

#[tokio::test]
async fn the_deadline_of_a_servers_interceptor_limits_the_stream_of_a_tower_service() {
    let (listener, address) = routes::listen().await;
    let server = Server::new()
        .intercept(Hurrying)
        .add_tower_service(Timeless(TelemetryServer::new(Station::default())));
    tokio::spawn(server.serve_listener(listener));
    let client = Channel::connect(format!("http://{address}")).await.unwrap();
    let client = TelemetryClient::new(client);
    let watched = failure_of(client.watch(query("hangs", 2)).await);
    let late = timeout(ENOUGH, watched).await.expect("ends");
    assert_eq!(late.code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn the_deadline_of_a_clients_interceptor_limits_the_stream_of_a_foreign_client() {
    let (listener, address) = routes::listen().await;
    let timeless = Timeless(TelemetryServer::new(Station::default()));
    tokio::spawn(Server::new().add_tower_service(timeless.clone()).serve_listener(listener));
    let h2 = Channel::connect(format!("http://{address}")).await.unwrap();
    let mut seen = Vec::new();
    for (name, channel) in [("h2", h2), ("tower", Channel::new(timeless))] {
        let mut client = Grpc::new(channel.intercept(Hurrying));
        client.ready().await.unwrap();
        let path = PathAndQuery::from_static("/telemetry.Telemetry/Watch");
        let codec = ProstCodec::<Query, Point>::default();
        let request = Request::new(query("hangs", 2));
        let points = client.server_streaming(request, path, codec).await.unwrap().into_inner();
        let all = timeout(ENOUGH, points.collect::<Result<Vec<_>, _>>()).await;
        seen.push((name, all.map(|all| all.unwrap_err().code()).ok()));
    }
    assert!(seen.iter().all(|it| it.1 == Some(Code::DeadlineExceeded)), "{seen:?}");
}

/// Never passes a call on.
struct Stuck;

impl Interceptor for Stuck {
    async fn intercept(&self, _: InterceptedCall, _: Next<'_>) -> Result<Reply, Status> {
        std::future::pending().await
    }
}

fn post(path: &str) -> http::request::Builder {
    HttpRequest::post(path).header("content-type", "application/grpc")
}

#[tokio::test]
async fn an_interceptor_before_a_tower_service_is_dropped_at_the_deadline() {
    let station = TelemetryServer::new(Station::default());
    let generated = Server::new().intercept(Stuck).add_service(station.clone());
    let tower = Server::new().intercept(Stuck).add_tower_service(station);
    let mut seen = Vec::new();
    for (name, server) in [("generated", generated), ("tower", tower)] {
        let request = post("/telemetry.Telemetry/Latest").header("grpc-timeout", "100m");
        let request = request.body(HttpBody::default()).unwrap();
        let response = server.into_service().unwrap().call(request);
        let response = timeout(ENOUGH, response).await;
        seen.push((name, response.map(|it| it.unwrap().headers()["grpc-status"].clone()).ok()));
    }
    assert!(seen.iter().all(|it| it.1.as_ref().is_some_and(|it| it == "4")), "{seen:?}");
}

/// Answers with a stream that does not end.
struct Endless;

impl Interceptor for Endless {
    async fn intercept(&self, _: InterceptedCall, _: Next<'_>) -> Result<Reply, Status> {
        let points = Streaming::<Point>::new(tokio_stream::pending());
        Ok(Reply::with_messages(Response::new(points)))
    }
}

#[tokio::test]
async fn a_stream_of_a_servers_interceptor_ends_at_the_deadline() {
    let server = TelemetryServer::new(Station::default()).intercept(Endless);
    let request = post("/telemetry.Telemetry/Watch").header("grpc-timeout", "100m");
    let request = request.body(HttpBody::default()).unwrap();
    let response = server.clone().call(request).await.unwrap();
    let body = timeout(ENOUGH, response.into_body().collect()).await.expect("ends").unwrap();
    assert_eq!(body.trailers().unwrap()["grpc-status"], "4");
}

#[tokio::test]
async fn a_foreign_call_that_is_polled_late_is_told_as_late() {
    let made = Ends::default();
    let server = TelemetryServer::new(Station::default());
    let mut channel = Channel::in_process(server).intercept(made.clone());
    let mut frame = vec![0, 0, 0, 0, 7, 10, 5];
    frame.extend(b"hangs");
    let request = post("/telemetry.Telemetry/Latest").header("grpc-timeout", "200m");
    let request = request.body(http_body_util::Full::new(bytes::Bytes::from(frame))).unwrap();
    let response = channel.call(request);
    tokio::time::sleep(SOON).await;
    let late = response.await.map(|response| response.headers()["grpc-status"].clone());
    assert!(late.as_ref().map_or_else(|it| it.code() == Code::DeadlineExceeded, |it| it == "4"));
    assert_eq!(made.only().await.code, Code::DeadlineExceeded);
}

/// Answers by itself, with trailers.
struct WithTrailers;

impl Interceptor for WithTrailers {
    async fn intercept(&self, _: InterceptedCall, _: Next<'_>) -> Result<Reply, Status> {
        let mut trailers = MetadataMap::new();
        trailers.insert("last-word", "mine".parse().unwrap());
        let mut response = Response::new(point("mine"));
        response.extensions_mut().insert(Trailers(trailers));
        Reply::with_message(response)
    }
}

#[tokio::test]
async fn the_trailers_of_an_interceptors_reply_arrive() {
    let server = TelemetryServer::new(Station::default()).intercept(WithTrailers);
    let mut seen = Vec::new();
    for route in routes::all(server).await {
        let response = route.client.latest(query("a", 1)).await.unwrap();
        seen.push((route.name, response.metadata().contains_key("last-word")));
    }
    assert!(seen.iter().all(|it| it.1), "{seen:?}");
}

/// Answers calls that fail.
struct Rescuing;

impl Interceptor for Rescuing {
    async fn intercept(&self, call: InterceptedCall, next: Next<'_>) -> Result<Reply, Status> {
        match next.run(call).await {
            Err(_) => Reply::with_message(Response::new(point("rescued"))),
            reply => reply,
        }
    }
}

#[tokio::test]
async fn an_interceptor_answers_for_a_proxy_that_does_not_speak_grpc() {
    let proxy = service_fn(|_: HttpRequest<Body>| async {
        let page = http::Response::builder().status(503).header("content-type", "text/html");
        Ok::<_, Infallible>(page.body(Body::empty()).unwrap())
    });
    let generated = TelemetryClient::new(Channel::new(proxy)).intercept(Rescuing);
    assert_eq!(generated.latest(query("a", 1)).await.unwrap().into_inner(), point("rescued"));
    let mut response = Channel::new(proxy).intercept(Rescuing);
    let request = post("/telemetry.Telemetry/Latest").body(HttpBody::default()).unwrap();
    let response = response.call(request).await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/grpc");
}

/// Its handlers leave the requests to a task, which notes how they end.
#[derive(Clone)]
struct Spawning(Log);

type Answer<T> = Result<Response<T>, Status>;

impl Telemetry for Spawning {
    async fn latest(&self, _: Request<Query>) -> Answer<Point> {
        Err(Status::unimplemented(""))
    }

    async fn watch(&self, _: Request<Query>) -> Answer<Streaming<Point>> {
        Err(Status::unimplemented(""))
    }

    async fn upload(&self, _: Request<Streaming<Point>>) -> Answer<Summary> {
        Err(Status::unimplemented(""))
    }

    async fn tail(&self, request: Request<Streaming<Query>>) -> Answer<Streaming<Point>> {
        let (log, mut requests) = (self.0.clone(), request.into_inner());
        tokio::spawn(async move {
            let end = requests.message().await;
            log.push(format!("{:?}", end.err().map(|status| status.code())));
        });
        Ok(Response::new(Streaming::new(tokio_stream::pending())))
    }

    async fn last(&self, _: Request<Query>) -> Answer<Point> {
        Err(Status::unimplemented(""))
    }
}

#[tokio::test]
async fn an_earlier_deadline_limits_requests_without_a_codec() {
    let mut seen = Vec::new();
    let log = Log::default();
    let server = || TelemetryServer::new(Spawning(log.clone())).intercept(Hurrying);
    let channels = [
        ("in process", Channel::in_process(server())),
        ("direct", Channel::in_process_direct(server())),
    ];
    for (name, channel) in channels {
        let client = TelemetryClient::new(channel);
        let requests = Streaming::new(tokio_stream::pending());
        let points = client.tail(requests).await;
        let late = timeout(ENOUGH, failure_of(points)).await.unwrap();
        assert_eq!(late.code(), Code::DeadlineExceeded);
        let _ = timeout(ENOUGH, log.lines(1)).await.map(|lines| log.push(lines.concat()));
        seen.push((name, log.take().concat()));
    }
    assert!(seen.iter().all(|it| it.1 == "Some(DeadlineExceeded)"), "{seen:?}");
}

/// Writes what it should not.
struct WritesTimeout;

impl Interceptor for WritesTimeout {
    async fn intercept(&self, mut call: InterceptedCall, next: Next<'_>) -> Result<Reply, Status> {
        call.metadata_mut().insert("grpc-timeout", "50m".parse().unwrap());
        next.run(call).await
    }
}

#[tokio::test]
async fn a_timeout_in_the_metadata_changes_no_deadline() {
    let mut seen = Vec::new();
    for route in routes::all(TelemetryServer::new(Station::default())).await {
        let client = route.client.clone().intercept(WritesTimeout);
        let call = timeout(SOON * 2, client.latest(query("hangs", 1))).await;
        seen.push((route.name, call.map(|it| it.unwrap_err().code())));
    }
    assert!(seen.iter().all(|it| it.1.is_err()), "{seen:?}");
}

#[tokio::test]
async fn grpc_by_any_of_its_content_types_does_not_pass_an_interceptor_of_a_channel() {
    let log = Log::default();
    let server = service_fn(|_: HttpRequest<Body>| async {
        Ok::<_, Infallible>(http::Response::new(Body::empty()))
    });
    let mut channel = Channel::new(server).intercept(Named("client", log.clone()));
    let request = HttpRequest::post("/a.B/C").header("content-type", "application/grpc+json");
    let _ = channel.call(request.body(HttpBody::default()).unwrap()).await;
    assert!(!log.take().is_empty());
}

#[tokio::test]
async fn a_failed_call_is_a_response_with_interceptors_and_without() {
    let channel = Channel::in_process(TelemetryServer::new(Station::default()));
    let mut seen = Vec::new();
    for mut channel in [channel.clone(), channel.intercept(Named("client", Log::default()))] {
        let request = post("/telemetry.Telemetry/None").body(HttpBody::default()).unwrap();
        seen.push(channel.call(request).await.map(|it| it.headers()["grpc-status"].clone()));
    }
    assert!(seen.iter().all(Result::is_ok), "{seen:?}");
}

/// Refuses replies.
struct Picky;

impl Interceptor for Picky {
    async fn intercept(&self, call: InterceptedCall, next: Next<'_>) -> Result<Reply, Status> {
        let _reply = next.run(call).await?;
        Err(Status::data_loss("not this one"))
    }
}

#[tokio::test]
async fn a_server_is_told_the_same_end_over_every_transport_when_a_client_refuses_a_reply() {
    let served = Ends::default();
    let server = TelemetryServer::new(Station::default()).intercept(served.clone());
    let mut seen = Vec::new();
    for route in routes::all(server).await {
        let client = route.client.clone().intercept(Picky);
        client.latest(query("a", 1)).await.unwrap_err();
        let end = served.only().await;
        seen.push((route.name, end.code, end.responses.messages));
    }
    assert!(seen.iter().all(|it| it.1 == seen[0].1), "{seen:?}");
}

#[tokio::test]
async fn a_foreign_clients_failure_keeps_what_its_status_carries() {
    let channel = Channel::in_process(TelemetryServer::new(Station::default()));
    let mut seen = Vec::new();
    for channel in [channel.clone(), channel.clone().intercept(Named("c", Log::default()))] {
        let mut client = Grpc::new(channel);
        client.ready().await.unwrap();
        let path = PathAndQuery::from_static("/telemetry.Telemetry/Latest");
        let codec = ProstCodec::<Query, Point>::default();
        let request = Request::new(query("fails", 1));
        let status = client.unary(request, path, codec).await.unwrap_err();
        seen.push((status.code(), status.message().to_owned(), status.details().to_vec()));
    }
    assert_eq!(seen[0], seen[1]);
}

#[tokio::test]
async fn a_panic_on_a_client_with_a_panicking_end_reaches_the_caller() {
    let server = TelemetryServer::new(Station::default());
    for route in routes::all(server).await {
        let client = route.client.clone().intercept(Panicking("after"));
        let mut request = Request::new(query("a", 1));
        request.metadata_mut().insert("panics", "after".parse().unwrap());
        let call = tokio::spawn(async move { client.latest(request).await });
        assert!(call.await.is_err(), "{}", route.name);
    }
}
