//! Every way from a client to a server.

use std::net::SocketAddr;

use http::Uri;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use rust_scaffold::{
    Channel, HttpBody, InterceptedCall, Interceptor, Next, Protocol, Reply, Routes, Server, Status,
    tonic,
};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_stream::wrappers::TcpListenerStream;
use tower::util::MapResponseLayer;
use tower_service::Service;

use crate::{
    station::Station,
    telemetry::{TelemetryClient, TelemetryServer},
};

/// A way to a server, which stops when this is dropped.
pub(crate) struct Route {
    pub(crate) name: &'static str,
    pub(crate) client: TelemetryClient,
    server: Option<JoinHandle<()>>,
}

impl Drop for Route {
    fn drop(&mut self) {
        if let Some(server) = &self.server {
            server.abort();
        }
    }
}

/// Opens every route to `server`.
pub(crate) async fn all(server: TelemetryServer<Station>) -> Vec<Route> {
    let mut routes = vec![open("direct", Channel::in_process_direct(server.clone()), None)];
    let intercepted = Channel::in_process_direct(server.clone().intercept(Watching));
    routes.push(open("direct, intercepted", intercepted.intercept(Watching), None));
    routes.extend(encoding(server).await);
    routes
}

/// Opens the routes to `server` that encode messages.
pub(crate) async fn encoding(server: TelemetryServer<Station>) -> Vec<Route> {
    let mut routes = vec![open("in process", Channel::in_process(server.clone()), None)];
    let intercepted = Channel::in_process(server.clone().intercept(Watching));
    routes.push(open("in process, intercepted", intercepted.intercept(Watching), None));
    routes.extend(over_http(server).await);
    routes
}

/// Opens the routes to `server` through which a call goes as an HTTP request.
pub(crate) async fn over_http(server: TelemetryServer<Station>) -> Vec<Route> {
    let mut routes = vec![open("tower", Channel::new(server.clone()), None)];
    routes.push(through_a_service(server.clone()).await);
    routes.extend(over_sockets(server).await);
    routes
}

/// The bytes of a stream that may wait for a reader at tonic's client. With its default of 2 MiB it
/// takes a server of small messages for an attacker (`too_many_data_frames`) when the reader is
/// late: 11,000 unread frames of 21 bytes are too many.
const TONICS_WINDOW: u32 = 128 * 1024;

/// Opens the routes to `server` that have a connection.
pub(crate) async fn over_sockets(server: TelemetryServer<Station>) -> Vec<Route> {
    let mut routes = Vec::new();
    for (name, serve) in [
        ("our server", serve_ours as fn(TelemetryServer<Station>, TcpListener) -> JoinHandle<()>),
        ("our server with a layer", serve_layered),
        ("tonic's server", serve_tonic),
        ("axum", serve_axum),
        ("hyper", |server, listener| serve_hyper(server, listener)),
        ("our routes in axum", |server, listener| {
            serve_routes_in_axum(routes_of(server), listener)
        }),
        ("our routes in hyper", |server, listener| serve_hyper(routes_of(server), listener)),
    ] {
        let (listener, address) = listen().await;
        let task = serve(server.clone(), listener);
        let channel = Channel::connect(format!("http://{address}")).await.unwrap();
        routes.push(open(name, channel, Some(task)));
    }
    routes.extend(grpc_web_over_sockets(&server).await);
    routes.extend(intercepted_over_sockets(&server).await);
    let (listener, address) = listen().await;
    let task = serve_ours(server, listener);
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{address}")).unwrap();
    let channel = endpoint.initial_stream_window_size(TONICS_WINDOW).connect().await.unwrap();
    routes.push(open("tonic's client", channel.into(), Some(task)));
    routes
}

/// Opens the routes to `server` on which gRPC-Web is spoken.
async fn grpc_web_over_sockets(server: &TelemetryServer<Station>) -> Vec<Route> {
    let mut routes = Vec::new();
    for (name, protocol, serve) in [
        ("gRPC-Web", Protocol::GrpcWeb, serve_ours as fn(_, _) -> _),
        ("gRPC-Web as text", Protocol::GrpcWebText, serve_ours),
        ("gRPC-Web with a layer", Protocol::GrpcWeb, serve_layered),
        ("gRPC-Web to axum", Protocol::GrpcWeb, serve_axum),
    ] {
        let (listener, address) = listen().await;
        let task = serve(server.clone(), listener);
        let builder = Channel::builder(format!("http://{address}")).protocol(protocol);
        routes.push(open(name, builder.connect().await.unwrap(), Some(task)));
    }
    for (name, protocol, serve) in [
        ("gRPC-Web over HTTP/1.1", Protocol::GrpcWeb, serve_ours as fn(_, _) -> _),
        ("gRPC-Web over HTTP/1.1 with a layer", Protocol::GrpcWebText, serve_layered),
    ] {
        let (listener, address) = listen().await;
        let server = Some(serve(server.clone(), listener));
        let http1 = Client::builder(TokioExecutor::new()).build_http();
        let origin = format!("http://{address}").parse::<Uri>().unwrap();
        let channel = Channel::with_protocol(http1, protocol);
        routes.push(Route { name, client: TelemetryClient::with_origin(channel, origin), server });
    }
    routes
}

