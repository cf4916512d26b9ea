//! The methods that set what observes the calls of a server.

#[cfg(feature = "tracing")]
use std::sync::Arc;

#[cfg(feature = "log")]
use super::call_log::CallLog;
#[cfg(feature = "opentelemetry")]
use super::measured::ServerMetrics;
use super::serve::Server;
#[cfg(feature = "tracing")]
use crate::intercept::trace_calls::TraceCalls;
#[cfg(feature = "opentelemetry")]
use crate::intercept::{Role, call_metrics::CallMetrics};

/// What is told of calls.
impl Server {
    /// Logs each call to standard error when it has ended, in one line: as columns if that is a terminal, in color
    /// unless `NO_COLOR` is set, and otherwise as JSON. Needs the feature `log`.
    ///
    /// Every request is logged, whatever becomes of it: those for unknown services and methods, refused ones,
    /// cancelled ones, ones that panicked, and those for services of other libraries. See [`CallLog`] for what is
    /// in a line. A panic is logged with its place, which only a panic hook knows: when serving starts, one is set
    /// for the process, which calls the one that was there.
    #[cfg(feature = "log")]
    #[must_use]
    pub fn log_calls(self) -> Self {
        self.log_calls_to(CallLog::to_stderr())
    }

    /// Logs each call to `log`, as [`log_calls`](Self::log_calls) does to standard error. Needs the feature `log`.
    #[cfg(feature = "log")]
    #[must_use]
    pub fn log_calls_to(self, log: CallLog) -> Self {
        self.with_call_log(log)
    }

    /// Puts each call into a span of `tracing`, with the names of OpenTelemetry's current conventions: see
    /// [`TraceCalls`]. Needs the feature `tracing`.
    ///
    /// Every request has one, whatever becomes of it, as in [the log](Self::log_calls). Without a subscriber, or one
    /// that does not want spans of the target `rust_scaffold::call`, calls cost hardly more.
    #[cfg(feature = "tracing")]
    #[must_use]
    pub fn trace_calls(self) -> Self {
        self.trace_calls_with(TraceCalls::new())
    }

    /// Puts each call into a span of `tracing`, as `tracing` says. Needs the feature `tracing`.
    #[cfg(feature = "tracing")]
    #[must_use]
    pub fn trace_calls_with(self, tracing: TraceCalls) -> Self {
        self.observe_calls(Arc::new(tracing))
    }

    /// Measures each call with the global meter provider of OpenTelemetry, as it is now: see [`CallMetrics`]. Needs
    /// the feature `opentelemetry`.
    ///
    /// Every request is measured, whatever becomes of it, as in [the log](Self::log_calls).
    #[cfg(feature = "opentelemetry")]
    #[must_use]
    pub fn measure_calls(self) -> Self {
        self.measure_calls_with(&CallMetrics::new())
    }

    /// Measures each call, as `metrics` says. Needs the feature `opentelemetry`.
    #[cfg(feature = "opentelemetry")]
    #[must_use]
    pub fn measure_calls_with(self, metrics: &CallMetrics) -> Self {
        self.observe_calls(Arc::new(ServerMetrics(metrics.instruments(Role::Server))))
    }
}
