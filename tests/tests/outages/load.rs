//! Calls that never pause.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use rust_scaffold::Status;
use tokio::{task::JoinSet, time::timeout};
use tokio_stream::StreamExt as _;

use super::{
    LONG,
    telemetry::{Query, TelemetryClient},
};

pub(crate) fn query(series: &str, limit: u32) -> Query {
    Query { series: series.into(), limit, ..Query::default() }
}

/// Calls that never pause, so many at a time. The series of each is a name that no other has.
pub(crate) struct Load {
    answered: Arc<AtomicUsize>,
    lost: Arc<Mutex<HashMap<String, Status>>>,
    is_over: Arc<AtomicBool>,
    callers: JoinSet<()>,
}

impl Load {
    pub(crate) fn start(client: &TelemetryClient, in_flight: usize) -> Self {
        let (answered, lost) =
            (Arc::<AtomicUsize>::default(), Arc::<Mutex<HashMap<_, _>>>::default());
        let is_over = Arc::<AtomicBool>::default();
        let mut callers = JoinSet::new();
        for caller in 0..in_flight {
            let (client, is_over) = (client.clone(), Arc::clone(&is_over));
            let (answered, lost) = (Arc::clone(&answered), Arc::clone(&lost));
            callers.spawn(async move {
                for call in 0.. {
                    if is_over.load(Ordering::SeqCst) {
                        break;
                    }
                    let name = format!("{caller}-{call}");
                    let query = query(&name, call % 16);
                    let outcome = match caller % 4 {
                        0 => watch(&client, query).await,
                        _ => client.latest(query).await.map(drop),
                    };
                    match outcome {
                        Ok(()) => drop(answered.fetch_add(1, Ordering::SeqCst)),
                        Err(status) => drop(lost.lock().unwrap().insert(name, status)),
                    }
                }
            });
        }
        Self { answered, lost, is_over, callers }
    }

    /// Waits until there are so many more answers.
    pub(crate) async fn more(&mut self, answers: usize) {
        let enough = self.answered.load(Ordering::SeqCst) + answers;
        self.until(|answered| answered >= enough).await;
    }

    /// Waits until `holds`, of the number of answers.
    pub(crate) async fn until(&mut self, holds: impl Fn(usize) -> bool) {
        let waiting = async {
            while !holds(self.answered.load(Ordering::SeqCst)) {
                if let Some(ended) = self.callers.try_join_next() {
                    ended.unwrap();
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(LONG, waiting).await.expect("calls are answered");
    }

    /// How many calls were lost so far.
    pub(crate) fn lost(&self) -> usize {
        self.lost.lock().unwrap().len()
    }

    /// How many calls were answered, and what has come of the others.
    pub(crate) async fn ended(mut self) -> (usize, HashMap<String, Status>) {
        self.is_over.store(true, Ordering::SeqCst);
        while let Some(ended) = timeout(LONG, self.callers.join_next()).await.expect("calls end") {
            ended.unwrap();
        }
        let lost = std::mem::take(&mut *self.lost.lock().unwrap());
        (self.answered.load(Ordering::SeqCst), lost)
    }
}

async fn watch(client: &TelemetryClient, query: Query) -> Result<(), Status> {
    let wanted = query.limit as usize + 1;
    let points = client.watch(query).await?.into_inner();
    let points = points.collect::<Result<Vec<_>, _>>().await?;
    assert_eq!(points.len(), wanted);
    Ok(())
}
