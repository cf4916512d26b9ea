//! One of several instances of a server, for tests of outages: it says where it serves, does so until it is told to
//! stop, and says in the end how many calls it has begun.
//!
//! Its first argument, if any, is a file to which it adds a line for each call that it begins with: the series that is
//! asked for. Its second one is the maximum age of its connections, in milliseconds.

use std::{
    env,
    fs::File,
    io::{self, Write as _},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rust_scaffold::{Request, Response, Server, Status, Streaming};
use telemetry::{Point, Query, Summary, Telemetry, TelemetryServer};
use tokio::{net::TcpListener, task::yield_now};

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

#[tokio::main(worker_threads = 2)]
async fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    let mut arguments = env::args().skip(1);
    let journal = arguments.next().map(|path| File::options().append(true).open(path));
    let age = arguments.next().map(|age| age.parse().map_err(io::Error::other));
    let counting = Counting { journal: journal.transpose()?.map(Arc::new), ..Counting::default() };
    Server::new()
        .max_connection_age(age.transpose()?.map(Duration::from_millis))
        .shutdown_on_signal()
        // Only the test ends calls that hang.
        .shutdown_timeout(None)
        .add_service(TelemetryServer::new(counting.clone()))
        .serve_listener(listener)
        .await?;
    println!("{}", counting.calls.load(Ordering::SeqCst));
    Ok(())
}

type Answer<T> = Result<Response<T>, Status>;

/// Answers after a while, counted in turns of other tasks; never, if the series is `hangs`.
#[derive(Clone, Default)]
struct Counting {
    calls: Arc<AtomicUsize>,
    journal: Option<Arc<File>>,
}

impl Counting {
    fn begin(&self, query: &Query) -> io::Result<()> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        match &self.journal {
            // In one piece: others write to the file, too.
            Some(journal) => (&**journal).write_all(format!("{}\n", query.series).as_bytes()),
            None => Ok(()),
        }
    }

    async fn act(&self, query: Query) -> Point {
        if query.series == "hangs" {
            std::future::pending::<()>().await;
        }
        for _ in 0..query.limit {
            yield_now().await;
        }
        // Some calls outlive a shutdown that begins with them.
        if query.limit % 8 == 7 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Point { series: query.series, ..Point::default() }
    }
}

impl Telemetry for Counting {
    async fn latest(&self, request: Request<Query>) -> Answer<Point> {
        self.begin(request.get_ref())?;
        Ok(Response::new(self.act(request.into_inner()).await))
    }

    async fn watch(&self, request: Request<Query>) -> Answer<Streaming<Point>> {
        let query = request.into_inner();
        self.begin(&query)?;
        let (points, stream) = Streaming::channel(1);
        let counting = self.clone();
        tokio::spawn(async move {
            for _ in 0..query.limit {
                let point = Point { series: query.series.clone(), ..Point::default() };
                if points.send(point).await.is_err() {
                    return;
                }
            }
            let _ = points.send(counting.act(query).await).await;
        });
        Ok(Response::new(stream))
    }

    async fn upload(&self, _: Request<Streaming<Point>>) -> Answer<Summary> {
        Err(Status::unimplemented("not here"))
    }

    async fn tail(&self, _: Request<Streaming<Query>>) -> Answer<Streaming<Point>> {
        Err(Status::unimplemented("not here"))
    }

    async fn last(&self, request: Request<Query>) -> Answer<Point> {
        self.latest(request).await
    }
}
