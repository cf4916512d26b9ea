//! A service that answers whatever it is asked.

use std::sync::atomic::{AtomicU64, Ordering};

use rust_scaffold::{Request, Response, Status, Streaming};
use tokio_stream::StreamExt as _;

use crate::telemetry::{Point, Query, Summary, Telemetry};

type Answer<T> = Result<Response<T>, Status>;

pub(crate) struct Echo;

/// How many calls have come to it.
pub(crate) static CALLS: AtomicU64 = AtomicU64::new(0);

fn point(query: Query) -> Point {
    Point { series: query.series, ..Point::default() }
}

impl Telemetry for Echo {
    async fn latest(&self, request: Request<Query>) -> Answer<Point> {
        CALLS.fetch_add(1, Ordering::Relaxed);
        Ok(request_metadata(&request, point(request.get_ref().clone())))
    }

    async fn watch(&self, request: Request<Query>) -> Answer<Streaming<Point>> {
        CALLS.fetch_add(1, Ordering::Relaxed);
        let points = vec![Ok(point(request.get_ref().clone())); 3];
        Ok(request_metadata(&request, Streaming::new(tokio_stream::iter(points))))
    }

    async fn upload(&self, request: Request<Streaming<Point>>) -> Answer<Summary> {
        CALLS.fetch_add(1, Ordering::Relaxed);
        let mut points = request.into_inner();
        let mut summary = Summary::default();
        while points.message().await?.is_some() {
            summary.accepted += 1;
        }
        Ok(Response::new(summary))
    }

    async fn tail(&self, request: Request<Streaming<Query>>) -> Answer<Streaming<Point>> {
        CALLS.fetch_add(1, Ordering::Relaxed);
        let points = request.into_inner().map(|query| query.map(point));
        Ok(Response::new(Streaming::new(points)))
    }

    async fn last(&self, request: Request<Query>) -> Answer<Point> {
        CALLS.fetch_add(1, Ordering::Relaxed);
        Err(Status::with_metadata(
            rust_scaffold::Code::Aborted,
            "as always",
            request.metadata().clone(),
        ))
    }
}

/// `message`, with the metadata of the request.
fn request_metadata<T, M>(request: &Request<T>, message: M) -> Response<M> {
    let mut response = Response::new(message);
    *response.metadata_mut() = request.metadata().clone();
    response
}
