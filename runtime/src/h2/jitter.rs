//! Jitter, which keeps clients from retrying in lockstep.

use std::{
    hash::{BuildHasher as _, RandomState},
    time::Duration,
};

/// `time`, varied at random by up to ± `part` of it.
pub(crate) fn around(time: Duration, part: f64) -> Duration {
    let factor = 1.0 + part * (2.0 * random() - 1.0);
    Duration::try_from_secs_f64(time.as_secs_f64() * factor).unwrap_or(Duration::MAX)
}

/// A random number between 0 and 1. Each `RandomState` has its own keys.
fn random() -> f64 {
    RandomState::new().hash_one(()) as f64 / u64::MAX as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_differ_by_no_more_than_they_may() {
        let times = [(); 100].map(|()| around(Duration::from_secs(100), 0.1).as_secs_f64());
        assert!(times.iter().all(|time| (90.0..=110.0).contains(time)), "{times:?}");
        assert!(times.iter().any(|time| *time < 99.0) && times.iter().any(|time| *time > 101.0));
        assert!(around(Duration::MAX, 0.1) >= Duration::MAX / 10 * 8);
    }
}
