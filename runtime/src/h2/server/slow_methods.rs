//! Which methods are too slow to run on their connection's task.

use std::{
    sync::atomic::{AtomicU8, AtomicU16, Ordering::Relaxed},
    time::Duration,
};

/// How many slow calls in a row demote a method. A single one may just have been preempted.
const SLOW_CALLS_TO_DEMOTE: u8 = 3;
/// How many calls of a demoted method get their own tasks before another is tried inline.
const DEMOTED_CALLS: u16 = 500;
const SLOTS: usize = 256;

/// Tracks slow methods: those whose handlers exceed a time limit before their first wait, and thereby
/// delay the other calls of their connections.
///
/// Methods are identified by a hash of their paths. Two methods in one slot share their fate, which costs
/// the quicker one no more than a task per call.
///
/// Connections on several threads share these counters. They are a heuristic, so the accesses are
/// `Relaxed` and separate: a lost update only makes a method's promotion or demotion come slightly
/// earlier or later.
#[derive(Debug)]
pub(crate) struct SlowMethods([MethodSpeed; SLOTS]);

impl SlowMethods {
    pub(crate) const fn new() -> Self {
        Self([const { MethodSpeed::new() }; SLOTS])
    }

    /// The record of the method in `slot`.
    pub(crate) fn of(&self, slot: MethodSlot) -> &MethodSpeed {
        &self.0[slot.0]
    }
}

/// The index of a method's record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MethodSlot(usize);

impl MethodSlot {
    /// The slot of the method with this `path`.
    pub(crate) fn of(path: &str) -> Self {
        let hash = path.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self((hash >> 32) as usize % SLOTS)
    }
}

/// The record of a method.
#[derive(Debug)]
pub(crate) struct MethodSpeed {
    /// How many of the last calls in a row were slow.
    slow_calls: AtomicU8,
    /// How many more calls get their own tasks.
    demoted_calls: AtomicU16,
}

impl MethodSpeed {
    const fn new() -> Self {
        Self { slow_calls: AtomicU8::new(0), demoted_calls: AtomicU16::new(0) }
    }

    /// Whether the next call should get its own task.
    pub(crate) fn is_slow(&self) -> bool {
        let left = self.demoted_calls.load(Relaxed);
        if left > 0 {
            self.demoted_calls.store(left - 1, Relaxed);
        }
        left > 0
    }

    /// Records that a call ran for `time` before its first wait.
    pub(crate) fn record(&self, time: Duration, limit: Duration) {
        let slow_calls = self.slow_calls.load(Relaxed);
        if time > limit {
            let slow_calls = slow_calls + 1;
            if slow_calls == SLOW_CALLS_TO_DEMOTE {
                // `slow_calls` stays one short of the limit, so the next inline call decides alone.
                self.demoted_calls.store(DEMOTED_CALLS, Relaxed);
            } else {
                self.slow_calls.store(slow_calls, Relaxed);
            }
        } else if slow_calls > 0 {
            self.slow_calls.store(0, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_method_is_tried_again_after_a_while() {
        let slow_methods = SlowMethods::new();
        let method = slow_methods.of(MethodSlot::of("/s.S/Slow"));
        let limit = Duration::from_micros(50);
        for _ in 1..SLOW_CALLS_TO_DEMOTE {
            method.record(limit * 2, limit);
            assert!(!method.is_slow());
        }
        for _ in 0..2 {
            method.record(limit * 2, limit);
            assert!((0..DEMOTED_CALLS).all(|_| method.is_slow()));
            assert!(!method.is_slow());
        }
        method.record(limit, limit);
        method.record(limit * 2, limit);
        assert!(!method.is_slow());
    }
}
