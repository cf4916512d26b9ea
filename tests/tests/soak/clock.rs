//! Time as the round's runtime had it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

const TICK: Duration = Duration::from_millis(10);

/// Counts the ticks of a timer on the runtime that makes the calls. When the process, or that
/// runtime, gets no time to run, the clock stands still: what it measures is what a call took beyond
/// what any timer takes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clock(Arc<AtomicU64>);

impl Clock {
    /// Ticks for as long as it is polled.
    pub(crate) async fn run(self) {
        loop {
            tokio::time::sleep(TICK).await;
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn now(&self) -> Duration {
        TICK * u32::try_from(self.0.load(Ordering::Relaxed)).unwrap()
    }

    /// Waits until this much time has passed on the clock.
    pub(crate) async fn passes(&self, time: Duration) {
        let end = self.now() + time;
        while self.now() < end {
            tokio::time::sleep(TICK.max(end.saturating_sub(self.now()))).await;
        }
    }

    /// Waits until `holds`, but no longer than `limit`; whether it does.
    pub(crate) async fn until(&self, limit: Duration, holds: impl Fn() -> bool) -> bool {
        let end = self.now() + limit;
        while !holds() {
            if self.now() >= end {
                return false;
            }
            tokio::time::sleep(TICK).await;
        }
        true
    }
}
