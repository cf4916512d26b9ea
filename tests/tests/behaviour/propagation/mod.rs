//! What calls inherit from the call in whose service they are made.

mod contexts;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use rust_scaffold::{
    Channel, Code, Context, InterceptedCall, Interceptor, Next, Reply, Request, Status, Streaming,
    metadata::MetadataMap, tonic::client::Grpc,
};
use tokio::{
    sync::oneshot,
    time::{Instant, timeout},
};
use tonic_prost::ProstCodec;

use crate::{
    routes::{self, Route},
    station::{Station, point, query},
    telemetry::{MockTelemetry, Point, Query, TelemetryClient, TelemetryServer},
};

/// Only against hanging.
const LONG: Duration = Duration::from_secs(60);
/// What callers give their calls.
const HOUR: Duration = Duration::from_secs(3600);

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const OTHER_TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// What the last service of a chain receives.
#[derive(Debug, Default)]
struct Received {
    deadline: Option<Instant>,
    metadata: MetadataMap,
}

impl Received {
    /// The values of a header.
    fn values(&self, name: &str) -> Vec<&str> {
        self.metadata.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
    }
}

/// A service at the end of a chain, and what it receives.
fn last() -> (MockTelemetry, Arc<Mutex<Vec<Received>>>) {
    let received = Arc::new(Mutex::new(Vec::new()));
    let mock = MockTelemetry::new();
    let list = Arc::clone(&received);
    mock.on_latest().answers(async move |request: Request<Query>| {
        let (metadata, _, query) = request.into_parts();
        let deadline = Context::current().deadline();
        list.lock().unwrap().push(Received { deadline, metadata });
        if query.series == "hangs" {
            std::future::pending::<()>().await;
        }
        Ok(point(&query.series))
    });
    (mock, received)
}

fn one(received: &Mutex<Vec<Received>>) -> Received {
    let mut received = std::mem::take(&mut *received.lock().unwrap());
    assert_eq!(received.len(), 1, "{received:?}");
    received.pop().unwrap()
}

fn traced<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(HOUR);
    let metadata = request.metadata_mut();
    metadata.insert("traceparent", TRACE.parse().unwrap());
    metadata.append("tracestate", "congo=t61rcWkgMzE".parse().unwrap());
    metadata.append("tracestate", "rojo=00f067aa0ba902b7".parse().unwrap());
    metadata.insert("baggage", "userId=alice".parse().unwrap());
    metadata.insert("x-request-id", "5f2a".parse().unwrap());
    metadata.insert("authorization", "Bearer secret".parse().unwrap());
    request
}

/// Asserts that a call has inherited from a [`traced`] one that was made at `made` or later.
fn assert_inherited(received: &Received, made: Instant, name: &str) {
    let deadline = received.deadline.expect(name);
    let least = made + HOUR - Duration::from_secs(1);
    assert!(deadline <= Instant::now() + HOUR && deadline > least, "{name}: {deadline:?}");
    assert_eq!(received.values("traceparent"), [TRACE], "{name}");
    let state = ["congo=t61rcWkgMzE", "rojo=00f067aa0ba902b7"];
    assert_eq!(received.values("tracestate"), state, "{name}");
    assert_eq!(received.values("baggage"), ["userId=alice"], "{name}");
    assert_eq!(received.values("x-request-id"), ["5f2a"], "{name}");
    assert_eq!(received.values("authorization"), [""; 0], "{name}: credentials are not propagated");
}

/// A station that asks `next`.
fn asking(next: TelemetryClient) -> Station {
    Station { next: Some(next), ..Station::default() }
}

#[tokio::test]
async fn a_handler_of_each_kind_passes_on_what_it_has_got_over_every_route() {
    let (mock, received) = last();
    let station = asking(mock.client());
    for Route { name, client, .. } in &routes::all(TelemetryServer::new(station)).await {
        let made = Instant::now();
        client.latest(traced(query("asks", 1))).await.unwrap();
        assert_inherited(&one(&received), made, name);

        let points = client.watch(traced(query("asks", 1))).await.unwrap();
        points.into_inner().skip_to_trailers().await.unwrap();
        assert_inherited(&one(&received), made, name);

        let points = Streaming::from_iter([point("asks")]);
        client.upload(traced(points)).await.unwrap();
        assert_inherited(&one(&received), made, name);

        // It answers from a task of its own, in the context of the call.
        let queries = Streaming::from_iter([query("asks", 1)]);
        let points = client.tail(traced(queries)).await.unwrap();
        points.into_inner().skip_to_trailers().await.unwrap();
        assert_inherited(&one(&received), made, name);
    }
}

