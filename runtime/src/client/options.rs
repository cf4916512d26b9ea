//! The values of a channel's options.

use std::time::Duration;

use http::HeaderValue;

use super::error::ConnectError;
use crate::{
    h2::{
        client::connection::ClientConnectionOptions, jitter, keep_alive::KeepAliveOptions,
        stream::Http2Limits,
    },
    protocol::Protocol,
};

/// The name of this library in `user-agent`.
pub(super) const USER_AGENT: &str = concat!("grpc-rust-scaffold/", env!("CARGO_PKG_VERSION"));

/// The methods of [`ChannelBuilder`](crate::ChannelBuilder) with the same names document these.
#[derive(Clone, Debug)]
pub(super) struct ChannelOptions {
    pub(super) protocol: Protocol,
    pub(super) subchannel: SubchannelOptions,
    pub(super) keep_alive: KeepAliveOptions,
    pub(super) wait_for_ready: bool,
    pub(super) user_agent: HeaderValue,
}

/// The options of a channel that hold for each of its subchannels.
#[derive(Clone, Copy, Debug)]
pub(super) struct SubchannelOptions {
    pub(super) connect_timeout: Duration,
    pub(super) backoff: Backoff,
    pub(super) max_connections: usize,
    pub(super) connection: ClientConnectionOptions,
}

impl Default for ChannelOptions {
    fn default() -> Self {
        Self {
            protocol: Protocol::default(),
            subchannel: SubchannelOptions {
                connect_timeout: Duration::from_secs(20),
                backoff: Backoff { base: Duration::from_secs(1), max: Duration::from_secs(120) },
                max_connections: 16,
                connection: ClientConnectionOptions {
                    limits: Http2Limits::default(),
                    ping_while_idle: false,
                },
            },
            keep_alive: KeepAliveOptions { interval: None, timeout: Duration::from_secs(20) },
            wait_for_ready: false,
            user_agent: HeaderValue::from_static(USER_AGENT),
        }
    }
}

impl ChannelOptions {
    /// Rejects values with which every call would fail, or with which the channel would connect without a
    /// pause.
    pub(super) fn check(&self) -> Result<(), ConnectError> {
        let SubchannelOptions { connect_timeout, backoff, connection, .. } = &self.subchannel;
        let zeros = [
            ("connect_timeout", connect_timeout.is_zero()),
            ("backoff", backoff.base.is_zero() || backoff.max.is_zero()),
        ];
        let mut zeros = zeros.into_iter().chain(connection.limits.zeros());
        match zeros.find(|(_, is_zero)| *is_zero) {
            Some((name, _)) => Err(ConnectError::zero(name)),
            None => Ok(()),
        }
    }
}

/// The delays after failed attempts.
///
/// See [gRPC's backoff](https://github.com/grpc/grpc/blob/master/doc/connection-backoff.md).
#[derive(Clone, Copy, Debug)]
pub(super) struct Backoff {
    pub(super) base: Duration,
    pub(super) max: Duration,
}

impl Backoff {
    const FACTOR: f64 = 1.6;
    const JITTER: f64 = 0.2;

    /// The delay after `failures` earlier failures and one more.
    pub(super) fn after(self, failures: i32) -> Duration {
        let wait = self.base.as_secs_f64() * Self::FACTOR.powi(failures);
        let wait = Duration::try_from_secs_f64(wait).map_or(self.max, |wait| wait.min(self.max));
        jitter::around(wait, Self::JITTER)
    }
}

/// A request extension that overrides [`ChannelBuilder::wait_for_ready`](crate::ChannelBuilder::wait_for_ready): whether the call waits for a
/// connection, up to its deadline.
///
/// ```
/// # use rust_scaffold::{Request, WaitForReady};
/// let mut request = Request::new(());
/// request.extensions_mut().insert(WaitForReady(true));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitForReady(pub bool);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_the_greatest_and_differ() {
        let backoff = Backoff { base: Duration::from_secs(1), max: Duration::from_secs(120) };
        let near = |failures, seconds: f64| {
            let wait = backoff.after(failures).as_secs_f64();
            assert!((seconds * 0.79..seconds * 1.21).contains(&wait), "{failures}: {wait}");
            wait
        };
        near(0, 1.0);
        near(1, 1.6);
        near(3, 4.096);
        near(i32::MAX, 120.0);
        assert_ne!(near(50, 120.0), near(50, 120.0));
    }
}
