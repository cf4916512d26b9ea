//! Whatever goes wrong is a status with the right code, and costs one call.

use std::time::Duration;

use rust_scaffold::{Channel, Code, Status};
use tokio::time::timeout;

use crate::{
    greeter::{GreeterClient, HelloRequest},
    routes,
    station::{Station, point, query},
    telemetry::{TelemetryClient, TelemetryServer},
};

fn is_the_failure(status: &Status, route: &str) {
    assert_eq!(status.code(), Code::FailedPrecondition, "{route}");
    assert_eq!(status.message(), "größer als 100 %", "{route}");
    assert_eq!(status.details(), [0, 159, 146, 150], "{route}");
    assert!(status.metadata().get("content-type").is_none(), "{route}");
}

#[tokio::test]
async fn a_status_arrives_with_message_and_details() {
    for route in routes::all(TelemetryServer::new(Station::default())).await {
        let client = &route.client;
        is_the_failure(&client.latest(query("fails", 1)).await.unwrap_err(), route.name);
        let points = tokio_stream::iter([point("a"), point("fails"), point("a")]);
        is_the_failure(&client.upload(points).await.unwrap_err(), route.name);

        let mut points = client.watch(query("fails", 2)).await.unwrap().into_inner();
        assert!(points.message().await.unwrap().is_some(), "{}", route.name);
        assert!(points.message().await.unwrap().is_some(), "{}", route.name);
        is_the_failure(&points.message().await.unwrap_err(), route.name);
        assert_eq!(points.message().await.unwrap(), None, "{}", route.name);

        let queries = tokio_stream::iter([query("a", 1), query("fails", 1)]);
        let mut points = client.tail(queries).await.unwrap().into_inner();
        assert!(points.message().await.unwrap().is_some(), "{}", route.name);
        is_the_failure(&points.message().await.unwrap_err(), route.name);

        let refused = client.watch(query("refused", 1)).await;
        assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied, "{}", route.name);
    }
}

#[tokio::test]
async fn a_panic_costs_one_call_and_not_the_connection() {
    for route in routes::all(TelemetryServer::new(Station::default())).await {
        let client = &route.client;
        let status = client.latest(query("panics", 1)).await.unwrap_err();
        assert_eq!(status.code(), Code::Internal, "{}", route.name);
        assert!(!status.message().contains("this series"), "{}: it stays here", route.name);

        let points = tokio_stream::iter([point("panics")]);
        assert_eq!(client.upload(points).await.unwrap_err().code(), Code::Internal);

        let mut points = client.watch(query("panics", 1)).await.unwrap().into_inner();
        assert!(points.message().await.unwrap().is_some(), "{}", route.name);
        assert_eq!(points.message().await.unwrap_err().code(), Code::Internal, "{}", route.name);

        let queries = tokio_stream::iter([query("a", 1), query("panics", 1)]);
        let mut points = client.tail(queries).await.unwrap().into_inner();
        assert!(points.message().await.unwrap().is_some(), "{}", route.name);
        let end = points.message().await;
        assert_eq!(end.unwrap_err().code(), Code::Internal, "{}: half a stream", route.name);

        client.latest(query("a", 1)).await.expect(route.name);
    }
}

#[tokio::test]
async fn an_unknown_method_or_service_is_unimplemented() {
    let server = TelemetryServer::new(Station::default());
    let (listener, address) = routes::listen().await;
    let task = routes::serve_ours(server.clone(), listener);
    let far = Channel::connect(format!("http://{address}")).await.unwrap();
    for channel in [Channel::in_process(server.clone()), Channel::new(server), far] {
        let greeter = GreeterClient::new(channel);
        let status = greeter.say_hello(HelloRequest { name: "x".into() }).await.unwrap_err();
        assert_eq!(status.code(), Code::Unimplemented);
    }
    task.abort();
}

#[tokio::test]
async fn messages_over_a_limit_are_resource_exhausted() {
    let server = TelemetryServer::new(Station::default())
        .max_decoding_message_size(1000)
        .max_encoding_message_size(2000);
    let long = "x".repeat(1001);
    for route in routes::encoding(server).await {
        let exhausted = |result: Result<_, Status>, what| {
            let status: Status = Result::<rust_scaffold::Response<_>, _>::unwrap_err(result);
            assert_eq!(status.code(), Code::ResourceExhausted, "{} {what}: {status}", route.name);
        };
        let client = route.client.clone();
        exhausted(client.latest(query(&long, 0)).await, "request at the server");
        exhausted(client.latest(query("a", 2001)).await, "response at the server");
        client.latest(query("a", 1990)).await.expect(route.name);
        let small = client.clone().max_decoding_message_size(100);
        exhausted(small.latest(query("a", 101)).await, "response at the client");
        let small = client.clone().max_encoding_message_size(100);
        exhausted(small.latest(query(&long[..101], 1)).await, "request at the client");
        let points = tokio_stream::iter([point("a"), point(&long)]);
        let upload = client.upload(points).await.map(|response| response.map(|_| point("")));
        exhausted(upload, "streamed request");
    }
}

#[tokio::test]
async fn nobody_at_the_address_is_unavailable() {
    let (listener, address) = routes::listen().await;
    drop(listener);
    let status = Status::from(Channel::connect(format!("http://{address}")).await.unwrap_err());
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("refused"), "{status}");

    let lazy = TelemetryClient::connect_lazy(format!("http://{address}")).unwrap();
    let status = lazy.latest(query("a", 1)).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
}

#[tokio::test]
async fn a_malformed_address_says_what_is_expected() {
    for address in ["", "localhost:50051", "not an address", "/path"] {
        let status = Status::from(Channel::connect(address).await.unwrap_err());
        assert_eq!(status.code(), Code::InvalidArgument, "{address}");
        assert!(status.message().contains("http://localhost:50051"), "{status}");
    }
}

#[tokio::test]
async fn a_broken_connection_makes_its_calls_unavailable() {
    let (listener, address) = routes::listen().await;
    let (cut, cutting) = tokio::sync::oneshot::channel::<()>();
    let station = Station::default();
    let server = TelemetryServer::new(station.clone());
    let relay = tokio::spawn(async move {
        let (mut near, _) = listener.accept().await.unwrap();
        let (inner, inner_address) = routes::listen().await;
        let task = routes::serve_ours(server, inner);
        let mut far = tokio::net::TcpStream::connect(inner_address).await.unwrap();
        tokio::select! {
            _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
            _ = cutting => {}
        }
        task.abort();
    });
    let client = TelemetryClient::connect(format!("http://{address}")).await.unwrap();
    let mut points = client.watch(query("hangs", 1)).await.unwrap().into_inner();
    assert!(points.message().await.unwrap().is_some());
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.latest(query("hangs", 1)).await }
    });
    station.busy().await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    cut.send(()).unwrap();
    relay.await.unwrap();
    let soon = Duration::from_secs(10);
    let streamed = timeout(soon, points.message()).await.unwrap().unwrap_err();
    assert_eq!(streamed.code(), Code::Unavailable, "{streamed}");
    let unary = timeout(soon, waiting).await.unwrap().unwrap().unwrap_err();
    assert_eq!(unary.code(), Code::Unavailable, "{unary}");
}
