//! A call that nobody waits for any more is dropped, handler and all.

use std::time::Duration;

use futures_util::FutureExt as _;
use rust_scaffold::{Code, Status, Streaming};
use tokio::time::timeout;

use crate::{
    routes,
    station::{Station, point, query},
    telemetry::{MockTelemetry, TelemetryClient, TelemetryServer},
};

const SOON: Duration = Duration::from_secs(10);

#[tokio::test]
async fn dropping_a_call_drops_its_handler() {
    let station = Station::default();
    for route in routes::all(TelemetryServer::new(station.clone())).await {
        let client = route.client.clone();
        let call = tokio::spawn(async move { client.latest(query("hangs", 1)).await });
        timeout(SOON, station.busy()).await.expect(route.name);
        call.abort();
        timeout(SOON, station.idle()).await.expect(route.name);
    }
}

#[tokio::test]
async fn a_call_that_is_given_up_before_it_is_sent_reaches_nobody() {
    let station = MockTelemetry::new();
    station.on_latest().returns(point("a"));
    let serving = station.serve().await.unwrap();
    let client = TelemetryClient::connect(serving.uri()).await.unwrap();
    for _ in 0..1000 {
        assert!(client.latest(query("unwanted", 1)).now_or_never().is_none());
    }
    client.latest(query("wanted", 1)).await.unwrap();
    let series = station.latest_calls().into_iter().map(|call| call.request().series.clone());
    assert_eq!(series.collect::<Vec<_>>(), ["wanted"]);
}

#[tokio::test]
async fn dropping_a_response_stream_drops_what_feeds_it() {
    let station = Station::default();
    for route in routes::all(TelemetryServer::new(station.clone())).await {
        let mut points = route.client.watch(query("hangs", 1)).await.unwrap().into_inner();
        assert_eq!(points.message().await.unwrap().unwrap().series, "hangs", "{}", route.name);
        timeout(SOON, station.busy()).await.expect(route.name);
        drop(points);
        timeout(SOON, station.idle()).await.expect(route.name);
    }
}

#[tokio::test]
async fn dropping_a_client_stream_drops_its_handler() {
    let station = Station::default();
    for route in routes::all(TelemetryServer::new(station.clone())).await {
        let client = route.client.clone();
        let (points, stream) = Streaming::channel(1);
        let call = tokio::spawn(async move { client.upload(stream).await });
        points.send(point("a")).await.unwrap();
        timeout(SOON, station.busy()).await.expect(route.name);
        call.abort();
        timeout(SOON, station.idle()).await.expect(route.name);
        timeout(SOON, points.closed()).await.expect(route.name);
    }
}

#[tokio::test]
async fn a_failing_request_stream_ends_the_call_on_both_sides() {
    let station = Station::default();
    for route in routes::all(TelemetryServer::new(station.clone())).await {
        let (points, stream) = Streaming::channel(1);
        let client = route.client.clone();
        let call = tokio::spawn(async move { client.upload(stream).await });
        points.send(point("a")).await.unwrap();
        timeout(SOON, station.busy()).await.expect(route.name);
        points.fail(Status::data_loss("the sensor broke")).await.unwrap();
        let status = timeout(SOON, call).await.expect(route.name).unwrap().unwrap_err();
        assert_eq!(status.code(), Code::DataLoss, "{}", route.name);
        timeout(SOON, station.idle()).await.expect(route.name);
    }
}
