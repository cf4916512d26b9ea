//! In which order calls pass interceptors, and what these see of a call and change.

use super::*;

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
