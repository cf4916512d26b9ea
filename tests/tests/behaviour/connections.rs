//! How connections come up, are shared, and end.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread::ThreadId,
    time::{Duration, Instant},
};

use rust_scaffold::{Channel, Code, ConnectInfo, Request, Response, Server, Status, WaitForReady};
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpStream},
    runtime::Runtime,
};
use tokio_stream::{StreamExt as _, wrappers::TcpListenerStream};

use crate::{
    calculator::{
        AddRequest, AddResponse, Calculator, CalculatorClient, CalculatorServer, SubtractRequest,
        SubtractResponse,
    },
    routes::listen,
    station::{Station, query},
    telemetry::{TelemetryClient, TelemetryServer},
};

type Answer<T> = Result<Response<T>, Status>;

/// Serves a station with `server`, and says where and how many connections it has had.
async fn serve(server: Server) -> (String, Arc<AtomicUsize>) {
    let (listener, address) = listen().await;
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    let incoming = TcpListenerStream::new(listener).map(move |connection| {
        count.fetch_add(1, Ordering::SeqCst);
        connection
    });
    let server = server.add_service(TelemetryServer::new(Station::default()));
    tokio::spawn(server.serve_incoming(incoming));
    (format!("http://{address}"), connections)
}

fn lazy(address: &str) -> TelemetryClient {
    TelemetryClient::new(Channel::connect_lazy(address).unwrap())
}

fn within<T>(time: Duration, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(time);
    request
}

#[cfg(unix)]
#[tokio::test]
async fn unix_sockets_are_served_and_connected_to() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("station.sock");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let server = Server::new().add_service(TelemetryServer::new(Station::default()));
    tokio::spawn(server.serve_listener(listener));
    for address in [format!("unix:{}", path.display()), format!("unix://{}", path.display())] {
        let client = TelemetryClient::connect(address).await.unwrap();
        assert_eq!(client.latest(query("a", 3)).await.unwrap().into_inner().series, "xxx");
    }
}

#[tokio::test]
async fn a_connector_opens_connections_its_own_way() {
    let (here, there) = tokio::io::duplex(1024);
    let server = Server::new().add_service(TelemetryServer::new(Station::default()));
    tokio::spawn(server.serve_incoming(tokio_stream::once(Ok(there))));
    let here = Mutex::new(Some(here));
    let channel = Channel::builder("https://station.example/")
        .connector(move |uri| {
            assert_eq!(uri, "https://station.example/");
            let io = here.lock().unwrap().take();
            async { io.ok_or_else(|| std::io::ErrorKind::ConnectionRefused.into()) }
        })
        .connect()
        .await
        .unwrap();
    let client = TelemetryClient::new(channel);
    assert_eq!(client.latest(query("a", 2000)).await.unwrap().into_inner().series.len(), 2000);
}

