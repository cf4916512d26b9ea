//! When a draining connection, which accepts no more calls, is closed.

use std::{
    future::Future as _,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, Sleep};

/// How long a client without calls may take to acknowledge the GOAWAY.
const ACKNOWLEDGEMENT: Duration = Duration::from_secs(1);

/// The timers of a draining connection.
#[derive(Default)]
pub(crate) struct Drain {
    /// When it is closed even if it has calls.
    deadline: Option<Pin<Box<Sleep>>>,
    /// When it is closed if it has no calls.
    acknowledgement: Option<Pin<Box<Sleep>>>,
}

impl Drain {
    /// Starts draining, for no longer than `grace` if that is given. The earliest of several limits
    /// applies.
    pub(crate) fn start(&mut self, grace: Option<Duration>) {
        let now = Instant::now();
        if let Some(grace) = grace {
            let deadline = now + grace;
            match &mut self.deadline {
                Some(before) if before.deadline() <= deadline => {}
                Some(before) => before.as_mut().reset(deadline),
                None => self.deadline = Some(Box::pin(tokio::time::sleep_until(deadline))),
            }
        }
        if self.acknowledgement.is_none() {
            let end = now + ACKNOWLEDGEMENT;
            self.acknowledgement = Some(Box::pin(tokio::time::sleep_until(end)));
        }
    }

    /// Ready when the connection has to be closed. If its client acknowledges the GOAWAY, h2 closes it
    /// after the last call.
    pub(crate) fn poll(&mut self, has_calls: impl Fn() -> bool, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(deadline) = &mut self.deadline
            && deadline.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(());
        }
        while let Some(acknowledgement) = &mut self.acknowledgement
            && acknowledgement.as_mut().poll(cx).is_ready()
        {
            if !has_calls() {
                return Poll::Ready(());
            }
            acknowledgement.as_mut().reset(Instant::now() + ACKNOWLEDGEMENT);
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// How long `drain` takes to close its connection.
    async fn closes(drain: &mut Drain, has_calls: bool) -> Duration {
        let start = Instant::now();
        std::future::poll_fn(|cx| drain.poll(|| has_calls, cx)).await;
        start.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn of_several_limits_the_earliest_holds() {
        for graces in [[10, 20], [20, 10]] {
            let mut drain = Drain::default();
            for seconds in graces {
                drain.start(Some(seconds * SECOND));
            }
            drain.start(None);
            assert_eq!(closes(&mut drain, true).await.as_secs(), 10);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_without_calls_that_does_not_answer_is_not_waited_for() {
        let mut drain = Drain::default();
        drain.start(None);
        assert_eq!(closes(&mut drain, false).await.as_secs(), ACKNOWLEDGEMENT.as_secs());
    }
}
