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

/// The calls of a channel, a subchannel or a server.
#[derive(Debug, Default)]
pub(crate) struct CallCounts {
    pub(crate) started: Tally,
    pub(crate) succeeded: Tally,
    pub(crate) failed: Tally,
    pub(crate) last_started: LastTime,
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
}
