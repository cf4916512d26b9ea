//! What is left of a call's time: what its server is told, and who ends it when it is up.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use h2::Reason;
use rust_scaffold::{Channel, Code, Request, Server, Status, tonic};
use tokio::{
    io::DuplexStream,
    sync::mpsc,
    time::{Instant, Sleep, sleep},
};

use crate::{
    http::{self, Body, frames},
    peer::{Answer, map},
    routes,
    station::{Station, point, query},
    telemetry::{MockTelemetry, Query, TelemetryClient, TelemetryServer},
};

const MINUTE: Duration = Duration::from_secs(60);

fn within<T>(time: Duration, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(time);
    request
}

/// A connection in memory, which a channel gets after `delay`, and its server's end of it.
async fn connection(delay: Duration) -> (TelemetryClient, DuplexStream) {
    let (here, there) = tokio::io::duplex(64 * 1024);
    let here = Mutex::new(Some(here));
    let channel = Channel::builder("http://station").connector(move |_| {
        let io = here.lock().unwrap().take();
        async move {
            sleep(delay).await;
            io.ok_or_else(|| std::io::ErrorKind::ConnectionRefused.into())
        }
    });
    (TelemetryClient::new(channel.connect_lazy().unwrap()), there)
}

/// What a server does to a stream, some time after it has begun.
#[derive(Clone, Copy, Debug)]
enum Then {
    Reset(Reason),
    /// Headers first, and the reset right behind them.
    ResetBehindHeaders(Reason),
    Answer,
}

/// Does with one stream after the other what `acts` say, and tells what `grpc-timeout` was.
fn serve(io: DuplexStream, acts: Vec<(Duration, Then)>) -> mpsc::UnboundedReceiver<String> {
    let (timeouts, received) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut connection = h2::server::handshake(io).await.unwrap();
        let mut acts = acts.into_iter();
        while let Some(Ok((request, mut respond))) = connection.accept().await {
            let timeout = request.headers()["grpc-timeout"].to_str().unwrap().to_owned();
            timeouts.send(timeout).unwrap();
            let (delay, then) = acts.next().unwrap();
            tokio::spawn(async move {
                let _request = request;
                sleep(delay).await;
                let head = |answer: &Answer| {
                    let mut head = ::http::Response::new(());
                    head.headers_mut().clone_from(&answer.headers);
                    head
                };
                let ok = map(&[("grpc-status", b"0")]);
                let answer = Answer::whole(frames(&[point("a")]), ok.clone());
                match then {
                    Then::Reset(reason) => respond.send_reset(reason),
                    Then::ResetBehindHeaders(reason) => {
                        let mut stream = respond.send_response(head(&answer), false).unwrap();
                        sleep(Duration::ZERO).await;
                        stream.send_reset(reason);
                    }
                    Then::Answer => {
                        let mut stream = respond.send_response(head(&answer), false).unwrap();
                        stream.send_data(frames(&[point("a")]), false).unwrap();
                        stream.send_trailers(ok).unwrap();
                    }
                }
            });
        }
    });
    received
}

#[tokio::test(start_paused = true)]
async fn a_server_is_told_what_is_left_after_the_wait_for_a_connection_and_on_a_retry() {
    let (client, io) = connection(Duration::from_secs(5)).await;
    let refused = (Duration::from_secs(10), Then::Reset(Reason::REFUSED_STREAM));
    let mut timeouts = serve(io, vec![refused, (Duration::ZERO, Then::Answer)]);
    client.latest(within(MINUTE, query("a", 1))).await.unwrap();
    assert_eq!(timeouts.recv().await.unwrap(), "55S");
    assert_eq!(timeouts.recv().await.unwrap(), "45S");
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_time_is_up_when_the_connection_comes_is_not_sent() {
    let (client, io) = connection(Duration::from_secs(5)).await;
    let mut timeouts = serve(io, vec![(Duration::ZERO, Then::Answer)]);
    let late = client.latest(within(Duration::from_secs(5), query("a", 1))).await.unwrap_err();
    assert_eq!(late.code(), Code::DeadlineExceeded);
    client.latest(within(MINUTE, query("a", 1))).await.unwrap();
    assert_eq!(timeouts.recv().await.unwrap(), "1M", "only the second call was sent");
}

/// A tower service that is ready after five seconds.
struct Slow(Option<Pin<Box<Sleep>>>, Arc<Mutex<Option<String>>>);

impl Clone for Slow {
    fn clone(&self) -> Self {
        Self(None, Arc::clone(&self.1))
    }
}

impl tower_service::Service<::http::Request<tonic::body::Body>> for Slow {
    type Response = ::http::Response<Body>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        let ready = self.0.get_or_insert_with(|| Box::pin(sleep(Duration::from_secs(5))));
        ready.as_mut().poll(cx).map(Ok)
    }

    fn call(&mut self, request: ::http::Request<tonic::body::Body>) -> Self::Future {
        let timeout = request.headers()["grpc-timeout"].to_str().unwrap().to_owned();
        *self.1.lock().unwrap() = Some(timeout);
        let refused = Answer::only(map(&[("grpc-status", b"7")]));
        let mut response = ::http::Response::new(http::body(Bytes::new()));
        *response.headers_mut() = refused.headers;
        std::future::ready(Ok(response))
    }
}

#[tokio::test(start_paused = true)]
async fn a_tower_service_is_told_what_is_left_when_it_is_ready() {
    let told = Arc::default();
    let client = TelemetryClient::new(Channel::new(Slow(None, Arc::clone(&told))));
    let status = client.latest(within(MINUTE, query("a", 1))).await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
    assert_eq!(told.lock().unwrap().take().unwrap(), "55S");
    let status = client.latest(within(Duration::from_secs(5), query("a", 1))).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert_eq!(*told.lock().unwrap(), None, "it is not called for nothing");
}

