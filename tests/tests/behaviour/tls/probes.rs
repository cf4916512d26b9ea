//! A listener for probes, in plaintext, beside a server that speaks TLS.

use std::{
    future::{Future as _, poll_fn},
    io,
    net::SocketAddr,
    pin::Pin,
    task::Poll,
    time::Duration,
};

use rust_scaffold::{
    Channel, ClientTls, Code, HealthReporter, HealthStatus, InterceptedCall, Interceptor, Next,
    Reply, ServeError, Server, Status, Streaming,
};
use tokio::{
    io::AsyncReadExt as _,
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
    time::timeout,
};

use super::Authority;
use crate::{
    calculator::{CalculatorServer, MockCalculator},
    frames::{
        frame::{Frame, INITIAL_WINDOW_SIZE},
        peer::{Peer, fields},
    },
    health_v1::{
        HealthCheckRequest, HealthCheckResponse, HealthClient, HealthListRequest,
        health_check_response::ServingStatus as Told,
    },
    routes::listen,
    station::{Station, query},
    telemetry::{TelemetryClient, TelemetryServer},
};

/// Only against hanging.
const LONG: Duration = Duration::from_secs(60);

const STATION: &str = "telemetry.Telemetry";

/// A server that asks for certificates, and answers probes on another port, until it is stopped.
struct Probed {
    address: SocketAddr,
    probes: SocketAddr,
    station: Station,
    stop: oneshot::Sender<()>,
    served: JoinHandle<io::Result<()>>,
    client: ClientTls,
}

impl Probed {
    async fn start(server: Server) -> Self {
        let (listener, probes) = listen().await;
        Self::start_at(server.probe_listener(listener), probes).await
    }

    async fn start_at(server: Server, probes: SocketAddr) -> Self {
        let (ca, station) = (Authority::new(), Station::default());
        let tls = ca.issue(&["localhost"]).server().client_ca_pem(ca.pem());
        let pair = ca.issue(&["billing"]);
        let client = ClientTls::new().ca_pem(ca.pem());
        let client = client.client_certificate_pem(&pair.certificate, &pair.key);
        let server = server.tls(tls).add_service(TelemetryServer::new(station.clone()));
        // However long calls take: none may be left.
        let server = server.shutdown_timeout(None);
        let ((listener, address), (stop, stopped)) = (listen().await, oneshot::channel());
        let signal = async {
            if stopped.await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        let served = tokio::spawn(server.serve_listener_with_shutdown(listener, signal));
        Self { address, probes, station, stop, served, client }
    }

    /// A channel to the server itself.
    async fn channel(&self) -> Channel {
        let builder = Channel::builder(format!("https://localhost:{}", self.address.port()));
        builder.tls(self.client.clone()).connect().await.unwrap()
    }

    /// A client that probes, as one without TLS.
    async fn prober(&self) -> HealthClient {
        HealthClient::new(Channel::connect(format!("http://{}", self.probes)).await.unwrap())
    }
}

fn named(service: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: service.to_owned() }
}

async fn check(client: &HealthClient, service: &str) -> Result<Told, Code> {
    let checked = client.check(named(service)).await;
    checked.map(|response| response.get_ref().status()).map_err(|status| status.code())
}

/// What a watch tells next; None at its end.
async fn next(watch: &mut Streaming<HealthCheckResponse>) -> Option<Told> {
    let told = timeout(LONG, watch.message()).await.expect("the watch tells nothing");
    told.unwrap().map(|told| told.status())
}

#[tokio::test]
async fn probes_are_answered_in_plaintext_beside_mutual_tls() {
    let health = HealthReporter::new();
    let server = Probed::start(Server::new().health_with(&health)).await;
    let prober = server.prober().await;
    assert_eq!(check(&prober, STATION).await, Ok(Told::Serving));
    health.set_status(STATION, HealthStatus::NotServing);
    // What the server itself says, it says here.
    for client in [prober, HealthClient::new(server.channel().await)] {
        assert_eq!(check(&client, "").await, Ok(Told::Serving));
        assert_eq!(check(&client, STATION).await, Ok(Told::NotServing));
        assert_eq!(check(&client, "no.Service").await, Err(Code::NotFound));
        let listed = client.list(HealthListRequest {}).await.unwrap().into_inner().statuses;
        let mut names: Vec<_> = listed.keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["", "grpc.health.v1.Health", STATION]);
    }
    // The port of the server itself remains what it was.
    Channel::connect(format!("http://{}", server.address)).await.unwrap_err();
}

#[tokio::test]
async fn nothing_else_is_served_to_probes() {
    let server = Probed::start(Server::new().reflection().health()).await;
    let channel = Channel::connect(format!("http://{}", server.probes)).await.unwrap();
    let refused = TelemetryClient::new(channel).latest(query("a", 1)).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unimplemented);
}

#[tokio::test]
async fn a_server_without_a_health_service_answers_probes_all_the_same() {
    let server = Probed::start(Server::new()).await;
    let prober = server.prober().await;
    for service in ["", STATION] {
        assert_eq!(check(&prober, service).await, Ok(Told::Serving), "{service}");
    }
    // Only there.
    let client = HealthClient::new(server.channel().await);
    assert_eq!(check(&client, "").await, Err(Code::Unimplemented));
}

/// Lets nobody through.
#[derive(Debug)]
struct Locked;

impl Interceptor for Locked {
    async fn intercept(&self, _: InterceptedCall, _: Next<'_>) -> Result<Reply, Status> {
        Err(Status::unauthenticated("no credentials"))
    }
}

