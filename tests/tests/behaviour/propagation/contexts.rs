//! Contexts: what runs in the one of a call, and when it ends.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::FutureExt as _;
use rust_scaffold::{
    Channel, Code, Context, InterceptedCall, Interceptor, Next, Reply, Request, Response, Status,
    Streaming,
};
use tokio::{
    sync::oneshot,
    time::{Instant, sleep_until, timeout},
};

use super::{HOUR, LONG, asking, assert_inherited, before, last, one, traced};
use crate::{
    routes::{self, Route},
    station::{Station, point, query},
    telemetry::{Point, TelemetryClient, TelemetryServer},
};

#[tokio::test]
async fn a_task_in_the_context_of_a_call_ends_its_calls_with_it_over_every_route() {
    let end = Station::default();
    for Route { name, client: next, .. } in &routes::all(TelemetryServer::new(end.clone())).await {
        for kind in ["unary", "stream"] {
            let next = next.clone();
            let (ended, end_of_task) = oneshot::channel();
            let ended = Mutex::new(Some(ended));
            let server = TelemetryServer::new(Station::default()).intercept(before(move || {
                let (next, ended) = (next.clone(), ended.lock().unwrap().take());
                tokio::spawn(Context::current().scope(async move {
                    let status = match kind {
                        "unary" => next.latest(query("hangs", 1)).await.map(drop),
                        _ => all_of(&next).await,
                    };
                    ended.unwrap().send(status.unwrap_err()).unwrap();
                }));
                std::future::ready(Ok(()))
            }));
            let first = TelemetryClient::new(Channel::in_process(server));
            let call = tokio::spawn(async move { first.latest(query("hangs", 1)).await });
            timeout(LONG, end.busy()).await.expect(name);
            call.abort();
            let status = timeout(LONG, end_of_task).await.expect(name).unwrap();
            assert_eq!(status.code(), Code::Cancelled, "{name}, {kind}: {status}");
            assert_eq!(status.message(), "the call that this one was made for is over", "{name}");
            timeout(LONG, end.idle()).await.expect(name);
        }
    }
}

async fn all_of(client: &TelemetryClient) -> Result<(), Status> {
    let points = client.watch(query("hangs", 1)).await?;
    points.into_inner().skip_to_trailers().await.map(drop)
}

#[tokio::test]
async fn a_context_knows_when_its_call_is_over() {
    let contexts = Arc::new(Mutex::new(Vec::new()));
    let list = Arc::clone(&contexts);
    let station = Station::default();
    let server = TelemetryServer::new(station.clone()).intercept(before(move || {
        list.lock().unwrap().push(Context::current());
        std::future::ready(Ok(()))
    }));
    let client = TelemetryClient::new(Channel::in_process(server));
    let of_last = || contexts.lock().unwrap().pop().unwrap();

    client.latest(query("a", 1)).await.unwrap();
    let context = of_last();
    assert!(context.is_cancelled());
    timeout(LONG, context.cancelled()).await.unwrap();

    let call = tokio::spawn(async move { client.latest(query("hangs", 1)).await });
    station.busy().await;
    let context = of_last();
    assert!(!context.is_cancelled());
    assert!(context.clone().cancelled().now_or_never().is_none());
    let forked = context.clone().fork();
    call.abort();
    timeout(LONG, context.clone().cancelled()).await.unwrap();
    assert!(context.is_cancelled() && !forked.is_cancelled());

    // Calls in it are not even made, and calls in a fork are.
    let (mock, received) = last();
    let client = mock.client();
    let status = context.scope(client.latest(query("a", 1))).await.unwrap_err();
    assert_eq!(status.code(), Code::Cancelled);
    assert!(received.lock().unwrap().is_empty());
    forked.scope(client.latest(query("a", 1))).await.unwrap();
}

#[tokio::test]
async fn the_context_of_a_stream_goes_on_until_its_last_message() {
    let (mock, received) = last();
    for Route { name, client, .. } in
        &routes::all(TelemetryServer::new(asking(mock.client()))).await
    {
        // The handler has long returned when the second query comes.
        let (queries, stream) = Streaming::channel(1);
        let made = Instant::now();
        let mut points = client.tail(traced(stream)).await.unwrap().into_inner();
        for _ in 0..2 {
            queries.send(query("asks", 1)).await.unwrap();
            assert!(points.message().await.unwrap().is_some(), "{name}");
            assert_inherited(&one(&received), made, name);
        }
    }
}