#[tokio::test]
async fn what_is_inherited_goes_over_every_route() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let recorder = Recorder(Arc::clone(&seen));
    let end = TelemetryServer::new(Station::default()).intercept(recorder);
    for Route { name, client, .. } in &routes::all(end).await {
        let server = TelemetryServer::new(asking(client.clone()));
        let first = TelemetryClient::new(Channel::in_process(server));
        let made = Instant::now();
        first.latest(traced(query("asks", 1))).await.unwrap();
        assert_inherited(&one(&seen), made, name);
    }
}

/// Records what calls receive.
struct Recorder(Arc<Mutex<Vec<Received>>>);

impl Interceptor for Recorder {
    async fn intercept(&self, call: InterceptedCall, next: Next<'_>) -> Result<Reply, Status> {
        let (deadline, metadata) = (call.deadline(), call.metadata().clone());
        self.0.lock().unwrap().push(Received { deadline, metadata });
        next.run(call).await
    }
}

#[tokio::test]
async fn a_bidirectional_call_that_is_opened_inherits_too_and_ends_with_its_parent() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let end = Station::default();
    let recorder = Recorder(Arc::clone(&seen));
    let server = TelemetryServer::new(end.clone()).intercept(recorder);
    for Route { name, client: next, .. } in &routes::all(server).await {
        let next = next.clone();
        let (opened, opens) = oneshot::channel();
        let opened = Mutex::new(Some(opened));
        let first = TelemetryServer::new(Station::default()).intercept(before(move || {
            let (queries, stream) = Streaming::channel(1);
            let (_, points) = next.tail(stream).open();
            opened.lock().unwrap().take().unwrap().send((queries, points)).ok().unwrap();
            // Long enough for the call to be there.
            std::future::pending()
        }));
        let first = TelemetryClient::new(Channel::in_process(first));
        let made = Instant::now();
        let call = tokio::spawn(async move { first.latest(traced(query("a", 1))).await });
        let (queries, mut points) = timeout(LONG, opens).await.expect(name).unwrap();
        queries.send(query("a", 1)).await.unwrap();
        assert!(points.message().await.unwrap().is_some(), "{name}");
        assert_inherited(&one(&seen), made, name);
        call.abort();
        let status = timeout(LONG, points.message()).await.expect(name).unwrap_err();
        assert_eq!(status.code(), Code::Cancelled, "{name}: {status}");
        timeout(LONG, end.idle()).await.expect(name);
    }
}

