//! Clients that tonic has generated, which call through our channels.

use std::time::Duration;

use bytes::Bytes;
use http::uri::PathAndQuery;
use rust_scaffold::{Channel, Code, Request, Status, metadata::MetadataValue, tonic::client::Grpc};
use tokio::time::timeout;
use tokio_stream::{StreamExt as _, iter};
use tonic_prost::ProstCodec;

use crate::{
    frames::{
        frame::Frame,
        peer::{RawServer, head, message},
    },
    routes::{listen, serve_ours},
    station::{Station, point, query},
    telemetry::{Point, Query, Summary, TelemetryServer},
};

/// Only against hanging.
const LONG: Duration = Duration::from_secs(60);

/// Every way from a channel to a station.
async fn channels(station: &Station) -> Vec<(&'static str, Channel)> {
    let server = TelemetryServer::new(station.clone());
    let (listener, address) = listen().await;
    serve_ours(server.clone(), listener);
    let connected = Channel::connect(format!("http://{address}")).await.unwrap();
    vec![
        ("direct", Channel::in_process_direct(server.clone())),
        ("in process", Channel::in_process(server.clone())),
        ("tower", Channel::new(server)),
        ("connection", connected.clone()),
        ("a channel in a channel", Channel::new(connected)),
    ]
}

fn path(method: &str) -> PathAndQuery {
    format!("/telemetry.Telemetry/{method}").parse().unwrap()
}

#[tokio::test]
async fn every_kind_of_call_goes_well() {
    for (name, channel) in channels(&Station::default()).await {
        let mut client = Grpc::new(channel);
        client.ready().await.unwrap();
        let mut request = Request::new(query("a", 3));
        request.metadata_mut().insert("word", MetadataValue::from_static("hello"));
        let codec = ProstCodec::<Query, Point>::default();
        let response = client.unary(request, path("Latest"), codec).await.unwrap();
        assert_eq!(response.metadata().get("word").unwrap(), "hello", "{name}");
        assert_eq!(response.metadata().get("last-word").unwrap(), "hello", "{name}");
        assert_eq!(response.into_inner(), point("xxx"), "{name}");

        let codec = ProstCodec::<Query, Point>::default();
        let request = Request::new(query("a", 3));
        let points = client.server_streaming(request, path("Watch"), codec).await.unwrap();
        let points: Result<Vec<_>, _> = points.into_inner().collect().await;
        assert_eq!(points.unwrap(), [point("a"), point("a"), point("a"), point("end")], "{name}");

        let codec = ProstCodec::<Point, Summary>::default();
        let points = Request::new(iter([point("a"), point("b")]));
        let summary = client.client_streaming(points, path("Upload"), codec).await.unwrap();
        assert_eq!(summary.into_inner().accepted, 2, "{name}");

        let codec = ProstCodec::<Query, Point>::default();
        let queries = Request::new(iter([query("a", 1), query("b", 2)]));
        let points = client.streaming(queries, path("Tail"), codec).await.unwrap();
        let points: Result<Vec<_>, _> = points.into_inner().collect().await;
        assert_eq!(points.unwrap(), [point("a"), point("b"), point("b")], "{name}");
    }
}

#[tokio::test]
async fn a_failure_keeps_its_code_its_text_and_its_details() {
    for (name, channel) in channels(&Station::default()).await {
        let mut client = Grpc::new(channel);
        let codec = ProstCodec::<Query, Point>::default();
        let request = Request::new(query("fails", 1));
        let status = client.unary(request, path("Latest"), codec).await.unwrap_err();
        assert_eq!(status.code(), Code::FailedPrecondition, "{name}");
        assert_eq!(status.message(), "größer als 100 %", "{name}");
        assert_eq!(status.details(), [0, 159, 146, 150], "{name}");

        let codec = ProstCodec::<Query, Point>::default();
        let request = Request::new(query("fails", 2));
        let points = client.server_streaming(request, path("Watch"), codec).await.unwrap();
        let points: Vec<Result<_, Status>> = points.into_inner().collect().await;
        let codes: Vec<_> =
            points.iter().map(|it| it.as_ref().map_or_else(Status::code, |_| Code::Ok)).collect();
        assert_eq!(codes, [Code::Ok, Code::Ok, Code::FailedPrecondition], "{name}");
    }
}

