//! A client whose calls never pause, until its input ends: see `python/reloads.py` and
//! `python/partition.py`.

use std::{
    collections::BTreeMap,
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rust_scaffold::{Channel, Status};
use tokio::{io::AsyncReadExt as _, task::JoinSet};

use crate::contract::telemetry::{Query, TelemetryClient};

const IN_FLIGHT: usize = 64;
/// Where nobody listens for a moment, the next attempt comes soon.
const MOMENT: Duration = Duration::from_millis(20);

/// Prints how many calls were answered; and for each status of the others, how many had it.
pub(crate) async fn run(address: &str) -> Result<(), Box<dyn Error>> {
    let channel = Channel::builder(format!("http://{address}"))
        .wait_for_ready(true)
        .backoff(MOMENT, MOMENT)
        .keep_alive_interval(Some(Duration::from_secs(10)))
        .keep_alive_timeout(Duration::from_secs(1))
        .connect_lazy()?;
    let client = TelemetryClient::new(channel);
    let is_over = Arc::<AtomicBool>::default();
    let mut callers = JoinSet::new();
    for caller in 0..IN_FLIGHT {
        callers.spawn(call(client.clone(), caller, Arc::clone(&is_over)));
    }
    tokio::io::stdin().read_to_end(&mut Vec::new()).await?;
    is_over.store(true, Ordering::SeqCst);
    let mut ends = BTreeMap::new();
    while let Some(ended) = callers.join_next().await {
        for (end, calls) in ended? {
            *ends.entry(end).or_insert(0) += calls;
        }
    }
    for (end, calls) in ends {
        println!("{calls} {end}");
    }
    Ok(())
}

/// How many calls came to which end.
async fn call(
    client: TelemetryClient,
    caller: usize,
    is_over: Arc<AtomicBool>,
) -> BTreeMap<String, usize> {
    let mut ends = BTreeMap::new();
    for nth in 0.. {
        if is_over.load(Ordering::SeqCst) {
            break;
        }
        let query = Query { series: format!("{caller}-{nth}"), limit: 3, ..Query::default() };
        let outcome = match caller % 4 {
            0 => watch(&client, query).await,
            _ => client.latest(query).await.map(drop),
        };
        let end = match outcome {
            Ok(()) => "Ok".to_owned(),
            Err(status) => format!("{:?} {}", status.code(), status.message()),
        };
        *ends.entry(end).or_insert(0) += 1;
    }
    ends
}

async fn watch(client: &TelemetryClient, query: Query) -> Result<(), Status> {
    let mut points = client.watch(query).await?.into_inner();
    while points.message().await?.is_some() {}
    Ok(())
}
