//! How long calls take: without others beside them, and lately.

use std::time::Duration;

use tokio::time::Instant;

/// When and after how many calls a window is complete.
const WINDOW_TIME: Duration = Duration::from_millis(100);
const WINDOW_CALLS: u32 = 10;
/// How many calls the mean follows.
const MEAN_CALLS: u32 = 32;
/// For how long a fastest call counts, at least; twice as long at most.
const FASTEST_TIME: Duration = Duration::from_secs(60);

/// How long a call took.
#[derive(Clone, Copy, Debug)]
pub(super) enum Took {
    All(Duration),
    /// Nobody waited for its end.
    AtLeast(Duration),
}

/// How long calls of a method take without others beside them.
#[derive(Clone, Debug)]
pub(super) struct Latencies {
    /// In seconds.
    mean: f64,
    calls: u32,
    /// The fastest call of this period, and of the one before.
    fastest: [Option<Duration>; 2],
    period: Instant,
}

impl Latencies {
    pub(super) fn new(now: Instant) -> Self {
        Self { mean: 0.0, calls: 0, fastest: [None; 2], period: now }
    }

    pub(super) fn record(&mut self, now: Instant, took: Duration) {
        self.calls = (self.calls + 1).min(MEAN_CALLS);
        self.mean += (took.as_secs_f64() - self.mean) / f64::from(self.calls);
        self.forget(now);
        self.fastest[0] = Some(self.fastest[0].map_or(took, |fastest| fastest.min(took)));
    }

    /// The mean, in seconds. None if there was no call.
    pub(super) fn unloaded(&self) -> Option<f64> {
        (self.calls > 0).then_some(self.mean)
    }

    /// The fastest call of the last minute or two.
    pub(super) fn fastest(&mut self, now: Instant) -> Option<Duration> {
        self.forget(now);
        self.fastest.into_iter().flatten().min()
    }

    fn forget(&mut self, now: Instant) {
        let age = now - self.period;
        if age < FASTEST_TIME {
            return;
        }
        let recent = self.fastest[0].filter(|_| age < 2 * FASTEST_TIME);
        self.fastest = [None, recent];
        self.period = now;
    }
}

/// Calls that have lately ended, of all methods.
#[derive(Clone, Debug)]
pub(super) struct Window {
    began: Instant,
    calls: u32,
    /// How many calls there were at once.
    pub(super) most: usize,
    /// How long the calls would have taken without others, in seconds, all together.
    pub(super) expected: f64,
    /// How long they did take.
    pub(super) actual: f64,
}

impl Window {
    pub(super) fn new(began: Instant) -> Self {
        Self { began, calls: 0, most: 0, expected: 0.0, actual: 0.0 }
    }

    pub(super) fn reached(&mut self, in_progress: usize) {
        self.most = self.most.max(in_progress);
    }

    /// Adds a call. `unloaded` is how long such calls take without others, if that is known.
    pub(super) fn record(&mut self, unloaded: Option<f64>, took: Took) {
        let Some(unloaded) = unloaded else { return };
        let actual = match took {
            Took::All(time) => time.as_secs_f64(),
            // It says nothing unless it has already taken longer.
            Took::AtLeast(time) if time.as_secs_f64() < unloaded => return,
            Took::AtLeast(time) => time.as_secs_f64(),
        };
        self.calls += 1;
        self.expected += unloaded;
        self.actual += actual;
    }

    /// The window, if it is complete. Another one begins then.
    pub(super) fn complete(&mut self, now: Instant) -> Option<Self> {
        let is_complete = self.calls >= WINDOW_CALLS && now - self.began >= WINDOW_TIME;
        is_complete.then(|| std::mem::replace(self, Self::new(now)))
    }
}
