//! Servers that demand bearer tokens.

use std::sync::{Arc, Mutex};

use rust_scaffold::{
    BearerAuth, BearerToken, Channel, Code, Except, InterceptedCall, Interceptor, Next, Reply,
    Request, Response, Server, Status, ToStatus as _,
};

use crate::{
    calculator::{
        AddRequest, AddResponse, Calculator, CalculatorClient, CalculatorServer, SubtractRequest,
        SubtractResponse,
    },
    health_v1::{HealthCheckRequest, HealthClient},
    routes,
    station::{Station, point, query},
    telemetry::TelemetryServer,
};

/// Who calls.
#[derive(Clone, Debug, PartialEq)]
struct User(String);

async fn verify(token: BearerToken) -> Result<User, Status> {
    // Not at once, as if it had to be asked for.
    tokio::task::yield_now().await;
    match token.as_str().strip_prefix("token-of-") {
        Some(name) => Ok(User(name.to_owned())),
        None => Err(Status::unauthenticated("the token is not valid")),
    }
}

/// A request with these values of `authorization`.
fn with<T>(values: &[&str], message: T) -> Request<T> {
    let mut request = Request::new(message);
    for value in values {
        request.metadata_mut().append("authorization", value.parse().unwrap());
    }
    request
}

#[tokio::test]
async fn a_call_without_a_valid_token_is_unauthenticated_on_every_route() {
    let server = TelemetryServer::new(Station::default()).intercept(BearerAuth::new(verify));
    for route in routes::all(server).await {
        let (client, name) = (&route.client, route.name);
        for values in [&[][..], &["Basic x"], &["Bearer x"], &["Bearer token-of-a"; 2]] {
            let points = || tokio_stream::iter([point("a")]);
            let queries = || tokio_stream::iter([query("a", 1)]);
            for refused in [
                client.latest(with(values, query("a", 1))).await.map(drop),
                client.upload(with(values, points())).await.map(drop),
                client.watch(with(values, query("a", 1))).await.map(drop),
                client.tail(with(values, queries())).await.map(drop),
            ] {
                let status = refused.expect_err(name);
                assert_eq!(status.code(), Code::Unauthenticated, "{name}: {values:?}");
                assert!(!status.message().contains("token-of-a"), "{name}: {status:?}");
            }
        }
        let value = &["bearer token-of-a"];
        client.latest(with(value, query("a", 1))).await.expect(name);
        client.upload(with(value, tokio_stream::iter([point("a")]))).await.expect(name);
        client.watch(with(value, query("a", 1))).await.expect(name);
        client.tail(with(value, tokio_stream::iter([query("a", 1)]))).await.expect(name);
    }
}

/// Keeps who has called.
#[derive(Clone, Default)]
struct Users(Arc<Mutex<Vec<Option<User>>>>);

impl Calculator for Users {
    async fn add(&self, request: Request<AddRequest>) -> Result<Response<AddResponse>, Status> {
        self.0.lock().unwrap().push(request.extensions().get().cloned());
        Ok(Response::new(AddResponse::default()))
    }

    async fn subtract(
        &self,
        _: Request<SubtractRequest>,
    ) -> Result<Response<SubtractResponse>, Status> {
        Ok(Response::new(SubtractResponse::default()))
    }
}

#[tokio::test]
async fn handlers_see_whose_token_it_is() {
    let users = Users::default();
    let service = CalculatorServer::new(users.clone());
    let guarded = service.clone().intercept(BearerAuth::new(verify));
    let server = |server: Server| server.intercept(BearerAuth::new(verify));
    for channel in [
        Channel::in_process(guarded.clone()),
        Channel::in_process_direct(guarded.clone()),
        Channel::new(guarded),
        Channel::new(server(Server::new()).add_service(service.clone()).into_service().unwrap()),
        Channel::new(server(Server::new()).add_tower_service(service).into_service().unwrap()),
    ] {
        let client = CalculatorClient::new(channel);
        let mut request = with(&["Bearer token-of-ferris"], AddRequest::default());
        // Whoever it says it is.
        request.extensions_mut().insert(User("root".to_owned()));
        client.add(request).await.unwrap();
        assert_eq!(users.0.lock().unwrap().pop(), Some(Some(User("ferris".to_owned()))));
    }
}

#[tokio::test]
async fn what_the_verifier_says_is_what_the_client_gets() {
    let unreachable = |_: BearerToken| async {
        Err::<(), _>("no route to the identity provider").status(Code::Unavailable)
    };
    let server = CalculatorServer::new(Users::default()).intercept(BearerAuth::new(unreachable));
    let client = CalculatorClient::new(Channel::new(server));
    let status = client.add(with(&["Bearer x"], AddRequest::default())).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(!format!("{status:?}").contains("provider"), "{status:?}");
}

#[tokio::test]
async fn probes_bypass_what_they_have_no_credentials_for() {
    let is_probe = |call: &InterceptedCall| call.path().starts_with("/grpc.health.v1.Health/");
    let server = Server::new()
        .health()
        .intercept(Except::new(BearerAuth::new(verify), is_probe))
        .add_service(CalculatorServer::new(Users::default()));
    let channel = Channel::new(server.into_service().unwrap());
    HealthClient::new(channel.clone()).check(HealthCheckRequest::default()).await.unwrap();
    let calculator = CalculatorClient::new(channel);
    let status = calculator.add(AddRequest::default()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    calculator.add(with(&["Bearer token-of-a"], AddRequest::default())).await.unwrap();
}

/// Keeps what `Debug` says of calls.
#[derive(Clone, Default)]
struct Printing(Arc<Mutex<String>>);

impl Interceptor for Printing {
    async fn intercept(&self, call: InterceptedCall, next: Next<'_>) -> Result<Reply, Status> {
        *self.0.lock().unwrap() += &format!("{call:?}");
        next.run(call).await
    }
}

#[tokio::test]
async fn interceptors_behind_do_not_print_the_token() {
    let printed = Printing::default();
    let server = CalculatorServer::new(Users::default())
        .intercept(BearerAuth::new(verify))
        .intercept(printed.clone());
    let client = CalculatorClient::new(Channel::new(server));
    client.add(with(&["Bearer token-of-a"], AddRequest::default())).await.unwrap();
    let printed = printed.0.lock().unwrap();
    assert!(printed.contains("authorization") && !printed.contains("token-of-a"), "{printed}");
}
