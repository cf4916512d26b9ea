//! A server that counts the calls that it begins with, for clients whose connections end all the time: see
//! `python/ages.py`, `python/reloads.py` and `node/ages.js`; and that sends and takes as much as anybody likes, for
//! `python/beside.py`.

use std::{
    collections::{HashMap, HashSet},
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use rust_scaffold::{ConnectInfo, Request, Response, Server, Status, Streaming};
use tokio_stream::StreamExt as _;

use crate::contract::telemetry::{Point, Query, Summary, Telemetry, TelemetryServer, point::Value};

/// How long calls may go on after the maximum age of their connection.
const GRACE: Duration = Duration::from_secs(5);

/// The server, whose connections grow no older than `age`.
pub(crate) fn server(age: Option<Duration>) -> Server {
    Server::new()
        .permit_keep_alive_interval(Duration::from_secs(10))
        .max_connection_age(age)
        .max_connection_age_grace(Some(GRACE))
        .connect_info(true)
        .add_service(TelemetryServer::new(Counting::default()))
}

/// The series of a call is its name, which no other has; `counts` is answered with what was counted so far. Watches
/// send as many points as the limit says, or without an end, of as many bytes as the label `bytes` says; the series
/// `computes` does so before each of them. Each answer has the number of connections so far as its label `connections`.
#[derive(Clone, Default)]
struct Counting(Arc<Mutex<Counts>>);

#[derive(Default)]
struct Counts {
    calls: HashMap<String, usize>,
    connections: HashSet<SocketAddr>,
}

impl Counting {
    fn begin<T>(&self, request: &Request<T>, name: &str) -> HashMap<String, String> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if name != "counts" {
            let peer = request.extensions().get::<ConnectInfo>();
            counts.connections.extend(peer.and_then(ConnectInfo::remote_addr));
            *counts.calls.entry(name.to_owned()).or_default() += 1;
        }
        let repeated = counts.calls.values().filter(|times| **times > 1).count();
        let counted = [
            ("calls", counts.calls.len()),
            ("repeated", repeated),
            ("connections", counts.connections.len()),
        ];
        counted.map(|(name, count)| (name.to_owned(), count.to_string())).into()
    }
}

type Answer<T> = Result<Response<T>, Status>;

impl Telemetry for Counting {
    async fn latest(&self, request: Request<Query>) -> Answer<Point> {
        let labels = self.begin(&request, &request.get_ref().series);
        let series = request.into_inner().series;
        Ok(Response::new(Point { series, labels, ..Point::default() }))
    }

    async fn watch(&self, request: Request<Query>) -> Answer<Streaming<Point>> {
        let labels = self.begin(&request, &request.get_ref().series);
        let Query { series, limit, labels: asked, .. } = request.into_inner();
        let bytes = asked.get("bytes").and_then(|bytes| bytes.parse().ok()).unwrap_or(0);
        let computes = series == "computes";
        let point =
            Point { series, labels, value: Some(Value::Raw(vec![0; bytes])), ..Point::default() };
        let limit = if limit == 0 { usize::MAX } else { limit as usize };
        let points = std::iter::repeat_with(move || {
            if computes {
                compute();
            }
            Ok(point.clone())
        });
        Ok(Response::new(Streaming::new(tokio_stream::iter(points.take(limit)))))
    }

    async fn upload(&self, request: Request<Streaming<Point>>) -> Answer<Summary> {
        let mut points = request.into_inner();
        while points.next().await.transpose()?.is_some() {}
        Ok(Response::new(Summary::default()))
    }

    async fn tail(&self, _: Request<Streaming<Query>>) -> Answer<Streaming<Point>> {
        Err(Status::unimplemented("not here"))
    }

    async fn last(&self, request: Request<Query>) -> Answer<Point> {
        self.latest(request).await
    }
}

fn compute() {
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_millis(2) {
        std::hint::spin_loop();
    }
}
