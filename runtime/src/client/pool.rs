//! The connections of a channel: opened on demand, replaced when lost, and added when the others have no
//! free streams.

use std::{
    future::{Future as _, poll_fn},
    io,
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Poll,
    time::Duration,
};

use tokio::{sync::futures::Notified, time::Instant};

use super::{connector::Connector, error::ConnectError, options::ChannelOptions, target::Target};
use crate::{
    call::deadline,
    h2::{
        client::connection::ConnectionHandle,
        keep_alive::ChannelPings,
        stream_limiter::{FreeStreams, StreamLimiter, StreamPermit},
    },
};

/// The connections of a channel.
pub(super) struct Pool {
    pub(super) target: Target,
    pub(super) options: ChannelOptions,
    connector: Connector,
    pings: Arc<ChannelPings>,
    /// Locked for bookkeeping alone, never while connecting.
    state: Mutex<PoolState>,
    /// The free streams of all connections. A stream may only be taken with a permit from here.
    free: Arc<FreeStreams>,
}

#[derive(Default)]
struct PoolState {
    connections: Vec<Arc<ConnectionHandle>>,
    connecting: ConnectState,
    /// When the last connection attempt started.
    attempted: Option<Instant>,
    /// How many attempts have failed since the last success.
    failures: i32,
    /// The streams of the latest connection.
    latest: Option<Arc<StreamLimiter>>,
    /// How many connections in a row were closed before they answered a call.
    departures: i32,
}

impl PoolState {
    /// A free stream of the connection with the fewest calls, for a caller that has a permit.
    fn stream(&self) -> Option<(Arc<ConnectionHandle>, StreamPermit)> {
        let connections = self.connections.iter();
        let free = connections.filter(|connection| connection.streams().has_free());
        let connection = free.min_by_key(|connection| connection.streams().calls())?;
        // Only whoever holds the lock takes streams: it fails if the server has just lowered its limit or
        // the connection was closed, and then the permit's stream has vanished.
        let permit = connection.streams().try_acquire()?;
        Some((Arc::clone(connection), permit))
    }
}

/// After more departures in a row than this, connecting counts as failed: the server can be reached, but
/// calls must not wait for ever.
const MAX_DEPARTURES: i32 = 8;

/// The state of connecting.
#[derive(Default)]
enum ConnectState {
    #[default]
    Over,
    Connecting,
    /// No attempt before this time. If there is a failure, calls that do not wait for ready fail with it.
    BackingOff(Option<ConnectError>, Instant),
}

/// The options of a call that found no free stream.
enum Pick {
    /// Wait for a stream or a connection. No attempt to connect starts before this time.
    Wait(Option<Instant>),
    /// There is no connection, and no attempt to make one before this time.
    Failed(ConnectError, Instant),
}

impl Pool {
    pub(super) fn new(target: Target, connector: Connector, options: ChannelOptions) -> Self {
        let pings = ChannelPings::new(options.keep_alive);
        let (state, free) = (Mutex::default(), FreeStreams::new());
        Self { target, options, connector, pings, state, free }
    }

    /// A free stream of some connection, if nobody else waits for it.
    pub(super) fn ready(&self) -> Option<(Arc<ConnectionHandle>, StreamPermit)> {
        while self.free.try_acquire() {
            // The permit's stream may have vanished: the server has lowered its limit, or the connection
            // was closed.
            if let Some(stream) = self.state().stream() {
                return Some(stream);
            }
        }
        None
    }

    /// Waits for a free stream of some connection.
    pub(super) async fn connection(
        self: &Arc<Self>,
        wait_for_ready: bool,
    ) -> Result<(Arc<ConnectionHandle>, StreamPermit), ConnectError> {
        loop {
            let mut changed = pin!(self.free.changed());
            // Registered before the state is checked, so that no change in between is missed.
            changed.as_mut().enable();
            if let Some(stream) = self.ready() {
                return Ok(stream);
            }
            let until = match self.pick() {
                Pick::Failed(error, _) if !wait_for_ready => return Err(error),
                Pick::Failed(_, until) => Some(until),
                Pick::Wait(until) => until,
            };
            let has_permit = self.wait(changed, until).await;
            if has_permit && let Some(stream) = self.state().stream() {
                return Ok(stream);
            }
        }
    }

