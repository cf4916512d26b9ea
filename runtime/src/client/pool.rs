//! The connections of a channel: made when they are needed, again when they are lost, and more of
//! them when one is out of streams.

use std::{
    future::{Future as _, poll_fn},
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Poll,
    time::Duration,
};

use tokio::{sync::futures::Notified, time::Instant};
use tonic::Status;

use super::{
    builder::ChannelOptions, connection::ConnectionHandle, connector::Connector, target::Target,
};
use crate::wire::{
    jitter,
    keep_alive::ChannelPings,
    status,
    stream_limiter::{FreeStreams, StreamLimiter, StreamPermit},
};

/// The connections of a channel.
pub(super) struct Pool {
    pub(super) target: Target,
    pub(super) options: ChannelOptions,
    connector: Connector,
    pings: Arc<ChannelPings>,
    state: Mutex<PoolState>,
    /// What the connections have free. Nobody takes a stream of theirs without a right from here.
    free: Arc<FreeStreams>,
}

#[derive(Default)]
struct PoolState {
    connections: Vec<Arc<ConnectionHandle>>,
    connecting: ConnectState,
    /// When the last attempt began.
    attempted: Option<Instant>,
    /// How many attempts have failed since the last success.
    failures: i32,
    /// The streams of the connection that it made.
    latest: Option<Arc<StreamLimiter>>,
    /// How many connections in a row were closed before a call was answered on them.
    departures: i32,
}

impl PoolState {
    /// A stream, for a caller with the right to one.
    fn stream(&self) -> Option<(Arc<ConnectionHandle>, StreamPermit)> {
        self.connections.iter().find_map(|connection| {
            let permit = connection.streams().try_acquire()?;
            Some((Arc::clone(connection), permit))
        })
    }
}

/// So many departures in a row are a failure: the server may be there, but calls must end.
const MAX_DEPARTURES: i32 = 8;

/// What became of the last attempt to connect.
#[derive(Default)]
enum ConnectState {
    #[default]
    Over,
    Connecting,
    /// Not to be repeated before then. Calls that do not wait for connections fail, if it has failed.
    BackingOff(Option<Status>, Instant),
}

/// What a call that found no free stream can do.
enum Pick {
    /// Wait for one, or for a connection. Nobody connects before this time.
    Wait(Option<Instant>),
    /// There is no connection, and no attempt to make one before this time.
    Failed(Status, Instant),
}

impl Pool {
    pub(super) fn new(target: Target, connector: Connector, options: ChannelOptions) -> Self {
        let pings = ChannelPings::new(options.keep_alive);
        let (state, free) = (Mutex::default(), FreeStreams::new());
        Self { target, options, connector, pings, state, free }
    }

    /// A stream of a connection, if one is free and nobody waits for it.
    pub(super) fn ready(&self) -> Option<(Arc<ConnectionHandle>, StreamPermit)> {
        while self.free.try_take() {
            // There is none when the server has lowered its limit, or the connection was closed.
            if let Some(stream) = self.state().stream() {
                return Some(stream);
            }
        }
        None
    }

    /// Waits for a stream of a connection.
    pub(super) async fn connection(
        self: &Arc<Self>,
        wait_for_ready: bool,
    ) -> Result<(Arc<ConnectionHandle>, StreamPermit), Status> {
        loop {
            let mut changed = pin!(self.free.changed());
            // From here on, no change is missed.
            changed.as_mut().enable();
            if let Some(stream) = self.ready() {
                return Ok(stream);
            }
            let until = match self.pick() {
                Pick::Failed(status, _) if !wait_for_ready => return Err(status),
                Pick::Failed(_, until) => Some(until),
                Pick::Wait(until) => until,
            };
            let may_take = self.wait(changed, until).await;
            if may_take && let Some(stream) = self.state().stream() {
                return Ok(stream);
            }
        }
    }

    /// Waits for the right to a stream, or until it is time to look again; says which it is.
    async fn wait(&self, mut changed: Pin<&mut Notified<'_>>, until: Option<Instant>) -> bool {
        let mut free = pin!(self.free.take());
        let mut timer = until.map(|until| Box::pin(tokio::time::sleep_until(until)));
        poll_fn(|cx| {
            if let Poll::Ready(Ok(())) = free.as_mut().poll(cx) {
                return Poll::Ready(true);
            }
            let timer = timer.as_mut().map_or(Poll::Pending, |timer| timer.as_mut().poll(cx));
            if timer.is_ready() || changed.as_mut().poll(cx).is_ready() {
                return Poll::Ready(false);
            }
            Poll::Pending
        })
        .await
    }

