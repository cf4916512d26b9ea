//! The details of errors in `google.rpc`, typed on both sides.

use rust_scaffold::{
    Code, Status,
    error_details::{ErrorDetails, StatusExt as _},
};

use crate::{
    routes,
    station::{Station, details, point, query},
    telemetry::{MockTelemetry, TelemetryServer},
};

fn has_details(status: &Status, route: &str) {
    assert_eq!((status.code(), status.message()), (Code::InvalidArgument, "no series"), "{route}");
    let found = status.check_error_details().expect(route);
    assert_eq!(format!("{found:?}"), format!("{:?}", details()), "{route}");
    let request = status.get_details_bad_request().expect(route);
    assert_eq!(request.field_violations[0].field, "series", "{route}");
}

#[tokio::test]
async fn details_arrive_with_their_types() {
    for route in routes::all(TelemetryServer::new(Station::default())).await {
        let client = &route.client;
        has_details(&client.latest(query("details", 1)).await.unwrap_err(), route.name);
        let points = tokio_stream::iter([point("details")]);
        has_details(&client.upload(points).await.unwrap_err(), route.name);

        let mut points = client.watch(query("details", 1)).await.unwrap().into_inner();
        assert!(points.message().await.unwrap().is_some(), "{}", route.name);
        has_details(&points.message().await.unwrap_err(), route.name);

        let queries = tokio_stream::iter([query("a", 1), query("details", 1)]);
        let mut points = client.tail(queries).await.unwrap().into_inner();
        assert!(points.message().await.unwrap().is_some(), "{}", route.name);
        has_details(&points.message().await.unwrap_err(), route.name);
    }
}

#[tokio::test]
async fn mocks_fail_with_details() {
    let mock = MockTelemetry::new();
    let status = Status::with_error_details(Code::InvalidArgument, "no series", details());
    mock.expect_latest().fails(status);
    has_details(&mock.client().latest(query("a", 1)).await.unwrap_err(), "mock");
}

#[tokio::test]
async fn a_status_without_details_has_none() {
    for route in routes::all(TelemetryServer::new(Station::default())).await {
        let status = route.client.watch(query("refused", 1)).await.unwrap_err();
        let details = status.check_error_details().expect(route.name);
        assert_eq!(format!("{details:?}"), format!("{:?}", ErrorDetails::new()), "{}", route.name);
    }
}
