//! The service through its client, in process.

use std::time::Duration;

use rust_scaffold::{Code, Status, Streaming};
use telemetry::{MyTelemetry, Point, Query, TelemetryClient, point::Value};
use tokio::time::timeout;

fn point(series: &str, number: f64) -> Point {
    let value = Some(Value::Number(number));
    Point { series: series.to_owned(), value, ..Point::default() }
}

fn query(series: &str, limit: u32) -> Query {
    Query { series: series.to_owned(), limit, ..Query::default() }
}

async fn next_number(points: &mut Streaming<Point>) -> Result<Option<f64>, Status> {
    let value = points.message().await?.and_then(|point| point.value);
    Ok(value.map(|value| match value {
        Value::Number(number) => number,
        other => panic!("{other:?} is no number"),
    }))
}

/// A client of a service that has these points.
async fn with_points(points: &[(&str, f64)]) -> Result<TelemetryClient, Status> {
    let telemetry = TelemetryClient::in_process(MyTelemetry::default());
    upload(&telemetry, points).await?;
    Ok(telemetry)
}

async fn upload(telemetry: &TelemetryClient, points: &[(&str, f64)]) -> Result<u64, Status> {
    let points = Streaming::from_iter(points.iter().map(|(series, number)| point(series, *number)));
    Ok(telemetry.upload(points).await?.into_inner().accepted)
}

#[tokio::test]
async fn the_latest_point_is_the_one_that_came_in_last() -> Result<(), Status> {
    let telemetry = with_points(&[("room", 1.0), ("room", 2.0), ("hall", 3.0)]).await?;
    let latest = telemetry.latest(query("room", 0)).await?.into_inner();
    assert_eq!(latest.value, Some(Value::Number(2.0)));
    assert!(latest.time.is_some(), "a point without a time gets one");
    #[expect(deprecated, reason = "the first name of the method still works")]
    let last = telemetry.last(query("room", 0)).await?.into_inner();
    assert_eq!(last, latest);
    Ok(())
}

#[tokio::test]
async fn a_series_without_points_is_not_found() -> Result<(), Status> {
    let telemetry = with_points(&[("room", 1.0)]).await?;
    let status = telemetry.latest(query("cellar", 0)).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    assert_eq!(status.message(), "no point of `cellar` matches");
    Ok(())
}

#[tokio::test]
async fn senseless_requests_are_invalid_arguments() -> Result<(), Status> {
    let telemetry = with_points(&[]).await?;
    let statuses = [
        telemetry.latest(Query::default()).await.unwrap_err(),
        telemetry.watch(Query::default()).await.unwrap_err(),
        telemetry.upload(Streaming::from_iter([Point::default()])).await.unwrap_err(),
        telemetry
            .tail(Streaming::from_iter([Query::default()]))
            .await?
            .into_inner()
            .message()
            .await
            .unwrap_err(),
    ];
    for status in statuses {
        assert_eq!(status.code(), Code::InvalidArgument, "{status}");
    }
    Ok(())
}

#[tokio::test]
async fn a_watch_sends_old_points_then_new_ones_up_to_its_limit() -> Result<(), Status> {
    let telemetry = with_points(&[("room", 1.0), ("room", 2.0)]).await?;
    let mut points = telemetry.watch(query("room", 3)).await?.into_inner();
    assert_eq!(next_number(&mut points).await?, Some(1.0));
    assert_eq!(next_number(&mut points).await?, Some(2.0));
    upload(&telemetry, &[("hall", 9.0), ("room", 3.0), ("room", 4.0)]).await?;
    assert_eq!(next_number(&mut points).await?, Some(3.0));
    assert_eq!(next_number(&mut points).await?, None);
    Ok(())
}

#[tokio::test]
async fn a_watch_without_limit_waits_for_more() -> Result<(), Status> {
    let telemetry = with_points(&[("room", 1.0)]).await?;
    let mut points = telemetry.watch(query("room", 0)).await?.into_inner();
    assert_eq!(next_number(&mut points).await?, Some(1.0));
    let more = timeout(Duration::from_millis(50), points.message()).await;
    assert!(more.is_err(), "{more:?}");
    upload(&telemetry, &[("room", 2.0)]).await?;
    assert_eq!(next_number(&mut points).await?, Some(2.0));
    Ok(())
}

#[tokio::test]
async fn a_tail_takes_up_series_as_they_are_asked_for() -> Result<(), Status> {
    let telemetry = with_points(&[("room", 1.0), ("hall", 2.0)]).await?;
    let (queries, requests) = Streaming::channel(1);
    let (_, mut points) = telemetry.tail(requests).open();
    queries.send(query("room", 1)).await?;
    assert_eq!(next_number(&mut points).await?, Some(1.0));
    queries.send(query("hall", 2)).await?;
    assert_eq!(next_number(&mut points).await?, Some(2.0));
    drop(queries);
    upload(&telemetry, &[("room", 3.0), ("hall", 4.0)]).await?;
    assert_eq!(next_number(&mut points).await?, Some(4.0));
    assert_eq!(next_number(&mut points).await?, None, "both have reached their limits");
    Ok(())
}

#[tokio::test]
async fn points_before_a_bad_one_are_stored() -> Result<(), Status> {
    let telemetry = with_points(&[]).await?;
    let points = Streaming::from_iter([point("room", 1.0), point("", 2.0)]);
    let status = telemetry.upload(points).await.unwrap_err();
    assert_eq!(status.message(), "the point names no series");
    assert!(telemetry.latest(query("room", 0)).await.is_ok());
    Ok(())
}
