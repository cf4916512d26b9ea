//! Limits for calls, by server, service and method, and the adaptive limit.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rust_scaffold::{
    AdaptiveLimit, Channel, Code, Limits, Protocol, Request, Response, Server, Status,
};
use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use tokio_stream::StreamExt as _;

use crate::{
    calculator::{
        AddRequest, AddResponse, Calculator, CalculatorClient, CalculatorServer, SubtractRequest,
        SubtractResponse,
    },
    health_v1::{HealthCheckRequest, HealthClient, health_check_response::ServingStatus},
    routes::listen,
    station::{Station, query},
    telemetry::{TelemetryClient, TelemetryServer},
};

/// Only against hanging.
const LONG: Duration = Duration::from_secs(60);
pub(crate) const LATEST: &str = "/telemetry.Telemetry/Latest";
const WATCH: &str = "/telemetry.Telemetry/Watch";
const ALL: &str = "/telemetry.Telemetry/*";

/// Clients of `server` with a station, over a tower service, and over a connection with either protocol.
async fn clients(server: Server, station: &Station) -> Vec<TelemetryClient> {
    let server = server.add_service(TelemetryServer::new(station.clone()));
    let mut clients =
        vec![TelemetryClient::new(Channel::new(server.clone().into_service().unwrap()))];
    for protocol in [Protocol::Grpc, Protocol::GrpcWeb] {
        let (listener, address) = listen().await;
        tokio::spawn(server.clone().serve_listener(listener));
        let builder = Channel::builder(format!("http://{address}")).protocol(protocol);
        clients.push(TelemetryClient::new(builder.connect().await.unwrap()));
    }
    clients
}

pub(crate) fn client(server: Server, station: &Station) -> TelemetryClient {
    let server = server.add_service(TelemetryServer::new(station.clone()));
    TelemetryClient::new(Channel::new(server.into_service().unwrap()))
}

/// A call of `latest` that is at work until the result is dropped.
pub(crate) async fn hang(client: &TelemetryClient, station: &Station) -> JoinSet<()> {
    let (client, mut tasks) = (client.clone(), JoinSet::new());
    tasks.spawn(async move {
        let _ = client.latest(query("hangs", 1)).await;
    });
    station.busy().await;
    tasks
}

/// When the client may try again.
pub(crate) fn pushback(status: &Status) -> Duration {
    let milliseconds = status.metadata().get("grpc-retry-pushback-ms").unwrap();
    Duration::from_millis(milliseconds.to_str().unwrap().parse().unwrap())
}

