//! Whether a subchannel may connect now: one attempt at a time, and after failures with a backoff.
//!
//! See [gRPC's backoff](https://github.com/grpc/grpc/blob/master/doc/connection-backoff.md).

use std::{io, sync::Arc};

use tokio::time::Instant;

use crate::{channelz::ChannelState, client::options::Backoff, h2::stream_limiter::StreamLimiter};

/// The history of a subchannel's connection attempts, and what follows from it.
pub(super) struct Connectivity {
    backoff: Backoff,
    max_connections: usize,
    state: ConnectState,
    /// When the last attempt started.
    attempted: Option<Instant>,
    /// How many attempts have failed since the last success.
    failures: i32,
    /// The streams of the latest connection.
    latest: Option<Arc<StreamLimiter>>,
    /// How many connections in a row were closed before they answered a call.
    early_closes: i32,
}

/// The state of connecting.
enum ConnectState {
    Idle,
    Connecting,
    /// No attempt before this time. If there is a failure, calls that do not wait for ready fail with it.
    BackingOff(Option<Arc<io::Error>>, Instant),
}

/// What comes next for a call that found no free stream.
#[derive(Debug)]
pub(super) enum ConnectDecision {
    /// An attempt starts, of which the caller has to report the outcome.
    Connect,
    /// Wait for a stream or a connection. No attempt starts before this time.
    Wait(Option<Instant>),
    /// There is no connection for this reason, and no attempt to make one before this time.
    Fail(Arc<io::Error>, Instant),
}

/// After more early closes in a row than this, connecting counts as failed: the server can be reached, but
/// calls must not wait for ever.
const MAX_DEPARTURES: i32 = 8;

impl Connectivity {
    pub(super) fn new(backoff: Backoff, max_connections: usize) -> Self {
        Self {
            backoff,
            max_connections,
            state: ConnectState::Idle,
            attempted: None,
            failures: 0,
            latest: None,
            early_closes: 0,
        }
    }

    /// Starts an attempt at the time `now` if it may help a call for which none of so many `connections`
    /// has a free stream.
    pub(super) fn decide(&mut self, connections: usize, now: Instant) -> ConnectDecision {
        self.record_early_close();
        match &self.state {
            ConnectState::Connecting => return ConnectDecision::Wait(None),
            ConnectState::BackingOff(failure, until) if *until > now => {
                return match failure {
                    Some(cause) if connections == 0 => {
                        ConnectDecision::Fail(Arc::clone(cause), *until)
                    }
                    _ => ConnectDecision::Wait(Some(*until)),
                };
            }
            ConnectState::BackingOff(..) | ConnectState::Idle => {}
        }
        if connections >= self.max_connections {
            return ConnectDecision::Wait(None);
        }
        self.state = ConnectState::Connecting;
        self.attempted = Some(now);
        ConnectDecision::Connect
    }

    /// Backs off if the server has closed the last two connections before they answered a call.
    /// Handshakes succeed, so calls wait for the next connection rather than fail, but the server must
    /// not be connected to without a pause.
    fn record_early_close(&mut self) {
        let Some(latest) = self.latest.take_if(|streams| streams.is_closed()) else { return };
        self.early_closes =
            if latest.has_answered() { 0 } else { self.early_closes.saturating_add(1) };
        let (Some(attempted), 2..) = (self.attempted, self.early_closes) else { return };
        if let ConnectState::Idle = self.state {
            let until = attempted + self.backoff.after(self.early_closes - 2);
            let failure = (self.early_closes > MAX_DEPARTURES).then(|| Arc::new(departed()));
            self.state = ConnectState::BackingOff(failure, until);
        }
    }

    /// The attempt has succeeded with a connection of these `streams`.
    pub(super) fn connected(&mut self, streams: &Arc<StreamLimiter>) {
        self.state = ConnectState::Idle;
        self.failures = 0;
        self.latest = Some(Arc::clone(streams));
    }

    /// The attempt has failed at the time `now`.
    pub(super) fn failed(&mut self, cause: io::Error, now: Instant) {
        let until = now + self.backoff.after(self.failures);
        self.state = ConnectState::BackingOff(Some(Arc::new(cause)), until);
        self.failures = self.failures.saturating_add(1);
    }

