//! HTTP/2 keepalive PINGs, which detect dead peers.

use std::{
    future::Future as _,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use h2::{Ping, PingPong};
use tokio::time::{Instant, Sleep};

use super::goaway::GoAway;
use crate::{call::deadline::FOREVER, channelz::SocketNode};

/// The shortest client interval. See [gRFC
/// A8](https://github.com/grpc/proposal/blob/master/A8-client-side-keepalive.md#extending-for-basic-health-checking).
const MIN_CLIENT_INTERVAL: Duration = Duration::from_secs(10);
/// The shortest server interval, as in grpc-go.
const MIN_SERVER_INTERVAL: Duration = Duration::from_secs(1);
/// The shortest timeout for an ACK, as in grpc-java.
const MIN_TIMEOUT: Duration = Duration::from_millis(10);

/// The interval between PINGs, and the timeout for their ACKs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeepAliveOptions {
    pub(crate) interval: Option<Duration>,
    pub(crate) timeout: Duration,
}

impl KeepAliveOptions {
    pub(crate) fn set_client_interval(&mut self, interval: Option<Duration>) {
        self.interval = interval.map(|interval| interval.clamp(MIN_CLIENT_INTERVAL, FOREVER));
    }

    pub(crate) fn set_server_interval(&mut self, interval: Option<Duration>) {
        self.interval = interval.map(|interval| interval.clamp(MIN_SERVER_INTERVAL, FOREVER));
    }

    pub(crate) fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout.clamp(MIN_TIMEOUT, FOREVER);
    }

    /// How long what a client has sent may remain unacknowledged by TCP.
    #[cfg(feature = "client")]
    pub(crate) fn tcp_user_timeout(&self) -> Option<Duration> {
        self.interval.map(|_| self.timeout)
    }
}

/// The keepalive options that the connections of a channel share. The interval doubles when a server
/// closes a connection because of too many PINGs.
#[derive(Debug)]
pub(crate) struct ChannelKeepAlive(Mutex<KeepAliveOptions>);

impl ChannelKeepAlive {
    pub(crate) fn new(options: KeepAliveOptions) -> Arc<Self> {
        Arc::new(Self(Mutex::new(options)))
    }

    pub(crate) fn get(&self) -> KeepAliveOptions {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Doubles the interval of a connection that was closed for its PINGs, for all new connections.
    fn slow_down(&self, interval: Duration) {
        let mut options = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let longer = interval.saturating_mul(2).min(FOREVER);
        // Computed from the closed connection's own interval: several connections closed for the same
        // reason double it only once.
        options.interval = options.interval.map(|interval| interval.max(longer));
    }
}

/// Sends keepalive PINGs on a connection.
///
/// See [gRPC's keepalive](https://github.com/grpc/proposal/blob/master/A8-client-side-keepalive.md).
pub(crate) struct KeepAlive {
    /// None until the first PING: h2 does more work for a connection once it was taken.
    pings: Option<PingPong>,
    interval: Duration,
    timeout: Duration,
    /// Fires when the next PING is due, or when the timeout for an ACK ends.
    timer: Pin<Box<Sleep>>,
    waiting: bool,
    /// Counts the PINGs.
    pub(crate) socket: SocketNode,
}

impl KeepAlive {
    /// None if `options` have no interval.
    pub(crate) fn new(options: KeepAliveOptions, socket: &SocketNode) -> Option<Self> {
        let interval = options.interval?;
        let timer = Box::pin(tokio::time::sleep(interval));
        Some(Self {
            pings: None,
            interval,
            timeout: options.timeout,
            timer,
            waiting: false,
            socket: socket.clone(),
        })
    }

    /// Slows down the PINGs of the channel's other connections if the server has closed this one for too
    /// many of them.
    pub(crate) fn note_end(&self, goaway: Option<&GoAway>, channel: &ChannelKeepAlive) {
        if goaway.is_some_and(|goaway| *goaway == GoAway::too_many_pings()) {
            tracing::warn!(interval = ?self.interval, "the server closed a connection for too many pings");
            channel.slow_down(self.interval);
        }
    }

    /// The error of a connection whose peer did not answer a PING.
    pub(crate) fn no_answer(&self) -> String {
        format!("the peer did not answer a keepalive ping within {:?}", self.timeout)
    }

    /// Ready if the peer did not answer in time. No PING is sent while `quiet`. `take` returns h2's
    /// handle for PINGs; it is called before the first of them.
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
            // If a PING cannot be sent, the connection is closing and h2 reports that.
            let pings = self.pings.as_mut().filter(|_| !quiet);
            self.waiting = pings.is_some_and(|pings| pings.send_ping(Ping::opaque()).is_ok());
            if self.waiting {
                self.socket.count_keep_alive();
            }
            let wait = if self.waiting { self.timeout } else { self.interval };
            self.timer.as_mut().reset(Instant::now() + wait);
        }
    }
}