#[tokio::test]
async fn a_panic_in_a_scope_leaves_no_context_behind() {
    let contexts = Arc::new(Mutex::new(None));
    let found = Arc::clone(&contexts);
    let server = TelemetryServer::new(Station::default()).intercept(before(move || {
        *found.lock().unwrap() = Some(Context::current());
        std::future::ready(Ok(()))
    }));
    TelemetryClient::new(Channel::in_process(server)).latest(traced(query("a", 1))).await.unwrap();
    let context = contexts.lock().unwrap().take().unwrap();
    assert!(context.deadline().is_some());
    // On this thread, as the runtime has no other.
    let panicking = tokio::spawn(context.scope(async { panic!("on purpose") }));
    assert!(panicking.await.unwrap_err().is_panic());
    assert_eq!(Context::current().deadline(), None);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_cancelled_with_its_parent_near_their_deadline_is_late() {
    let end = TelemetryServer::new(Station::default());
    let nothing = || before(|| std::future::ready(Ok(())));
    for channel in [
        Channel::new(end.clone()),
        Channel::in_process(end.clone()),
        Channel::in_process_direct(end.clone()),
        Channel::in_process_direct(end.clone()).intercept(nothing()),
    ] {
        let name = format!("{channel:?}");
        let next = TelemetryClient::new(channel);
        let (ended, end_of_task) = oneshot::channel();
        let ended = Mutex::new(Some(ended));
        let server = TelemetryServer::new(Station::default()).intercept(before(move || {
            let (next, ended) = (next.clone(), ended.lock().unwrap().take());
            tokio::spawn(Context::current().scope(async move {
                let status = next.latest(query("hangs", 1)).await.unwrap_err();
                ended.unwrap().send(status).unwrap();
            }));
            std::future::ready(Ok(()))
        }));
        let first = TelemetryClient::new(Channel::in_process(server));
        let made = Instant::now();
        let mut request = Request::new(query("hangs", 1));
        request.set_timeout(Duration::from_secs(1));
        let call = tokio::spawn(async move { first.latest(request).await });
        sleep_until(made + Duration::from_millis(995)).await;
        call.abort();
        let status = end_of_task.await.unwrap();
        assert_eq!(status.code(), Code::DeadlineExceeded, "{name}: {status}");
        assert!(made.elapsed() < Duration::from_millis(997), "{name}: {:?}", made.elapsed());
    }
}

/// Answers `Watch` with a stream of its own, for each of whose points it asks `next`.
struct Asking(TelemetryClient);

impl Interceptor for Asking {
    async fn intercept(&self, call: InterceptedCall, next: Next<'_>) -> Result<Reply, Status> {
        if call.path() != "/telemetry.Telemetry/Watch" {
            return next.run(call).await;
        }
        let client = self.0.clone();
        let points = futures_util::stream::once(async move {
            client.latest(query("a", 1)).await.map(Response::into_inner)
        });
        Ok(Reply::with_messages::<Point>(Response::new(Streaming::new(points))))
    }
}

#[tokio::test]
async fn a_stream_of_an_interceptor_inherits_from_the_call_that_it_answers() {
    let (mock, received) = last();
    let served = TelemetryServer::new(Station::default()).intercept(Asking(mock.client()));
    for Route { name, client, .. } in &routes::all(served).await {
        let made = Instant::now();
        // Whoever reads the stream serves another call, with a deadline of its own.
        let reader = TelemetryServer::new(Station::default()).intercept(before({
            let client = client.clone();
            move || {
                let client = client.clone();
                async move {
                    let points = client.watch(traced(query("a", 1))).await?;
                    points.into_inner().skip_to_trailers().await.map(drop)
                }
            }
        }));
        let mut request = Request::new(query("a", 1));
        request.set_timeout(HOUR * 2);
        request.metadata_mut().insert("x-request-id", "another".parse().unwrap());
        TelemetryClient::new(Channel::in_process(reader)).latest(request).await.unwrap();
        assert_inherited(&one(&received), made, name);
    }
}

#[tokio::test]
async fn the_context_of_an_interceptor_goes_on_until_the_last_response() {
    let contexts = Arc::new(Mutex::new(Vec::new()));
    let list = Arc::clone(&contexts);
    let server = TelemetryServer::new(Station::default()).intercept(before(move || {
        list.lock().unwrap().push(Context::current());
        std::future::ready(Ok(()))
    }));
    for Route { name, client, .. } in &routes::all(server).await {
        let (queries, stream) = Streaming::channel(1);
        let mut points = client.tail(stream).await.unwrap().into_inner();
        let context = contexts.lock().unwrap().pop().expect(name);
        queries.send(query("a", 1)).await.unwrap();
        assert_eq!(points.message().await.unwrap(), Some(point("a")), "{name}");
        assert!(!context.is_cancelled(), "{name}");
        drop(queries);
        assert_eq!(points.message().await.unwrap(), None, "{name}");
        timeout(LONG, context.cancelled()).await.expect(name);

        client.latest(query("a", 1)).await.unwrap();
        let context = contexts.lock().unwrap().pop().expect(name);
        timeout(LONG, context.cancelled()).await.expect(name);
    }
}