    /// The state of a subchannel without connections. After a failure, it is one until an attempt succeeds.
    pub(super) fn channel_state(&self) -> ChannelState {
        match &self.state {
            ConnectState::Idle | ConnectState::BackingOff(None, _) => ChannelState::Idle,
            ConnectState::Connecting => ChannelState::Connecting,
            ConnectState::BackingOff(Some(_), _) => ChannelState::TransientFailure,
        }
    }

    /// The attempt was dropped without an outcome.
    pub(super) fn cancelled(&mut self) {
        self.state = ConnectState::Idle;
    }
}

fn departed() -> io::Error {
    io::Error::new(
        io::ErrorKind::ConnectionAborted,
        "the server has closed each connection before it answered a call",
    )
}

#[cfg(test)]
mod tests {
    use std::{io::ErrorKind, time::Duration};

    use ConnectDecision::{Connect, Fail, Wait};

    use super::*;
    use crate::{channelz::SocketNode, h2::stream_limiter::FreeStreams};

    const SECOND: Duration = Duration::from_secs(1);

    fn connectivity() -> Connectivity {
        Connectivity::new(Backoff { base: SECOND, max: 120 * SECOND }, 2)
    }

    /// The streams of a connection.
    fn streams() -> Arc<StreamLimiter> {
        StreamLimiter::new(FreeStreams::new(), SocketNode::default())
    }

    /// The streams of a connection that the server has closed.
    fn closed(has_answered: bool) -> Arc<StreamLimiter> {
        let free = FreeStreams::new();
        let streams = StreamLimiter::new(Arc::clone(&free), SocketNode::default());
        streams.set_limit(1);
        streams.offer();
        if has_answered {
            streams.try_acquire().unwrap().note_answer();
        }
        streams.close();
        streams
    }

    #[tokio::test(start_paused = true)]
    async fn there_is_one_attempt_at_a_time_and_no_more_connections_than_allowed() {
        let (mut connectivity, now) = (connectivity(), Instant::now());
        assert!(matches!(connectivity.decide(0, now), Connect));
        assert!(matches!(connectivity.decide(0, now), Wait(None)));
        connectivity.connected(&streams());
        assert!(matches!(connectivity.decide(1, now), Connect));
        connectivity.cancelled();
        assert!(matches!(connectivity.decide(2, now), Wait(None)));
        assert!(matches!(connectivity.decide(1, now), Connect));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_fails_calls_until_the_next_attempt_unless_there_is_a_connection() {
        let (mut connectivity, now) = (connectivity(), Instant::now());
        for seconds in [1.0, 1.6, 2.56] {
            assert!(matches!(connectivity.decide(0, now), Connect));
            connectivity.failed(ErrorKind::ConnectionRefused.into(), now);
            let Fail(cause, until) = connectivity.decide(0, now) else { panic!("no failure") };
            assert_eq!(cause.kind(), ErrorKind::ConnectionRefused);
            assert!(((until - now).as_secs_f64() / seconds - 1.0).abs() < 0.21, "{seconds}");
            assert!(matches!(connectivity.decide(1, now), Wait(Some(time)) if time == until));
            connectivity.state = ConnectState::Idle;
        }
        connectivity.connected(&streams());
        connectivity.failed(ErrorKind::ConnectionRefused.into(), now);
        assert!(matches!(connectivity.decide(0, now + 2 * SECOND), Connect));
    }

    #[tokio::test(start_paused = true)]
    async fn connections_that_answered_are_replaced_at_once() {
        let (mut connectivity, now) = (connectivity(), Instant::now());
        for _ in 0..20 {
            assert!(matches!(connectivity.decide(0, now), Connect));
            connectivity.connected(&closed(true));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn connections_that_left_without_an_answer_are_replaced_ever_later_and_then_a_failure() {
        let (mut connectivity, mut now) = (connectivity(), Instant::now());
        for early_closes in 0..20 {
            let mut until = None;
            match connectivity.decide(0, now) {
                Connect if early_closes < 2 => {}
                Wait(Some(time)) if (2..9).contains(&early_closes) => until = Some(time),
                Fail(_, time) if early_closes >= 9 => until = Some(time),
                other => panic!("{early_closes}: {other:?}"),
            }
            if let Some(until) = until {
                now = until;
                assert!(matches!(connectivity.decide(0, now), Connect));
            }
            connectivity.connected(&closed(false));
        }
        connectivity.connected(&closed(true));
        assert!(matches!(connectivity.decide(0, now), Connect));
    }
}
