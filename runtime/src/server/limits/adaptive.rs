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
/// How full it must have been for the limit to shrink: calls that take longer although there are few do not wait for
/// each other.
const USED: f64 = 0.5;
/// How long the limit goes without calls that run so, before it makes sure of some.
const PROBE_INTERVAL: Duration = Duration::from_secs(60);
/// How often that time is doubled at most, once for each probe in a row that has seen none.
const MAX_DOUBLINGS: u32 = 4;
/// How soon it does that for the first time: the first calls of a process are slow.
const FIRST_PROBE: Duration = Duration::from_secs(5);
/// How long before that a call must have been refused.
const RECENTLY: Duration = Duration::from_secs(1);
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
/// refused. If the calls before it go on for all that time, it is in vain, and the next one comes twice as late, after
/// a quarter of an hour at most.
///
/// A call that finds no place fails with `Unavailable` when it arrives, before it costs much. Its metadata has
/// `grpc-retry-pushback-ms`, by which clients that retry do so after about a second. A call that has less time until
/// its deadline than any of the last calls of its method has taken fails with `DeadlineExceeded` at once: nobody would
/// wait for its result. One a second is tried nevertheless, in case the method has become faster.
///
/// A call takes its place, and its time begins, when all of its request has arrived: how fast a client sends it says
/// nothing of the server. One that is refused then has been read, and its handler is not called. How many requests may
/// be on their way is a matter of [`max_concurrent_streams`](crate::Server::max_concurrent_streams), for each of
/// [`max_connections`](crate::Server::max_connections), or of
/// [`max_concurrent_calls`](crate::Limits::max_concurrent_calls), which counts calls from their arrival.
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
#[derive(Clone, Debug)]
pub(super) struct AdaptiveLimiter {
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
    place: CallPlace,
    /// How it has ended. Until then, as if it were cancelled.
    code: Option<Code>,
}

/// The place of a call among the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct CallPlace {
    /// How many calls have been let through, with it.
    number: u64,
    /// Whether there were no others beside it when it arrived.
    is_alone: bool,
}

/// Why a call is not let through.
#[derive(Clone, Copy, Debug)]
pub(super) enum Refusal {
    /// There are enough others. `report` is to be logged: how many calls were refused, and at which limit.
    Full { report: Option<(u64, usize)> },
    /// No call of its method has lately been as fast as this one would have to be.
    TooLate { fastest: Duration },
}

/// What is known about calls, and follows from it. It is told the time.
pub(super) struct AdaptiveState {
    options: AdaptiveLimit,
    limit: f64,
    in_progress: usize,
    /// How many calls have been let through.
    admitted: u64,
    /// By the position of the method.
    latencies: Vec<Latencies>,
    window: Window,
    probe: BaselineProbe,
    refused: u64,
    reported: Option<Instant>,
}

/// Makes sure that calls without others are seen now and then.
#[derive(Debug)]
struct BaselineProbe {
    phase: ProbePhase,
    /// How many probes in a row have seen none: what was in progress before went on until their end.
    fruitless: u32,
}

#[derive(Clone, Copy, Debug)]
enum ProbePhase {
    /// There were so many such calls. If there are not enough by then, a probe begins; unless no call has been refused
    /// just before, so that the limit does not matter.
    Due { at: Instant, seen: u32, refused: Option<Instant> },
    /// Calls run one by one until enough were seen, or until then.
    Running { until: Instant, seen: u32 },
}

impl AdaptiveServer {
    /// The limit of a server with so many methods.
    pub(super) fn new(options: AdaptiveLimit, methods: usize) -> Self {
        Self(Mutex::new(AdaptiveState::new(options, methods, Instant::now())))
    }

    pub(super) fn limiter(self: &Arc<Self>, method: usize) -> AdaptiveLimiter {
        AdaptiveLimiter { server: Arc::clone(self), method }
    }

    fn lock(&self) -> MutexGuard<'_, AdaptiveState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AdaptiveLimiter {
    /// Lets a call through that has to end within `timeout`. An error is the status with which it is refused.
    pub(super) fn try_acquire(&self, timeout: Option<Duration>) -> Result<AdaptivePermit, Status> {
        let arrived = Instant::now();
        // Unlocked before anything is said about it: whoever hears that may take long.
        let admitted = self.server.lock().admit(self.method, arrived, timeout);
        let place = admitted.map_err(|refusal| refusal.into_status(timeout))?;
        let (server, method) = (Arc::clone(&self.server), self.method);
        Ok(AdaptivePermit { server, method, arrived, place, code: None })
    }
}

impl Refusal {
    fn into_status(self, timeout: Option<Duration>) -> Status {
        match self {
            Self::Full { report } => {
                if let Some((refused, limit)) = report {
                    tracing::warn!(refused, limit, "the server is overloaded, and refuses calls");
                }
                refused("the server is overloaded".to_owned())
            }
            Self::TooLate { fastest } => {
                deadline::cannot_be_met(timeout.unwrap_or_default(), fastest)
            }
        }
    }
}

impl AdaptivePermit {
    /// The call has been answered with this code.
    pub(super) fn answered(mut self, code: Code) {
        self.code = Some(code);
    }
}