#[tokio::test]
async fn a_deadline_ends_a_call_before_its_response_and_within() {
    let station = Station::default();
    for (name, channel) in channels(&station).await {
        let mut client = Grpc::new(channel);
        let codec = ProstCodec::<Query, Point>::default();
        let mut request = Request::new(query("hangs", 1));
        request.set_timeout(Duration::from_millis(50));
        let call = client.unary(request, path("Latest"), codec);
        let status = timeout(LONG, call).await.expect(name).unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded, "{name}");

        let codec = ProstCodec::<Query, Point>::default();
        let mut request = Request::new(query("hangs", 1));
        request.set_timeout(Duration::from_millis(200));
        let call = client.server_streaming(request, path("Watch"), codec);
        let mut points = timeout(LONG, call).await.expect(name).unwrap().into_inner();
        let end = async {
            while points.message().await?.is_some() {}
            Ok::<_, Status>(())
        };
        let status = timeout(LONG, end).await.expect(name).unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded, "{name}");
        timeout(LONG, station.idle()).await.expect(name);
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_does_not_outlast_a_deadline() {
    let (listener, address) = listen().await;
    let channel = Channel::connect_lazy(format!("http://{address}")).unwrap();
    let silent = tokio::spawn(async move {
        let connection = listener.accept().await.unwrap();
        std::future::pending::<()>().await;
        drop(connection);
    });
    let mut request = Request::new(query("a", 1));
    request.set_timeout(Duration::from_millis(50));
    let codec = ProstCodec::<Query, Point>::default();
    let mut client = Grpc::new(channel);
    let call = client.unary(request, path("Latest"), codec);
    let status = timeout(LONG, call).await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    silent.abort();
}

#[tokio::test]
async fn a_server_that_stops_half_way_does_not_outlast_a_deadline() {
    let server = RawServer::start().await;
    let mut client = Grpc::new(Channel::connect_lazy(server.address()).unwrap());
    let half = async {
        let mut peer = server.accept(&[]).await;
        peer.begun(1).await;
        peer.send([head(1), Frame::data(1, message(&point("a")))]).await;
        peer.closed().await;
    };
    let call = async {
        let mut request = Request::new(query("a", 1));
        request.set_timeout(Duration::from_millis(200));
        let codec = ProstCodec::<Query, Point>::default();
        let points = client.server_streaming(request, path("Watch"), codec).await.unwrap();
        let mut points = points.into_inner();
        assert_eq!(points.message().await.unwrap(), Some(point("a")));
        points.message().await.unwrap_err()
    };
    let call = timeout(LONG, call);
    let status = tokio::select! {
        status = call => status.unwrap(),
        () = half => panic!("the connection was closed"),
    };
    assert_eq!(status.code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn a_call_that_is_given_up_ends_at_its_server() {
    let station = Station::default();
    for (name, channel) in channels(&station).await {
        let mut client = Grpc::new(channel);
        let codec = ProstCodec::<Query, Point>::default();
        let call = client.server_streaming(Request::new(query("hangs", 1)), path("Watch"), codec);
        let mut points = timeout(LONG, call).await.expect(name).unwrap().into_inner();
        assert_eq!(points.message().await.unwrap(), Some(point("hangs")), "{name}");
        timeout(LONG, station.busy()).await.expect(name);
        drop(points);
        timeout(LONG, station.idle()).await.expect(name);
    }
}

#[tokio::test]
async fn a_request_without_a_path_or_with_a_bad_timeout_gets_a_status() {
    use tower_service::Service as _;
    for (name, mut channel) in channels(&Station::default()).await {
        let request = http::Request::post("/telemetry.Telemetry/Latest")
            .header("grpc-timeout", "soon")
            .body(rust_scaffold::tonic::body::Body::empty());
        let status = channel.call(request.unwrap()).await.unwrap_err();
        assert_eq!(status.code(), Code::Internal, "{name}");
        let request = http::Request::post("http://elsewhere.example/nothing/here")
            .header("content-type", "application/grpc")
            .body(http_body_util::Full::new(Bytes::from_static(&[0; 5])));
        let response = channel.call(request.unwrap()).await.unwrap();
        assert_eq!(response.headers()["grpc-status"], "12", "{name}");
    }
}
