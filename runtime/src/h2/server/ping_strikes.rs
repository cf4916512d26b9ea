//! Enforces the limit for clients' PINGs.
//!
//! See [gRFC
//! A8](https://github.com/grpc/proposal/blob/master/A8-client-side-keepalive.md#server-enforcement).

use std::time::Duration;

use tokio::time::Instant;

/// How many early PINGs in a row are tolerated.
const MAX_STRIKES: u64 = 2;
/// The shortest interval for clients without calls, unless they may ping as if they had some: that of TCP
/// keepalive.
const IDLE_INTERVAL: Duration = Duration::from_secs(2 * 60 * 60);

/// How often clients may ping.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PingPolicy {
    /// The shortest interval with calls.
    pub(crate) interval: Duration,
    /// Whether `interval` applies without calls as well.
    pub(crate) while_idle: bool,
}

/// The early PINGs of one connection.
#[derive(Debug)]
pub(crate) struct PingStrikes {
    policy: PingPolicy,
    /// When the last PING arrived that was not early.
    last: Option<Instant>,
    strikes: u64,
    pings: u64,
    sent: u64,
}

impl PingStrikes {
    pub(crate) fn new(policy: PingPolicy) -> Self {
        Self { policy, last: None, strikes: 0, pings: 0, sent: 0 }
    }

    /// Whether the client has pinged too often. `pings` and `sent` are totals of the connection: PINGs
    /// received, and HEADERS and DATA frames sent. Frames sent reset the strikes, because their receiver
    /// may ping, for example to measure the bandwidth.
    pub(crate) fn are_too_many(&mut self, pings: u64, sent: u64, has_calls: bool) -> bool {
        if sent != self.sent {
            (self.last, self.strikes, self.sent) = (None, 0, sent);
        }
        let mut new = pings - self.pings;
        if new == 0 {
            return false;
        }
        self.pings = pings;
        let now = Instant::now();
        let interval = match has_calls || self.policy.while_idle {
            true => self.policy.interval,
            false => IDLE_INTERVAL,
        };
        if self.last.is_none_or(|last| now.duration_since(last) >= interval) {
            self.last = Some(now);
            new -= 1;
        }
        if !interval.is_zero() {
            self.strikes += new;
        }
        self.strikes > MAX_STRIKES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    /// Which PING is one too many at this `interval`. If `sends`, something is sent before each.
    async fn struck_out(
        strikes: &mut PingStrikes,
        interval: Duration,
        has_calls: bool,
        sends: bool,
    ) -> Option<u64> {
        for ping in 1..=100 {
            if strikes.are_too_many(ping, if sends { ping } else { 0 }, has_calls) {
                return Some(ping);
            }
            tokio::time::advance(interval).await;
        }
        None
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_is_struck_out_by_the_third_ping_that_comes_too_early() {
        let strict = PingPolicy { interval: 5 * MINUTE, while_idle: false };
        let lenient = PingPolicy { interval: MINUTE, while_idle: true };
        let free = PingPolicy { interval: Duration::ZERO, while_idle: true };
        for (policy, interval, has_calls, sends, struck) in [
            (strict, Duration::ZERO, true, false, Some(4)),
            (strict, MINUTE, true, false, Some(4)),
            (strict, 4 * MINUTE, true, false, Some(6)),
            (strict, 5 * MINUTE, true, false, None),
            (strict, 5 * MINUTE, false, false, Some(4)),
            (strict, 120 * MINUTE, false, false, None),
            (strict, MINUTE, true, true, None),
            (lenient, MINUTE, false, false, None),
            (lenient, MINUTE / 2, false, false, Some(6)),
            (free, Duration::ZERO, false, false, None),
        ] {
            let strikes = &mut PingStrikes::new(policy);
            let seen = struck_out(strikes, interval, has_calls, sends).await;
            assert_eq!(seen, struck, "{policy:?}, every {interval:?}, {has_calls}, {sends}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn pings_that_come_together_are_counted_one_by_one() {
        let strict = PingPolicy { interval: 5 * MINUTE, while_idle: false };
        assert!(!PingStrikes::new(strict).are_too_many(3, 0, true));
        assert!(PingStrikes::new(strict).are_too_many(4, 0, true));
    }
}
