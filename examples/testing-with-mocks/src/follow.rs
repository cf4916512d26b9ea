//! Follows series of measurements from one to the next, in one call with a stream each way.

#![cfg_attr(not(test), allow(dead_code, reason = "it is here for its tests"))]

use rust_scaffold::{Status, Streaming};

use crate::contract::telemetry::{Query, TelemetryClient, point::Value};

/// The numbers of a series up to its end, and of those that it leads to: a point with a text names
/// the series to be followed next.
pub(crate) async fn follow(telemetry: &TelemetryClient, series: &str) -> Result<Vec<f64>, Status> {
    let (queries, requests) = Streaming::channel(1);
    let mut points = telemetry.tail(requests).await?.into_inner();
    let mut numbers = Vec::new();
    let mut next = Some(series.to_owned());
    while let Some(series) = next.take() {
        queries.send(Query { series, ..Query::default() }).await?;
        while let Some(point) = points.message().await? {
            match point.value {
                Some(Value::Number(number)) => numbers.push(number),
                Some(Value::Text(series)) => {
                    next = Some(series);
                    break;
                }
                _ => return Err(Status::data_loss("a point that is neither")),
            }
        }
    }
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rust_scaffold::{
        Code,
        mock::{Sequence, script},
    };

    use super::*;
    use crate::contract::{
        calculator::{AddRequest, AddResponse, MockCalculator},
        telemetry::{MockTelemetry, Point, like},
    };

    fn number(number: f64) -> Point {
        Point { value: Some(Value::Number(number)), ..Point::default() }
    }

    fn see(series: &str) -> Point {
        Point { value: Some(Value::Text(series.into())), ..Point::default() }
    }

    fn query(series: &str) -> like::Query {
        like::Query::new().series(series)
    }

    #[tokio::test(start_paused = true)]
    async fn a_series_leads_to_the_next_one() {
        let mock = MockTelemetry::new();
        mock.expect_tail().once().script(
            script()
                .expect(query("a"))
                .send(number(1.0))
                .send(see("b"))
                .expect(query("b"))
                .wait(Duration::from_secs(3600))
                .send(number(2.0)),
        );
        assert_eq!(follow(&mock.client(), "a").await.unwrap(), [1.0, 2.0]);
    }

    #[tokio::test]
    async fn a_failure_on_the_way_is_passed_on() {
        let mock = MockTelemetry::new();
        let lost = Status::unavailable("node lost");
        mock.expect_tail().script(script().expect(query("a")).send(number(1.0)).fail(lost));
        let status = follow(&mock.client(), "a").await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable);
    }

    /// The test plays the server: it sees that nothing is asked for ahead of time.
    #[tokio::test(start_paused = true)]
    async fn nothing_is_asked_for_before_it_is_named() {
        let mock = MockTelemetry::new();
        let mut tails = mock.expect_tail().interactive();
        let client = mock.client();
        let following = tokio::spawn(async move { follow(&client, "a").await });
        let mut call = tails.accept().await;
        assert_eq!(call.recv().await.unwrap().series, "a");
        call.send(number(1.0)).await.unwrap();
        call.expect_quiet(Duration::from_secs(60)).await;
        call.send(see("b")).await.unwrap();
        assert_eq!(call.recv().await.unwrap().series, "b");
        call.finish();
        assert_eq!(following.await.unwrap().unwrap(), [1.0]);
    }

    #[tokio::test]
    async fn calls_of_two_services_come_in_order() {
        let (calculator, telemetry) = (MockCalculator::new(), MockTelemetry::new());
        let sequence = Sequence::new();
        telemetry.expect_tail().in_sequence(&sequence).streams([number(5.0), number(3.0)]);
        calculator.expect_add().in_sequence(&sequence).returns(AddResponse { result: 8 });
        let numbers = follow(&telemetry.client(), "a").await.unwrap();
        let [a, b] = [numbers[0], numbers[1]].map(|number| number as i32);
        let sum = calculator.client().add(AddRequest { a, b }).await.unwrap();
        assert_eq!(sum.into_inner().result, 8);
    }
}
