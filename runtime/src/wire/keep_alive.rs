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
    pings: PingPong,
    interval: Duration,
    timeout: Duration,
    /// When the next ping is due, or its answer.
    timer: Pin<Box<Sleep>>,
    waiting: bool,
}

impl KeepAlive {
    /// Pings as `config` says through `pings`, if it says so at all.
    pub(crate) fn new(config: Pings, pings: Option<PingPong>) -> Option<Self> {
        let (pings, interval) = (pings?, config.interval?);
        let timer = Box::pin(tokio::time::sleep(interval));
        Some(Self { pings, interval, timeout: config.timeout, timer, waiting: false })
    }

    /// Ready once the other side has not answered in time. While `quiet`, no ping is sent.
    pub(crate) fn poll_dead(&mut self, quiet: bool, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if self.waiting && self.pings.poll_pong(cx).is_ready() {
                self.waiting = false;
                self.timer.as_mut().reset(Instant::now() + self.interval);
            }
            ready!(self.timer.as_mut().poll(cx));
            if self.waiting {
                return Poll::Ready(());
            }
            // A ping that cannot be sent means that the connection ends: it says so itself.
            let sent = !quiet && self.pings.send_ping(Ping::opaque()).is_ok();
            self.waiting = sent;
            let wait = if sent { self.timeout } else { self.interval };
            self.timer.as_mut().reset(Instant::now() + wait);
        }
    }
}
