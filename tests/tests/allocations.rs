//! What calls allocate, as counts: no machine is too busy for them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use rust_scaffold::{CompressionEncoding, Request, Response, Status, Streaming};
use telemetry::{Point, Query, Summary, Telemetry, TelemetryClient, TelemetryServer};

#[allow(
    clippy::doc_markdown,
    clippy::too_many_arguments,
    missing_docs,
    unreachable_pub,
    reason = "generated messages look as prost makes them"
)]
mod telemetry {
    rust_scaffold::include_proto!("telemetry");
}

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// Sends as many points as are asked for, and counts those that come.
struct Station;

impl Telemetry for Station {
    async fn latest(&self, _: Request<Query>) -> Result<Response<Point>, Status> {
        Err(Status::unimplemented("streams only"))
    }

    async fn watch(&self, request: Request<Query>) -> Result<Response<Streaming<Point>>, Status> {
        let points = (0..request.get_ref().limit).map(point);
        Ok(Response::new(Streaming::new(tokio_stream::iter(points.map(Ok)))))
    }

    async fn upload(
        &self,
        request: Request<Streaming<Point>>,
    ) -> Result<Response<Summary>, Status> {
        let (mut points, mut accepted) = (request.into_inner(), 0);
        while points.message().await?.is_some() {
            accepted += 1;
        }
        Ok(Response::new(Summary { accepted, ..Summary::default() }))
    }

    async fn tail(
        &self,
        _: Request<Streaming<Query>>,
    ) -> Result<Response<Streaming<Point>>, Status> {
        Err(Status::unimplemented("one stream at a time"))
    }

    async fn last(&self, request: Request<Query>) -> Result<Response<Point>, Status> {
        self.latest(request).await
    }
}

/// A point of about 250 bytes.
fn point(number: u32) -> Point {
    Point { series: format!("{number:0>250}"), ..Point::default() }
}

/// Messages of each stream.
const MESSAGES: u32 = 2000;

/// Sends a stream each way, one after the other.
async fn stream(client: &TelemetryClient) {
    let points = Streaming::new(tokio_stream::iter((0..MESSAGES).map(|number| Ok(point(number)))));
    let summary = client.upload(points).await.unwrap().into_inner();
    assert_eq!(summary.accepted, u64::from(MESSAGES));
    let query = Query { limit: MESSAGES, ..Query::default() };
    let mut points = client.watch(query).await.unwrap().into_inner();
    for number in 0..MESSAGES {
        assert_eq!(points.message().await.unwrap(), Some(point(number)));
    }
}

#[tokio::test]
async fn a_compressed_message_allocates_no_compressor_and_no_copy_of_others() {
    let _profiler = dhat::Profiler::builder().testing().build();
    for encoding in
        [CompressionEncoding::Gzip, CompressionEncoding::Deflate, CompressionEncoding::Zstd]
    {
        let server = TelemetryServer::new(Station);
        let server = server.accept_compressed(encoding).send_compressed(encoding);
        let client = TelemetryClient::new(rust_scaffold::Channel::in_process(server));
        let client = client.accept_compressed(encoding).send_compressed(encoding);
        stream(&client).await;
        let before = dhat::HeapStats::get().total_bytes;
        stream(&client).await;
        let each = (dhat::HeapStats::get().total_bytes - before) / u64::from(2 * MESSAGES);
        println!("{encoding:?}: {each} bytes are allocated for each message");
        assert!(each < 4 * 1024, "{encoding:?}: {each} bytes for each message");
    }
}