/// What calls end with that have a minute and whose server resets them after `delay`.
async fn reset_after(delay: Duration, then: Then) -> [(Status, Duration); 2] {
    let (client, io) = connection(Duration::ZERO).await;
    let _timeouts = serve(io, vec![(delay, then); 2]);
    let start = Instant::now();
    let unary = client.latest(within(MINUTE, query("a", 1))).await.unwrap_err();
    let unary = (unary, start.elapsed());
    let start = Instant::now();
    let stream = match client.watch(within(MINUTE, query("a", 1))).await {
        Ok(response) => response.into_inner().message().await.unwrap_err(),
        Err(status) => status,
    };
    [unary, (stream, start.elapsed())]
}

#[tokio::test(start_paused = true)]
async fn a_reset_at_the_deadline_is_the_deadline_and_an_earlier_one_is_not() {
    let cancel = Reason::CANCEL;
    for then in [Then::Reset(cancel), Then::ResetBehindHeaders(cancel)] {
        for (status, time) in reset_after(MINUTE - Duration::from_millis(2), then).await {
            assert_eq!(status.code(), Code::DeadlineExceeded, "{then:?}: {status}");
            assert!(time < MINUTE, "{then:?}: the reset came first, at {time:?}");
        }
        for (status, _) in reset_after(MINUTE - Duration::from_secs(1), then).await {
            assert_eq!(status.code(), Code::Cancelled, "{then:?}: {status}");
        }
    }
    let calm = Then::Reset(Reason::ENHANCE_YOUR_CALM);
    for (status, _) in reset_after(MINUTE - Duration::from_millis(2), calm).await {
        assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
    }
}

#[tokio::test]
async fn a_deadline_of_a_nanosecond_is_always_exceeded() {
    let moment = |message: Query| within(Duration::from_nanos(1), message);
    for route in routes::all(TelemetryServer::new(Station::default())).await {
        for _ in 0..100 {
            let unary = route.client.latest(moment(query("a", 1))).await.unwrap_err();
            assert_eq!(unary.code(), Code::DeadlineExceeded, "{}", route.name);
            let stream = match route.client.watch(moment(query("a", 1))).await {
                Ok(response) => response.into_inner().message().await.unwrap_err(),
                Err(status) => status,
            };
            assert_eq!(stream.code(), Code::DeadlineExceeded, "{}", route.name);
        }
    }
}

#[tokio::test]
async fn a_server_does_not_begin_with_a_call_whose_time_is_up() {
    use http_body_util::BodyExt as _;
    use tower_service::Service as _;
    let mock = MockTelemetry::new();
    mock.expect_latest().times(1).returns(point("a"));
    for (timeout, status) in [("0n", "4"), ("1n", "4"), ("10S", "0")] {
        let mut request = http::request("Latest", &[query("a", 1)]);
        request.headers_mut().insert("grpc-timeout", timeout.parse().unwrap());
        let response = TelemetryServer::new(mock.clone()).call(request).await.unwrap();
        let head = response.headers().clone();
        let body = response.into_body().collect().await.unwrap();
        let trailers = body.trailers().cloned().unwrap_or(head);
        assert_eq!(trailers["grpc-status"], status, "{timeout}");
    }
    assert_eq!(mock.latest_calls().len(), 1, "the one that had time");
}

/// Calls a method of a station with a query, as a client that has room for `window` bytes and never for
/// more, and that waits for 30 seconds. Gives how many bytes have come, and the status.
async fn call_without_room(method: &str, query: Query, window: u32) -> (usize, String) {
    let (here, there) = tokio::io::duplex(64 * 1024);
    let station = Station::default();
    let server = Server::new().add_service(TelemetryServer::new(station.clone()));
    tokio::spawn(server.serve_incoming(tokio_stream::once(Ok(there))));
    let mut builder = h2::client::Builder::new();
    let handshake = builder.initial_window_size(window).handshake::<_, Bytes>(here);
    let (client, connection) = handshake.await.unwrap();
    tokio::spawn(connection);
    let request = ::http::Request::post(format!("http://station/telemetry.Telemetry/{method}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("grpc-timeout", "30S")
        .body(())
        .unwrap();
    let (response, mut stream) =
        client.ready().await.unwrap().send_request(request, false).unwrap();
    stream.send_data(frames(&[query]), true).unwrap();
    let start = Instant::now();
    let mut body = response.await.unwrap().into_body();
    let mut received = 0;
    while let Some(data) = tokio::time::timeout(MINUTE, body.data()).await.expect("an end") {
        received += data.unwrap().len();
    }
    let trailers = body.trailers().await.unwrap().unwrap();
    let end = start.elapsed().as_millis();
    assert!((29_900..=30_000).contains(&end), "it ends after {end} ms of virtual time");
    tokio::time::timeout(MINUTE, station.idle()).await.expect("the handler is dropped");
    (received, trailers["grpc-status"].to_str().unwrap().to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_deadline_ends_a_response_that_waits_for_room_and_drops_its_handler() {
    for window in [0, 100] {
        let outcome = call_without_room("Watch", query("hangs", 1000), window).await;
        assert_eq!(outcome, (window as usize, "4".to_owned()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_deadline_ends_a_response_of_one_message_that_waits_for_room() {
    for size in [1000, 700_000] {
        for window in [0, 100] {
            let outcome = call_without_room("Latest", query("a", size), window).await;
            assert_eq!(outcome, (window as usize, "4".to_owned()), "{size} bytes");
        }
    }
}
