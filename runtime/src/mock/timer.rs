//! How long a mock waits.

use std::{
    future::pending,
    time::{Duration, Instant},
};

use tokio::time::Sleep;

use crate::wire::{
    deadline,
    panics::{self, contain},
};

/// For how long a call waits for a request that decides what takes it.
const PATIENCE: Duration = Duration::from_secs(30);
/// The same where time is virtual and jumps to whatever is waited for: other timers come first.
const VIRTUAL_PATIENCE: Duration = Duration::from_secs(2 * 3600);

/// Waits until a request that has not come will not come any more.
pub(super) async fn patience() {
    let Ok(wait) = deadline::clock("patience").and_then(|()| sleep(PATIENCE)) else {
        return pending().await;
    };
    let start = Instant::now();
    wait.await;
    if start.elapsed() < PATIENCE / 2 {
        tokio::time::sleep(VIRTUAL_PATIENCE).await;
    }
}

/// Waits for `time`, or says that the runtime cannot: it may have been built without time.
pub(super) fn sleep(time: Duration) -> Result<Sleep, String> {
    let sleep = contain(|| tokio::time::sleep(time));
    sleep.map_err(|panic| format!("cannot wait: {}", panics::text(&*panic)))
}
