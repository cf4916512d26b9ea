//! A service that does what the metadata of a call orders.

use std::{fmt, str::FromStr, time::Duration};

use rust_scaffold::{Code, Request, Response, Status, Streaming};
use tokio::sync::watch;
use tokio_stream::StreamExt as _;

use crate::telemetry::{Point, Query, Summary, Telemetry};

type Answer<T> = Result<Response<T>, Status>;

/// What a handler panics with.
pub(crate) const PANIC: &str = "a handler panics, as ordered";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Answer,
    /// Refuses, without a look at the requests.
    Refuse,
    Panic,
    /// Never ends.
    Hang,
    /// Goes on when the round lets go of what is held.
    Hold,
}

const ACTS: [(&str, Act); 5] = [
    ("answer", Act::Answer),
    ("refuse", Act::Refuse),
    ("panic", Act::Panic),
    ("hang", Act::Hang),
    ("hold", Act::Hold),
];

#[derive(Clone, Copy, Debug)]
pub(crate) struct Order {
    pub(crate) act: Act,
    /// The bytes of each message.
    pub(crate) size: usize,
    /// How many messages a stream has.
    pub(crate) count: usize,
    /// What passes before each.
    pub(crate) pause: Duration,
}

impl Order {
    fn of<T>(request: &Request<T>) -> Result<Self, Status> {
        let order = request.metadata().get("order").and_then(|order| order.to_str().ok());
        let order = order.and_then(|order| order.parse().ok());
        order.ok_or_else(|| Status::invalid_argument("no order"))
    }

    pub(crate) fn request<T>(&self, message: T, timeout: Duration) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("order", self.to_string().parse().unwrap());
        request.set_timeout(timeout);
        request
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { act, size, count, pause } = self;
        let (name, _) = ACTS.iter().find(|(_, it)| it == act).unwrap();
        write!(f, "{name} {size} {count} {}", pause.as_millis())
    }
}

impl FromStr for Order {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (name, numbers) = text.split_once(' ').ok_or(())?;
        let (_, act) = ACTS.iter().find(|(it, _)| *it == name).ok_or(())?;
        let numbers: Vec<u64> = numbers.split(' ').filter_map(|it| it.parse().ok()).collect();
        let [size, count, pause] = numbers[..] else { return Err(()) };
        let (size, count) = (size as usize, count as usize);
        Ok(Self { act: *act, size, count, pause: Duration::from_millis(pause) })
    }
}

pub(crate) fn point(size: usize) -> Point {
    Point { series: "p".repeat(size), ..Point::default() }
}

pub(crate) fn query(size: usize) -> Query {
    Query { series: "q".repeat(size), ..Query::default() }
}

/// Obeys orders.
pub(crate) struct Servant {
    /// Whether what is held is let go.
    pub(crate) released: watch::Receiver<bool>,
}

impl Servant {
    async fn obey(&self, order: Order) -> Result<(), Status> {
        match order.act {
            Act::Answer => pause(order.pause).await,
            Act::Refuse => return Err(Status::new(Code::FailedPrecondition, "as ordered")),
            Act::Panic => panic!("{PANIC}"),
            Act::Hang => std::future::pending().await,
            Act::Hold => released(self.released.clone()).await,
        }
        Ok(())
    }
}

/// Handlers that need not wait are run in another way than those that do.
async fn pause(time: Duration) {
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}

pub(crate) async fn released(mut released: watch::Receiver<bool>) {
    // The round is over when nobody is left to say so.
    let _ = released.wait_for(|released| *released).await;
}

impl Telemetry for Servant {
    async fn latest(&self, request: Request<Query>) -> Answer<Point> {
        let order = Order::of(&request)?;
        self.obey(order).await?;
        Ok(Response::new(point(order.size)))
    }

    /// The points that are ordered. Those of a held call never end until it is let go; one that
    /// hangs does so behind them.
    async fn watch(&self, request: Request<Query>) -> Answer<Streaming<Point>> {
        let order = Order::of(&request)?;
        if matches!(order.act, Act::Refuse | Act::Panic) {
            self.obey(order).await?;
        }
        let points = tokio_stream::iter(0..order.count).then(move |_| async move {
            pause(order.pause).await;
            Ok(point(order.size))
        });
        let released_by_now = self.released.clone();
        Ok(Response::new(match order.act {
            Act::Hang => Streaming::new(points.chain(tokio_stream::pending())),
            Act::Hold if order.count > 0 => {
                let end = futures_util::stream::once(async move {
                    released(released_by_now).await;
                    Ok(point(order.size))
                });
                Streaming::new(points.chain(end))
            }
            Act::Hold => {
                let endless = std::iter::repeat_with(move || Ok(point(order.size)));
                let endless = endless.take_while(move |_| !*released_by_now.borrow());
                Streaming::new(tokio_stream::iter(endless))
            }
            Act::Answer | Act::Refuse | Act::Panic => Streaming::new(points),
        }))
    }

    /// Reads the points after it has obeyed.
    async fn upload(&self, request: Request<Streaming<Point>>) -> Answer<Summary> {
        self.obey(Order::of(&request)?).await?;
        let mut points = request.into_inner();
        let mut summary = Summary::default();
        while points.message().await?.is_some() {
            summary.accepted += 1;
        }
        Ok(Response::new(summary))
    }

    /// A point for each query.
    async fn tail(&self, request: Request<Streaming<Query>>) -> Answer<Streaming<Point>> {
        let order = Order::of(&request)?;
        self.obey(order).await?;
        let points = request.into_inner().map(move |query| query.map(|_| point(order.size)));
        Ok(Response::new(Streaming::new(points)))
    }

    async fn last(&self, request: Request<Query>) -> Answer<Point> {
        self.latest(request).await
    }
}