/// Opens the routes to `server` on which there are interceptors on both sides.
async fn intercepted_over_sockets(server: &TelemetryServer<Station>) -> Vec<Route> {
    let (listener, address) = listen().await;
    let generated = server.clone().intercept(Watching);
    let task = serve(Server::new().intercept(Watching).add_service(generated), listener);
    let channel = Channel::connect(format!("http://{address}")).await.unwrap();
    let mut routes = vec![open("intercepted", channel.intercept(Watching), Some(task))];

    let (listener, address) = listen().await;
    let task = serve(Server::new().intercept(Watching).add_tower_service(server.clone()), listener);
    let channel = Channel::connect(format!("http://{address}")).await.unwrap();
    let channel = Channel::new(channel.intercept(Watching));
    routes.push(open("intercepted as tower services", channel, Some(task)));
    routes
}

fn serve(server: Server, listener: TcpListener) -> JoinHandle<()> {
    let incoming = TcpListenerStream::new(listener);
    tokio::spawn(async move { server.serve_incoming(incoming).await.unwrap() })
}

/// An interceptor that changes nothing, but has all messages counted.
pub(crate) struct Watching;

impl Interceptor for Watching {
    async fn intercept(&self, call: InterceptedCall, next: Next<'_>) -> Result<Reply, Status> {
        next.on_end(|_| ()).run(call).await
    }
}

/// Opens a route to `server` through a channel that is called as a tower service.
async fn through_a_service(server: TelemetryServer<Station>) -> Route {
    let (listener, address) = listen().await;
    let task = serve_ours(server, listener);
    let channel = Channel::connect(format!("http://{address}")).await.unwrap();
    open("a channel as a tower service", Channel::new(channel), Some(task))
}

fn open(name: &'static str, channel: Channel, server: Option<JoinHandle<()>>) -> Route {
    Route { name, client: TelemetryClient::new(channel), server }
}

pub(crate) async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

pub(crate) fn serve_ours(
    server: TelemetryServer<Station>,
    listener: TcpListener,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let incoming = TcpListenerStream::new(listener);
        Server::new().add_service(server).serve_incoming(incoming).await.unwrap();
    })
}

fn serve_tonic(server: TelemetryServer<Station>, listener: TcpListener) -> JoinHandle<()> {
    tokio::spawn(async move {
        let incoming = TcpListenerStream::new(listener);
        let builder = &mut tonic::transport::Server::builder();
        builder.add_service(server).serve_with_incoming(incoming).await.unwrap();
    })
}

fn serve_axum(server: TelemetryServer<Station>, listener: TcpListener) -> JoinHandle<()> {
    let router = axum::Router::new()
        .route("/", axum::routing::get(|| async { "a page beside the service" }))
        .route_service("/telemetry.Telemetry/{*method}", server);
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() })
}

/// The routes of a server with a layer, to be mounted in others.
fn routes_of(server: TelemetryServer<Station>) -> Routes {
    layered(server).into_service().unwrap()
}

/// A server with a layer that hides from it which service is called.
fn layered(server: TelemetryServer<Station>) -> Server {
    let layer = MapResponseLayer::new(|response: http::Response<HttpBody>| response);
    Server::new().layer(layer).add_service(server)
}

fn serve_layered(server: TelemetryServer<Station>, listener: TcpListener) -> JoinHandle<()> {
    let incoming = TcpListenerStream::new(listener);
    tokio::spawn(async move { layered(server).serve_incoming(incoming).await.unwrap() })
}

/// Serves `routes` beside an axum page.
pub(crate) fn serve_routes_in_axum(routes: Routes, listener: TcpListener) -> JoinHandle<()> {
    let router = axum::Router::new()
        .route("/page", axum::routing::get(|| async { "a page beside the services" }))
        .fallback_service(routes);
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() })
}

pub(crate) fn serve_hyper<S>(service: S, listener: TcpListener) -> JoinHandle<()>
where
    S: Service<http::Request<hyper::body::Incoming>, Response = http::Response<HttpBody>>,
    S: Clone + Send + Sync + 'static,
    S::Error: std::error::Error + Send + Sync + 'static,
    S::Future: Send + 'static,
{
    use hyper_util::rt::{TokioExecutor, TokioIo};
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let service = hyper_util::service::TowerToHyperService::new(service.clone());
            tokio::spawn(
                hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service),
            );
        }
    })
}
