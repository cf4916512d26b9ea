//! The health of a server, told to our clients and to those of others.

use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::Request;
use rust_scaffold::{
    Channel, Code, HealthReporter, HealthStatus, Server, Streaming, tonic::transport::Endpoint,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
    time::timeout,
};
use tonic_health::pb as tonics;

use crate::{
    calculator::{CalculatorServer, MockCalculator},
    health_v1::{
        HealthCheckRequest, HealthCheckResponse, HealthClient, HealthListRequest,
        health_check_response::ServingStatus as Told,
    },
    routes::listen,
    station::Station,
    telemetry::TelemetryServer,
};

/// Only against hanging.
const LONG: Duration = Duration::from_secs(60);

const STATION: &str = "telemetry.Telemetry";

fn named(service: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: service.to_owned() }
}

/// A client of `server` in this process.
fn client_of(server: Server) -> HealthClient {
    HealthClient::new(Channel::new(server.into_service().unwrap()))
}

fn station() -> TelemetryServer<Station> {
    TelemetryServer::new(Station::default())
}

async fn check(client: &HealthClient, service: &str) -> Result<Told, Code> {
    let checked = client.check(named(service)).await;
    checked.map(|response| response.get_ref().status()).map_err(|status| status.code())
}

async fn watch(client: &HealthClient, service: &str) -> Streaming<HealthCheckResponse> {
    client.watch(named(service)).await.unwrap().into_inner()
}

/// What a watch tells next; None at its end.
async fn next(watch: &mut Streaming<HealthCheckResponse>) -> Option<Told> {
    let told = timeout(LONG, watch.message()).await.expect("the watch tells nothing");
    told.unwrap().map(|told| told.status())
}

/// A server that serves until it is told to stop.
struct Running {
    client: HealthClient,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
    address: String,
}

