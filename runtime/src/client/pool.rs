//! The connections of a channel: made when they are needed, again when they are lost, and more of
//! them when one is out of streams.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};
use tonic::Status;

use super::{builder::Options, connection::Connection, connector::Connector, target::Target};
use crate::wire::{jitter, load::Busy, status};

/// The connections of a channel.
pub(super) struct Pool {
    pub(super) target: Target,
    pub(super) options: Options,
    connector: Connector,
    state: Mutex<State>,
    /// Told when a call that found no connection may find one now.
    changed: Arc<Notify>,
}

#[derive(Default)]
struct State {
    connections: Vec<Arc<Connection>>,
    attempt: Attempt,
    /// How many attempts have failed since the last success.
    failures: i32,
}

impl State {
    fn ready(&self) -> Option<(Arc<Connection>, Busy)> {
        self.connections.iter().find_map(|connection| {
            let busy = connection.load().take()?;
            Some((Arc::clone(connection), busy))
        })
    }
}

/// What became of the last attempt to connect.
#[derive(Default)]
enum Attempt {
    #[default]
    Over,
    Running,
    /// Not to be repeated before then.
    Failed(Status, Instant),
}

/// What a call finds.
enum Found {
    Connection(Arc<Connection>, Busy),
    /// Nothing yet.
    Wait,
    /// Nothing before then.
    Failed(Status, Instant),
}

impl Pool {
    pub(super) fn new(target: Target, connector: Connector, options: Options) -> Self {
        let (state, changed) = (Mutex::default(), Arc::default());
        Self { target, options, connector, state, changed }
    }

    /// A connection with room for a call, if there is one.
    pub(super) fn ready(&self) -> Option<(Arc<Connection>, Busy)> {
        self.state().ready()
    }

    /// Waits for a connection with room for a call.
    pub(super) async fn connection(
        self: &Arc<Self>,
        wait_for_ready: bool,
    ) -> Result<(Arc<Connection>, Busy), Status> {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            // From here on, no change is missed.
            changed.as_mut().enable();
            match self.find() {
                Found::Connection(connection, busy) => return Ok((connection, busy)),
                Found::Wait => changed.await,
                Found::Failed(status, _) if !wait_for_ready => return Err(status),
                Found::Failed(_, until) => {
                    // Either way, it is time to look again.
                    let _ = tokio::time::timeout_at(until, changed).await;
                }
            }
        }
    }

    /// Connects, when there is no connection.
    pub(super) async fn connect(self: &Arc<Self>) -> Result<(), Status> {
        self.connection(false).await.map(drop)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(self: &Arc<Self>) -> Found {
        let state = &mut *self.state();
        if let Some((connection, busy)) = state.ready() {
            return Found::Connection(connection, busy);
        }
        state.connections.retain(|connection| !connection.load().is_closed());
        let full = state.connections.len() >= self.options.max_connections;
        match &state.attempt {
            Attempt::Running => return Found::Wait,
            Attempt::Failed(status, until) if *until > Instant::now() => {
                return match state.connections.is_empty() {
                    true => Found::Failed(status.clone(), *until),
                    false => Found::Wait,
                };
            }
            Attempt::Failed(..) | Attempt::Over if full => return Found::Wait,
            Attempt::Failed(..) | Attempt::Over => {}
        }
        state.attempt = Attempt::Running;
        tokio::spawn(attempt(Running(Arc::clone(self))));
        Found::Wait
    }

    fn failed(&self, state: &mut State, cause: &str) {
        let status =
            Status::unavailable(format!("cannot connect to {}: {cause}", self.target.address()));
        state.attempt =
            Attempt::Failed(status, Instant::now() + self.options.backoff.after(state.failures));
        state.failures = state.failures.saturating_add(1);
    }

    async fn open(&self) -> Result<Connection, String> {
        let begin = |io| Connection::open(io, &self.options, Arc::clone(&self.changed));
        let opening = self.connector.open(&self.target, begin);
        match tokio::time::timeout(self.options.connect_timeout, opening).await {
            Ok(opened) => opened.map_err(|error| status::describe(&error)),
            Err(_) => Err(format!("no answer within {:?}", self.options.connect_timeout)),
        }
    }
}

async fn attempt(running: Running) {
    let pool = &running.0;
    let opened = pool.open().await;
    let state = &mut *pool.state();
    match opened {
        Ok(connection) => {
            state.attempt = Attempt::Over;
            state.failures = 0;
            state.connections.push(Arc::new(connection));
        }
        Err(cause) => pool.failed(state, &cause),
    }
}

/// An attempt that is being made. When the runtime that makes it ends, it is over.
struct Running(Arc<Pool>);

impl Drop for Running {
    fn drop(&mut self) {
        let mut state = self.0.state();
        if matches!(state.attempt, Attempt::Running) {
            state.attempt = Attempt::Over;
        }
        drop(state);
        self.0.changed.notify_waiters();
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
