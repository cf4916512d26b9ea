//! Which methods are quick enough to run on the task of their connection.

use std::{
    sync::atomic::{AtomicU8, AtomicU16, Ordering::Relaxed},
    time::Duration,
};

/// How many calls in a row have to be slow: one alone may have been interrupted.
const STRIKES: u8 = 3;
/// How many calls of a slow method get a task of their own before one is tried again.
const PENANCE: u16 = 500;
const SLOTS: usize = 256;

/// Remembers which methods have been slow: those whose handlers have taken longer than a limit before
/// their first wait, and so have held up the other calls of their connections.
///
/// Methods are told apart by a hash of their paths: two that share a slot share its verdict, which
/// costs the quicker one no more than a task.
#[derive(Debug)]
pub(super) struct Pace([MethodPace; SLOTS]);

impl Pace {
    pub(super) const fn new() -> Self {
        Self([const { MethodPace::new() }; SLOTS])
    }

    /// How the method of `slot` has done.
    pub(super) fn of(&self, slot: Slot) -> &MethodPace {
        &self.0[slot.0]
    }
}

/// Where a method is remembered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot(usize);

impl Slot {
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
pub(super) struct MethodPace {
    /// How many calls in a row have been slow.
    strikes: AtomicU8,
    /// How many more calls get tasks of their own.
    penance: AtomicU16,
}

impl MethodPace {
    const fn new() -> Self {
        Self { strikes: AtomicU8::new(0), penance: AtomicU16::new(0) }
    }

    /// Whether the next call should get a task of its own.
    pub(super) fn is_slow(&self) -> bool {
        let left = self.penance.load(Relaxed);
        if left > 0 {
            self.penance.store(left - 1, Relaxed);
        }
        left > 0
    }

    /// Takes into account that a call has been at work for `time` without waiting.
    pub(super) fn took(&self, time: Duration, limit: Duration) {
        let strikes = self.strikes.load(Relaxed);
        if time > limit {
            let strikes = strikes + 1;
            if strikes == STRIKES {
                // The next one that is tried decides alone.
                self.penance.store(PENANCE, Relaxed);
            } else {
                self.strikes.store(strikes, Relaxed);
            }
        } else if strikes > 0 {
            self.strikes.store(0, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_method_is_tried_again_after_a_while() {
        let pace = Pace::new();
        let method = pace.of(Slot::of("/s.S/Slow"));
        let limit = Duration::from_micros(50);
        for _ in 1..STRIKES {
            method.took(limit * 2, limit);
            assert!(!method.is_slow());
        }
        for _ in 0..2 {
            method.took(limit * 2, limit);
            assert!((0..PENANCE).all(|_| method.is_slow()));
            assert!(!method.is_slow());
        }
        method.took(limit, limit);
        method.took(limit * 2, limit);
        assert!(!method.is_slow());
    }
}
