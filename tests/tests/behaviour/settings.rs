//! Addresses and settings: what they are good for, and how the wrong ones are refused.

use std::{
    sync::{Mutex, atomic::Ordering},
    time::Duration,
};

use rust_scaffold::{Channel, Code, ConnectInfo, Request, Response, Server, Status};

use crate::{
    calculator::{
        AddRequest, AddResponse, Calculator, CalculatorClient, CalculatorServer, SubtractRequest,
        SubtractResponse,
    },
    connections::serve,
    routes::listen,
    station::{Station, query},
    telemetry::{TelemetryClient, TelemetryServer},
};

type Answer<T> = Result<Response<T>, Status>;

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
        let info = request.extensions().get::<ConnectInfo>().cloned();
        assert_eq!(info.as_ref().and_then(ConnectInfo::remote_addr), request.remote_addr());
        let mut response = Response::new(AddResponse { result: 0 });
        if let Some(info) = info {
            let caller = info.remote_addr().unwrap().ip().to_string();
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
