//! A whole server as one tower service, mounted in others.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    task::{Context, Poll},
};

use http::{Request, Response, StatusCode};
use rust_scaffold::{
    Channel, Code, HttpBody, ServeError, Server,
    tonic::{
        body::Body,
        server::NamedService,
        transport::{Channel as TonicChannel, Endpoint},
    },
};
use tokio::{net::TcpListener, task::JoinHandle};
use tower_service::Service;

use crate::{
    calculator::{AddRequest, AddResponse, CalculatorClient, CalculatorServer, MockCalculator},
    routes::{listen, serve_hyper, serve_routes_in_axum},
    station::{Station, query},
    telemetry::{TelemetryClient, TelemetryServer},
};

/// A service of others, such as that of tonic-health, and a fallback: answers with its own header.
#[derive(Clone)]
struct Foreign(&'static str);

impl NamedService for Foreign {
    const NAME: &'static str = "grpc.health.v1.Health";
}

impl Service<Request<HttpBody>> for Foreign {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<HttpBody>) -> Self::Future {
        let head = Response::builder().header("answered-by", self.0);
        let head = head.header("content-type", "application/grpc").header("grpc-status", "0");
        ready(Ok(head.body(Body::empty()).unwrap()))
    }
}

/// `server` by itself and mounted in others: a name, a channel to it, its address, and what serves.
pub(crate) async fn mount(
    server: Server,
) -> Vec<(&'static str, TonicChannel, String, JoinHandle<()>)> {
    let mut mounted = Vec::new();
    for (name, serve) in [
        ("our server", serve_ours as fn(Server, TcpListener) -> JoinHandle<()>),
        ("axum", |server, listener| serve_routes_in_axum(server.into_service().unwrap(), listener)),
        ("hyper", |server, listener| serve_hyper(server.into_service().unwrap(), listener)),
    ] {
        let (listener, address) = listen().await;
        let task = serve(server.clone(), listener);
        let address = format!("http://{address}");
        let endpoint = Endpoint::from_shared(address.clone());
        let channel = endpoint.unwrap().connect().await.unwrap();
        mounted.push((name, channel, address, task));
    }
    mounted
}

fn serve_ours(server: Server, listener: TcpListener) -> JoinHandle<()> {
    tokio::spawn(async move { server.serve_listener(listener).await.unwrap() })
}

/// The response to a request without messages.
pub(crate) async fn response(channel: &mut TonicChannel, path: &str) -> Response<Body> {
    let request = Request::post(path).header("content-type", "application/grpc");
    send(channel, request.header("te", "trailers").body(Body::empty()).unwrap()).await
}

pub(crate) async fn send(channel: &mut TonicChannel, request: Request<Body>) -> Response<Body> {
    std::future::poll_fn(|cx| channel.poll_ready(cx)).await.unwrap();
    channel.call(request).await.unwrap()
}

#[tokio::test]
async fn all_services_of_a_server_are_mounted_in_others() {
    let calculator = MockCalculator::new();
    calculator.on_add().returns(AddResponse { result: 8 });
    let server = Server::new()
        .add_service(TelemetryServer::new(Station::default()))
        .add_service(calculator.server())
        .add_tower_service(Foreign("health"));
    for with_fallback in [false, true] {
        let server = match with_fallback {
            true => server.clone().fallback(Foreign("fallback")),
            false => server.clone(),
        };
        for (name, mut channel, address, task) in mount(server).await {
            let ours = Channel::connect(address).await.unwrap();
            TelemetryClient::new(ours.clone()).latest(query("a", 1)).await.expect(name);
            let sum = CalculatorClient::new(ours).add(AddRequest { a: 5, b: 3 }).await.unwrap();
            assert_eq!(sum.into_inner().result, 8, "{name}");
            let health = response(&mut channel, "/grpc.health.v1.Health/Check").await;
            assert_eq!(health.headers()["answered-by"], "health", "{name}");
            let unknown = response(&mut channel, "/missing.Service/Method").await;
            match with_fallback {
                true => assert_eq!(unknown.headers()["answered-by"], "fallback", "{name}"),
                false => assert_eq!(unknown.headers()["grpc-status"], "12", "{name}"),
            }
            task.abort();
        }
    }
}

#[tokio::test]
async fn other_routes_of_axum_stay_where_they_are() {
    let server = Server::new().add_service(TelemetryServer::new(Station::default()));
    let (listener, address) = listen().await;
    let task = serve_routes_in_axum(server.into_service().unwrap(), listener);
    let endpoint = Endpoint::from_shared(format!("http://{address}"));
    let mut channel = endpoint.unwrap().connect().await.unwrap();
    let mut get = async |path: &str| {
        send(&mut channel, Request::get(path).body(Body::empty()).unwrap()).await.status()
    };
    assert_eq!(get("/page").await, StatusCode::OK);
    assert_eq!(get("/telemetry.Telemetry/Latest").await, StatusCode::METHOD_NOT_ALLOWED);
    task.abort();
}

#[tokio::test]
async fn the_services_of_a_server_are_called_in_process_through_one_channel() {
    let server = Server::new().add_service(TelemetryServer::new(Station::default()));
    let channel = Channel::new(server.into_service().unwrap());
    TelemetryClient::new(channel.clone()).latest(query("a", 1)).await.unwrap();
    let failure = CalculatorClient::new(channel).add(AddRequest { a: 5, b: 3 }).await.unwrap_err();
    assert_eq!(failure.code(), Code::Unimplemented);
}

#[test]
fn two_services_with_one_name_are_not_mounted() {
    let server = Server::new().add_tower_service(Foreign("a")).add_tower_service(Foreign("b"));
    let Err(ServeError::DuplicateService { service, .. }) = server.into_service() else {
        panic!("both are mounted");
    };
    assert_eq!(service, Foreign::NAME);
}

#[tokio::test]
async fn an_optional_service_is_served_if_there_is_one() {
    let station = |is_there: bool| is_there.then(|| TelemetryServer::new(Station::default()));
    for is_there in [true, false] {
        let server = Server::new()
            .add_optional_service(station(is_there))
            .add_optional_service(None::<CalculatorServer<MockCalculator>>);
        let client = TelemetryClient::new(Channel::new(server.into_service().unwrap()));
        match client.latest(query("a", 1)).await {
            Ok(_) => assert!(is_there),
            Err(status) => assert_eq!((is_there, status.code()), (false, Code::Unimplemented)),
        }
    }
    let twice =
        Server::new().add_optional_service(station(true)).add_optional_service(station(true));
    assert!(twice.into_service().is_err());
}