async fn serve(server: Server) -> Running {
    let (listener, address) = listen().await;
    let (stop, stopped) = oneshot::channel();
    let serve = async move |listener: TcpListener| {
        let signal = async {
            if stopped.await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        // However long calls take: none may be left.
        let server = server.shutdown_timeout(None);
        server.serve_listener_with_shutdown(listener, signal).await.unwrap();
    };
    let served = tokio::spawn(serve(listener));
    let address = format!("http://{address}");
    let client = HealthClient::new(Channel::connect(address.clone()).await.unwrap());
    Running { client, stop, served, address }
}

#[tokio::test]
async fn what_is_added_is_serving_whatever_the_order() {
    let calculator = CalculatorServer::new(MockCalculator::new());
    let server = Server::new().add_service(station()).health().add_tower_service(calculator);
    let client = client_of(server);
    for service in ["", STATION, "calculator.Calculator"] {
        assert_eq!(check(&client, service).await, Ok(Told::Serving), "{service}");
    }
    assert_eq!(check(&client, "telemetry.Unknown").await, Err(Code::NotFound));
}

#[tokio::test]
async fn a_status_that_was_set_before_the_start_is_kept() {
    let health = HealthReporter::new();
    health.set_status(STATION, HealthStatus::Unknown);
    health.set_status("", HealthStatus::NotServing);
    let client = client_of(Server::new().health_with(&health).add_service(station()));
    assert_eq!(check(&client, STATION).await, Ok(Told::Unknown));
    assert_eq!(check(&client, "").await, Ok(Told::NotServing));
    health.set_status("", HealthStatus::Serving);
    assert_eq!(check(&client, "").await, Ok(Told::Serving));
}

#[tokio::test]
async fn a_watch_tells_each_change_of_its_own_service() {
    let health = HealthReporter::new();
    let Running { client, .. } =
        serve(Server::new().health_with(&health).add_service(station())).await;
    let mut watch = watch(&client, STATION).await;
    assert_eq!(next(&mut watch).await, Some(Told::Serving));
    // Neither the status of others nor the same status again is news.
    health.set_status("another.Service", HealthStatus::NotServing);
    health.set_status(STATION, HealthStatus::Serving);
    health.set_status(STATION, HealthStatus::NotServing);
    assert_eq!(next(&mut watch).await, Some(Told::NotServing));
    health.set_status(STATION, HealthStatus::Serving);
    assert_eq!(next(&mut watch).await, Some(Told::Serving));
    health.clear_status(STATION);
    assert_eq!(next(&mut watch).await, Some(Told::ServiceUnknown));
    assert_eq!(check(&client, STATION).await, Err(Code::NotFound));
}

#[tokio::test]
async fn a_watch_of_an_unknown_service_goes_on_until_it_is_known() {
    let health = HealthReporter::new();
    let Running { client, .. } = serve(Server::new().health_with(&health)).await;
    let mut watch = watch(&client, "plugin.Late").await;
    assert_eq!(next(&mut watch).await, Some(Told::ServiceUnknown));
    health.set_status("plugin.Late", HealthStatus::Serving);
    assert_eq!(next(&mut watch).await, Some(Told::Serving));
}

#[tokio::test]
async fn a_watch_tells_the_newest_status_and_none_in_between() {
    let health = HealthReporter::new();
    let Running { client, .. } =
        serve(Server::new().health_with(&health).add_service(station())).await;
    let mut watch = watch(&client, STATION).await;
    assert_eq!(next(&mut watch).await, Some(Told::Serving));
    // On this one thread, nobody runs before the last one is set.
    for _ in 0..10_000 {
        health.set_status(STATION, HealthStatus::NotServing);
        health.set_status(STATION, HealthStatus::Serving);
    }
    health.set_status(STATION, HealthStatus::Unknown);
    assert_eq!(next(&mut watch).await, Some(Told::Unknown));
    health.shut_down();
    assert_eq!(next(&mut watch).await, Some(Told::NotServing));
    assert_eq!(next(&mut watch).await, None);
}

#[tokio::test]
async fn shutdown_ends_every_watch_after_it_has_told_so() {
    let health = HealthReporter::new();
    let server = Server::new().health_with(&health).add_service(station());
    let Running { client, stop, served, .. } = serve(server).await;
    let mut watches = Vec::new();
    for service in ["", STATION] {
        let mut watch = watch(&client, service).await;
        assert_eq!(next(&mut watch).await, Some(Told::Serving));
        watches.push(watch);
    }
    let mut unknown = watch(&client, "no.Service").await;
    assert_eq!(next(&mut unknown).await, Some(Told::ServiceUnknown));
    stop.send(()).unwrap();
    for watch in &mut watches {
        assert_eq!(next(watch).await, Some(Told::NotServing));
        assert_eq!(next(watch).await, None);
    }
    assert_eq!(next(&mut unknown).await, None);
    // Nothing but the watches has kept the server.
    timeout(LONG, served).await.expect("the server is kept").unwrap();
    health.set_status(STATION, HealthStatus::Serving);
    assert_eq!(health.status(STATION), Some(HealthStatus::NotServing));
}

#[tokio::test]
async fn a_watch_that_begins_after_shutdown_ends_with_the_drain_or_at_once_if_others_serve() {
    let health = HealthReporter::new();
    let server = || Server::new().health_with(&health).add_service(station());
    let mounted = client_of(server());
    let Running { client, stop, served, .. } = serve(server()).await;
    health.shut_down();
    let mut late = watch(&mounted, STATION).await;
    assert_eq!(next(&mut late).await, Some(Told::NotServing));
    // Nobody would end it.
    assert_eq!(next(&mut late).await, None);
    let mut late = watch(&client, STATION).await;
    assert_eq!(next(&mut late).await, Some(Told::NotServing));
    assert!(late.message().now_or_never().is_none());
    stop.send(()).unwrap();
    let ended = timeout(LONG, late.message()).await.expect("the watch goes on").unwrap_err();
    assert_eq!(ended.code(), Code::Unavailable);
    timeout(LONG, served).await.expect("the server is kept").unwrap();
}

/// Its messages wait for a window that never opens.
#[tokio::test]
async fn a_watch_whose_client_takes_no_data_keeps_no_server() {
    let Running { client, stop, served, address } = serve(Server::new().health()).await;
    drop(client);
    let io = TcpStream::connect(address.strip_prefix("http://").unwrap()).await.unwrap();
    let built = h2::client::Builder::new().initial_window_size(0).handshake::<_, Bytes>(io).await;
    let (calls, connection) = built.unwrap();
    tokio::spawn(connection);
    let request = Request::post("http://localhost/grpc.health.v1.Health/Watch")
        .header("content-type", "application/grpc")
        .body(())
        .unwrap();
    let mut calls = calls.ready().await.unwrap();
    let (response, mut request) = calls.send_request(request, false).unwrap();
    // The name of no service, which is that of the server.
    request.send_data(Bytes::from_static(&[0; 5]), true).unwrap();
    let mut watch = response.await.unwrap().into_body();
    stop.send(()).unwrap();
    timeout(LONG, served).await.expect("the server is kept").unwrap();
    assert!(watch.data().await.is_none());
    assert_eq!(watch.trailers().await.unwrap().unwrap()["grpc-status"], "14");
}

#[tokio::test]
async fn a_server_that_nobody_awaits_any_more_ends_its_watches() {
    let Running { client, served, .. } = serve(Server::new().health()).await;
    let mut watch = watch(&client, "").await;
    assert_eq!(next(&mut watch).await, Some(Told::Serving));
    served.abort();
    assert_eq!(next(&mut watch).await, Some(Told::NotServing));
    assert_eq!(next(&mut watch).await, None);
}

#[tokio::test]
async fn a_list_has_at_most_a_hundred_services() {
    let health = HealthReporter::new();
    let client = client_of(Server::new().health_with(&health).add_service(station()));
    // With the server itself, the health service, and the station.
    for number in 3..100 {
        health.set_status(&format!("service{number}"), HealthStatus::NotServing);
    }
    let listed = client.list(HealthListRequest {}).await.unwrap().into_inner().statuses;
    assert_eq!(listed.len(), 100);
    assert_eq!(listed[""].status(), Told::Serving);
    assert_eq!(listed[STATION].status(), Told::Serving);
    assert_eq!(listed["service42"].status(), Told::NotServing);
    health.set_status("one.TooMany", HealthStatus::Serving);
    let refused = client.list(HealthListRequest {}).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
}

#[tokio::test]
async fn no_watch_keeps_a_name_that_is_no_name() {
    let client = client_of(Server::new().health());
    let refused = client.watch(named(&"x".repeat(5000))).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
}

#[tokio::test]
async fn clones_of_a_server_have_a_health_of_their_own() {
    let common = Server::new().health();
    let Running { client: first, stop, served, .. } =
        serve(common.clone().add_service(station())).await;
    let second = client_of(common);
    assert_eq!(check(&first, STATION).await, Ok(Told::Serving));
    assert_eq!(check(&second, STATION).await, Err(Code::NotFound));
    stop.send(()).unwrap();
    drop(first);
    timeout(LONG, served).await.expect("the server is kept").unwrap();
    assert_eq!(check(&second, "").await, Ok(Told::Serving));
}

#[tokio::test]
async fn clones_of_a_server_share_a_reporter_that_was_given_to_them() {
    let health = HealthReporter::new();
    let common = Server::new().health_with(&health);
    let [first, second] = [client_of(common.clone().add_service(station())), client_of(common)];
    health.set_status(STATION, HealthStatus::NotServing);
    for client in [first, second] {
        assert_eq!(check(&client, STATION).await, Ok(Told::NotServing));
    }
}

#[tokio::test]
async fn health_is_served_once() {
    let server = Server::new().health().health();
    let refused = server.into_service().unwrap_err().to_string();
    assert!(refused.contains("grpc.health.v1.Health"), "{refused}");
}

#[tokio::test]
async fn tonics_client_is_told_the_same() {
    let health = HealthReporter::new();
    let server = Server::new().health_with(&health).add_service(station());
    let Running { stop, served, address, .. } = serve(server).await;
    let channel = Endpoint::from_shared(address).unwrap().connect().await.unwrap();
    let mut client = tonics::health_client::HealthClient::new(channel);
    let request = |service: &str| tonics::HealthCheckRequest { service: service.to_owned() };
    let checked = client.check(request(STATION)).await.unwrap().into_inner();
    assert_eq!(checked.status(), tonics::health_check_response::ServingStatus::Serving);
    let unknown = client.check(request("no.Service")).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
    let mut watch = client.watch(request(STATION)).await.unwrap().into_inner();
    let mut next = async || {
        let told = timeout(LONG, watch.message()).await.expect("the watch tells nothing");
        told.unwrap().map(|told| told.status)
    };
    let mut told = vec![next().await];
    health.set_status(STATION, HealthStatus::NotServing);
    told.push(next().await);
    health.set_status(STATION, HealthStatus::Serving);
    told.push(next().await);
    stop.send(()).unwrap();
    told.push(next().await);
    told.push(next().await);
    assert_eq!(told, [Some(1), Some(2), Some(1), Some(2), None]);
    drop(client);
    timeout(LONG, served).await.expect("the server is kept").unwrap();
}
