//! A telemetry service whose series each behave in their own way.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rust_scaffold::{
    Code, Context, MethodDescriptor, Request, Response, Status, Streaming, ToStatus as _, Trailers,
    error_details::{ErrorDetails, StatusExt as _},
    metadata::MetadataMap,
};
use tokio_stream::{StreamExt as _, iter};

use crate::telemetry::{Point, Query, Summary, Telemetry, TelemetryClient};

type Answer<T> = Result<Response<T>, Status>;

/// Answers by the series that is asked for; see [`Station::act`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Station {
    /// How many handlers are at work.
    pub(crate) busy: Arc<AtomicUsize>,
    /// Whom `asks` calls.
    pub(crate) next: Option<TelemetryClient>,
}

impl Station {
    /// What the name of a series does: `fails`, has `details` of its failure or a `cause` for it, `panics`, `hangs`,
    /// `asks` the next station; anything else goes well.
    async fn act(&self, series: &str) -> Result<(), Status> {
        let _busy = Busy::new(&self.busy);
        tracing::info!(target: "station", series, "acts");
        match series {
            "fails" => Err(Status::with_details(
                Code::FailedPrecondition,
                "größer als 100 %",
                vec![0, 159, 146, 150].into(),
            )),
            "details" => {
                Err(Status::with_error_details(Code::InvalidArgument, "no series", details()))
            }
            "cause" => disk().status_with(Code::Internal, "no points"),
            "panics" => panic!("this series panics"),
            "hangs" => {
                tokio::time::sleep(Duration::from_secs(3600)).await;
                Ok(())
            }
            "asks" => match &self.next {
                Some(next) => next.latest(query("asks", 1)).await.map(drop),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// Waits until no handler is at work.
    pub(crate) async fn idle(&self) {
        while self.busy.load(Ordering::SeqCst) > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Waits until a handler is at work.
    pub(crate) async fn busy(&self) {
        while self.busy.load(Ordering::SeqCst) == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// What went wrong with the series `details`.
pub(crate) fn details() -> ErrorDetails {
    let mut details = ErrorDetails::with_bad_request_violation("series", "is unknown");
    details.set_error_info(
        "NO_SERIES",
        "example.org",
        [("series".to_owned(), "größer".to_owned())],
    );
    details.set_retry_info(Some(Duration::from_millis(1500)));
    details
}

fn disk() -> Result<(), io::Error> {
    Err(io::Error::other("the disk is full"))
}

/// Counts as a handler at work until it is dropped.
pub(crate) struct Busy(Arc<AtomicUsize>);

impl Busy {
    pub(crate) fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A point of `series`.
pub(crate) fn point(series: &str) -> Point {
    Point { series: series.into(), ..Point::default() }
}

/// A query for `limit` points of `series`.
pub(crate) fn query(series: &str, limit: u32) -> Query {
    Query { series: series.into(), limit, ..Query::default() }
}

/// Whether `tail` is to wait for a query before it answers, and whether to send a point before it
/// looks at a query.
fn manners(metadata: &MetadataMap) -> (bool, bool) {
    (metadata.contains_key("reads-first"), metadata.contains_key("speaks-first"))
}

/// `message` with the request's own metadata in its metadata and trailers.
fn echo<T, M>(request: &Request<T>, message: M) -> Response<M> {
    let mut response = Response::new(message);
    let mut trailers = MetadataMap::new();
    if let Some(value) = request.metadata().get("word") {
        response.metadata_mut().insert("word", value.clone());
        trailers.insert("last-word", value.clone());
    }
    if let Some(value) = request.metadata().get("both") {
        response.metadata_mut().insert("both", value.clone());
        trailers.insert("both", value.clone());
    }
    let bytes = request.metadata().get_all_bin("bytes-bin");
    for value in &bytes {
        response.metadata_mut().append_bin("bytes-bin", value.clone());
        trailers.append_bin("last-bytes-bin", value.clone());
    }
    let decoded = bytes.iter().filter(|value| value.to_bytes().is_ok()).count();
    response.metadata_mut().insert("decoded", decoded.into());
    if let Some(method) = request.extensions().get::<&MethodDescriptor>() {
        response.metadata_mut().insert("method", method.path.parse().unwrap());
    }
    response.extensions_mut().insert(Trailers(trailers));
    response
}

impl Telemetry for Station {
    async fn latest(&self, request: Request<Query>) -> Answer<Point> {
        self.act(&request.get_ref().series).await?;
        let series = "x".repeat(request.get_ref().limit as usize);
        Ok(echo(&request, point(&series)))
    }

    async fn watch(&self, request: Request<Query>) -> Answer<Streaming<Point>> {
        let Query { series, limit, .. } = request.get_ref().clone();
        if series == "refused" {
            return Err(Status::permission_denied("not this one"));
        }
        let points = iter(vec![Ok(point(&series)); limit as usize]);
        let (station, busy) = (self.clone(), Busy::new(&self.busy));
        let end = futures_util::stream::once(async move {
            let _busy = busy;
            station.act(&series).await.map(|()| point("end"))
        });
        Ok(echo(&request, Streaming::new(points.chain(end))))
    }

    async fn upload(&self, request: Request<Streaming<Point>>) -> Answer<Summary> {
        let mut summary = Summary::default();
        let mut response = echo(&request, ());
        let mut points = request.into_inner();
        let _busy = Busy::new(&self.busy);
        while let Some(point) = points.message().await? {
            self.act(&point.series).await?;
            summary.accepted += 1;
            *summary.accepted_by_series.entry(point.series).or_default() += 1;
        }
        let trailers = response.extensions_mut().remove::<Trailers>();
        let mut response = response.map(|()| summary);
        response.extensions_mut().insert(trailers.unwrap());
        Ok(response)
    }

    async fn tail(&self, request: Request<Streaming<Query>>) -> Answer<Streaming<Point>> {
        let (points, stream) = Streaming::channel(4);
        let response = echo(&request, stream);
        let (reads_first, speaks_first) = manners(request.metadata());
        let (station, mut queries) = (self.clone(), request.into_inner());
        let busy = Busy::new(&station.busy);
        let mut first = match reads_first {
            true => Some(queries.message().await?),
            false => None,
        };
        if let Some(Some(query)) = &first {
            station.act(&query.series).await?;
        }
        if speaks_first {
            points.send(point("hello")).await?;
        }
        let follow = async move {
            let _busy = busy;
            loop {
                let query = match first.take() {
                    Some(first) => Ok(first),
                    None => tokio::select! {
                        query = queries.message() => query,
                        () = points.closed() => return,
                    },
                };
                let step = async {
                    let Some(query) = query? else { return Ok(false) };
                    station.act(&query.series).await?;
                    for _ in 0..query.limit {
                        points.send(point(&query.series)).await?;
                    }
                    Ok::<_, Status>(true)
                };
                match step.await {
                    Ok(true) => {}
                    Ok(false) => return,
                    Err(status) => return points.fail(status).await.unwrap_or(()),
                }
            }
        };
        tokio::spawn(Context::current().scope(follow));
        Ok(response)
    }

    async fn last(&self, request: Request<Query>) -> Answer<Point> {
        self.latest(request).await
    }
}
