//! How a server shuts down: in which order, for how long, and what its clients see of it. In virtual time.

use std::{
    convert::Infallible,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use h2::Reason;
use http_body_util::StreamBody;
use rust_scaffold::{
    CallEnd, Channel, Code, HttpBody, InterceptedCall, Interceptor, Next, Protocol, Reply, Request,
    Server, Status,
};
use tokio::{
    io::DuplexStream,
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::{Instant, sleep_until, timeout},
};
use tokio_stream::{StreamExt as _, wrappers::ReceiverStream};
use tower::{service_fn, util::MapResponseLayer};

use crate::{
    frames::{
        frame::{Frame, INITIAL_WINDOW_SIZE},
        peer::{End, Peer, call, message},
    },
    health_v1::{HealthCheckRequest, HealthClient, health_check_response::ServingStatus as Told},
    station::{Station, query},
    telemetry::{Point, Query, TelemetryClient, TelemetryServer},
};

const SECOND: Duration = Duration::from_secs(1);
/// The last stream of the first GOAWAY.
const LAST: u32 = (1 << 31) - 1;
const SHUT_DOWN: &str = "the server shut down before the call ended";
const TOO_OLD: &str = "the connection reached its maximum age before the call ended";

/// A server on connections in memory, until it is told to stop.
struct Running {
    /// Its listener.
    connections: mpsc::Sender<io::Result<DuplexStream>>,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<io::Result<()>>,
}

impl Running {
    fn start(server: Server, station: &Station) -> Self {
        let (connections, incoming) = mpsc::channel(1);
        let (stop, stopped) = oneshot::channel::<()>();
        let server = server.add_service(TelemetryServer::new(station.clone()));
        let incoming = ReceiverStream::new(incoming);
        let serving = tokio::spawn(server.serve_incoming_with_shutdown(incoming, async {
            let _ = stopped.await;
        }));
        Self { connections, stop: Some(stop), serving }
    }

    fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    /// A channel that connects when it has to.
    fn channel(&self, protocol: Protocol) -> Channel {
        let connections = self.connections.clone();
        let builder = Channel::builder("http://station").protocol(protocol).connector(move |_| {
            let connections = connections.clone();
            async move {
                let (here, there) = tokio::io::duplex(64 * 1024);
                let refused = |_| io::Error::from(io::ErrorKind::ConnectionRefused);
                connections.send(Ok(there)).await.map_err(refused)?;
                Ok(here)
            }
        });
        builder.connect_lazy().unwrap()
    }

    fn client(&self) -> TelemetryClient {
        TelemetryClient::new(self.channel(Protocol::Grpc))
    }

    /// A client by hand, which has sent `settings`.
    async fn peer(&self, settings: &[(u16, u32)]) -> Peer {
        let (here, there) = tokio::io::duplex(64 * 1024);
        self.connections.send(Ok(there)).await.unwrap();
        Peer::client(here, settings).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_is_unhealthy_first_then_refuses_connections_then_drains_and_then_ends_calls() {
    let station = Station::default();
    let server = Server::new().health().shutdown_delay(5 * SECOND);
    let mut running = Running::start(server.shutdown_timeout(Some(10 * SECOND)), &station);
    let client = running.client();
    let mut hanging = client.watch(query("hangs", 1)).await.unwrap().into_inner();
    assert_eq!(hanging.message().await.unwrap().unwrap().series, "hangs");
    let mut peer = running.peer(&[]).await;
    peer.is_served(1).await;
    let health = HealthClient::new(running.channel(Protocol::Grpc));
    let ask = || HealthCheckRequest { service: String::new() };
    let mut watch = health.watch(ask()).await.unwrap().into_inner();
    let told = watch.message().await.unwrap().map(|told| told.status());
    assert_eq!(told, Some(Told::Serving));

    let start = Instant::now();
    running.stop();
    let told = watch.message().await.unwrap().map(|told| told.status());
    assert_eq!((told, start.elapsed()), (Some(Told::NotServing), Duration::ZERO));
    assert!(watch.message().await.unwrap().is_none());
    // A client that watches again, as many do at once, is told so once, until the drain.
    let mut watch = health.watch(ask()).await.unwrap().into_inner();
    let told = watch.message().await.unwrap().map(|told| told.status());
    assert_eq!(told, Some(Told::NotServing));
    assert!(timeout(4 * SECOND, watch.message()).await.is_err());

    // The delay: everything goes on, on connections that are open and on new ones.
    sleep_until(start + Duration::from_millis(4999)).await;
    client.latest(query("a", 1)).await.unwrap();
    assert_eq!(health.check(ask()).await.unwrap().get_ref().status(), Told::NotServing);
    let mut late = running.peer(&[]).await;
    late.is_served(1).await;
    peer.is_served(3).await;
    peer.settled().await;
    assert_eq!((&peer.goaways, &late.goaways), (&vec![], &vec![]));

    // The drain.
    running.connections.closed().await;
    assert_eq!(start.elapsed(), 5 * SECOND);
    peer.closed().await;
    late.closed().await;
    assert_eq!((peer.goaways, late.goaways), (vec![(LAST, 0), (3, 0)], vec![(LAST, 0), (1, 0)]));
    assert_eq!(client.latest(query("a", 1)).await.unwrap_err().code(), Code::Unavailable);
    assert_eq!(start.elapsed(), 5 * SECOND, "clients without calls are left at once");
    assert_eq!(watch.message().await.unwrap_err().code(), Code::Unavailable);
    assert_eq!(start.elapsed(), 6 * SECOND);

    // Its limit.
    let ended = hanging.message().await.unwrap_err();
    assert_eq!((ended.code(), ended.message()), (Code::Unavailable, SHUT_DOWN));
    assert_eq!(start.elapsed(), 15 * SECOND);
    assert_eq!(station.busy.load(std::sync::atomic::Ordering::SeqCst), 0, "the handler is dropped");
    running.serving.await.unwrap().unwrap();
    assert_eq!(start.elapsed(), 15 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn without_options_calls_get_twenty_seconds() {
    let station = Station::default();
    let mut running = Running::start(Server::new(), &station);
    let client = running.client();
    let call = tokio::spawn(async move { client.latest(query("hangs", 1)).await });
    station.busy().await;
    let start = Instant::now();
    running.stop();
    assert_eq!(call.await.unwrap().unwrap_err().message(), SHUT_DOWN);
    running.serving.await.unwrap().unwrap();
    assert_eq!(start.elapsed(), 20 * SECOND);
}

/// One call of each kind, each of which hangs; what they end with.
async fn hang(client: &TelemetryClient) -> Vec<Status> {
    let watch = async {
        let mut points = client.watch(query("hangs", 1)).await?.into_inner();
        points.message().await?;
        points.message().await
    };
    let tail = async {
        let queries = tokio_stream::once(query("a", 1)).chain(tokio_stream::pending());
        let mut points = client.tail(queries).await?.into_inner();
        points.message().await?;
        points.message().await
    };
    // It waits for its first query before it answers.
    let mut unanswered = Request::new(tokio_stream::pending::<Query>());
    unanswered.metadata_mut().insert("reads-first", "yes".parse().unwrap());
    let (latest, watch, upload, tail, unanswered) = tokio::join!(
        client.latest(query("hangs", 1)),
        watch,
        client.upload(tokio_stream::pending::<Point>()),
        tail,
        client.tail(unanswered),
    );
    vec![
        latest.unwrap_err(),
        watch.unwrap_err(),
        upload.unwrap_err(),
        tail.unwrap_err(),
        unanswered.unwrap_err(),
    ]
}

#[tokio::test(start_paused = true)]
async fn calls_of_all_kinds_that_outlive_a_limit_are_unavailable_and_their_handlers_are_dropped() {
    let layer = || MapResponseLayer::new(|response: http::Response<HttpBody>| response);
    let limited = || Server::new().shutdown_timeout(Some(30 * SECOND));
    let aged = Server::new()
        .max_connection_age(Some(60 * SECOND))
        .max_connection_age_grace(Some(30 * SECOND));
    for (server, shuts_down, message) in [
        (limited(), true, SHUT_DOWN),
        (limited().inline_limit(Duration::ZERO), true, SHUT_DOWN),
        (limited().layer(layer()), true, SHUT_DOWN),
        (aged, false, TOO_OLD),
    ] {
        for protocol in [Protocol::Grpc, Protocol::GrpcWeb, Protocol::GrpcWebText] {
            let station = Station::default();
            let mut running = Running::start(server.clone(), &station);
            let client = TelemetryClient::new(running.channel(protocol));
            let start = Instant::now();
            let calls = tokio::spawn(async move { hang(&client).await });
            station.busy().await;
            if shuts_down {
                running.stop();
            }
            for status in calls.await.unwrap() {
                let what = format!("{status}, {protocol:?}, {server:?}");
                assert_eq!(
                    (status.code(), status.message()),
                    (Code::Unavailable, message),
                    "{what}"
                );
            }
            let seconds = start.elapsed().as_secs();
            match shuts_down {
                true => assert_eq!(seconds, 30),
                // With its jitter.
                false => assert!((84..=96).contains(&seconds), "{seconds}"),
            }
            timeout(SECOND, station.idle()).await.expect("a handler is left");
            if shuts_down {
                running.serving.await.unwrap().unwrap();
                assert_eq!(start.elapsed().as_secs(), 30);
            }
        }
    }
}

/// Notes how calls end.
#[derive(Clone, Default)]
struct Ends(Arc<Mutex<Vec<(Code, String)>>>);

impl Interceptor for Ends {
    async fn intercept(&self, call: InterceptedCall, next: Next<'_>) -> Result<Reply, Status> {
        let ends = Arc::clone(&self.0);
        let note = move |end: &CallEnd<'_>| {
            let message = end.error().map_or("", Status::message).to_owned();
            ends.lock().unwrap().push((end.code(), message));
        };
        next.on_end(note).run(call).await
    }
}

#[tokio::test(start_paused = true)]
async fn interceptors_see_the_status_with_which_a_limit_has_ended_a_call() {
    let layer = MapResponseLayer::new(|response: http::Response<HttpBody>| {
        response.map(|body| HttpBody::new(http_body_util::BodyExt::boxed_unsync(body)))
    });
    let limited = || Server::new().shutdown_timeout(Some(30 * SECOND));
    for server in [limited(), limited().inline_limit(Duration::ZERO), limited().layer(layer)] {
        let (served, station) = (Ends::default(), Station::default());
        let mut running = Running::start(server.clone().intercept(served.clone()), &station);
        let client = running.client();
        let calls = tokio::spawn(async move { hang(&client).await });
        station.busy().await;
        running.stop();
        assert_eq!(calls.await.unwrap().len(), 5);
        running.serving.await.unwrap().unwrap();
        let ends = served.0.lock().unwrap();
        assert_eq!(*ends, vec![(Code::Unavailable, SHUT_DOWN.to_owned()); 5], "{server:?}");
    }
}

/// A service of plain HTTP, which behaves as the path says.
async fn plain(request: http::Request<HttpBody>) -> Result<http::Response<HttpBody>, Infallible> {
    match request.uri().path() {
        "/waits" => std::future::pending().await,
        "/panics" => panic!("this service panics"),
        path => {
            let rest = path == "/streams";
            let rest = futures_util::stream::once(async move {
                assert!(rest, "this body panics");
                std::future::pending().await
            });
            let begin = Ok::<_, Status>(http_body::Frame::data(Bytes::from_static(b"begin")));
            let body = StreamBody::new(tokio_stream::once(begin).chain(rest));
            let response = http::Response::builder().header("content-type", "text/plain");
            Ok(response.body(HttpBody::new(body)).unwrap())
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_call_ends_as_http_does() {
    let fallback = Server::new().fallback(service_fn(plain));
    let identity = || MapResponseLayer::new(|response: http::Response<HttpBody>| response);
    for server in [fallback.clone(), fallback.layer(identity())] {
        let server = server.shutdown_timeout(Some(SECOND));
        let mut running = Running::start(server, &Station::default());
        let mut peer = running.peer(&[]).await;
        for (stream, path) in [(1, "/waits"), (3, "/streams"), (5, "/panics"), (7, "/breaks")] {
            let fields = [(":method", "GET"), (":scheme", "http"), (":path", path)];
            peer.send([Frame::headers(stream, &fields).ends()]).await;
        }
        peer.until(3, |stream| !stream.data.is_empty()).await;
        peer.settled().await;
        running.stop();
        for (stream, status, end) in [
            (1, Some("503"), End::Stream),
            (3, Some("200"), End::Reset(Reason::CANCEL.into())),
            (5, Some("500"), End::Stream),
            // Before its head was written.
            (7, None, End::Reset(Reason::INTERNAL_ERROR.into())),
        ] {
            let ended = peer.ended(stream).await;
            let has = (ended.get(":status"), ended.end, ended.status());
            assert_eq!(has, (status, Some(end), None), "{stream}: {ended:?}");
        }
        running.serving.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_ended_has_trailers_whatever_has_come_of_it() {
    let station = Station::default();
    let mut running = Running::start(Server::new().shutdown_timeout(Some(SECOND)), &station);
    let mut peer = running.peer(&[]).await;
    // One that has sent a message, one whose request has no message yet, and one of which half has come.
    let half = message(&query("a", 1))[..4].to_vec();
    peer.send([call(1, "Watch"), Frame::data(1, message(&query("hangs", 1))).ends()]).await;
    peer.send([call(3, "Latest"), call(5, "Latest"), Frame::data(5, half)]).await;
    peer.until(1, |stream| !stream.data.is_empty()).await;
    peer.settled().await;
    running.stop();
    for stream in [1, 3, 5] {
        let ended = peer.ended(stream).await;
        // Where the rest of the request is not wanted any more, the client is told so behind the trailers.
        let is_whole = matches!(ended.end, Some(End::Stream | End::Reset(0)));
        assert!(is_whole, "{stream}: {ended:?}");
        assert_eq!(ended.status(), Some("14"), "{stream}: {ended:?}");
        let message = ended.get("grpc-message").unwrap();
        assert_eq!(message.replace("%20", " "), SHUT_DOWN);
    }
    peer.closed().await;
    assert_eq!(peer.goaways, [(LAST, 0), (5, 0)]);
    running.serving.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_delays_shutdown_by_a_second_and_its_new_calls_are_refused() {
    let mut running =
        Running::start(Server::new().shutdown_timeout(Some(5 * SECOND)), &Station::default());
    let mut peer = running.peer(&[(INITIAL_WINDOW_SIZE, 0)]).await;
    peer.answers_pings = false;
    // The response waits for its window.
    peer.send([call(1, "Latest"), Frame::data(1, message(&query("a", 3))).ends()]).await;
    peer.begun(1).await;
    let start = Instant::now();
    running.stop();
    sleep_until(start + 5 * SECOND + SECOND / 2).await;
    peer.send([call(3, "Latest"), Frame::data(3, message(&query("a", 3))).ends()]).await;
    // The client may make it elsewhere.
    let refused = peer.ended(3).await;
    assert_eq!(refused.end, Some(End::Reset(Reason::REFUSED_STREAM.into())), "{refused:?}");
    assert!(refused.blocks.is_empty(), "{refused:?}");
    peer.closed().await;
    assert_eq!(start.elapsed(), 6 * SECOND);
    assert_eq!(peer.goaways, [(LAST, 0), (3, 0)]);
    drop(peer);
    running.serving.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_acknowledge_is_told_which_calls_were_taken() {
    let mut running = Running::start(Server::new(), &Station::default());
    let mut peer = running.peer(&[]).await;
    peer.answers_pings = false;
    peer.is_served(1).await;
    let start = Instant::now();
    running.stop();
    peer.closed().await;
    assert_eq!((start.elapsed(), peer.goaways), (SECOND, vec![(LAST, 0), (1, 0)]));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_crosses_the_goaway_of_an_idle_connection_has_all_the_time_it_wants() {
    let station = Station::default();
    let server = Server::new().max_connection_idle(Some(20 * SECOND)).keep_alive_interval(None);
    let running = Running::start(server.shutdown_timeout(Some(SECOND)), &station);
    let mut peer = running.peer(&[]).await;
    peer.answers_pings = false;
    peer.is_served(1).await;
    while peer.pings.is_empty() {
        peer.receive().await.expect("the connection lasts until the PING is answered");
    }
    peer.send([call(3, "Tail"), Frame::data(3, message(&query("a", 1)))]).await;
    peer.until(3, |stream| !stream.data.is_empty()).await;
    let ping = peer.pings[0].clone();
    peer.pong(&ping).await;
    tokio::time::sleep(3600 * SECOND).await;
    peer.send([Frame::data(3, message(&query("b", 1))).ends()]).await;
    assert_eq!(peer.ended(3).await.status(), Some("0"));
}
