//! The end of a connection that has been drained for long enough.

use std::{
    future::{Future as _, poll_fn},
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use h2::Reason;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    connection::{READ_BUDGET, ServerConnection},
    drain::DrainReason,
};
use crate::call::panics::catch_panic;

/// How long a client may take to read the ends of its calls, once they were ended by their server.
pub(crate) const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

impl<Io: AsyncRead + AsyncWrite + Unpin> ServerConnection<'_, Io> {
    /// Closes a connection that has been drained for long enough: ends its calls for `reason`, and refuses those
    /// that still arrive. Completes when the client has been sent all of it, or takes too long to read it.
    pub(super) async fn close(&mut self, reason: Option<DrainReason>) {
        if let Some(reason) = reason
            && catch_panic(|| self.calls.give_up(&reason.status())).is_err()
        {
            return self.abort();
        }
        let task_waker = Arc::clone(&self.task_waker);
        let waker = Waker::from(Arc::clone(&task_waker));
        let mut timeout = pin!(tokio::time::sleep(CLOSE_TIMEOUT));
        let mut has_gone_away = false;
        poll_fn(|cx| {
            task_waker.poll(&waker, cx, |cx| {
                let is_late = timeout.as_mut().poll(cx).is_ready();
                let polled = catch_panic(|| self.poll_close(is_late, &mut has_gone_away));
                polled.unwrap_or_else(|_| {
                    self.abort();
                    Poll::Ready(())
                })
            })
        })
        .await;
    }

    fn poll_close(&mut self, is_late: bool, has_gone_away: &mut bool) -> Poll<()> {
        if self.task_waker.take_h2() && self.poll_refuse().is_ready() {
            return Poll::Ready(());
        }
        self.calls.send_answered();
        if !*has_gone_away && (is_late || !self.h2.has_streams()) {
            *has_gone_away = true;
            // It names the last call that was accepted, so the client can make those after it elsewhere.
            self.h2.abrupt_shutdown(Reason::NO_ERROR);
            self.task_waker.wake_h2();
        } else if is_late {
            return Poll::Ready(());
        }
        Poll::Pending
    }

    /// Writes pending frames, and refuses calls in a way that has their client make them elsewhere. Ready when
    /// the connection is closed.
    fn poll_refuse(&mut self) -> Poll<()> {
        self.io.allow(READ_BUDGET);
        let cx = &mut Context::from_waker(&self.waker);
        while let Poll::Ready(call) = self.h2.poll_accept(cx) {
            let Some(Ok((_, mut response))) = call else { return Poll::Ready(()) };
            response.send_reset(Reason::REFUSED_STREAM);
        }
        Poll::Pending
    }
}
