//! How long a mock waits for its caller.

use std::{
    fmt,
    future::{Future, pending},
    pin::Pin,
    task::{Context, Poll, ready},
    thread,
    time::{Duration, Instant},
};

use tokio::{task, time::Sleep};

use crate::call::deadline;

/// For how long is waited for what the caller has to do.
const PATIENCE: Duration = Duration::from_secs(60);
/// The same where time is virtual and jumps to whatever is waited for: other timers come first.
const VIRTUAL_PATIENCE: Duration = Duration::from_secs(7 * 24 * 3600);
/// For how long virtual time stands still then: other threads and processes have none.
const GRACE: Duration = Duration::from_secs(1);

/// For how long something was waited for in vain.
#[derive(Clone, Copy)]
pub(super) struct Waited {
    is_virtual: bool,
}

impl fmt::Display for Waited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_virtual {
            true => f.write_str("a week of virtual time"),
            false => write!(f, "{PATIENCE:?}"),
        }
    }
}

/// Waits until what has not come will not come any more. Without a clock that is never.
pub(super) async fn patience() -> Waited {
    let Ok(wait) = sleep("patience", PATIENCE) else { return pending().await };
    let start = Instant::now();
    wait.await;
    let is_virtual = start.elapsed() < PATIENCE / 2;
    if is_virtual {
        tokio::time::sleep(VIRTUAL_PATIENCE).await;
        // Time does not jump while a thread is blocked. Whether it was is all there is to know.
        let _ = task::spawn_blocking(|| thread::sleep(GRACE)).await;
    }
    Waited { is_virtual }
}

/// Waits for `time`, or says that the runtime cannot.
pub(super) fn sleep(what: impl fmt::Display, time: Duration) -> Result<Sleep, String> {
    deadline::timer(what, || tokio::time::sleep(time))
}

/// [`patience`] in polls, for one thing after the other.
#[derive(Default)]
pub(super) enum Patience {
    #[default]
    Fresh,
    Waiting(Pin<Box<dyn Future<Output = Waited> + Send>>),
    /// It has run out, which is said once.
    Spent,
}

impl Patience {
    /// Begins anew: something has come.
    pub(super) fn renew(&mut self) {
        *self = Self::Fresh;
    }

    /// Waits on, until it runs out.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Waited> {
        if matches!(self, Self::Fresh) {
            *self = Self::Waiting(Box::pin(patience()));
        }
        let Self::Waiting(waiting) = self else { return Poll::Pending };
        let waited = ready!(waiting.as_mut().poll(cx));
        *self = Self::Spent;
        Poll::Ready(waited)
    }
}
