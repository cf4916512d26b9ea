//! [`AdaptiveLimit`]: a limit for calls in progress that follows what the server can do.
//!
//! It compares how long calls take with how long they take without others beside them. While calls find a place but
//! take no longer than that, or little, the limit grows; when they take longer, they wait for one another somewhere,
//! and it shrinks in proportion. This is the gradient of [Netflix's
//! concurrency-limits](https://github.com/Netflix/concurrency-limits) and of [Envoy's adaptive concurrency
//! filter](https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/adaptive_concurrency_filter),
//! but each call is compared with others of its method, so that a change of the mix of methods does not look like
//! overload.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;
use tonic::{Code, Status};

use super::{
    latency::{Latencies, Took, Window},
    refusal::refused,
};
use crate::{call::deadline, h2::jitter, server::error::ServeError};

/// How much longer than without others calls may take while the limit still grows.
const TOLERANCE: f64 = 1.5;
/// By which part the limit grows, and to which part it shrinks at most, after each window.
const GROWTH: f64 = 0.1;
const MIN_GRADIENT: f64 = 0.5;
/// How full the server must have been for the limit to grow: a limit that nothing has reached says nothing.
const FULL: f64 = 0.9;
/// How long the limit goes without calls that run so, before it makes sure of some.
const PROBE_INTERVAL: Duration = Duration::from_secs(60);
/// How soon it does that for the first time: the first calls of a process are slow.
const FIRST_PROBE: Duration = Duration::from_secs(5);
/// When it has seen enough of them, and when it stops in any case.
const PROBE_CALLS: u32 = 10;
const PROBE_TIME: Duration = Duration::from_secs(2);
/// How often overload is reported at most.
const REPORT_INTERVAL: Duration = Duration::from_secs(10);

/// A limit for the unary calls that a [`Server`](crate::Server) has in progress, which follows what the server can
/// do, so that it is neither idle nor overloaded. See [`Server::adaptive_limit`](crate::Server::adaptive_limit).
///
/// It needs no numbers that depend on the machine or on the services. The time that calls take, from their arrival
/// to the response, is compared with the time that calls of their method take when there are no others: if it is more
/// than half as much again, they wait for each other, and the limit shrinks; if not, and the limit has been reached,
/// it grows by a tenth, at most ten times a second. To know the time without others, the limit is one call once a
/// minute, for ten of them, or two seconds at most; not if there were enough such calls by themselves, or no call was
/// refused.
///
/// A call that finds no place fails with `Unavailable` when it arrives, before it costs much. Its metadata has
/// `grpc-retry-pushback-ms`, by which clients that retry do so after about a second. A call that has less time until
/// its deadline than any call of its method has lately taken without others fails with `DeadlineExceeded` at once:
/// nobody would wait for its result.
///
/// Calls of services of other libraries, and streams, which may take as long as they like, are neither counted nor
/// refused. Nor are those of the server itself: its health and its reflection.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct AdaptiveLimit {
    min: usize,
    max: usize,
}

impl Default for AdaptiveLimit {
    fn default() -> Self {
        Self::new()
    }
}

impl AdaptiveLimit {
    /// A limit that begins with 32 calls.
    pub const fn new() -> Self {
        Self { min: 1, max: 1000 }
    }

    /// The smallest limit that it may come to, at least 1. Default: 1.
    pub const fn min_concurrent_calls(mut self, calls: usize) -> Self {
        self.min = calls;
        self
    }

    /// The largest limit that it may come to, at least the smallest one. Default: 1000.
    pub const fn max_concurrent_calls(mut self, calls: usize) -> Self {
        self.max = calls;
        self
    }

    pub(super) fn check(&self) -> Result<(), ServeError> {
        let reason = match self {
            Self { min: 0, .. } => "has 0 for `min_concurrent_calls`: set at least 1".to_owned(),
            Self { min, max } if max < min => {
                format!("has a `max_concurrent_calls` of {max}, less than its minimum of {min}")
            }
            _ => return Ok(()),
        };
        Err(ServeError::InvalidOption { option: "adaptive_limit", reason })
    }
}

