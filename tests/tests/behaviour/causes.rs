//! The cause of a failure is logged where the call was served, once, and goes no further.

use std::{
    error::Error as _,
    io,
    sync::{Arc, Mutex},
};

use rust_scaffold::{
    Channel, Code, InterceptedCall, Interceptor, Next, Reply, Request, Response, Server, Status,
    ToStatus,
};
use tokio::task::JoinHandle;
use tracing::subscriber::{DefaultGuard, set_default};

use crate::{
    calculator::{
        AddRequest, AddResponse, Calculator, CalculatorClient, CalculatorServer, MockCalculator,
        SubtractRequest, SubtractResponse,
    },
    handshakes::Log,
    routes::{self, listen},
    station::{Station, point, query},
    telemetry::TelemetryServer,
};

/// Hears the failures that are logged until it is dropped.
pub(crate) struct Failures(Log, #[allow(dead_code, reason = "it is held")] DefaultGuard);

impl Failures {
    pub(crate) fn hear() -> Self {
        let log = Log::default();
        let guard = set_default(log.clone());
        Self(log, guard)
    }

    /// Those that were logged since the last time.
    pub(crate) fn take(&self) -> Vec<String> {
        let mut log = std::mem::take(&mut *self.0.0.lock().unwrap());
        log.retain(|event| event.contains("a call has failed"));
        log
    }
}

#[track_caller]
fn is_withheld(status: &Status, route: &str) {
    assert_eq!((status.code(), status.message()), (Code::Internal, "no points"), "{route}");
    assert!(status.source().is_none(), "{route}: {status:?}");
    assert!(!format!("{status:?}").contains("disk"), "{route}: {status:?}");
}

#[tokio::test]
async fn a_cause_is_logged_once_and_stays_on_the_server() {
    for route in routes::all(TelemetryServer::new(Station::default())).await {
        let failures = Failures::hear();
        let (client, name) = (&route.client, route.name);
        is_withheld(&client.latest(query("cause", 1)).await.unwrap_err(), name);
        let points = tokio_stream::iter([point("cause")]);
        is_withheld(&client.upload(points).await.unwrap_err(), name);

        let mut points = client.watch(query("cause", 1)).await.unwrap().into_inner();
        assert!(points.message().await.unwrap().is_some(), "{name}");
        is_withheld(&points.message().await.unwrap_err(), name);

        let queries = tokio_stream::iter([query("a", 1), query("cause", 1)]);
        let mut points = client.tail(queries).await.unwrap().into_inner();
        assert!(points.message().await.unwrap().is_some(), "{name}");
        is_withheld(&points.message().await.unwrap_err(), name);

        let failures = failures.take();
        assert_eq!(failures.len(), 4, "{name}: {failures:?}");
        for (event, method) in failures.iter().zip(["Latest", "Upload", "Watch", "Tail"]) {
            let method = format!("method=\"/telemetry.Telemetry/{method}\"");
            let parts = ["ERROR", &method, "code=Internal", "error=the disk is full"];
            assert!(parts.iter().all(|part| event.contains(part)), "{name}: {event}");
        }
    }
}

#[tokio::test]
async fn a_failure_without_a_cause_is_not_logged() {
    for route in routes::all(TelemetryServer::new(Station::default())).await {
        let failures = Failures::hear();
        route.client.latest(query("fails", 1)).await.unwrap_err();
        let mut points = route.client.watch(query("fails", 0)).await.unwrap().into_inner();
        points.message().await.unwrap_err();
        route.client.watch(query("a", 0)).await.unwrap();
        assert_eq!(failures.take(), [""; 0], "{}", route.name);
    }
}

/// Fails with what a function makes.
struct Failing<F>(F);

impl<F: Fn() -> Result<i32, Status> + Send + Sync + 'static> Calculator for Failing<F> {
    async fn add(&self, _: Request<AddRequest>) -> Result<Response<AddResponse>, Status> {
        (self.0)().map(|result| Response::new(AddResponse { result }))
    }

    async fn subtract(
        &self,
        _: Request<SubtractRequest>,
    ) -> Result<Response<SubtractResponse>, Status> {
        Err(Status::unimplemented("not this one"))
    }
}

/// The status that a client gets for what `fail` makes, and the log.
async fn failed<F>(fail: F) -> (Status, String)
where
    F: Fn() -> Result<i32, Status> + Send + Sync + 'static,
{
    let failures = Failures::hear();
    let client = CalculatorClient::new(Channel::in_process(CalculatorServer::new(Failing(fail))));
    let status = client.add(AddRequest::default()).await.unwrap_err();
    assert!(status.source().is_none(), "{status:?}");
    (status, failures.take().concat())
}

fn io_error<T>() -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::NotFound, "no such file"))
}

