//! Calls beside large transfers, over one connection to another's server: see `python/beside.py`.

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rust_scaffold::{Channel, Status, Streaming};
use tokio::{task::JoinSet, time::timeout};

use crate::contract::telemetry::{Point, Query, TelemetryClient, point::Value};

/// How many calls have to be answered, one after the other, and how many others are made at any time.
const CALLS: usize = 50;
const OTHERS: usize = 16;
const LARGE: usize = 1 << 20;
/// Only against hanging.
const LONG: Duration = Duration::from_secs(60);

/// How far each of what goes on beside the calls has come.
type Counts = Arc<[AtomicUsize; 4]>;

fn counted(counts: &Counts) -> [usize; 4] {
    std::array::from_fn(|nth| counts[nth].load(Ordering::SeqCst))
}

fn query(series: &str, bytes: usize) -> Query {
    let labels = [("bytes".to_owned(), bytes.to_string())].into();
    Query { series: series.into(), labels, ..Query::default() }
}

/// Whether it has gone well, which is printed as well.
pub(crate) async fn check(address: &str) -> Result<bool, Box<dyn Error>> {
    let channel = Channel::builder(format!("http://{address}")).max_connections(1);
    let client = TelemetryClient::new(channel.connect().await?);
    let counts = Counts::default();
    let mut unread = client.watch(query("unread", LARGE)).await?.into_inner();
    unread.message().await?;
    let mut beside = JoinSet::new();
    beside.spawn(download(client.clone(), query("large", LARGE), Arc::clone(&counts), 0));
    beside.spawn(download(client.clone(), query("computes", 1000), Arc::clone(&counts), 1));
    beside.spawn(upload(client.clone(), Arc::clone(&counts)));
    (0..OTHERS).for_each(|_| drop(beside.spawn(flood(client.clone(), Arc::clone(&counts)))));

    let started = all_go_on(&counts, [0; 4]).await;
    let before = counted(&counts);
    let mut answered = 0;
    for _ in 0..CALLS {
        answered +=
            usize::from(matches!(timeout(LONG, client.latest(query("a", 0))).await, Ok(Ok(_))));
    }
    let go_on = all_go_on(&counts, before).await;
    let is_read = matches!(timeout(LONG, unread.message()).await, Ok(Ok(Some(_))));
    let ended = beside.try_join_next();
    let mut passed = true;
    for (name, holds) in [
        ("calls are answered beside large transfers", started && answered == CALLS),
        ("large transfers go on beside calls", go_on && ended.is_none()),
        ("a stream that nobody has read goes on when it is read", is_read),
    ] {
        println!("{} {name}", if holds { "ok" } else { "FAILED" });
        passed &= holds;
    }
    if !passed {
        println!("{answered} answers, from {before:?} to {:?}, ended: {ended:?}", counted(&counts));
    }
    Ok(passed)
}

/// Waits until each count is higher than it was.
async fn all_go_on(counts: &Counts, before: [usize; 4]) -> bool {
    let waiting = async {
        while counted(counts).iter().zip(before).any(|(now, then)| *now <= then) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(LONG, waiting).await.is_ok()
}

async fn download(
    client: TelemetryClient,
    query: Query,
    counts: Counts,
    nth: usize,
) -> Result<(), Status> {
    let mut points = client.watch(query).await?.into_inner();
    while points.message().await?.is_some() {
        counts[nth].fetch_add(1, Ordering::SeqCst);
    }
    Ok(())
}

async fn upload(client: TelemetryClient, counts: Counts) -> Result<(), Status> {
    let points = std::iter::repeat_with(move || {
        counts[2].fetch_add(1, Ordering::SeqCst);
        Ok(Point { value: Some(Value::Raw(vec![0; LARGE])), ..Point::default() })
    });
    client.upload(Streaming::new(tokio_stream::iter(points))).await.map(drop)
}

async fn flood(client: TelemetryClient, counts: Counts) -> Result<(), Status> {
    loop {
        client.latest(query("a", 0)).await?;
        counts[3].fetch_add(1, Ordering::SeqCst);
    }
}