#[tokio::test]
async fn probes_need_no_credentials() {
    let server = Probed::start(Server::new().health().intercept(Locked)).await;
    assert_eq!(check(&server.prober().await, "").await, Ok(Told::Serving));
    let client = HealthClient::new(server.channel().await);
    assert_eq!(check(&client, "").await, Err(Code::Unauthenticated));
}

#[tokio::test]
async fn probes_are_answered_until_the_last_call_has_ended() {
    for server in [Server::new().health(), Server::new()] {
        let server = Probed::start(server).await;
        let mut watch = server.prober().await.watch(named("")).await.unwrap().into_inner();
        assert_eq!(next(&mut watch).await, Some(Told::Serving));
        let client = TelemetryClient::new(server.channel().await);
        let call = tokio::spawn(async move { client.latest(query("hangs", 1)).await });
        server.station.busy().await;
        server.stop.send(()).unwrap();
        assert_eq!(next(&mut watch).await, Some(Told::NotServing));
        assert_eq!(next(&mut watch).await, None);
        // As kubelets do, on a connection of its own.
        let builder = Channel::builder(format!("http://{}", server.probes));
        let prober = HealthClient::new(builder.connect().await.unwrap());
        for service in ["", STATION] {
            assert_eq!(check(&prober, service).await, Ok(Told::NotServing), "{service}");
        }
        assert!(!server.served.is_finished());
        call.abort();
        timeout(LONG, server.served).await.expect("it ends").unwrap().unwrap();
        let refused = TcpStream::connect(server.probes).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    }
}

#[tokio::test]
async fn probes_delay_no_shutdown() {
    let server = Probed::start(Server::new()).await;
    let mut silent = TcpStream::connect(server.probes).await.unwrap();
    let prober = server.prober().await;
    let watch = prober.watch(named("")).await.unwrap();
    // One that takes no data.
    let mut stuck = Peer::connect(server.probes, &[(INITIAL_WINDOW_SIZE, 0)]).await;
    let watching = Frame::headers(1, &fields("/grpc.health.v1.Health/Watch"));
    stuck.send([watching, Frame::data(1, [0; 5]).ends()]).await;
    stuck.begun(1).await;
    server.stop.send(()).unwrap();
    timeout(LONG, server.served).await.expect("it ends").unwrap().unwrap();
    drop(watch);
    stuck.closed().await;
    let mut rest = Vec::new();
    timeout(LONG, silent.read_to_end(&mut rest)).await.expect("it is closed").unwrap();
    // Once the connection is closed, there is nobody to open another one to.
    let refused = async {
        loop {
            match check(&prober, "").await {
                Ok(told) => assert_eq!(told, Told::NotServing),
                Err(code) => return code,
            }
        }
    };
    assert_eq!(timeout(LONG, refused).await.expect("it is closed"), Code::Unavailable);
}

#[tokio::test]
async fn a_server_that_nobody_awaits_any_more_answers_no_probes() {
    let server = Probed::start(Server::new()).await;
    let mut watch = server.prober().await.watch(named("")).await.unwrap().into_inner();
    assert_eq!(next(&mut watch).await, Some(Told::Serving));
    server.served.abort();
    server.served.await.unwrap_err();
    assert_eq!(next(&mut watch).await, Some(Told::NotServing));
    assert_eq!(next(&mut watch).await, None);
    let closed = async { while TcpStream::connect(server.probes).await.is_ok() {} };
    timeout(LONG, closed).await.expect("it is closed");
}

#[tokio::test]
async fn serving_fails_if_probes_cannot_be_listened_for() {
    let (taken, probes) = listen().await;
    let (listener, address) = listen().await;
    let server = Server::new().probe(probes);
    let error = server.clone().serve_listener(listener).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    match error.downcast().unwrap() {
        ServeError::Bind { addresses, .. } => assert_eq!(addresses, [probes]),
        other => panic!("{other}"),
    }
    TcpStream::connect(address).await.unwrap_err();
    // Once it is free, the same server can.
    drop(taken);
    let server = Probed::start_at(server, probes).await;
    let connected = async {
        while TcpStream::connect(probes).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    timeout(LONG, connected).await.expect("it listens");
    assert_eq!(check(&server.prober().await, STATION).await, Ok(Told::Serving));
}

#[tokio::test]
async fn clones_of_a_server_answer_for_themselves_on_the_listener_that_they_share() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let probes = listener.local_addr().unwrap();
    let server = Server::new().probe_listener(listener);
    let first = Probed::start_at(server.clone(), probes).await;
    assert_eq!(check(&first.prober().await, STATION).await, Ok(Told::Serving));
    first.stop.send(()).unwrap();
    timeout(LONG, first.served).await.expect("it ends").unwrap().unwrap();
    let calculator = CalculatorServer::new(MockCalculator::new());
    let second = Probed::start_at(server.add_service(calculator), probes).await;
    let prober = second.prober().await;
    assert_eq!(check(&prober, "calculator.Calculator").await, Ok(Told::Serving));
    assert_eq!(check(&prober, "").await, Ok(Told::Serving));
}

/// One connection may not take what the server itself needs.
#[tokio::test]
async fn a_connection_has_few_probes_at_a_time() {
    let server = Probed::start(Server::new()).await;
    let io = TcpStream::connect(server.probes).await.unwrap();
    let (_calls, mut connection) = h2::client::handshake(io).await.unwrap();
    let told = poll_fn(|cx| {
        let ended = Pin::new(&mut connection).poll(cx).is_ready();
        assert!(!ended, "the connection ends");
        match connection.max_concurrent_send_streams() {
            16 => Poll::Ready(()),
            _ => Poll::Pending,
        }
    });
    timeout(LONG, told).await.expect("the server says how many");
}
