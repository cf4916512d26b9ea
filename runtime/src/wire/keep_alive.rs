//! Pings that tell whether the other side of a connection is still there.

use std::{
    future::Future as _,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use h2::{Ping, PingPong};
use tokio::time::{Instant, Sleep};

use super::{deadline::FOREVER, goaway::GoAway};

/// The shortest interval of a client. See [gRFC
/// A8](https://github.com/grpc/proposal/blob/master/A8-client-side-keepalive.md#extending-for-basic-health-checking).
const MIN_CLIENT_INTERVAL: Duration = Duration::from_secs(10);
/// The shortest interval of a server, as in grpc-go.
const MIN_SERVER_INTERVAL: Duration = Duration::from_secs(1);
/// The shortest time to wait for an answer, as in grpc-java.
const MIN_TIMEOUT: Duration = Duration::from_millis(10);

/// How often to ping, and how long to wait for the answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pings {
    pub(crate) interval: Option<Duration>,
    pub(crate) timeout: Duration,
}

impl Pings {
    pub(crate) fn set_client_interval(&mut self, interval: Option<Duration>) {
        self.interval = interval.map(|interval| interval.clamp(MIN_CLIENT_INTERVAL, FOREVER));
    }

    pub(crate) fn set_server_interval(&mut self, interval: Option<Duration>) {
        self.interval = interval.map(|interval| interval.clamp(MIN_SERVER_INTERVAL, FOREVER));
    }

    pub(crate) fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout.clamp(MIN_TIMEOUT, FOREVER);
    }
}

/// How the connections of a channel ping: half as often when a server finds that too often.
#[derive(Debug)]
pub(crate) struct ChannelPings(Mutex<Pings>);

impl ChannelPings {
    pub(crate) fn new(pings: Pings) -> Arc<Self> {
        Arc::new(Self(Mutex::new(pings)))
    }

    pub(crate) fn get(&self) -> Pings {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has new connections ping half as often as one that was closed for its pings.
    fn slow_down(&self, interval: Duration) {
        let mut pings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let longer = interval.saturating_mul(2).min(FOREVER);
        // Of several connections that were closed for the same, each counts once.
        pings.interval = pings.interval.map(|interval| interval.max(longer));
    }
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

    /// Has the other connections of the channel ping less if the server has closed this one because
    /// of its pings.
    pub(crate) fn note_end(&self, goaway: Option<&GoAway>, channel: &ChannelPings) {
        if goaway.is_some_and(|goaway| *goaway == GoAway::too_many_pings()) {
            tracing::warn!(interval = ?self.interval, "the server closed a connection for too many pings");
            channel.slow_down(self.interval);
        }
    }

    /// Why a connection ends whose other side has not answered.
    pub(crate) fn no_answer(&self) -> String {
        format!("the peer did not answer a keepalive ping within {:?}", self.timeout)
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
