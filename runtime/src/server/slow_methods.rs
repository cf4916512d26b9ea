//! Which methods are quick enough to run on the task of their connection.

use std::{
    sync::atomic::{AtomicU8, AtomicU16, Ordering::Relaxed},
    time::Duration,
};

/// How many calls in a row have to be slow: one alone may have been interrupted.
const SLOW_CALLS_TO_DEMOTE: u8 = 3;
/// How many calls of a slow method get a task of their own before one is tried again.
const DEMOTED_CALLS: u16 = 500;
const SLOTS: usize = 256;

/// Remembers which methods have been slow: those whose handlers have taken longer than a limit before
/// their first wait, and so have held up the other calls of their connections.
///
/// Methods are told apart by a hash of their paths: two that share a slot share its verdict, which
/// costs the quicker one no more than a task.
#[derive(Debug)]
pub(super) struct SlowMethods([MethodSpeed; SLOTS]);

impl SlowMethods {
    pub(super) const fn new() -> Self {
        Self([const { MethodSpeed::new() }; SLOTS])
    }

    /// How the method of `slot` has done.
    pub(super) fn of(&self, slot: MethodSlot) -> &MethodSpeed {
        &self.0[slot.0]
    }
}

/// Where a method is remembered.
#[derive(Clone, Copy, Debug)]
pub(super) struct MethodSlot(usize);

impl MethodSlot {
    /// That of the method that is called by `path`.
    pub(super) fn of(path: &str) -> Self {
        let hash = path.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self((hash >> 32) as usize % SLOTS)
    }
}

/// How a method has done.
#[derive(Debug)]
pub(super) struct MethodSpeed {
    /// How many calls in a row have been slow.
    slow_calls: AtomicU8,
    /// How many more calls get tasks of their own.
    demoted_calls: AtomicU16,
}

impl MethodSpeed {
    const fn new() -> Self {
        Self { slow_calls: AtomicU8::new(0), demoted_calls: AtomicU16::new(0) }
    }

    /// Whether the next call should get a task of its own.
    pub(super) fn is_slow(&self) -> bool {
        let left = self.demoted_calls.load(Relaxed);
        if left > 0 {
            self.demoted_calls.store(left - 1, Relaxed);
        }
        left > 0
    }

    /// Takes into account that a call has been at work for `time` without waiting.
    pub(super) fn record(&self, time: Duration, limit: Duration) {
        let slow_calls = self.slow_calls.load(Relaxed);
        if time > limit {
            let slow_calls = slow_calls + 1;
            if slow_calls == SLOW_CALLS_TO_DEMOTE {
                // The next one that is tried decides alone.
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