/// Repeats a call until there is a place for it.
pub(crate) async fn until_admitted<T, F: Future<Output = Result<T, Status>>>(
    call: impl Fn() -> F,
) -> T {
    let admitted = async {
        loop {
            match call().await {
                Ok(answer) => return answer,
                Err(status) => assert_eq!(status.code(), Code::Unavailable, "{status:?}"),
            }
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(LONG, admitted).await.unwrap()
}

#[tokio::test]
async fn a_method_takes_no_more_calls_than_its_limit() {
    let station = Station::default();
    let limits = Limits::new().max_concurrent_calls(1);
    for client in clients(Server::new().limits_by_path([(LATEST, limits)]), &station).await {
        let hanging = hang(&client, &station).await;
        let refused = client.latest(query("a", 1)).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unavailable, "{refused:?}");
        let message =
            "the method /telemetry.Telemetry/Latest has its limit of calls in progress, 1";
        assert_eq!(refused.message(), message);
        let pushback = pushback(&refused).as_millis();
        assert!((500..=1500).contains(&pushback), "{pushback}");
        // Others are not concerned.
        assert!(client.watch(query("a", 1)).await.is_ok());

        drop(hanging);
        until_admitted(|| client.latest(query("a", 1))).await;
        station.idle().await;
    }
}

#[tokio::test]
async fn a_stream_keeps_its_place_until_it_has_ended() {
    let station = Station::default();
    let limits = Limits::new().max_concurrent_calls(1);
    for client in clients(Server::new().limits_by_path([(WATCH, limits)]), &station).await {
        let mut stream = client.watch(query("hangs", 1)).await.unwrap().into_inner();
        assert!(stream.next().await.unwrap().is_ok());
        assert_eq!(client.watch(query("a", 1)).await.unwrap_err().code(), Code::Unavailable);

        drop(stream);
        let stream = until_admitted(|| client.watch(query("a", 1))).await.into_inner();
        assert_eq!(stream.collect::<Vec<_>>().await.len(), 2);
        // Read to its end, it has given its place back.
        until_admitted(|| client.watch(query("a", 1))).await;
        station.idle().await;
    }
}

#[tokio::test]
async fn calls_are_counted_for_the_service_and_for_the_server_as_well() {
    let one = Limits::new().max_concurrent_calls(1);
    let of_service = Server::new().limits_by_path([(ALL, one)]);
    let cases = [
        (of_service, "the service telemetry.Telemetry has its limit of calls in progress, 1"),
        (Server::new().limits(one), "the server has its limit of calls in progress, 1"),
    ];
    for (server, message) in cases {
        let station = Station::default();
        let client = client(server, &station);
        let hanging = hang(&client, &station).await;
        for _ in 0..2 {
            let refused = client.watch(query("a", 1)).await.unwrap_err();
            assert_eq!((refused.code(), refused.message()), (Code::Unavailable, message));
        }
        drop(hanging);
        until_admitted(|| client.watch(query("a", 1))).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_ends_at_the_time_limit_of_its_method() {
    let station = Station::default();
    let seconds = |seconds| Limits::new().timeout(Duration::from_secs(seconds));
    let server = Server::new().limits(seconds(3)).limits_by_path([(LATEST, seconds(7))]);
    let client = client(server, &station);

    let begin = Instant::now();
    let late = client.latest(query("hangs", 1)).await.unwrap_err();
    assert_eq!((late.code(), begin.elapsed().as_secs_f64().round()), (Code::DeadlineExceeded, 7.0));
    assert_eq!(station.busy.load(Ordering::SeqCst), 0);

    // A stream as a whole.
    let begin = Instant::now();
    let stream = client.watch(query("hangs", 1)).await.unwrap().into_inner();
    let late = stream.collect::<Vec<_>>().await.pop().unwrap().unwrap_err();
    assert_eq!((late.code(), begin.elapsed().as_secs_f64().round()), (Code::DeadlineExceeded, 3.0));

    // The client's is earlier.
    let begin = Instant::now();
    let mut request = Request::new(query("hangs", 1));
    request.set_timeout(Duration::from_secs(2));
    let late = client.latest(request).await.unwrap_err();
    assert_eq!((late.code(), begin.elapsed().as_secs_f64().round()), (Code::DeadlineExceeded, 2.0));
}

#[tokio::test]
async fn sizes_are_limited_by_method_then_service_then_server() {
    let station = Station::default();
    let size = |size| Limits::new().max_encoding_message_size(size);
    // `latest` answers with as many bytes as are asked for, and a few more.
    let code = |server: Server, own: Option<usize>| {
        let service = TelemetryServer::new(station.clone());
        let service = match own {
            Some(own) => service.max_encoding_message_size(own),
            None => service,
        };
        let server = server.add_service(service).into_service().unwrap();
        let client = TelemetryClient::new(Channel::new(server));
        async move {
            let answered = client.latest(query("a", 1000)).await;
            answered.map_or_else(|status| status.code(), |_| Code::Ok)
        }
    };
    let (small, large) = (size(100), size(10_000));
    assert_eq!(code(Server::new().limits(small), None).await, Code::ResourceExhausted);
    assert_eq!(code(Server::new().limits(small), Some(10_000)).await, Code::Ok);
    assert_eq!(code(Server::new().limits(large), Some(100)).await, Code::ResourceExhausted);
    let by_service = Server::new().limits_by_path([(ALL, large)]);
    assert_eq!(code(by_service, Some(100)).await, Code::Ok);
    let by_method = Server::new().limits_by_path([(ALL, large), (LATEST, small)]);
    assert_eq!(code(by_method, None).await, Code::ResourceExhausted);

    let requests = Limits::new().max_decoding_message_size(10);
    let client = client(Server::new().limits_by_path([(LATEST, requests)]), &station);
    let refused = client.latest(query(&"x".repeat(100), 1)).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(client.watch(query(&"x".repeat(100), 1)).await.is_ok());
}

#[tokio::test]
async fn limits_that_nothing_would_keep_are_refused() {
    let one = Limits::new().max_concurrent_calls(1);
    let table = |path| Server::new().limits_by_path([(path, one)]);
    let cases = [
        (
            table("/telemetry.Telemetry/latest"),
            "`Server::limits_by_path` has limits for /telemetry.Telemetry/latest, but telemetry.Telemetry has no \
             method latest: it has Latest, Watch, Upload, Tail, Last",
        ),
        (
            table("/telemetry.Telemetri/Latest"),
            "`Server::limits_by_path` has limits for /telemetry.Telemetri/Latest, but the server has no service \
             telemetry.Telemetri: it has telemetry.Telemetry",
        ),
        (
            table("telemetry.Telemetry.Latest"),
            "`Server::limits_by_path` has limits for `telemetry.Telemetry.Latest`, which is not a path: write \
             `/package.Service/Method`, or `/package.Service/*` for a service",
        ),
        (
            Server::new().limits(Limits::new().timeout(Duration::ZERO)),
            "`Server::limits` has a zero for `timeout`, so no call could be served: set a larger value",
        ),
        (
            Server::new().limits_by_path([(LATEST, Limits::new().max_concurrent_calls(0))]),
            "`Server::limits_by_path` has a zero for `max_concurrent_calls` of /telemetry.Telemetry/Latest, so no \
             call could be served: set a larger value",
        ),
        (
            Server::new().adaptive_limit(AdaptiveLimit::new().min_concurrent_calls(0)),
            "`Server::adaptive_limit` has 0 for `min_concurrent_calls`: set at least 1",
        ),
        (
            Server::new().adaptive_limit(
                AdaptiveLimit::new().min_concurrent_calls(3).max_concurrent_calls(2),
            ),
            "`Server::adaptive_limit` has a `max_concurrent_calls` of 2, less than its minimum of 3",
        ),
    ];
    for (server, message) in cases {
        let server = server.add_service(TelemetryServer::new(Station::default()));
        assert_eq!(server.into_service().unwrap_err().to_string(), message);
    }
    let sizes = Limits::new().max_decoding_message_size(1);
    let server = Server::new()
        .add_tower_service(TelemetryServer::new(Station::default()))
        .limits_by_path([(LATEST, sizes)]);
    assert_eq!(
        server.into_service().unwrap_err().to_string(),
        "`Server::limits_by_path` limits the size of messages for /telemetry.Telemetry/Latest, which another \
         library decodes: set the limit there"
    );
}

#[tokio::test(start_paused = true)]
async fn services_of_other_libraries_are_limited_as_well() {
    let station = Station::default();
    let limits = Limits::new().max_concurrent_calls(1).timeout(Duration::from_secs(7));
    for (path, other) in [(LATEST, Code::Ok), (ALL, Code::Unavailable)] {
        let server = Server::new()
            .add_tower_service(TelemetryServer::new(station.clone()))
            .limits_by_path([(path, limits)]);
        let client = TelemetryClient::new(Channel::new(server.into_service().unwrap()));
        let hanging = hang(&client, &station).await;
        assert_eq!(client.latest(query("a", 1)).await.unwrap_err().code(), Code::Unavailable);
        let watched = client.watch(query("a", 1)).await;
        assert_eq!(watched.map_or_else(|status| status.code(), |_| Code::Ok), other, "{path}");
        drop(hanging);
        until_admitted(|| client.latest(query("a", 1))).await;

        let begin = Instant::now();
        let late = client.latest(query("hangs", 1)).await.unwrap_err();
        assert_eq!(late.code(), Code::DeadlineExceeded);
        assert_eq!(begin.elapsed().as_secs_f64().round(), 7.0);
    }
}

#[tokio::test]
async fn a_busy_server_answers_for_its_health() {
    let station = Station::default();
    let server = Server::new()
        .health()
        .limits(Limits::new().max_concurrent_calls(1))
        .add_service(TelemetryServer::new(station.clone()));
    let channel = Channel::new(server.into_service().unwrap());
    let client = TelemetryClient::new(channel.clone());
    let _hanging = hang(&client, &station).await;
    assert_eq!(client.latest(query("a", 1)).await.unwrap_err().code(), Code::Unavailable);
    let checked = HealthClient::new(channel).check(HealthCheckRequest::default()).await.unwrap();
    assert_eq!(checked.get_ref().status(), ServingStatus::Serving);
}

/// A calculator that can do so many sums at a time, each of which takes ten milliseconds.
#[derive(Clone)]
struct Abacus {
    places: Arc<Semaphore>,
    begun: Arc<AtomicUsize>,
}

impl Abacus {
    fn new(places: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(places)), begun: Arc::default() }
    }
}

const WORK: Duration = Duration::from_millis(10);

impl Calculator for Abacus {
    async fn add(&self, _: Request<AddRequest>) -> Result<Response<AddResponse>, Status> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        let _place = self.places.acquire().await.unwrap();
        sleep(WORK).await;
        Ok(Response::new(AddResponse::default()))
    }

    async fn subtract(
        &self,
        _: Request<SubtractRequest>,
    ) -> Result<Response<SubtractResponse>, Status> {
        Err(Status::unimplemented("soon"))
    }
}