#[tokio::test]
async fn a_layer_sees_what_is_inherited_and_may_take_it_away() {
    let (mock, received) = last();
    let server = mock.server();
    let hide = tower::util::MapRequestLayer::new(|mut request: http::Request<_>| {
        assert!(request.headers_mut().remove("baggage").is_some());
        request
    });
    for (detached, inherits) in [
        (Channel::new(server.clone()).layer(hide.clone()), true),
        (Channel::new(server.clone()).layer(tower::layer::util::Identity::new()).detached(), false),
        (Channel::new(server).detached().layer(tower::layer::util::Identity::new()), false),
    ] {
        let station = asking(TelemetryClient::new(detached));
        let first = TelemetryClient::new(Channel::in_process(TelemetryServer::new(station)));
        first.latest(traced(query("asks", 1))).await.unwrap();
        let received = one(&received);
        assert_eq!(received.values("baggage"), [""; 0]);
        assert_eq!(received.metadata.contains_key("traceparent"), inherits, "{received:?}");
        assert_eq!(received.deadline.is_some(), inherits, "{received:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_service_of_a_chain_has_less_time_than_the_one_before() {
    let (mock, received) = last();
    let deadlines = Arc::new(Mutex::new(Vec::new()));
    let mut client = mock.client();
    for _ in 0..3 {
        let recorder = Recorder(Arc::clone(&deadlines));
        let server = TelemetryServer::new(asking(client)).intercept(recorder);
        // With a service of HTTP, so that the deadline has the form of a header.
        client = TelemetryClient::new(Channel::new(server));
    }
    for timeout in [Duration::from_millis(97), Duration::from_secs(60), HOUR * 40] {
        let mut request = Request::new(query("asks", 1));
        request.set_timeout(timeout);
        client.latest(request).await.unwrap();
        let mut chain: Vec<_> = deadlines.lock().unwrap().drain(..).collect();
        chain.push(one(&received));
        let chain: Vec<_> = chain.iter().map(|received| received.deadline.unwrap()).collect();
        assert_eq!(chain.len(), 4);
        assert!(chain[..3].is_sorted_by(|earlier, later| earlier > later), "{chain:?}");
        // The mock is called without HTTP, at once and with no rounding.
        assert!(chain[2] >= chain[3], "{chain:?}");
        assert!(chain[3] + timeout / 10 > Instant::now() + timeout, "{chain:?}");
    }
}

#[tokio::test]
async fn a_call_keeps_what_it_says_itself() {
    let (mock, received) = last();
    let end = mock.client();
    let server = TelemetryServer::new(Station::default()).intercept(before(move || {
        let mut request = Request::new(query("a", 1));
        request.set_timeout(Duration::from_secs(2));
        request.metadata_mut().insert("traceparent", OTHER_TRACE.parse().unwrap());
        request.metadata_mut().insert("x-request-id", "mine".parse().unwrap());
        let end = end.clone();
        async move { end.latest(request).await.map(drop) }
    }));
    let client = TelemetryClient::new(Channel::in_process(server));
    client.latest(traced(query("a", 1))).await.unwrap();
    let received = one(&received);
    assert!(received.deadline.unwrap() < Instant::now() + Duration::from_secs(2));
    assert_eq!(received.values("traceparent"), [OTHER_TRACE]);
    assert_eq!(received.values("tracestate"), [""; 0], "it belongs to the other trace");
    assert_eq!(received.values("x-request-id"), ["mine"]);
    assert_eq!(received.values("baggage"), ["userId=alice"]);
}

/// An interceptor of a server that does something first.
fn before<F>(act: impl Fn() -> F + Send + Sync + 'static) -> impl Interceptor
where
    F: Future<Output = Result<(), Status>> + Send + 'static,
{
    struct Before<A>(A);

    impl<F, A> Interceptor for Before<A>
    where
        F: Future<Output = Result<(), Status>> + Send + 'static,
        A: Fn() -> F + Send + Sync + 'static,
    {
        async fn intercept(&self, call: InterceptedCall, next: Next<'_>) -> Result<Reply, Status> {
            (self.0)().await?;
            next.run(call).await
        }
    }

    Before(act)
}

#[tokio::test]
async fn clients_of_other_libraries_inherit_too() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let end = TelemetryServer::new(Station::default()).intercept(Recorder(Arc::clone(&seen)));
    for channel in [Channel::in_process(end.clone()), Channel::in_process_direct(end)] {
        let server = TelemetryServer::new(Station::default()).intercept(before(move || {
            let mut client = Grpc::new(channel.clone());
            async move {
                client.ready().await?;
                let path = "/telemetry.Telemetry/Latest".parse().unwrap();
                let codec = ProstCodec::<Query, Point>::default();
                client.unary(Request::new(query("a", 1)), path, codec).await.map(drop)
            }
        }));
        let client = TelemetryClient::new(Channel::in_process(server));
        let made = Instant::now();
        client.latest(traced(query("a", 1))).await.unwrap();
        assert_inherited(&one(&seen), made, "tonic's client");
    }
}

#[tokio::test]
async fn nothing_is_inherited_outside_of_a_service_by_a_detached_channel_and_in_an_empty_context() {
    let (mock, received) = last();
    mock.client().latest(query("a", 1)).await.unwrap();
    assert_eq!(one(&received).deadline, None);
    assert_eq!(Context::current().deadline(), None);

    let end = TelemetryServer::new(asking(mock.client()));
    let detached = TelemetryClient::new(Channel::in_process(end).detached());
    let first = TelemetryServer::new(asking(detached));
    let first = TelemetryClient::new(Channel::in_process(first));
    first.latest(traced(query("asks", 1))).await.unwrap();
    let Received { deadline, metadata } = one(&received);
    assert!(deadline.is_none() && !metadata.contains_key("traceparent"), "{metadata:?}");

    let end = mock.client();
    let server = TelemetryServer::new(Station::default()).intercept(before(move || {
        let end = end.clone();
        Context::default().scope(async move { end.latest(query("a", 1)).await.map(drop) })
    }));
    let client = TelemetryClient::new(Channel::in_process(server));
    client.latest(traced(query("a", 1))).await.unwrap();
    let Received { deadline, metadata } = one(&received);
    assert!(deadline.is_none() && !metadata.contains_key("traceparent"), "{metadata:?}");
}

#[tokio::test]
async fn all_handlers_of_a_chain_end_when_the_first_caller_goes_away() {
    let end = Station::default();
    for Route { name, client: next, .. } in &routes::all(TelemetryServer::new(end.clone())).await {
        let next = next.clone();
        let server = TelemetryServer::new(Station::default()).intercept(before(move || {
            let next = next.clone();
            async move { next.latest(query("hangs", 1)).await.map(drop) }
        }));
        let first = TelemetryClient::new(Channel::in_process(server));
        let call = tokio::spawn(async move { first.latest(query("a", 1)).await });
        timeout(LONG, end.busy()).await.expect(name);
        call.abort();
        timeout(LONG, end.idle()).await.expect(name);
    }
}