#[tokio::test]
async fn an_address_that_is_not_one_is_refused_with_what_is_wrong_with_it() {
    let unterminated = format!("unix:/run/{}.sock", "x".repeat(200));
    for (address, wrong) in [
        ("localhost:50051", "scheme"),
        ("ftp://localhost", "`ftp`"),
        ("dns:///localhost:50051", "scheme"),
        ("http://localhost/path", "`/path`"),
        ("http://localhost?query", "`?query`"),
        ("http://localhost:50051#part", "`#part`"),
        ("https://a", "TLS"),
        ("http://localhost:99999", "port `99999`"),
        ("http://localhost:65536", "port `65536`"),
        ("http://localhost:0", "port `0`"),
        ("http://localhost:abc", "port `abc`"),
        ("http://localhost:-1", "port `-1`"),
        ("http://localhost:", "port ``"),
        ("http://[::1]:70000", "port `70000`"),
        ("http://::1:50051", "`[::1]`"),
        ("http://[localhost]:50051", "`[localhost]:50051`"),
        ("http://:50051", "host"),
        ("unix:", "path"),
        ("unix://", "path"),
        ("unix://run/a.sock", "`unix:///run/a.sock`"),
        ("unix:a\0b", "path"),
        (&unterminated, "path"),
    ] {
        let status = Status::from(Channel::connect_lazy(address).unwrap_err());
        assert_eq!(status.code(), Code::InvalidArgument, "{address}");
        assert!(status.message().contains(address), "{address}: {status}");
        assert!(status.message().contains(wrong), "{address}: {status}");
    }
    let agent = Channel::builder("http://localhost").user_agent("a\nb").connect_lazy();
    assert_eq!(Status::from(agent.unwrap_err()).code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_password_in_an_address_is_refused_and_not_repeated() {
    for address in ["http://user:secret@localhost:50051", "http://user:secret@", "x://secret@a b"] {
        let status = Status::from(Channel::connect_lazy(address).unwrap_err());
        assert_eq!(status.code(), Code::InvalidArgument, "{address}");
        assert!(status.message().contains("user name"), "{address}: {status}");
        assert!(!status.message().contains("secret"), "{address}: {status}");
    }
    // In a path, it is only a character.
    Channel::connect_lazy("unix:/run/a@b.sock").unwrap();
}

#[tokio::test]
async fn settings_with_which_no_call_goes_well_are_refused_in_words() {
    type Setting<T> = (&'static str, fn(T) -> T);
    let settings: [Setting<Server>; 8] = [
        ("max_connections", |server| server.max_connections(0)),
        ("max_concurrent_streams", |server| server.max_concurrent_streams(0)),
        ("handshake_timeout", |server| server.handshake_timeout(Duration::ZERO)),
        ("max_connection_idle", |server| server.max_connection_idle(Some(Duration::ZERO))),
        ("max_connection_age", |server| server.max_connection_age(Some(Duration::ZERO))),
        ("initial_stream_window_size", |server| server.initial_stream_window_size(0)),
        ("initial_connection_window_size", |server| server.initial_connection_window_size(0)),
        ("max_header_list_size", |server| server.max_header_list_size(0)),
    ];
    let refused = Duration::from_secs(30);
    for (name, set) in settings {
        let serving = set(Server::new()).serve("127.0.0.1:0");
        let error = tokio::time::timeout(refused, serving).await.expect(name).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput, "{error}");
        assert!(error.to_string().contains(name), "{error}");
    }
    let settings: [Setting<rust_scaffold::ChannelBuilder>; 5] = [
        ("connect_timeout", |channel| channel.connect_timeout(Duration::ZERO)),
        ("backoff", |channel| channel.backoff(Duration::ZERO, Duration::from_secs(1))),
        ("initial_stream_window_size", |channel| channel.initial_stream_window_size(0)),
        ("initial_connection_window_size", |channel| channel.initial_connection_window_size(0)),
        ("max_header_list_size", |channel| channel.max_header_list_size(0)),
    ];
    for (name, set) in settings {
        let error = set(Channel::builder("http://localhost:1")).connect_lazy().unwrap_err();
        let status = Status::from(error);
        assert_eq!(status.code(), Code::InvalidArgument, "{status}");
        assert!(status.message().contains(name), "{status}");
    }
}

#[tokio::test]
async fn two_services_of_one_name_are_refused() {
    let service = || TelemetryServer::new(Station::default());
    let server = Server::new().add_service(service()).add_service(service());
    let (listener, _) = listen().await;
    let serving = server.serve_listener(listener);
    let error = tokio::time::timeout(Duration::from_secs(30), serving).await.expect("no service");
    let error = error.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput, "{error}");
    assert!(error.to_string().contains("telemetry.Telemetry was added twice"), "{error}");
}

#[tokio::test]
async fn a_fallback_answers_for_services_that_were_not_added() {
    let server = Server::new().fallback(TelemetryServer::new(Station::default()));
    let (address, _) = serve(server).await;
    let client = CalculatorClient::connect(&address).await.unwrap();
    let status = client.add(AddRequest { a: 1, b: 2 }).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    assert!(status.message().contains("telemetry.Telemetry has no method"), "{status}");
}

/// Says in metadata who called.
struct Doorman;

impl Calculator for Doorman {
    async fn add(&self, request: Request<AddRequest>) -> Answer<AddResponse> {
        let info = request.extensions().get::<ConnectInfo>().copied();
        assert_eq!(info.map(|info| info.remote_addr), request.remote_addr());
        let mut response = Response::new(AddResponse { result: 0 });
        if let Some(info) = info {
            let caller = info.remote_addr.ip().to_string();
            response.metadata_mut().insert("caller", caller.parse().unwrap());
        }
        Ok(response)
    }

    async fn subtract(&self, _: Request<SubtractRequest>) -> Answer<SubtractResponse> {
        Err(Status::unimplemented("not this one"))
    }
}

#[tokio::test]
async fn requests_say_where_they_come_from_when_asked_to() {
    for (tell, caller) in [(true, Some("127.0.0.1")), (false, None)] {
        let server = Server::new().add_service(CalculatorServer::new(Doorman)).connect_info(tell);
        let (address, _) = serve(server).await;
        let client = CalculatorClient::connect(&address).await.unwrap();
        let response = client.add(AddRequest { a: 1, b: 2 }).await.unwrap();
        let told = response.metadata().get("caller").map(|value| value.to_str().unwrap());
        assert_eq!(told, caller);
    }
}

#[tokio::test]
async fn a_server_that_shuts_down_ends_the_calls_in_progress_and_takes_no_more() {
    let (listener, address) = listen().await;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let station = Station::default();
    let server = Server::new().add_service(TelemetryServer::new(station.clone()));
    let served = tokio::spawn(server.serve_listener_with_shutdown(listener, async {
        stopped.await.unwrap();
    }));
    let client = lazy(&format!("http://{address}"));
    let (sender, queries) = rust_scaffold::Streaming::channel(1);
    let mut answers = client.tail(queries).await.unwrap().into_inner();
    stop.send(()).unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(client.latest(query("a", 1)).await.unwrap_err().code(), Code::Unavailable);
    sender.send(query("still there", 1)).await.unwrap();
    assert_eq!(answers.message().await.unwrap().unwrap().series, "still there");
    drop(sender);
    assert_eq!(answers.message().await.unwrap(), None);
    served.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_ever_when_told_not_to() {
    let (listener, address) = listen().await;
    let station = Station::default();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = Server::new()
        .add_service(TelemetryServer::new(station.clone()))
        .shutdown_timeout(Some(Duration::from_millis(20)));
    let served = tokio::spawn(server.serve_listener_with_shutdown(listener, async {
        stopped.await.unwrap();
    }));
    let client = lazy(&format!("http://{address}"));
    let hanging = tokio::spawn(async move { client.latest(query("hangs", 1)).await });
    station.busy().await;
    stop.send(()).unwrap();
    served.await.unwrap().unwrap();
    assert_eq!(hanging.await.unwrap().unwrap_err().code(), Code::Unavailable);
    station.idle().await;
}

#[tokio::test]
async fn connections_of_a_certain_age_are_replaced_and_no_call_notices() {
    let age = Some(Duration::from_millis(20));
    let (address, connections) = serve(Server::new().max_connection_age(age)).await;
    let client = lazy(&address);
    while connections.load(Ordering::SeqCst) < 5 {
        client.latest(query("a", 1)).await.unwrap();
    }
}

#[tokio::test]
async fn idle_connections_are_closed_and_made_again() {
    let idle = Some(Duration::from_millis(20));
    let (address, connections) = serve(Server::new().max_connection_idle(idle)).await;
    let client = lazy(&address);
    client.latest(query("a", 1)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    client.latest(query("a", 1)).await.unwrap();
    assert_eq!(connections.load(Ordering::SeqCst), 2);
}

#[test]
fn a_channel_outlives_the_runtime_that_its_connection_ran_on() {
    let [servers, connections, callers] = [(); 3].map(|()| Runtime::new().unwrap());
    let station = Station::default();
    let server = Server::new().add_service(TelemetryServer::new(station.clone()));
    let (listener, address) = servers.block_on(listen());
    servers.spawn(server.serve_incoming(TcpListenerStream::new(listener)));
    let client = lazy(&format!("http://{address}"));
    connections.block_on(client.latest(query("a", 1))).unwrap();
    let hanging = client.clone();
    let hanging = callers.spawn(async move { hanging.latest(query("hangs", 1)).await });
    callers.block_on(station.busy());
    connections.shutdown_background();
    let lost = callers.block_on(hanging).unwrap();
    assert_eq!(lost.unwrap_err().code(), Code::Unavailable);
    callers.block_on(client.latest(query("a", 1))).unwrap();
}

#[tokio::test]
async fn a_server_that_says_nothing_is_not_connected_to() {
    let channel = Channel::builder(silent_server(&[]).await);
    let error = channel.connect_timeout(Duration::from_millis(20)).connect().await.unwrap_err();
    let status = Status::from(error);
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("no answer within 20ms"), "{status}");
}

/// A server that takes connections and says no more than `greeting`.
async fn silent_server(greeting: &'static [u8]) -> String {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        let mut connections = Vec::new();
        loop {
            let (mut connection, _) = listener.accept().await.unwrap();
            connection.write_all(greeting).await.unwrap();
            connections.push(connection);
        }
    });
    format!("http://{address}")
}