#[tokio::test(start_paused = true)]
async fn an_overloaded_server_works_on_at_full_speed() {
    const PLACES: usize = 4;
    const LOAD: usize = 10;
    let server = Server::new()
        .adaptive_limit(AdaptiveLimit::new())
        .add_service(CalculatorServer::new(Abacus::new(PLACES)));
    let client = CalculatorClient::new(Channel::new(server.into_service().unwrap()));

    let load = async |time| {
        let (mut calls, begin) = (JoinSet::new(), Instant::now());
        while begin.elapsed() < time {
            sleep(WORK / 10).await;
            for _ in 0..PLACES * LOAD / 5 {
                let client = client.clone();
                calls.spawn(async move {
                    let begin = Instant::now();
                    let answered = client.add(AddRequest::default()).await;
                    (answered.map_err(|status| status.code()), begin.elapsed())
                });
            }
        }
        calls.join_all().await
    };
    // Timers are late, also in virtual time.
    let begin = Instant::now();
    client.add(AddRequest::default()).await.unwrap();
    let unloaded = begin.elapsed();
    // Until the limit has found itself.
    load(Duration::from_secs(2)).await;
    let time = Duration::from_secs(8);
    let ended = load(time).await;
    let mut served: Vec<_> =
        ended.iter().filter(|(answered, _)| answered.is_ok()).map(|(_, took)| *took).collect();
    let refused = |answered: &Result<_, Code>| matches!(answered, Err(Code::Unavailable));
    assert_eq!(ended.iter().filter(|(it, _)| refused(it)).count(), ended.len() - served.len());
    let capacity = time.as_secs_f64() / unloaded.as_secs_f64() * PLACES as f64;
    assert!(served.len() as f64 >= 0.9 * capacity, "{} of {capacity}", served.len());
    served.sort();
    let p99 = served[served.len() * 99 / 100];
    assert!(p99 <= 3 * unloaded, "{p99:?}, and {unloaded:?} unloaded");
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_deadline_cannot_be_met_is_not_started() {
    let abacus = Abacus::new(1);
    let server = Server::new()
        .adaptive_limit(AdaptiveLimit::new())
        .add_service(CalculatorServer::new(abacus.clone()));
    let client = CalculatorClient::new(Channel::new(server.into_service().unwrap()));
    let hurried = || {
        let mut request = Request::new(AddRequest::default());
        request.set_timeout(WORK / 2);
        request
    };
    // One slow call says nothing: it may be the first one of the process.
    client.add(AddRequest::default()).await.unwrap();
    let late = client.add(hurried()).await.unwrap_err();
    assert_eq!(late.message(), "the deadline of the call has passed");
    assert_eq!(abacus.begun.load(Ordering::SeqCst), 2);
    for _ in 0..9 {
        client.add(AddRequest::default()).await.unwrap();
    }
    // Now and then, one is tried: the method may have become faster.
    let tried = client.add(hurried()).await.unwrap_err();
    assert_eq!(tried.message(), "the deadline of the call has passed");
    for _ in 0..5 {
        let refused = client.add(hurried()).await.unwrap_err();
        assert_eq!(refused.code(), Code::DeadlineExceeded);
        let message =
            "the deadline leaves 5ms, and the fastest call of this method has lately taken 10ms";
        assert_eq!(refused.message(), message);
    }
    assert_eq!(abacus.begun.load(Ordering::SeqCst), 12, "others were started");

    let mut request = Request::new(AddRequest::default());
    request.set_timeout(WORK * 2);
    client.add(request).await.unwrap();
}