/// Lets calls of one method through as long as the server can take more.
#[derive(Debug)]
pub(super) struct AdaptiveGate {
    server: Arc<AdaptiveServer>,
    method: usize,
}

/// The limit of a server, for all of its methods. Locked for a few additions when a call begins and when it ends.
pub(super) struct AdaptiveServer(Mutex<AdaptiveState>);

/// A call that was let through.
#[derive(Debug)]
pub(super) struct AdaptivePermit {
    server: Arc<AdaptiveServer>,
    method: usize,
    arrived: Instant,
    /// Whether there were no others beside it when it arrived.
    is_unloaded: bool,
    /// How it has ended. Until then, as if it were cancelled.
    code: Option<Code>,
}

/// What is known about calls, and follows from it. It is told the time.
pub(super) struct AdaptiveState {
    options: AdaptiveLimit,
    limit: f64,
    in_progress: usize,
    /// By the position of the method.
    latencies: Vec<Latencies>,
    window: Window,
    probe: BaselineProbe,
    refused: u64,
    reported: Option<Instant>,
}

/// Makes sure that calls without others are seen now and then.
#[derive(Debug)]
enum BaselineProbe {
    /// There were so many such calls. If there are not enough by then, a probe begins; unless no call was refused,
    /// so that the limit does not matter.
    Due { at: Instant, seen: u32, is_needed: bool },
    /// Calls run one by one until enough were seen, or until then.
    Running { until: Instant, seen: u32 },
}

impl AdaptiveServer {
    /// The limit of a server with so many methods.
    pub(super) fn new(options: AdaptiveLimit, methods: usize) -> Self {
        Self(Mutex::new(AdaptiveState::new(options, methods, Instant::now())))
    }

    pub(super) fn gate(self: &Arc<Self>, method: usize) -> AdaptiveGate {
        AdaptiveGate { server: Arc::clone(self), method }
    }

    fn lock(&self) -> MutexGuard<'_, AdaptiveState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AdaptiveGate {
    /// Lets a call through that has to end within `timeout`. An error is the status with which it is refused.
    pub(super) fn try_acquire(&self, timeout: Option<Duration>) -> Result<AdaptivePermit, Status> {
        let arrived = Instant::now();
        let is_unloaded = self.server.lock().admit(self.method, arrived, timeout)?;
        let (server, method) = (Arc::clone(&self.server), self.method);
        Ok(AdaptivePermit { server, method, arrived, is_unloaded, code: None })
    }
}

impl AdaptivePermit {
    /// The call has been answered. `code` is its status, if it had no message.
    pub(super) fn answered(mut self, code: Option<Code>) {
        self.code = Some(code.unwrap_or(Code::Ok));
    }
}

impl Drop for AdaptivePermit {
    fn drop(&mut self) {
        let now = Instant::now();
        let took = match self.code.unwrap_or(Code::Cancelled) {
            Code::Ok => Some(Took::All(now - self.arrived)),
            Code::DeadlineExceeded | Code::Cancelled => Some(Took::AtLeast(now - self.arrived)),
            // Who fails does so sooner, or later, than who does the work.
            _ => None,
        };
        let unloaded = self.is_unloaded;
        self.server.lock().release(self.method, now, took.map(|took| (took, unloaded)));
    }
}

impl AdaptiveState {
    pub(super) fn new(options: AdaptiveLimit, methods: usize, now: Instant) -> Self {
        Self {
            options,
            limit: 32.0_f64.clamp(options.min as f64, options.max as f64),
            in_progress: 0,
            latencies: vec![Latencies::new(now); methods],
            window: Window::new(now),
            probe: BaselineProbe::Due { at: now + FIRST_PROBE, seen: 0, is_needed: false },
            refused: 0,
            reported: None,
        }
    }

