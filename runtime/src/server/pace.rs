//! Which methods are quick enough to run on the task of their connection.

use std::{
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

/// A handler that takes longer before its first wait holds up the other calls of its connection.
const SLOW: Duration = Duration::from_micros(50);
/// How many calls of a slow method get a task of their own before it is tried again.
const PENANCE: u16 = 500;
const SLOTS: usize = 256;

/// Remembers which methods have been slow.
///
/// Methods are told apart by a hash of their paths: two that share a slot share its verdict, which
/// costs the quicker one no more than a task.
#[derive(Debug)]
pub(super) struct Pace([AtomicU16; SLOTS]);

impl Pace {
    pub(super) const fn new() -> Self {
        Self([const { AtomicU16::new(0) }; SLOTS])
    }

    /// The memory of the method that is called by `path`.
    pub(super) fn of(&self, path: &str) -> MethodPace<'_> {
        let hash = path.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        MethodPace(&self.0[(hash >> 32) as usize % SLOTS])
    }
}

/// How many more calls of a method get tasks of their own.
#[derive(Debug)]
pub(super) struct MethodPace<'a>(&'a AtomicU16);

impl MethodPace<'_> {
    /// Whether the next call should get a task of its own.
    pub(super) fn is_slow(&self) -> bool {
        let left = self.0.load(Ordering::Relaxed);
        if left > 0 {
            self.0.store(left - 1, Ordering::Relaxed);
        }
        left > 0
    }

    /// Takes into account that a call has been at work for `time` without waiting.
    pub(super) fn took(&self, time: Duration) {
        if time > SLOW {
            self.0.store(PENANCE, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_method_is_tried_again_after_a_while() {
        let pace = Pace::new();
        let (slow, quick) = (pace.of("/s.S/Slow"), pace.of("/s.S/Quick"));
        quick.took(SLOW);
        slow.took(SLOW * 2);
        assert!(!quick.is_slow());
        assert!((0..PENANCE).all(|_| slow.is_slow()));
        assert!(!slow.is_slow());
    }
}