#[tokio::test]
async fn a_client_that_does_not_begin_is_given_up() {
    let server = Server::new().handshake_timeout(Duration::from_millis(20));
    let (address, _) = serve(server).await;
    closed(&TcpStream::connect(address.trim_start_matches("http://")).await.unwrap()).await;
}

/// Reads until the other side has closed `connection`.
async fn closed(connection: &TcpStream) {
    let mut buffer = [0; 1024];
    loop {
        connection.readable().await.unwrap();
        match connection.try_read(&mut buffer) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}

#[tokio::test]
async fn connections_over_the_limit_wait_for_their_turn() {
    let (address, connections) = serve(Server::new().max_connections(1)).await;
    let first = lazy(&address);
    first.latest(query("a", 1)).await.unwrap();
    let second = lazy(&address);
    let late = second.latest(within(Duration::from_millis(50), query("a", 1))).await;
    assert_eq!(late.unwrap_err().code(), Code::DeadlineExceeded);
    drop(first);
    second.latest(query("a", 1)).await.unwrap();
    assert_eq!(connections.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn calls_fail_fast_or_wait_until_the_server_is_there() {
    let (listener, address) = listen().await;
    drop(listener);
    let address = format!("http://{address}");
    let fails =
        Channel::builder(&address).backoff(Duration::from_secs(60), Duration::from_secs(60));
    let fails = TelemetryClient::new(fails.connect_lazy().unwrap());
    for _ in 0..2 {
        let status = fails.latest(query("a", 1)).await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable);
        assert!(status.message().contains(&address), "{status}");
    }
    let mut patient = within(Duration::from_millis(50), query("a", 1));
    patient.extensions_mut().insert(WaitForReady(true));
    assert_eq!(fails.latest(patient).await.unwrap_err().code(), Code::DeadlineExceeded);

    let waits = Channel::builder(&address)
        .backoff(Duration::from_millis(5), Duration::from_millis(20))
        .wait_for_ready(true);
    let waits = TelemetryClient::new(waits.connect_lazy().unwrap());
    let waiting = tokio::spawn(async move { waits.latest(query("a", 1)).await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    let listener = TcpListener::bind(address.trim_start_matches("http://")).await.unwrap();
    let server = Server::new().add_service(TelemetryServer::new(Station::default()));
    tokio::spawn(server.serve_listener(listener));
    waiting.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_server_that_closes_every_connection_is_not_stormed() {
    let (listener, address) = listen().await;
    let accepted = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&accepted);
    tokio::spawn(async move {
        loop {
            drop(listener.accept().await.unwrap());
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    let client = lazy(&format!("http://{address}"));
    for _ in 0..100 {
        let status = client.latest(query("a", 1)).await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable);
    }
    assert!(accepted.load(Ordering::SeqCst) < 10, "{accepted:?}");
}

#[tokio::test]
async fn more_calls_than_a_connection_takes_get_more_connections() {
    let (address, connections) = serve(Server::new().max_concurrent_streams(2)).await;
    let client = lazy(&address);
    // The server's limit is known once it has answered.
    client.latest(query("a", 1)).await.unwrap();
    let hang = || {
        let client = client.clone();
        tokio::spawn(async move { client.latest(query("hangs", 1)).await })
    };
    let hanging: Vec<_> = (0..5).map(|_| hang()).collect();
    tokio::time::sleep(Duration::from_millis(50)).await;
    client.latest(query("a", 1)).await.unwrap();
    assert_eq!(connections.load(Ordering::SeqCst), 3);
    hanging.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn calls_wait_for_room_when_there_may_be_no_more_connections() {
    let (address, connections) = serve(Server::new().max_concurrent_streams(1)).await;
    let channel = Channel::builder(&address).max_connections(1).connect().await.unwrap();
    let client = TelemetryClient::new(channel);
    client.latest(query("a", 1)).await.unwrap();
    let hanging = tokio::spawn({
        let client = client.clone();
        async move { client.latest(query("hangs", 1)).await }
    });
    tokio::time::sleep(Duration::from_millis(20)).await;
    let waiting = client.latest(within(Duration::from_millis(50), query("a", 1))).await;
    assert_eq!(waiting.unwrap_err().code(), Code::DeadlineExceeded);
    hanging.abort();
    client.latest(query("a", 1)).await.unwrap();
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn durations_without_end_and_headers_that_http2_forbids_do_no_harm() {
    let ever = Some(Duration::MAX);
    let server = Server::new()
        .keep_alive_interval(ever)
        .keep_alive_timeout(Duration::MAX)
        .handshake_timeout(Duration::MAX)
        .max_connection_idle(ever)
        .max_connection_age(ever)
        .shutdown_timeout(ever);
    let (address, connections) = serve(server).await;
    let channel = Channel::builder(&address)
        .keep_alive_interval(ever)
        .connect_timeout(Duration::MAX)
        .backoff(Duration::MAX, Duration::MAX);
    let client = TelemetryClient::new(channel.connect().await.unwrap());
    let mut request = Request::new(query("a", 1));
    for name in ["connection", "keep-alive", "proxy-connection", "te", "upgrade"] {
        request.metadata_mut().insert(name, "x".parse().unwrap());
    }
    client.latest(request).await.unwrap();
    assert_eq!(connections.load(Ordering::SeqCst), 1);
    let nobody = Channel::builder("http://127.0.0.1:1").backoff(Duration::MAX, Duration::MAX);
    assert_eq!(Status::from(nobody.connect().await.unwrap_err()).code(), Code::Unavailable);
}

/// Computes for a while, and notes on which threads.
#[derive(Clone, Default)]
struct Grinder(Arc<Mutex<HashSet<ThreadId>>>);

impl Calculator for Grinder {
    async fn add(&self, _: Request<AddRequest>) -> Answer<AddResponse> {
        self.0.lock().unwrap().insert(std::thread::current().id());
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_millis(5) {
            std::hint::spin_loop();
        }
        Ok(Response::new(AddResponse { result: 8 }))
    }

    async fn subtract(&self, _: Request<SubtractRequest>) -> Answer<SubtractResponse> {
        Err(Status::unimplemented("not this one"))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn handlers_that_compute_spread_over_threads_though_they_share_a_connection() {
    let grinder = Grinder::default();
    let (address, connections) =
        serve(Server::new().add_service(CalculatorServer::new(grinder.clone()))).await;
    let client = CalculatorClient::connect(&address).await.unwrap();
    let calls: Vec<_> = (0..64)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.add(AddRequest { a: 5, b: 3 }).await })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap().into_inner().result, 8);
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
    assert!(grinder.0.lock().unwrap().len() > 1);
}