    /// Whether the call runs without others, if there is a place for it.
    pub(super) fn admit(
        &mut self,
        method: usize,
        now: Instant,
        timeout: Option<Duration>,
    ) -> Result<bool, Status> {
        self.probe.update(now);
        let fastest = self.latencies[method].fastest(now);
        if let (Some(timeout), Some(fastest)) = (timeout, fastest)
            && timeout < fastest
        {
            return Err(deadline::cannot_be_met(timeout, fastest));
        }
        let limit = match self.probe {
            BaselineProbe::Running { .. } => 1,
            BaselineProbe::Due { .. } => self.limit as usize,
        };
        if self.in_progress >= limit {
            self.refused += 1;
            self.probe.saw_refusal();
            self.report(now);
            return Err(refused("the server is overloaded".to_owned()));
        }
        self.in_progress += 1;
        self.window.reached(self.in_progress);
        Ok(self.in_progress == 1)
    }

    /// A call has ended. `took` is how long it took, and whether it ran without others.
    pub(super) fn release(&mut self, method: usize, now: Instant, took: Option<(Took, bool)>) {
        self.in_progress -= 1;
        let Some((took, is_unloaded)) = took else { return };
        let latencies = &mut self.latencies[method];
        if let (Took::All(time), true) = (took, is_unloaded) {
            latencies.record(now, time);
            self.probe.saw_unloaded(now);
        }
        self.window.record(latencies.unloaded(), took);
        if let Some(window) = self.window.complete(now) {
            self.adjust(window);
        }
    }

    fn adjust(&mut self, Window { most, expected, actual, .. }: Window) {
        // In a probe, calls say nothing about the limit.
        if matches!(self.probe, BaselineProbe::Running { .. }) {
            return;
        }
        let gradient = TOLERANCE * expected / actual.max(f64::MIN_POSITIVE);
        if gradient < 1.0 {
            self.limit *= gradient.max(MIN_GRADIENT);
        } else if most as f64 >= FULL * self.limit.floor() {
            self.limit += (GROWTH * self.limit).max(1.0);
        }
        self.limit = self.limit.clamp(self.options.min as f64, self.options.max as f64);
    }

    fn report(&mut self, now: Instant) {
        if self.reported.is_none_or(|last| now - last >= REPORT_INTERVAL) {
            self.reported = Some(now);
            let (refused, limit) = (std::mem::take(&mut self.refused), self.limit as usize);
            tracing::warn!(refused, limit, "the server is overloaded, and refuses calls");
        }
    }
}

impl BaselineProbe {
    fn update(&mut self, now: Instant) {
        match *self {
            Self::Due { at, seen, is_needed } if now >= at => {
                *self = match is_needed && seen < PROBE_CALLS {
                    true => Self::Running { until: now + PROBE_TIME, seen },
                    false => Self::due(now),
                };
            }
            Self::Running { until, seen } if now >= until || seen >= PROBE_CALLS => {
                *self = Self::due(now);
            }
            _ => {}
        }
    }

    fn saw_unloaded(&mut self, now: Instant) {
        let (Self::Due { seen, .. } | Self::Running { seen, .. }) = self;
        *seen = seen.saturating_add(1);
        self.update(now);
    }

    fn saw_refusal(&mut self) {
        if let Self::Due { is_needed, .. } = self {
            *is_needed = true;
        }
    }

    fn due(now: Instant) -> Self {
        // Servers that were started together should not do it together.
        let at = now + jitter::around(PROBE_INTERVAL, 0.2);
        Self::Due { at, seen: 0, is_needed: false }
    }
}

impl fmt::Debug for AdaptiveServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("AdaptiveServer")
            .field("limit", &state.limit)
            .field("in_progress", &state.in_progress)
            .finish_non_exhaustive()
    }
}
