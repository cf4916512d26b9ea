//! The scenarios of `telemetry.Telemetry`.

use std::time::Duration;

use rust_scaffold::{Code, Request, Response, Status, Streaming, prost_types, streaming::Sender};
use tokio::time::sleep;

use super::{ERROR_DETAILS, ERROR_MESSAGE, calls::Calls, echo::Echo, kinds};
use crate::contract::telemetry::{
    Point, Query, Summary, Telemetry,
    point::{Quality, Value},
};

const LONG: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
pub(super) struct Scenarios {
    calls: Calls,
}

impl Telemetry for Scenarios {
    async fn latest(&self, request: Request<Query>) -> Result<Response<Point>, Status> {
        let echo = Echo::of(&request);
        let query = request.into_inner();
        if query.series == "state" {
            let state = self.calls.state(query.labels.get("call").map_or("", String::as_str));
            let value = Some(Value::Text(state.to_owned()));
            return echo.answer(Ok(Point { value, ..Point::default() }));
        }
        let call = self.calls.follow(&query.labels);
        echo.answer(call.ends(latest(query).await))
    }

    async fn last(&self, request: Request<Query>) -> Result<Response<Point>, Status> {
        self.latest(request).await
    }

    async fn watch(&self, request: Request<Query>) -> Result<Response<Streaming<Point>>, Status> {
        let echo = Echo::of(&request);
        let query = request.into_inner();
        let call = self.calls.follow(&query.labels);
        echo.answer(Ok(stream(
            &echo,
            |points| async move { call.ends(watch(query, &points).await) },
        )))
    }

    async fn upload(
        &self,
        request: Request<Streaming<Point>>,
    ) -> Result<Response<Summary>, Status> {
        let echo = Echo::of(&request);
        let mut points = request.into_inner();
        let Some(first) = points.message().await? else {
            return echo.answer(Ok(Summary::default()));
        };
        let call = self.calls.follow(&first.labels);
        echo.answer(call.ends(upload(first, points).await))
    }

    async fn tail(
        &self,
        request: Request<Streaming<Query>>,
    ) -> Result<Response<Streaming<Point>>, Status> {
        let echo = Echo::of(&request);
        let mut queries = request.into_inner();
        let calls = self.calls.clone();
        echo.answer(Ok(stream(&echo, |points| async move {
            let Some(first) = queries.message().await? else { return Ok(()) };
            let call = calls.follow(&first.labels);
            call.ends(tail(first, queries, &points).await)
        })))
    }
}

/// A stream that `fill` sends the points of, until it is done or the call is cancelled.
fn stream<F>(echo: &Echo, fill: impl FnOnce(Sender<Point>) -> F) -> Streaming<Point>
where
    F: Future<Output = Result<(), Status>> + Send + 'static,
{
    let (sender, points) = Streaming::channel(1);
    let filling = fill(sender.clone());
    let echo = echo.clone();
    tokio::spawn(async move {
        tokio::select! {
            biased;
            () = sender.closed() => Ok(()),
            outcome = filling => match outcome {
                Ok(()) => Ok(()),
                Err(status) => sender.fail(echo.fail(status)).await,
            },
        }
    });
    points
}

async fn latest(query: Query) -> Result<Point, Status> {
    match query.series.as_str() {
        "error" => return Err(error()),
        "large" => {
            let value = Some(Value::Raw(vec![0; query.limit as usize]));
            return Ok(Point { value, ..Point::default() });
        }
        "slow" => sleep(LONG).await,
        _ => {}
    }
    Ok(Point {
        series: query.series,
        labels: query.labels,
        value: Some(Value::Number(21.5)),
        quality: Quality::Good.into(),
        ..Point::default()
    })
}

async fn watch(query: Query, points: &Sender<Point>) -> Result<(), Status> {
    let limit = match query.series.as_str() {
        "kinds" => {
            for point in kinds() {
                points.send(point).await?;
            }
            return Ok(());
        }
        "endless" => u32::MAX,
        "slow" => 1,
        "error" => 2,
        _ => query.limit,
    };
    for number in 0..limit {
        points.send(count(&query.series, number)).await?;
        if query.series == "endless" {
            sleep(Duration::from_millis(10)).await;
        }
    }
    match query.series.as_str() {
        "slow" => sleep(LONG).await,
        "error" => return Err(error()),
        _ => {}
    }
    Ok(())
}

async fn upload(first: Point, mut points: Streaming<Point>) -> Result<Summary, Status> {
    if first.series == "error" {
        return Err(error());
    }
    let mut all = vec![first];
    while let Some(point) = points.message().await? {
        all.push(point);
    }
    Ok(summarise(&all))
}

async fn tail(
    first: Query,
    mut queries: Streaming<Query>,
    points: &Sender<Point>,
) -> Result<(), Status> {
    let mut next = Some(first);
    while let Some(query) = next {
        if query.series == "error" {
            return Err(error());
        }
        points.send(count(&query.series, query.limit)).await?;
        next = queries.message().await?;
    }
    Ok(())
}

fn error() -> Status {
    Status::with_details(Code::InvalidArgument, ERROR_MESSAGE, ERROR_DETAILS.into())
}

fn count(series: &str, count: u32) -> Point {
    let value = Some(Value::Count(count.into()));
    Point { series: series.to_owned(), value, ..Point::default() }
}

fn summarise(points: &[Point]) -> Summary {
    let mut summary = Summary { accepted: points.len() as u64, ..Summary::default() };
    for point in points {
        *summary.accepted_by_series.entry(point.series.clone()).or_default() += 1;
    }
    let numbers = || {
        points.iter().filter_map(|point| match point.value {
            Some(Value::Number(number)) => Some(number),
            _ => None,
        })
    };
    summary.minimum = numbers().reduce(f64::min);
    summary.maximum = numbers().reduce(f64::max);
    let seconds = || points.iter().filter_map(|point| Some(point.time?.seconds));
    summary.span = seconds()
        .max()
        .zip(seconds().min())
        .map(|(newest, oldest)| prost_types::Duration { seconds: newest - oldest, nanos: 0 });
    summary
}
