//! Randomness that a failing test can name.

use std::{ops::Range, time::Duration};

/// Numbers that look random and are the same in every run with the same seed (xorshift).
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Self((seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        // The first numbers of neighbouring seeds are alike.
        for _ in 0..8 {
            random.next();
        }
        random
    }

    /// Randomness of its own for a part of the test, which does not depend on the others' progress.
    pub(crate) fn fork(&mut self) -> Self {
        Self::new(self.next() >> 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn within(&mut self, range: Range<usize>) -> usize {
        range.start + (self.next() % range.len().max(1) as u64) as usize
    }

    pub(crate) fn one_of<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.within(0..items.len())]
    }

    pub(crate) fn millis(&mut self, range: Range<usize>) -> Duration {
        Duration::from_millis(self.within(range) as u64)
    }
}
