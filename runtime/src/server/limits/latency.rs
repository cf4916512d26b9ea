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
/// How many calls there must have been for the fastest of them to say something.
const FASTEST_CALLS: u32 = 10;
/// How often a call is tried that cannot be expected to end in time.
const TRIAL_INTERVAL: Duration = Duration::from_secs(1);
/// How much a call counts in a window at most, compared with one without others: a single one that hangs says little.
const MAX_SLOWDOWN: f64 = 10.0;

/// How long a call took.
#[derive(Clone, Copy, Debug)]
pub(super) enum Took {
    Completed(Duration),
    /// At least so long: nobody waited for its end.
    GivenUp(Duration),
}

/// How long calls of a method take.
#[derive(Clone, Debug)]
pub(super) struct Latencies {
    /// The mean without other calls beside them, in seconds. None before there was such a call.
    unloaded: Option<f64>,
    /// How many calls the mean is of.
    calls: u32,
    /// All calls of this period, and of the one before.
    periods: [Period; 2],
    begun: Instant,
    /// When a call was last tried although none had been so fast.
    tried: Option<Instant>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Period {
    calls: u32,
    fastest: Option<Duration>,
}

impl Latencies {
    pub(super) fn new(now: Instant) -> Self {
        Self { unloaded: None, calls: 0, periods: [Period::default(); 2], begun: now, tried: None }
    }

    /// Records a call that has completed.
    pub(super) fn record(&mut self, now: Instant, took: Duration) {
        self.forget(now);
        let period = &mut self.periods[0];
        period.calls = period.calls.saturating_add(1);
        period.fastest = Some(period.fastest.map_or(took, |fastest| fastest.min(took)));
    }

    /// Records that there were no others beside that call.
    pub(super) fn record_unloaded(&mut self, took: Duration) {
        self.calls = (self.calls + 1).min(MEAN_CALLS);
        let (took, mean) = (took.as_secs_f64(), self.unloaded.unwrap_or_default());
        self.unloaded = Some(mean + (took - mean) / f64::from(self.calls));
    }

    /// Records that there were none when that call arrived. It counts until there is a better one.
    pub(super) fn guess_unloaded(&mut self, took: Duration) {
        self.unloaded.get_or_insert(took.as_secs_f64());
    }

    /// Has the next call without others replace the mean.
    pub(super) fn begin_again(&mut self) {
        self.calls = 0;
    }

    /// The mean without others, in seconds. None if there was no such call.
    pub(super) fn unloaded(&self) -> Option<f64> {
        self.unloaded
    }

    /// Fails if a call cannot be expected to end within `timeout`, unless it is to be tried. The error is how long the
    /// fastest one has lately taken.
    pub(super) fn check(&mut self, timeout: Duration, now: Instant) -> Result<(), Duration> {
        let Some(fastest) = self.fastest(now).filter(|fastest| timeout < *fastest) else {
            return Ok(());
        };
        // Otherwise, nobody would learn that the method has become faster.
        if self.tried.is_none_or(|tried| now - tried >= TRIAL_INTERVAL) {
            self.tried = Some(now);
            return Ok(());
        }
        Err(fastest)
    }

    /// The fastest call of the last minute or two, if there were several.
    fn fastest(&mut self, now: Instant) -> Option<Duration> {
        self.forget(now);
        let calls = self.periods.iter().map(|period| period.calls).fold(0, u32::saturating_add);
        let fastest = self.periods.iter().filter_map(|period| period.fastest).min();
        fastest.filter(|_| calls >= FASTEST_CALLS)
    }

    fn forget(&mut self, now: Instant) {
        let age = now - self.begun;
        if age < FASTEST_TIME {
            return;
        }
        let recent = if age < 2 * FASTEST_TIME { self.periods[0] } else { Period::default() };
        self.periods = [Period::default(), recent];
        self.begun = now;
    }
}

/// Calls that have lately ended, of all methods.
#[derive(Clone, Debug)]
pub(super) struct Window {
    began: Instant,
    calls: u32,
    /// How many calls there were at once.
    pub(super) peak: usize,
    /// How long the calls would have taken without others, in seconds, all together.
    pub(super) expected: f64,
    /// How long they did take.
    pub(super) actual: f64,
}

impl Window {
    pub(super) fn new(began: Instant) -> Self {
        Self { began, calls: 0, peak: 0, expected: 0.0, actual: 0.0 }
    }

    pub(super) fn reached(&mut self, in_progress: usize) {
        self.peak = self.peak.max(in_progress);
    }

    /// Adds a call. `unloaded` is how long such calls take without others, if that is known.
    pub(super) fn record(&mut self, unloaded: Option<f64>, took: Took) {
        let Some(unloaded) = unloaded else { return };
        let actual = match took {
            Took::Completed(time) => time.as_secs_f64(),
            // It says nothing unless it has already taken longer.
            Took::GivenUp(time) if time.as_secs_f64() < unloaded => return,
            Took::GivenUp(time) => time.as_secs_f64(),
        };
        self.calls += 1;
        self.expected += unloaded;
        self.actual += actual.min(MAX_SLOWDOWN * unloaded);
    }

    /// The window, if it is complete. Another one begins then.
    pub(super) fn complete(&mut self, now: Instant) -> Option<Self> {
        let is_complete = self.calls >= WINDOW_CALLS && now - self.began >= WINDOW_TIME;
        is_complete.then(|| std::mem::replace(self, Self::new(now)))
    }
}
