//! Calls with a stream each way that are opened before the server has sent its headers, through
//! every route.

use std::time::Duration;

use rust_scaffold::{BidiCall, Code, Request, Streaming, streaming::Sender};
use tokio::time::timeout;

use crate::{
    routes::{self, Route},
    station::{Station, point, query},
    telemetry::{Point, Query, Telemetry, TelemetryServer},
};

const SOON: Duration = Duration::from_secs(30);

/// A tail of a server with these manners.
fn tail(route: &Route, manners: &'static str) -> (Sender<Query>, BidiCall<Point>) {
    let (queries, requests) = Streaming::channel(1);
    let mut request = Request::new(requests);
    request.metadata_mut().insert(manners, "yes".parse().unwrap());
    request.metadata_mut().insert("word", "Wort".parse().unwrap());
    (queries, route.client.tail(request))
}

async fn series(points: &mut Streaming<Point>) -> Option<String> {
    let point = timeout(SOON, points.message()).await.expect("a point, or the end");
    point.unwrap().map(|point| point.series)
}

#[tokio::test]
async fn a_server_that_reads_first_gets_what_it_waits_for() {
    for route in routes::all(TelemetryServer::new(Station::default())).await {
        let (queries, call) = tail(&route, "reads-first");
        let (headers, mut points) = call.open();
        for name in ["a", "b"] {
            queries.send(query(name, 1)).await.unwrap();
            assert_eq!(series(&mut points).await.as_deref(), Some(name), "{}", route.name);
        }
        let headers = timeout(SOON, headers).await.expect(route.name).unwrap();
        assert_eq!(headers.get("word").unwrap(), "Wort", "{}", route.name);
        drop(queries);
        assert_eq!(series(&mut points).await, None, "{}", route.name);
        let trailers = points.skip_to_trailers().await.unwrap();
        assert_eq!(trailers.get("last-word").unwrap(), "Wort", "{}", route.name);
    }
}

#[tokio::test]
async fn a_caller_that_awaits_the_response_sends_its_first_request_meanwhile() {
    for route in routes::all(TelemetryServer::new(Station::default())).await {
        let (queries, call) = tail(&route, "reads-first");
        let (response, sent) = tokio::join!(call, queries.send(query("a", 1)));
        sent.unwrap();
        let mut points = response.unwrap().into_inner();
        assert_eq!(series(&mut points).await.as_deref(), Some("a"), "{}", route.name);
    }
}

#[tokio::test]
async fn a_server_that_speaks_first_is_heard_before_anything_is_sent() {
    for route in routes::all(TelemetryServer::new(Station::default())).await {
        let (queries, call) = tail(&route, "speaks-first");
        let (_, mut points) = call.open();
        assert_eq!(series(&mut points).await.as_deref(), Some("hello"), "{}", route.name);
        queries.send(query("a", 1)).await.unwrap();
        assert_eq!(series(&mut points).await.as_deref(), Some("a"), "{}", route.name);
    }
}

#[tokio::test]
async fn headers_come_without_anybody_reading_the_responses() {
    for route in routes::all(TelemetryServer::new(Station::default())).await {
        let (queries, call) = tail(&route, "reads-first");
        let (headers, mut points) = call.open();
        queries.send(query("a", 1)).await.unwrap();
        let headers = timeout(SOON, headers).await.expect(route.name).unwrap();
        assert_eq!(headers.get("word").unwrap(), "Wort", "{}", route.name);
        assert_eq!(series(&mut points).await.as_deref(), Some("a"), "{}", route.name);
    }
}

#[tokio::test]
async fn an_opened_call_begins_although_nobody_waits_for_it() {
    let station = Station::default();
    for route in routes::all(TelemetryServer::new(station.clone())).await {
        let (_queries, call) = tail(&route, "reads-first");
        let _opened = call.open();
        timeout(SOON, station.busy()).await.expect(route.name);
        drop(_opened);
        timeout(SOON, station.idle()).await.expect(route.name);
    }
}

#[tokio::test]
async fn a_call_that_is_neither_awaited_nor_opened_ends_its_requests() {
    for route in routes::all(TelemetryServer::new(Station::default())).await {
        let (queries, call) = tail(&route, "reads-first");
        drop(call);
        timeout(SOON, queries.closed()).await.expect(route.name);
    }
}

#[tokio::test]
async fn a_failure_before_the_headers_is_told_to_both() {
    for route in routes::all(TelemetryServer::new(Station::default())).await {
        let (queries, call) = tail(&route, "reads-first");
        let (headers, mut points) = call.open();
        queries.send(query("fails", 1)).await.unwrap();
        let status = timeout(SOON, headers).await.expect(route.name).unwrap_err();
        assert_eq!(status.code(), Code::FailedPrecondition, "{}: {status}", route.name);
        let status = timeout(SOON, points.message()).await.expect(route.name).unwrap_err();
        assert_eq!(status.code(), Code::FailedPrecondition, "{}: {status}", route.name);
        assert_eq!(series(&mut points).await, None, "{}", route.name);
    }
}

#[tokio::test]
async fn a_deadline_before_the_headers_ends_both() {
    let station = Station::default();
    for route in routes::all(TelemetryServer::new(station.clone())).await {
        let (_queries, requests) = Streaming::channel(1);
        let mut request = Request::new(requests);
        request.metadata_mut().insert("reads-first", "yes".parse().unwrap());
        request.set_timeout(Duration::from_millis(50));
        let (headers, mut points) = route.client.tail(request).open();
        let status = timeout(SOON, headers).await.expect(route.name).unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded, "{}: {status}", route.name);
        let status = timeout(SOON, points.message()).await.expect(route.name).unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded, "{}: {status}", route.name);
        timeout(SOON, station.idle()).await.expect(route.name);
    }
}

#[tokio::test]
async fn dropping_the_responses_of_an_opened_call_cancels_it() {
    let station = Station::default();
    for route in routes::all(TelemetryServer::new(station.clone())).await {
        for manners in ["reads-first", "speaks-first"] {
            let (queries, call) = tail(&route, manners);
            let (headers, points) = call.open();
            timeout(SOON, station.busy()).await.expect(route.name);
            drop(points);
            timeout(SOON, station.idle()).await.expect(route.name);
            timeout(SOON, queries.closed()).await.expect(route.name);
            let headers = timeout(SOON, headers).await.expect(route.name);
            if manners == "reads-first" {
                assert_eq!(headers.unwrap_err().code(), Code::Cancelled, "{}", route.name);
            }
        }
    }
}

#[tokio::test]
async fn dropping_the_headers_does_nothing() {
    for route in routes::all(TelemetryServer::new(Station::default())).await {
        let (queries, call) = tail(&route, "reads-first");
        let (headers, mut points) = call.open();
        drop(headers);
        queries.send(query("a", 1)).await.unwrap();
        assert_eq!(series(&mut points).await.as_deref(), Some("a"), "{}", route.name);
    }
}

#[tokio::test]
async fn any_implementation_of_the_contract_is_opened_alike() {
    let (queries, requests) = Streaming::channel(1);
    let mut request = Request::new(requests);
    request.metadata_mut().insert("reads-first", "yes".parse().unwrap());
    let call = async move { Station::default().tail(request).await };
    let (_, mut points) = BidiCall::new(call).open();
    queries.send(query("a", 1)).await.unwrap();
    assert_eq!(timeout(SOON, points.message()).await.unwrap().unwrap(), Some(point("a")));
}
