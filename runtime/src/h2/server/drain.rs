//! When a draining connection, which accepts no more calls, is closed.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, Sleep};
use tonic::Status;

/// How long a client without calls may take to acknowledge the GOAWAY.
const ACKNOWLEDGEMENT: Duration = Duration::from_secs(1);

/// Why the calls of a draining connection are ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DrainReason {
    MaxAge,
    Shutdown,
}

impl DrainReason {
    /// What they end with.
    pub(crate) fn status(self) -> Status {
        Status::unavailable(match self {
            Self::MaxAge => "the connection reached its maximum age before the call ended",
            Self::Shutdown => "the server shut down before the call ended",
        })
    }
}

/// What ends a drain by force, when it completes.
pub(crate) type Force = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The timers of a draining connection.
#[derive(Default)]
pub(crate) struct Drain(Option<Box<DrainTimers>>);

struct DrainTimers {
    /// When the calls are ended, and why.
    deadline: Option<(Pin<Box<Sleep>>, DrainReason)>,
    /// When the connection is closed if it has no calls.
    acknowledgement: Pin<Box<Sleep>>,
    force: Option<Force>,
}

impl Drain {
    /// Starts draining, for no longer than `grace` if that is given. The earliest of several limits
    /// applies.
    pub(crate) fn start(&mut self, reason: DrainReason, grace: Option<Duration>) {
        let timers = self.timers();
        let Some(grace) = grace else { return };
        let deadline = Instant::now() + grace;
        match &timers.deadline {
            Some((earlier, _)) if earlier.deadline() <= deadline => {}
            _ => {
                let sleep = Box::pin(tokio::time::sleep_until(deadline));
                timers.deadline = Some((sleep, reason));
            }
        }
    }

    /// Starts draining, for as long as it takes.
    pub(crate) fn start_unlimited(&mut self) {
        self.timers();
    }

    /// Ends the drain when `force` completes.
    pub(crate) fn end_by(&mut self, force: Force) {
        self.timers().force = Some(force);
    }

    fn timers(&mut self) -> &mut DrainTimers {
        self.0.get_or_insert_with(|| {
            let acknowledgement = Box::pin(tokio::time::sleep(ACKNOWLEDGEMENT));
            Box::new(DrainTimers { deadline: None, acknowledgement, force: None })
        })
    }

    /// Ready when the connection has to be closed, with the reason if calls may be in progress. If its client
    /// acknowledges the GOAWAY, h2 closes it after the last call.
    pub(crate) fn poll(
        &mut self,
        has_calls: impl Fn() -> bool,
        cx: &mut Context<'_>,
    ) -> Poll<Option<DrainReason>> {
        let Some(timers) = &mut self.0 else { return Poll::Pending };
        if let Some(force) = &mut timers.force
            && force.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Some(DrainReason::Shutdown));
        }
        if let Some((deadline, reason)) = &mut timers.deadline
            && deadline.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Some(*reason));
        }
        while timers.acknowledgement.as_mut().poll(cx).is_ready() {
            if !has_calls() {
                return Poll::Ready(None);
            }
            timers.acknowledgement.as_mut().reset(Instant::now() + ACKNOWLEDGEMENT);
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// How many seconds `drain` takes to close its connection, and why it does.
    async fn closes(drain: &mut Drain, has_calls: bool) -> (u64, Option<DrainReason>) {
        let start = Instant::now();
        let reason = std::future::poll_fn(|cx| drain.poll(|| has_calls, cx)).await;
        (start.elapsed().as_secs(), reason)
    }

    #[tokio::test(start_paused = true)]
    async fn of_several_limits_the_earliest_holds() {
        use DrainReason::{MaxAge, Shutdown};
        for (limits, reason) in
            [([(MaxAge, 10), (Shutdown, 20)], MaxAge), ([(MaxAge, 20), (Shutdown, 10)], Shutdown)]
        {
            let mut drain = Drain::default();
            for (reason, seconds) in limits {
                drain.start(reason, Some(seconds * SECOND));
            }
            drain.start(Shutdown, None);
            drain.start_unlimited();
            assert_eq!(closes(&mut drain, true).await, (10, Some(reason)));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn force_is_earlier_than_any_limit() {
        let mut drain = Drain::default();
        drain.start(DrainReason::MaxAge, Some(10 * SECOND));
        drain.end_by(Box::pin(tokio::time::sleep(3 * SECOND)));
        assert_eq!(closes(&mut drain, true).await, (3, Some(DrainReason::Shutdown)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_without_calls_that_does_not_answer_is_not_waited_for() {
        let mut drain = Drain::default();
        drain.start_unlimited();
        assert_eq!(closes(&mut drain, false).await, (ACKNOWLEDGEMENT.as_secs(), None));
    }
}