#[tokio::test]
async fn any_error_becomes_a_status_with_a_code() {
    type Boxed = Box<dyn std::error::Error + Send + Sync>;
    let (status, log) = failed(|| io_error().status(Code::NotFound)).await;
    assert_eq!((status.code(), status.message()), (Code::NotFound, Code::NotFound.description()));
    assert!(log.contains("error=no such file"), "{log}");

    let (status, log) = failed(|| {
        let order = io_error().map_err(|error| anyhow::Error::new(error).context("order 7"));
        order.status_with(Code::NotFound, "no such order")
    })
    .await;
    assert_eq!((status.code(), status.message()), (Code::NotFound, "no such order"));
    assert!(log.contains("error=order 7: no such file"), "{log}");

    let (_, log) = failed(|| Err(Boxed::from("in a box")).status(Code::Aborted)).await;
    assert!(log.contains("error=in a box"), "{log}");
    let (_, log) = failed(|| Err("a text").status(Code::Aborted)).await;
    assert!(log.contains("error=a text"), "{log}");
    let (_, log) = failed(|| Err(format!("a {}", "string")).status(Code::Aborted)).await;
    assert!(log.contains("error=a string"), "{log}");

    let (status, log) = failed(|| None.status(Code::NotFound)).await;
    assert_eq!((status.code(), status.message()), (Code::NotFound, Code::NotFound.description()));
    assert_eq!(log, "", "there is nothing to say");
    let (status, _) = failed(|| None.status_with(Code::NotFound, "no such order")).await;
    assert_eq!((status.code(), status.message()), (Code::NotFound, "no such order"));

    let (status, _) = failed(|| io_error().status(Code::Ok)).await;
    assert_eq!(status.code(), Code::Unknown, "a failure that is none");
    assert_eq!(Ok::<_, io::Error>(8).status(Code::Internal).unwrap(), 8);
    assert_eq!(Some(8).status_with(Code::Internal, "none").unwrap(), 8);
}

#[tokio::test]
async fn a_cause_can_be_taken_for_what_it_is() {
    let status = io_error::<()>().status(Code::NotFound).unwrap_err();
    let cause = status.source().and_then(|cause| cause.downcast_ref::<io::Error>());
    assert_eq!(cause.unwrap().kind(), io::ErrorKind::NotFound);
}

#[tokio::test]
async fn the_status_of_another_service_is_a_cause_when_it_gets_another_code() {
    let (status, log) = failed(|| {
        let secret = Status::with_details(Code::NotFound, "row 7", vec![1].into());
        Err(secret).status(Code::Internal)
    })
    .await;
    assert_eq!((status.code(), status.details()), (Code::Internal, &[][..]));
    assert!(!status.message().contains("row 7"), "{status:?}");
    assert!(log.contains("row 7"), "{log}");
}

#[tokio::test]
async fn the_level_says_whose_failure_it_is() {
    for (codes, level) in [
        (&[Code::Unknown, Code::Internal, Code::DataLoss][..], "ERROR"),
        (&[Code::Unavailable, Code::DeadlineExceeded, Code::Unimplemented], "WARN"),
        (&[Code::NotFound, Code::InvalidArgument, Code::Unauthenticated, Code::Cancelled], "DEBUG"),
    ] {
        for &code in codes {
            let (_, log) = failed(move || io_error().status(code)).await;
            assert!(log.starts_with(level), "{code:?}: {log}");
        }
    }
}

#[tokio::test]
async fn what_else_a_status_has_is_sent_with_it() {
    let (status, _) = failed(|| {
        let mut status = Status::with_details(Code::Aborted, "again", vec![1, 2].into());
        status.metadata_mut().insert("tries", 3.into());
        status.set_source(Arc::new(io::Error::other("a deadlock")));
        Err(status)
    })
    .await;
    assert_eq!((status.code(), status.message()), (Code::Aborted, "again"));
    assert_eq!((status.details(), status.metadata().len()), (&[1, 2][..], 1));
    assert_eq!(status.metadata().get("tries").unwrap(), "3");
}

/// Passes calls on.
struct Relay(CalculatorClient);

impl Calculator for Relay {
    async fn add(&self, request: Request<AddRequest>) -> Result<Response<AddResponse>, Status> {
        self.0.add(request.into_inner()).await
    }

    async fn subtract(
        &self,
        request: Request<SubtractRequest>,
    ) -> Result<Response<SubtractResponse>, Status> {
        self.0.subtract(request.into_inner()).await
    }
}

