use std::sync::Arc;

use rust_scaffold::{Request, Response, Status, Streaming};

use crate::{
    Point, Query, Summary, Telemetry, filter::Filter, follow::follow, store::Store, summary::Tally,
};

/// How many points of a stream may wait for a client that reads slowly.
const BACKLOG: usize = 16;

/// Keeps points in memory: of each series the newest ten thousand, in the order they came in.
#[derive(Debug, Default)]
pub struct MyTelemetry {
    store: Arc<Store>,
}

impl Telemetry for MyTelemetry {
    async fn latest(&self, request: Request<Query>) -> Result<Response<Point>, Status> {
        let filter = Filter::try_from(request.into_inner())?;
        match self.store.latest(&filter) {
            Some(point) => Ok(Response::new(point)),
            None => Err(Status::not_found(format!("no point of `{}` matches", filter.series))),
        }
    }

    async fn watch(&self, request: Request<Query>) -> Result<Response<Streaming<Point>>, Status> {
        let query = request.into_inner();
        Filter::try_from(query.clone())?;
        Ok(self.follow(Streaming::from_iter([query])))
    }

    async fn upload(
        &self,
        request: Request<Streaming<Point>>,
    ) -> Result<Response<Summary>, Status> {
        let mut points = request.into_inner();
        let mut tally = Tally::default();
        while let Some(point) = points.message().await? {
            tally.add(self.store.add(point)?);
        }
        Ok(Response::new(tally.into()))
    }

    async fn tail(
        &self,
        request: Request<Streaming<Query>>,
    ) -> Result<Response<Streaming<Point>>, Status> {
        Ok(self.follow(request.into_inner()))
    }

    async fn last(&self, request: Request<Query>) -> Result<Response<Point>, Status> {
        self.latest(request).await
    }
}

impl MyTelemetry {
    fn follow(&self, queries: Streaming<Query>) -> Response<Streaming<Point>> {
        let (sender, points) = Streaming::channel(BACKLOG);
        tokio::spawn(follow(Arc::clone(&self.store), queries, sender));
        Response::new(points)
    }
}
