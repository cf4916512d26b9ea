//! Interceptors, on both sides and over every transport.

mod edges;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use http::{Request as HttpRequest, StatusCode, Uri, uri::PathAndQuery};
use rust_scaffold::{
    CallEnd, Channel, Code, ConnectInfo, HttpBody, InterceptedCall, Interceptor, MessageCount,
    Next, Reply, Request, Response, Role, Server, SharedInterceptor, Status, Streaming,
    tonic::{body::Body, client::Grpc},
};
use tokio::time::timeout;
use tokio_stream::{StreamExt as _, iter};
use tonic_prost::ProstCodec;
use tower::{service_fn, util::MapRequestLayer};
use tower_service::Service as _;

use crate::{
    calculator::{AddRequest, AddResponse, CalculatorClient, MockCalculator},
    routes,
    station::{Station, point, query},
    telemetry::{Point, Query, TelemetryClient, TelemetryServer},
};

/// Only against hanging.
const LONG: Duration = Duration::from_secs(60);

/// What has happened, in order.
#[derive(Clone, Debug, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn push(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    /// Waits until there are `count` lines: the other side may still be at it when a client has its response.
    async fn lines(&self, count: usize) -> Vec<String> {
        let enough = async {
            while self.0.lock().unwrap().len() < count {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let _ = timeout(LONG, enough).await;
        self.take()
    }
}

/// Notes when calls and replies pass it.
struct Named(&'static str, Log);

impl Interceptor for Named {
    async fn intercept(&self, call: InterceptedCall, next: Next<'_>) -> Result<Reply, Status> {
        self.1.push(format!("> {}", self.0));
        let reply = next.run(call).await;
        self.1.push(format!("< {}", self.0));
        reply
    }
}

#[tokio::test]
async fn calls_pass_interceptors_from_the_client_to_the_service_and_replies_the_other_way() {
    let log = Log::default();
    let named = |name| Named(name, log.clone());
    let service = TelemetryServer::new(Station::default());
    let service = service.intercept(named("service 1")).intercept(named("service 2"));
    let (listener, address) = routes::listen().await;
    let server = Server::new().intercept(named("server 1")).add_service(service);
    let server = server.intercept(vec![named("server 2"), named("server 3")]);
    let serving = tokio::spawn(server.serve_listener(listener));
    let channel = Channel::connect(format!("http://{address}")).await.unwrap();
    let channel = channel.intercept(named("channel 1")).intercept(named("channel 2"));
    let mixed: Vec<SharedInterceptor> =
        vec![named("client 2").shared(), Arc::new(named("client 3")).shared()];
    let client = TelemetryClient::new(channel).intercept(named("client 1")).intercept(mixed);
    client.latest(query("a", 1)).await.unwrap();
    let names = [
        "client 1",
        "client 2",
        "client 3",
        "channel 1",
        "channel 2",
        "server 1",
        "server 2",
        "server 3",
        "service 1",
        "service 2",
    ];
    let there = names.iter().map(|name| format!("> {name}"));
    let back = names.iter().rev().map(|name| format!("< {name}"));
    assert_eq!(log.take(), there.chain(back).collect::<Vec<_>>());
    serving.abort();
}

/// Adds to what passes, and checks what it knows of the call.
struct Adding(Role);

impl Interceptor for Adding {
    async fn intercept(&self, mut call: InterceptedCall, next: Next<'_>) -> Result<Reply, Status> {
        assert_eq!(call.role(), self.0);
        assert_eq!(call.path(), "/telemetry.Telemetry/Latest");
        assert!(call.method().is_none_or(|method| method.path == call.path()));
        let word = call.metadata().get("word").map_or("", |word| word.to_str().unwrap());
        let word = format!("{word}{:?}.", self.0);
        call.metadata_mut().insert("word", word.parse().unwrap());
        let mut reply = next.run(call).await?;
        assert_eq!(reply.metadata().get("word").unwrap(), "Client.Server.");
        reply.metadata_mut().append("passed", format!("{:?}", self.0).parse().unwrap());
        Ok(reply)
    }
}

#[tokio::test]
async fn metadata_can_be_changed_on_both_sides_and_in_both_directions() {
    let server = TelemetryServer::new(Station::default()).intercept(Adding(Role::Server));
    for route in routes::all(server).await {
        let client = route.client.clone().intercept(Adding(Role::Client));
        let response = client.latest(query("a", 1)).await.unwrap();
        assert_eq!(response.metadata().get("word").unwrap(), "Client.Server.", "{}", route.name);
        assert_eq!(
            response.metadata().get("last-word").unwrap(),
            "Client.Server.",
            "{}",
            route.name
        );
        let passed = response.metadata().get_all("passed").iter().collect::<Vec<_>>();
        assert_eq!(passed, ["Server", "Client"], "{}", route.name);
    }
}

/// Lets calls with a token through.
struct CheckToken;

impl Interceptor for CheckToken {
    async fn intercept(&self, call: InterceptedCall, next: Next<'_>) -> Result<Reply, Status> {
        match call.metadata().get("authorization") {
            Some(token) if token == "secret" => next.run(call).await,
            _ => Err(Status::unauthenticated("no token")),
        }
    }
}

struct AddToken;

impl Interceptor for AddToken {
    async fn intercept(&self, mut call: InterceptedCall, next: Next<'_>) -> Result<Reply, Status> {
        call.metadata_mut().insert("authorization", "secret".parse().unwrap());
        next.run(call).await
    }
}

/// The codes of a call of each kind.
async fn codes(client: &TelemetryClient) -> [Code; 4] {
    fn code<T>(result: Result<T, Status>) -> Code {
        result.map_or_else(|status| status.code(), |_| Code::Ok)
    }
    [
        code(client.latest(query("a", 1)).await),
        code(client.watch(query("a", 1)).await),
        code(client.upload(iter([point("a")])).await),
        code(client.tail(iter([query("a", 1)])).await),
    ]
}

#[tokio::test]
async fn a_call_that_an_interceptor_refuses_reaches_no_handler() {
    let log = Log::default();
    let server = TelemetryServer::new(Station::default());
    let server = server.intercept(CheckToken).intercept(Named("service", log.clone()));
    for route in routes::all(server).await {
        assert_eq!(codes(&route.client).await, [Code::Unauthenticated; 4], "{}", route.name);
        assert!(log.take().is_empty(), "{}", route.name);
        let with_token = route.client.clone().intercept(AddToken);
        assert_eq!(codes(&with_token).await, [Code::Ok; 4], "{}", route.name);
        log.take();
        let refusing = route.client.clone().intercept(CheckToken);
        assert_eq!(codes(&refusing).await, [Code::Unauthenticated; 4], "{}", route.name);
        assert!(log.take().is_empty(), "{}", route.name);
    }
}

#[tokio::test]
async fn an_interceptor_of_tonics_adds_metadata_and_deadlines_and_refuses_calls() {
    let check = |request: Request<()>| match request.metadata().get("authorization") {
        Some(_) => Ok(request),
        None => Err(Status::unauthenticated("no token")),
    };
    let add = |mut request: Request<()>| {
        request.metadata_mut().insert("authorization", "secret".parse().unwrap());
        request.set_timeout(Duration::from_millis(200));
        Ok(request)
    };
    let server = TelemetryServer::with_interceptor(Station::default(), check);
    let channel = Channel::in_process(server);
    let without = TelemetryClient::new(channel.clone());
    assert_eq!(codes(&without).await, [Code::Unauthenticated; 4]);
    let with = TelemetryClient::with_interceptor(channel, add);
    with.latest(query("a", 1)).await.unwrap();
    let late = timeout(LONG, with.latest(query("hangs", 1))).await.unwrap().unwrap_err();
    assert_eq!(late.code(), Code::DeadlineExceeded);
}

/// Answers calls by itself.
struct Answering;

impl Interceptor for Answering {
    async fn intercept(&self, call: InterceptedCall, next: Next<'_>) -> Result<Reply, Status> {
        match call.path() {
            "/telemetry.Telemetry/Latest" => {
                let mut response = Response::new(point("mine"));
                response.metadata_mut().insert("by", "interceptor".parse().unwrap());
                Reply::with_message(response)
            }
            "/telemetry.Telemetry/Watch" => {
                let points = Streaming::from_iter([point("mine"), point("too")]);
                Ok(Reply::with_messages(Response::new(points)))
            }
            _ => next.run(call).await,
        }
    }
}

async fn assert_answered_by_interceptor(client: &TelemetryClient, route: &str) {
    let latest = client.latest(query("hangs", 1)).await.unwrap();
    assert_eq!(latest.metadata().get("by").unwrap(), "interceptor", "{route}");
    assert_eq!(latest.into_inner(), point("mine"), "{route}");
    let points = client.watch(query("hangs", 1)).await.unwrap().into_inner();
    let points: Result<Vec<_>, _> = points.collect().await;
    assert_eq!(points.unwrap(), [point("mine"), point("too")], "{route}");
    assert_eq!(client.upload(iter([point("a")])).await.unwrap().into_inner().accepted, 1);
}

#[tokio::test]
async fn an_interceptor_may_answer_by_itself() {
    let server = TelemetryServer::new(Station::default());
    for route in routes::all(server.clone().intercept(Answering)).await {
        assert_answered_by_interceptor(&route.client, route.name).await;
    }
    for route in routes::all(server).await {
        let client = route.client.clone().intercept(Answering);
        assert_answered_by_interceptor(&client, route.name).await;
    }
}

/// Notes how calls end.
#[derive(Clone, Default)]
struct Ends(Arc<Mutex<Vec<End>>>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct End {
    code: Code,
    message: String,
    last_word: Option<String>,
    requests: MessageCount,
    responses: MessageCount,
}

impl Interceptor for Ends {
    async fn intercept(&self, call: InterceptedCall, next: Next<'_>) -> Result<Reply, Status> {
        let ends = Arc::clone(&self.0);
        let note = move |end: &CallEnd<'_>| {
            let last_word = end.trailers().get("last-word");
            ends.lock().unwrap().push(End {
                code: end.code(),
                message: end.error().map_or_else(String::new, |status| status.message().to_owned()),
                last_word: last_word.map(|word| word.to_str().unwrap().to_owned()),
                requests: end.requests(),
                responses: end.responses(),
            });
        };
        next.on_end(note).run(call).await
    }
}

impl Ends {
    /// The one call that has ended: the other side may still be at it when a client has its response.
    async fn only(&self) -> End {
        let ended = async {
            while self.0.lock().unwrap().is_empty() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let _ = timeout(LONG, ended).await;
        let mut ends = std::mem::take(&mut *self.0.lock().unwrap());
        assert_eq!(ends.len(), 1, "{ends:?}");
        ends.remove(0)
    }
}

/// A request with a word that comes back in trailers.
fn with_word<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("word", "hello".parse().unwrap());
    request
}

/// As many messages of the series `a` or `b`, of which each takes 3 bytes, and `limit`s 2 more.
fn count(messages: u64, bytes: u64) -> (u64, u64) {
    (messages, bytes)
}

fn counts(end: &End) -> [(u64, u64); 2] {
    [&end.requests, &end.responses].map(|count| (count.messages, count.bytes))
}

#[tokio::test]
async fn interceptors_are_told_how_calls_of_each_kind_have_ended() {
    let (served, made) = (Ends::default(), Ends::default());
    let server = TelemetryServer::new(Station::default()).intercept(served.clone());
    for route in routes::all(server).await {
        let client = route.client.clone().intercept(made.clone());
        let check = async |expected: [(u64, u64); 2], kind: &str| {
            for (side, ends) in [("client", &made), ("server", &served)] {
                let end = ends.only().await;
                let context = format!("{}, {side}, {kind}", route.name);
                assert_eq!(end.code, Code::Ok, "{context}: {end:?}");
                let sizes = if route.name.starts_with("direct") {
                    expected.map(|(messages, _)| (messages, 0))
                } else {
                    expected
                };
                assert_eq!(counts(&end), sizes, "{context}");
                assert_eq!(end.last_word.as_deref(), Some("hello"), "{context}");
            }
        };
        client.latest(with_word(query("a", 2))).await.unwrap();
        check([count(1, 5), count(1, 4)], "unary").await;
        let points = client.watch(with_word(query("a", 2))).await.unwrap().into_inner();
        assert_eq!(points.collect::<Vec<_>>().await.len(), 3);
        check([count(1, 5), count(3, 3 + 3 + 5)], "server streaming").await;
        client.upload(with_word(iter([point("a"), point("b")]))).await.unwrap();
        check([count(2, 6), count(1, 16)], "client streaming").await;
        let queries = with_word(iter([query("a", 1), query("b", 2)]));
        let points = client.tail(queries).await.unwrap().into_inner();
        assert_eq!(points.collect::<Vec<_>>().await.len(), 3);
        check([count(2, 10), count(3, 9)], "bidirectional streaming").await;
    }
}

#[tokio::test]
async fn interceptors_are_told_of_failures_deadlines_and_cancellation() {
    let (served, made) = (Ends::default(), Ends::default());
    let server = TelemetryServer::new(Station::default()).intercept(served.clone());
    for route in routes::all(server).await {
        let client = route.client.clone().intercept(made.clone());
        let check = async |code: Code, context: &str| {
            for (side, ends) in [("client", &made), ("server", &served)] {
                let end = ends.only().await;
                // The client may be the first to see that a call is late, and cancel it.
                let is_late = code == Code::DeadlineExceeded && side == "server";
                let is_expected = end.code == code || is_late && end.code == Code::Cancelled;
                assert!(is_expected, "{}, {side}, {context}: {end:?}", route.name);
                assert!(!end.message.is_empty(), "{}, {side}, {context}", route.name);
            }
        };
        client.latest(query("fails", 1)).await.unwrap_err();
        check(Code::FailedPrecondition, "unary, failed").await;
        let points = client.watch(query("fails", 2)).await.unwrap().into_inner();
        assert!(points.collect::<Result<Vec<_>, _>>().await.is_err());
        check(Code::FailedPrecondition, "stream, failed").await;
        client.latest(query("panics", 1)).await.unwrap_err();
        check(Code::Internal, "unary, panicked").await;

        let mut hanging = Request::new(query("hangs", 1));
        hanging.set_timeout(Duration::from_millis(50));
        client.latest(hanging).await.unwrap_err();
        check(Code::DeadlineExceeded, "unary, late").await;
        let mut hanging = Request::new(query("hangs", 1));
        hanging.set_timeout(Duration::from_millis(50));
        failure_of(client.watch(hanging).await).await;
        check(Code::DeadlineExceeded, "stream, late").await;

        let mut points = client.watch(query("hangs", 1)).await.unwrap().into_inner();
        points.message().await.unwrap().unwrap();
        drop(points);
        check(Code::Cancelled, "stream, dropped").await;
    }
}

/// The status with which a stream of responses fails, before its headers or after them.
async fn failure_of(response: Result<Response<Streaming<Point>>, Status>) -> Status {
    match response {
        Ok(points) => points.into_inner().collect::<Result<Vec<_>, _>>().await.unwrap_err(),
        Err(status) => status,
    }
}

#[tokio::test]
async fn what_a_client_does_not_take_is_the_end_of_its_call() {
    let made = Ends::default();
    for route in routes::encoding(TelemetryServer::new(Station::default())).await {
        let client = route.client.clone().max_decoding_message_size(4).intercept(made.clone());
        let points = client.watch(query("a", 0)).await.unwrap().into_inner();
        let status = points.collect::<Result<Vec<_>, _>>().await.unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted, "{}", route.name);
        assert_eq!(made.only().await.code, Code::ResourceExhausted, "{}", route.name);
    }
}

/// Gives calls little time.
struct Hurrying;

impl Interceptor for Hurrying {
    async fn intercept(&self, mut call: InterceptedCall, next: Next<'_>) -> Result<Reply, Status> {
        call.set_timeout(Duration::from_millis(50));
        let earlier = call.deadline().unwrap();
        call.set_timeout(LONG);
        assert_eq!(call.deadline(), Some(earlier));
        next.run(call).await
    }
}

#[tokio::test]
async fn an_interceptor_may_set_an_earlier_deadline() {
    let server = TelemetryServer::new(Station::default());
    let mut clients = Vec::new();
    for route in routes::all(server.clone()).await {
        clients.push((route.client.clone().intercept(Hurrying), route));
    }
    for route in routes::all(server.intercept(Hurrying)).await {
        clients.push((route.client.clone(), route));
    }
    for (client, route) in clients {
        let late = timeout(LONG, client.latest(query("hangs", 1))).await.expect(route.name);
        assert_eq!(late.unwrap_err().code(), Code::DeadlineExceeded, "{}", route.name);
        let late = failure_of(client.watch(query("hangs", 2)).await);
        let late = timeout(LONG, late).await.expect(route.name);
        assert_eq!(late.code(), Code::DeadlineExceeded, "{}", route.name);
    }
}

#[tokio::test]
async fn an_interceptor_that_waits_for_ever_is_ended_by_the_deadline() {
    struct Waiting;

    impl Interceptor for Waiting {
        async fn intercept(&self, _: InterceptedCall, _: Next<'_>) -> Result<Reply, Status> {
            std::future::pending().await
        }
    }

    let server = Server::new().intercept(Waiting);
    let tower = server.add_tower_service(TelemetryServer::new(Station::default()));
    let mut routes = tower.into_service().unwrap();
    let request = HttpRequest::post("/telemetry.Telemetry/Latest")
        .header("content-type", "application/grpc")
        .header("grpc-timeout", "50m");
    let response = routes.call(request.body(HttpBody::default()).unwrap());
    let response = timeout(LONG, response).await.expect("an answer").unwrap();
    assert_eq!(response.headers()["grpc-status"], "4");

    let server = TelemetryServer::new(Station::default());
    let mut clients = Vec::new();
    for route in routes::all(server.clone()).await {
        clients.push((route.client.clone().intercept(Waiting), route));
    }
    for route in routes::all(server.intercept(Waiting)).await {
        clients.push((route.client.clone(), route));
    }
    for (client, route) in clients {
        let mut request = Request::new(query("a", 1));
        request.set_timeout(Duration::from_millis(50));
        let late = timeout(LONG, client.latest(request)).await.expect(route.name);
        assert_eq!(late.unwrap_err().code(), Code::DeadlineExceeded, "{}", route.name);
    }
}

/// Panics before the call, after it, or when it is told of the end.
struct Panicking(&'static str);

impl Interceptor for Panicking {
    async fn intercept(&self, call: InterceptedCall, next: Next<'_>) -> Result<Reply, Status> {
        let when = call.metadata().get("panics").map(|when| when.to_str().unwrap().to_owned());
        let panics = move |now| assert!(when.as_deref() != Some(now), "this interceptor panics");
        panics("before");
        let reply = next.on_end({
            let panics = panics.clone();
            move |_| panics("end")
        });
        let reply = reply.run(call).await;
        panics(self.0);
        reply
    }
}

#[tokio::test]
async fn a_panic_in_an_interceptor_of_a_server_fails_its_call_only() {
    let server = TelemetryServer::new(Station::default()).intercept(Panicking("after"));
    for route in routes::all(server).await {
        for (when, code) in [
            ("before", Code::Internal),
            ("after", Code::Internal),
            ("end", Code::Ok),
            ("never", Code::Ok),
        ] {
            let mut request = Request::new(query("a", 1));
            request.metadata_mut().insert("panics", when.parse().unwrap());
            let answered = route.client.latest(request).await;
            let got = answered.map_or_else(|status| status.code(), |_| Code::Ok);
            assert_eq!(got, code, "{}, {when}", route.name);
        }
    }
}

#[tokio::test]
async fn an_interceptor_sees_calls_of_clients_that_tonic_has_generated() {
    struct CheckForeign(Log);

    impl Interceptor for CheckForeign {
        async fn intercept(&self, call: InterceptedCall, next: Next<'_>) -> Result<Reply, Status> {
            self.0.push(format!("{:?} {} {}", call.role(), call.path(), call.method().is_some()));
            next.run(call).await
        }
    }

    let log = Log::default();
    let server = TelemetryServer::new(Station::default());
    let channel = Channel::in_process(server.intercept(CheckForeign(log.clone())));
    let mut client = Grpc::new(channel.intercept(CheckForeign(log.clone())));
    client.ready().await.unwrap();
    let path = PathAndQuery::from_static("/telemetry.Telemetry/Latest");
    let codec = ProstCodec::<Query, Point>::default();
    let latest = client.unary(Request::new(query("a", 1)), path, codec).await.unwrap();
    assert_eq!(latest.into_inner(), point("x"));
    let seen =
        ["Client /telemetry.Telemetry/Latest false", "Server /telemetry.Telemetry/Latest true"];
    assert_eq!(log.take(), seen);
}

#[tokio::test]
async fn no_request_gets_past_an_interceptor_to_a_tower_service() {
    let log = Log::default();
    let server = Server::new()
        .intercept(Named("server", log.clone()))
        .add_tower_service(TelemetryServer::new(Station::default()));
    let mut routes = server.into_service().unwrap();
    let post = |content_type| {
        HttpRequest::post("/telemetry.Telemetry/Latest").header("content-type", content_type)
    };
    let request = post("application/grpc").body(HttpBody::default()).unwrap();
    routes.call(request).await.unwrap();
    assert_eq!(log.lines(2).await, ["> server", "< server"]);
    let request = post("text/plain").body(HttpBody::default()).unwrap();
    let refused = routes.call(request).await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let request =
        HttpRequest::get("/telemetry.Telemetry/Latest").body(HttpBody::default()).unwrap();
    let refused = routes.call(request).await.unwrap();
    assert_eq!(refused.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert!(log.take().is_empty());
}

#[tokio::test]
async fn an_interceptor_of_a_server_sees_the_peer() {
    struct CheckPeer(Log);

    impl Interceptor for CheckPeer {
        async fn intercept(&self, call: InterceptedCall, next: Next<'_>) -> Result<Reply, Status> {
            let peer = call.peer().and_then(ConnectInfo::remote_addr);
            self.0.push(format!(
                "{:?} {}",
                call.role(),
                peer.is_some_and(|it| it.ip().is_loopback())
            ));
            next.run(call).await
        }
    }

    let log = Log::default();
    for enabled in [true, false] {
        let (listener, address) = routes::listen().await;
        let server = Server::new().connect_info(enabled).intercept(CheckPeer(log.clone()));
        let server = server.add_service(TelemetryServer::new(Station::default()));
        let serving = tokio::spawn(server.serve_listener(listener));
        let channel = Channel::connect(format!("http://{address}")).await.unwrap();
        let client = TelemetryClient::new(channel).intercept(CheckPeer(log.clone()));
        client.latest(query("a", 1)).await.unwrap();
        assert_eq!(log.take(), ["Client false".to_owned(), format!("Server {enabled}")]);
        serving.abort();
    }
}

#[tokio::test]
async fn calls_of_mocks_are_intercepted() {
    let log = Log::default();
    let mock = MockCalculator::new();
    mock.expect_add().returns(AddResponse { result: 8 });
    let channel = Channel::in_process_direct(mock.server().intercept(Named("mock", log.clone())));
    let client = CalculatorClient::new(channel).intercept(Named("client", log.clone()));
    let sum = client.add(AddRequest { a: 5, b: 3 }).await.unwrap().into_inner();
    assert_eq!(sum.result, 8);
    assert_eq!(log.take(), ["> client", "> mock", "< mock", "< client"]);
}

#[tokio::test]
async fn a_channel_has_layers_and_requests_an_origin() {
    let log = Log::default();
    let noted = log.clone();
    let served = TelemetryServer::new(Station::default());
    let service = service_fn(move |request: HttpRequest<Body>| {
        noted.push(format!("{} {:?}", request.uri(), request.headers().get("x-tenant")));
        let mut served = served.clone();
        async move { served.call(request).await }
    });
    let layer = |tenant: &'static str| {
        MapRequestLayer::new(move |mut request: HttpRequest<Body>| {
            request.headers_mut().append("x-tenant", tenant.parse().unwrap());
            request
        })
    };
    let channel = Channel::new(service).layer(layer("inner")).layer(layer("outer"));
    TelemetryClient::new(channel.clone()).latest(query("a", 1)).await.unwrap();
    assert_eq!(log.take(), ["/telemetry.Telemetry/Latest Some(\"outer\")"]);
    let origin = Uri::from_static("https://example.com:8443");
    TelemetryClient::with_origin(channel, origin).latest(query("a", 1)).await.unwrap();
    let uri = "https://example.com:8443/telemetry.Telemetry/Latest";
    assert_eq!(log.take(), [format!("{uri} Some(\"outer\")")]);
}

#[tokio::test]
async fn the_requests_of_a_connection_carry_the_origin_of_their_client() {
    let log = Log::default();
    let noted = log.clone();
    let layer = MapRequestLayer::new(move |request: HttpRequest<HttpBody>| {
        noted.push(request.uri().to_string());
        request
    });
    let (listener, address) = routes::listen().await;
    let server = Server::new().add_service(TelemetryServer::new(Station::default())).layer(layer);
    let serving = tokio::spawn(server.serve_listener(listener));
    let channel = Channel::connect(format!("http://{address}")).await.unwrap();
    for (origin, uri) in [
        ("https://example.com:8443/ignored", "https://example.com:8443/telemetry.Telemetry/Latest"),
        ("example.com:80", "http://example.com:80/telemetry.Telemetry/Latest"),
    ] {
        let client = TelemetryClient::with_origin(channel.clone(), Uri::from_static(origin));
        client.latest(query("a", 1)).await.unwrap();
        assert_eq!(log.take(), [uri]);
    }
    serving.abort();
}
