//! gRPC-Web by tonic's layers: clients over HTTP/1.1 and over our connections, and a server behind it.

use http::Uri;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use rust_scaffold::{Channel, Code, Server};
use tokio::task::JoinHandle;
use tokio_stream::StreamExt as _;
use tonic_web::{GrpcWebClientLayer, GrpcWebLayer};
use tower_layer::Layer as _;

use crate::{
    routes::{listen, serve_routes_in_axum},
    station::{Station, point, query},
    telemetry::{TelemetryClient, TelemetryServer},
};

/// A server of gRPC-Web, over both versions of HTTP.
async fn serve() -> (String, JoinHandle<()>) {
    let (listener, address) = listen().await;
    let server = Server::new().add_service(TelemetryServer::new(Station::default()));
    let routes = server.layer(GrpcWebLayer::new()).into_service().unwrap();
    (format!("http://{address}"), serve_routes_in_axum(routes, listener))
}

async fn check(client: TelemetryClient) {
    assert_eq!(client.latest(query("a", 3)).await.unwrap().into_inner(), point("xxx"));
    let failed = client.latest(query("fails", 1)).await.unwrap_err();
    assert_eq!(failed.code(), Code::FailedPrecondition);
    assert_eq!(failed.message(), "größer als 100 %");
    let points = client.watch(query("a", 2)).await.unwrap().into_inner();
    let points: Result<Vec<_>, _> = points.collect().await;
    assert_eq!(points.unwrap(), [point("a"), point("a"), point("end")]);
    let points = client.watch(query("fails", 1)).await.unwrap().into_inner();
    let failed = points.collect::<Result<Vec<_>, _>>().await.unwrap_err();
    assert_eq!(failed.code(), Code::FailedPrecondition);
}

#[tokio::test]
async fn a_client_speaks_grpc_web_over_http1() {
    let (address, serving) = serve().await;
    let http1 = Client::builder(TokioExecutor::new()).build_http();
    let channel = Channel::new(GrpcWebClientLayer::new().layer(http1));
    check(TelemetryClient::with_origin(channel, address.parse::<Uri>().unwrap())).await;
    serving.abort();
}

#[tokio::test]
async fn a_client_speaks_grpc_web_over_a_connection_of_ours() {
    let (address, serving) = serve().await;
    let channel = Channel::connect(address).await.unwrap();
    check(TelemetryClient::new(channel.layer(GrpcWebClientLayer::new()))).await;
    serving.abort();
}