    /// Waits for a permit (true), or until the state has to be checked again (false).
    async fn wait(&self, mut changed: Pin<&mut Notified<'_>>, until: Option<Instant>) -> bool {
        let mut free = pin!(self.free.acquire());
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

    /// Waits until there is a connection.
    pub(super) async fn connect(self: &Arc<Self>) -> Result<(), ConnectError> {
        self.connection(false).await.map(drop)
    }

    fn state(&self) -> MutexGuard<'_, PoolState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a connection attempt if that may help.
    fn pick(self: &Arc<Self>) -> Pick {
        let state = &mut *self.state();
        state.connections.retain(|connection| !connection.streams().is_closed());
        self.note_departure(state);
        let is_full = state.connections.len() >= self.options.max_connections;
        match &state.connecting {
            ConnectState::Connecting => return Pick::Wait(None),
            ConnectState::BackingOff(failure, until) if *until > Instant::now() => {
                return match failure {
                    Some(error) if state.connections.is_empty() => {
                        Pick::Failed(error.clone(), *until)
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

    /// Backs off if the server has closed the last two connections before they answered a call.
    /// Handshakes succeed, so calls wait for the next connection rather than fail, but the server must
    /// not be dialled without a pause.
    fn note_departure(&self, state: &mut PoolState) {
        let Some(latest) = state.latest.take_if(|streams| streams.is_closed()) else { return };
        state.departures =
            if latest.has_answered() { 0 } else { state.departures.saturating_add(1) };
        let (Some(attempted), 2..) = (state.attempted, state.departures) else { return };
        if let ConnectState::Over = state.connecting {
            let until = attempted + self.options.backoff.after(state.departures - 2);
            let failure = (state.departures > MAX_DEPARTURES).then(|| {
                self.unreachable(io::Error::new(
                    io::ErrorKind::ConnectionAborted,
                    "the server has closed each connection before it answered a call",
                ))
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

    fn failed(&self, cause: io::Error) {
        let state = &mut *self.state();
        let until = Instant::now() + self.options.backoff.after(state.failures);
        state.connecting = ConnectState::BackingOff(Some(self.unreachable(cause)), until);
        state.failures = state.failures.saturating_add(1);
    }

    fn unreachable(&self, cause: io::Error) -> ConnectError {
        ConnectError::unreachable(self.target.address(), cause)
    }

    async fn open(&self) -> io::Result<ConnectionHandle> {
        let handshake = |io| {
            let streams = StreamLimiter::new(Arc::clone(&self.free));
            ConnectionHandle::open(io, self.options.connection, streams, Arc::clone(&self.pings))
        };
        let opening = self.connector.open(&self.target, handshake);
        let limit = self.options.connect_timeout;
        let late = deadline::timer("connecting", || tokio::time::sleep(limit))
            .map_err(io::Error::other)?;
        let (mut late, mut opening) = (pin!(late), pin!(opening));
        poll_fn(|cx| match opening.as_mut().poll(cx) {
            Poll::Ready(opened) => Poll::Ready(opened),
            Poll::Pending => late.as_mut().poll(cx).map(|()| Err(no_answer(limit))),
        })
        .await
    }
}

async fn connect(guard: ConnectGuard) {
    let pool = &guard.0;
    match pool.open().await {
        Ok(connection) => {
            let connection = Arc::new(connection);
            pool.connected(Arc::clone(&connection));
            // Only after the pool has it: a caller with a permit must find the connection.
            connection.streams().open();
        }
        Err(cause) => pool.failed(cause),
    }
}

fn no_answer(limit: Duration) -> io::Error {
    let text = format!("no answer within {limit:?}, the `ChannelBuilder::connect_timeout`");
    io::Error::new(io::ErrorKind::TimedOut, text)
}

/// Marks a connection attempt as over when it is dropped, even if that is because its runtime shuts down.
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