#[tokio::test]
async fn a_status_that_is_passed_on_has_its_cause_logged_by_the_service_that_made_it() {
    let last = CalculatorServer::new(Failing(|| io_error().status(Code::Internal)));
    let (far, task) = serve(Server::new().add_service(last.clone())).await;
    for channel in [Channel::in_process(last.clone()), Channel::in_process_direct(last), far] {
        let failures = Failures::hear();
        let relay = CalculatorServer::new(Relay(CalculatorClient::new(channel)));
        let client = CalculatorClient::new(Channel::in_process(relay));
        let status = client.add(AddRequest::default()).await.unwrap_err();
        assert_eq!(status.code(), Code::Internal);
        let failures = failures.take();
        assert_eq!(failures.len(), 1, "{failures:?}");
    }
    task.abort();
}

async fn serve(server: Server) -> (Channel, JoinHandle<()>) {
    let (listener, address) = listen().await;
    let task = tokio::spawn(async move { server.serve_listener(listener).await.unwrap() });
    (Channel::connect(format!("http://{address}")).await.unwrap(), task)
}

#[tokio::test]
async fn mocks_and_spies_log_a_cause_once() {
    let failures = Failures::hear();
    let mock = MockCalculator::new();
    mock.expect_add().fails(io_error::<()>().status(Code::Internal).unwrap_err());
    let status = mock.client().add(AddRequest::default()).await.unwrap_err();
    assert!(status.source().is_none(), "{status:?}");
    assert_eq!(failures.take().len(), 1);

    let spy = MockCalculator::spy(Failing(|| io_error().status(Code::Internal)));
    let status = spy.client().add(AddRequest::default()).await.unwrap_err();
    assert!(status.source().is_none(), "{status:?}");
    assert_eq!(failures.take().len(), 1);
}

/// Refuses calls, for a reason that it keeps.
struct Refusing;

impl Interceptor for Refusing {
    async fn intercept(&self, _: InterceptedCall, _: Next<'_>) -> Result<Reply, Status> {
        Err("it is on a list").status(Code::PermissionDenied)
    }
}

#[tokio::test]
async fn the_cause_of_an_interceptor_is_logged_around_services_of_any_library() {
    let service = || TelemetryServer::new(Station::default());
    let servers = [
        Server::new().intercept(Refusing).add_service(service()),
        Server::new().add_service(service().intercept(Refusing)),
        Server::new().intercept(Refusing).add_tower_service(service()),
    ];
    for server in servers {
        let failures = Failures::hear();
        let (channel, task) = serve(server).await;
        let client = crate::telemetry::TelemetryClient::new(channel);
        let status = client.latest(query("a", 1)).await.unwrap_err();
        assert_eq!(status.code(), Code::PermissionDenied);
        let failures = failures.take();
        assert_eq!(failures.len(), 1, "{failures:?}");
        assert!(failures[0].contains("Telemetry/Latest"), "{failures:?}");
        assert!(failures[0].contains("error=it is on a list"), "{failures:?}");
        task.abort();
    }
}

/// Remembers the causes that it has seen: of a reply, and of the end of a call.
#[derive(Clone, Default)]
struct Seeing(Arc<Mutex<Vec<String>>>);

impl Interceptor for Seeing {
    async fn intercept(&self, call: InterceptedCall, next: Next<'_>) -> Result<Reply, Status> {
        let seen = Arc::clone(&self.0);
        let note = move |what: &str, status: &Status| {
            let cause = status.source().map(ToString::to_string);
            seen.lock().unwrap().push(format!("{what}: {}", cause.unwrap_or_default()));
        };
        let at_end = note.clone();
        let next = next.on_end(move |end| end.error().into_iter().for_each(|it| at_end("end", it)));
        next.run(call).await.inspect_err(|status| note("reply", status))
    }
}

#[tokio::test]
async fn interceptors_of_the_server_see_the_cause_and_those_of_the_client_do_not() {
    let (on_server, on_client) = (Seeing::default(), Seeing::default());
    let server = TelemetryServer::new(Station::default()).intercept(on_server.clone());
    let (far, task) = serve(Server::new().add_service(server.clone())).await;
    for channel in [Channel::in_process(server.clone()), Channel::in_process_direct(server), far] {
        let client = crate::telemetry::TelemetryClient::new(channel.intercept(on_client.clone()));
        client.latest(query("cause", 1)).await.unwrap_err();
        let mut points = client.watch(query("cause", 0)).await.unwrap().into_inner();
        points.message().await.unwrap_err();
        let cause = "the disk is full";
        let seen = std::mem::take(&mut *on_server.0.lock().unwrap());
        let expected = ["end", "reply", "end"];
        assert_eq!(seen, expected.map(|what| format!("{what}: {cause}")));
        let seen = std::mem::take(&mut *on_client.0.lock().unwrap());
        assert_eq!(seen, expected.map(|what| format!("{what}: ")));
    }
    task.abort();
}
