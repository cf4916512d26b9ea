//! Counters that any thread adds to. They are read one by one, so those of one record may be of different moments.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime},
};

/// How often something has happened.
#[derive(Debug, Default)]
pub(crate) struct Tally(AtomicU64);

impl Tally {
    pub(super) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// As the protos of channelz have it.
    pub(crate) fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed).try_into().unwrap_or(i64::MAX)
    }
}

/// When something happened last.
///
/// In nanoseconds since 1970. Zero if it never did.
#[derive(Debug, Default)]
pub(crate) struct LastTime(AtomicU64);

impl LastTime {
    pub(super) fn set(&self, now: SystemTime) {
        let time = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        // Enough until the year 2554.
        self.0.store(time.as_nanos() as u64, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> Option<SystemTime> {
        let time = self.0.load(Ordering::Relaxed);
        (time > 0).then(|| SystemTime::UNIX_EPOCH + Duration::from_nanos(time))
    }
}

/// The calls of a channel, or of some of the connections of a server.
#[derive(Debug, Default)]
pub(crate) struct CallCounts {
    started: Tally,
    succeeded: Tally,
    failed: Tally,
    last_started: LastTime,
}

impl CallCounts {
    pub(super) fn start(&self, now: SystemTime) {
        self.started.add(1);
        self.last_started.set(now);
    }

    pub(super) fn end(&self, is_ok: bool) {
        match is_ok {
            true => self.succeeded.add(1),
            false => self.failed.add(1),
        }
    }

    pub(crate) fn total(&self) -> CallTotal {
        CallTotal {
            started: self.started.get(),
            succeeded: self.succeeded.get(),
            failed: self.failed.get(),
            last_started: self.last_started.get(),
        }
    }
}

/// How many calls there were.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CallTotal {
    pub(crate) started: i64,
    pub(crate) succeeded: i64,
    pub(crate) failed: i64,
    pub(crate) last_started: Option<SystemTime>,
}

impl CallTotal {
    fn with(self, more: Self) -> Self {
        Self {
            started: self.started.saturating_add(more.started),
            succeeded: self.succeeded.saturating_add(more.succeeded),
            failed: self.failed.saturating_add(more.failed),
            last_started: self.last_started.max(more.last_started),
        }
    }
}

/// The calls of a server or a subchannel, by connections: threads that serve different ones would wait for each other's
/// cache lines if they counted in one place.
#[derive(Debug, Default)]
pub(crate) struct SpreadCallCounts([CountLine; LINES]);

/// How many places there are. Connections share them, so that a server with many does not take more room.
const LINES: usize = 8;

/// On cache lines of its own, of which processors fetch two at a time.
#[derive(Debug, Default)]
#[repr(align(128))]
struct CountLine(CallCounts);

impl SpreadCallCounts {
    /// Where the connection with this `id` counts.
    pub(super) fn of(&self, id: i64) -> &CallCounts {
        &self.0[id as usize % LINES].0
    }

    pub(crate) fn total(&self) -> CallTotal {
        self.0.iter().map(|line| line.0.total()).fold(CallTotal::default(), CallTotal::with)
    }
}
