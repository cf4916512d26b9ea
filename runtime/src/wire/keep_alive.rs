//! Pings that tell whether the other side of a connection is still there.

use std::{
    future::Future as _,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use h2::{Ping, PingPong};
use tokio::time::{Instant, Sleep};

/// How often to ping, and how long to wait for the answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pings {
    pub(crate) interval: Option<Duration>,
    pub(crate) timeout: Duration,
}

/// Pings the other side of a connection.
///
/// See [gRPC's keepalive](https://github.com/grpc/proposal/blob/master/A8-client-side-keepalive.md).
pub(crate) struct KeepAlive {
    /// None until the first one is sent: h2 does more for connections that ping.
    pings: Option<PingPong>,
    interval: Duration,
    timeout: Duration,
    /// When the next ping is due, or its answer.
    timer: Pin<Box<Sleep>>,
    waiting: bool,
}

impl KeepAlive {
    /// Pings as `config` says, if it says so at all.
    pub(crate) fn new(config: Pings) -> Option<Self> {
        let interval = config.interval?;
        let timer = Box::pin(tokio::time::sleep(interval));
        Some(Self { pings: None, interval, timeout: config.timeout, timer, waiting: false })
    }

    /// Ready once the other side has not answered in time. While `quiet`, no ping is sent. `take`
    /// gives what pings the connection, the first time that it is asked.
    pub(crate) fn poll_dead(
        &mut self,
        quiet: bool,
        mut take: impl FnMut() -> Option<PingPong>,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        loop {
            if let Some(pings) = self.pings.as_mut().filter(|_| self.waiting)
                && pings.poll_pong(cx).is_ready()
            {
                self.waiting = false;
                self.timer.as_mut().reset(Instant::now() + self.interval);
            }
            ready!(self.timer.as_mut().poll(cx));
            if self.waiting {
                return Poll::Ready(());
            }
            if self.pings.is_none() && !quiet {
                self.pings = take();
            }
            // A ping that cannot be sent means that the connection ends: it says so itself.
            let pings = self.pings.as_mut().filter(|_| !quiet);
            self.waiting = pings.is_some_and(|pings| pings.send_ping(Ping::opaque()).is_ok());
            let wait = if self.waiting { self.timeout } else { self.interval };
            self.timer.as_mut().reset(Instant::now() + wait);
        }
    }
}