    /// Connects, when there is no connection.
    pub(super) async fn connect(self: &Arc<Self>) -> Result<(), Status> {
        self.connection(false).await.map(drop)
    }

    fn state(&self) -> MutexGuard<'_, PoolState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to connect if that may help.
    fn pick(self: &Arc<Self>) -> Pick {
        let state = &mut *self.state();
        state.connections.retain(|connection| !connection.streams().is_closed());
        self.note_departure(state);
        let is_full = state.connections.len() >= self.options.max_connections;
        match &state.connecting {
            ConnectState::Connecting => return Pick::Wait(None),
            ConnectState::BackingOff(failure, until) if *until > Instant::now() => {
                return match failure {
                    Some(status) if state.connections.is_empty() => {
                        Pick::Failed(status.clone(), *until)
                    }
                    _ => Pick::Wait(Some(*until)),
                };
            }
            ConnectState::BackingOff(..) | ConnectState::Over if is_full => {
                return Pick::Wait(None);
            }
            ConnectState::BackingOff(..) | ConnectState::Over => {}
        }
        state.connecting = ConnectState::Connecting;
        state.attempted = Some(Instant::now());
        tokio::spawn(connect(ConnectGuard(Arc::clone(self))));
        Pick::Wait(None)
    }

    /// Backs off from a server that has closed the last connection before it answered a call, and the one
    /// before, too: it is there, as it has begun, and calls wait for the next one; but it must not be
    /// dialled without a pause.
    fn note_departure(&self, state: &mut PoolState) {
        let Some(latest) = state.latest.take_if(|streams| streams.is_closed()) else { return };
        state.departures =
            if latest.has_answered() { 0 } else { state.departures.saturating_add(1) };
        let (Some(attempted), 2..) = (state.attempted, state.departures) else { return };
        if let ConnectState::Over = state.connecting {
            let until = attempted + self.options.backoff.after(state.departures - 2);
            let failure = (state.departures > MAX_DEPARTURES).then(|| {
                self.unavailable("the server has closed each connection before it answered a call")
            });
            state.connecting = ConnectState::BackingOff(failure, until);
        }
    }

    fn connected(&self, connection: Arc<ConnectionHandle>) {
        let state = &mut *self.state();
        state.connecting = ConnectState::Over;
        state.failures = 0;
        state.latest = Some(Arc::clone(connection.streams()));
        state.connections.push(connection);
    }

    fn failed(&self, cause: &str) {
        let state = &mut *self.state();
        let until = Instant::now() + self.options.backoff.after(state.failures);
        state.connecting = ConnectState::BackingOff(Some(self.unavailable(cause)), until);
        state.failures = state.failures.saturating_add(1);
    }

    fn unavailable(&self, cause: &str) -> Status {
        Status::unavailable(format!("cannot connect to {}: {cause}", self.target.address()))
    }

    async fn open(&self) -> Result<ConnectionHandle, String> {
        let begin = |io| {
            let streams = StreamLimiter::new(Arc::clone(&self.free));
            ConnectionHandle::open(io, &self.options, streams, Arc::clone(&self.pings))
        };
        let opening = self.connector.open(&self.target, begin);
        match tokio::time::timeout(self.options.connect_timeout, opening).await {
            Ok(opened) => opened.map_err(|error| status::describe(&error)),
            Err(_) => Err(format!("no answer within {:?}", self.options.connect_timeout)),
        }
    }
}

async fn connect(guard: ConnectGuard) {
    let pool = &guard.0;
    match pool.open().await {
        Ok(connection) => {
            let connection = Arc::new(connection);
            pool.connected(Arc::clone(&connection));
            // Not before those who take a stream of its can find it.
            connection.streams().open();
        }
        Err(cause) => pool.failed(&cause),
    }
}

/// An attempt to connect. When the runtime that makes it ends, it is over.
struct ConnectGuard(Arc<Pool>);

impl Drop for ConnectGuard {
    fn drop(&mut self) {
        let mut state = self.0.state();
        if matches!(state.connecting, ConnectState::Connecting) {
            state.connecting = ConnectState::Over;
        }
        drop(state);
        self.0.free.notify();
    }
}

/// How long to wait after failed attempts.
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

    /// The wait after one failure more than `failures`.
    fn after(self, failures: i32) -> Duration {
        let wait = self.base.as_secs_f64() * Self::FACTOR.powi(failures);
        let wait = Duration::try_from_secs_f64(wait).map_or(self.max, |wait| wait.min(self.max));
        jitter::around(wait, Self::JITTER)
    }
}

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