impl Drop for AdaptivePermit {
    fn drop(&mut self) {
        let now = Instant::now();
        let took = match self.code.unwrap_or(Code::Cancelled) {
            Code::Ok
            | Code::NotFound
            | Code::AlreadyExists
            | Code::FailedPrecondition
            | Code::Aborted
            | Code::OutOfRange => Some(Took::Completed(now - self.arrived)),
            Code::DeadlineExceeded | Code::Cancelled => Some(Took::GivenUp(now - self.arrived)),
            // What fails otherwise does so sooner, or later, than what does the work.
            _ => None,
        };
        self.server.lock().release(self.method, now, took.map(|took| (took, self.place)));
    }
}

impl AdaptiveState {
    pub(super) fn new(options: AdaptiveLimit, methods: usize, now: Instant) -> Self {
        Self {
            options,
            limit: 32.0_f64.clamp(options.min as f64, options.max as f64),
            in_progress: 0,
            admitted: 0,
            latencies: vec![Latencies::new(now); methods],
            window: Window::new(now),
            probe: BaselineProbe::first(now),
            refused: 0,
            reported: None,
        }
    }

    /// Gives a call a place, if there is one.
    pub(super) fn admit(
        &mut self,
        method: usize,
        now: Instant,
        timeout: Option<Duration>,
    ) -> Result<CallPlace, Refusal> {
        self.update_probe(now);
        let limit = match self.probe.phase {
            ProbePhase::Running { .. } => 1,
            ProbePhase::Due { .. } => self.limit as usize,
        };
        if self.in_progress >= limit {
            self.refused += 1;
            self.probe.record_refusal(now);
            return Err(Refusal::Full { report: self.report(now) });
        }
        if let Some(timeout) = timeout {
            let checked = self.latencies[method].check(timeout, now);
            checked.map_err(|fastest| Refusal::TooLate { fastest })?;
        }
        self.in_progress += 1;
        self.admitted += 1;
        self.window.reached(self.in_progress);
        Ok(CallPlace { number: self.admitted, is_alone: self.in_progress == 1 })
    }

    fn update_probe(&mut self, now: Instant) {
        if self.probe.update(now) {
            self.latencies.iter_mut().for_each(Latencies::begin_again);
        }
    }

    /// A call has ended. `took` is how long it took, and the place that it had.
    pub(super) fn release(&mut self, method: usize, now: Instant, took: Option<(Took, CallPlace)>) {
        self.in_progress -= 1;
        let Some((took, place)) = took else { return };
        let latencies = &mut self.latencies[method];
        if let Took::Completed(time) = took {
            latencies.record(now, time);
            // No other has come since.
            if place.is_alone && place.number == self.admitted {
                latencies.record_unloaded(time);
                self.probe.record_unloaded();
            } else if place.is_alone {
                latencies.guess_unloaded(time);
            }
        }
        self.window.record(latencies.unloaded(), took);
        self.update_probe(now);
        if let Some(window) = self.window.complete(now) {
            self.adjust(window);
        }
    }

    fn adjust(&mut self, Window { peak, expected, actual, .. }: Window) {
        // In a probe, calls say nothing about the limit, nor do they if it is far away.
        let is_probing = matches!(self.probe.phase, ProbePhase::Running { .. });
        if is_probing || (peak as f64) < USED * self.limit.floor() {
            return;
        }
        let gradient = TOLERANCE * expected / actual.max(f64::MIN_POSITIVE);
        if gradient < 1.0 {
            self.limit *= gradient.max(MIN_GRADIENT);
        } else if peak as f64 >= FULL * self.limit.floor() {
            self.limit += (GROWTH * self.limit).max(1.0);
        }
        self.limit = self.limit.clamp(self.options.min as f64, self.options.max as f64);
    }

    /// How many calls were refused, and the limit, if that is to be logged now.
    fn report(&mut self, now: Instant) -> Option<(u64, usize)> {
        if self.reported.is_some_and(|last| now - last < REPORT_INTERVAL) {
            return None;
        }
        self.reported = Some(now);
        Some((std::mem::take(&mut self.refused), self.limit as usize))
    }
}

impl BaselineProbe {
    fn first(now: Instant) -> Self {
        let phase = ProbePhase::Due { at: now + FIRST_PROBE, seen: 0, refused: None };
        Self { phase, fruitless: 0 }
    }

    /// Whether a probe begins.
    fn update(&mut self, now: Instant) -> bool {
        match self.phase {
            ProbePhase::Due { at, seen, refused } if now >= at => {
                let is_needed = refused.is_some_and(|refused| now - refused < RECENTLY);
                let begins = is_needed && seen < PROBE_CALLS;
                self.phase = match begins {
                    true => ProbePhase::Running { until: now + PROBE_TIME, seen: 0 },
                    false => self.due(now),
                };
                begins
            }
            ProbePhase::Running { until, seen } if now >= until || seen >= PROBE_CALLS => {
                self.fruitless = if seen == 0 { self.fruitless + 1 } else { 0 };
                self.phase = self.due(now);
                false
            }
            _ => false,
        }
    }

    fn record_unloaded(&mut self) {
        let (ProbePhase::Due { seen, .. } | ProbePhase::Running { seen, .. }) = &mut self.phase;
        *seen = seen.saturating_add(1);
    }

    fn record_refusal(&mut self, now: Instant) {
        if let ProbePhase::Due { refused, .. } = &mut self.phase {
            *refused = Some(now);
        }
    }

    fn due(&self, now: Instant) -> ProbePhase {
        let interval = PROBE_INTERVAL * 2_u32.pow(self.fruitless.min(MAX_DOUBLINGS));
        // Servers that were started together should not do it together.
        let at = now + jitter::around(interval, 0.2);
        ProbePhase::Due { at, seen: 0, refused: None }
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
