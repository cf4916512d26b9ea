//! Patterns for durations, deadlines and the well-known types of time.

use std::{
    fmt::Debug,
    time::{Duration, SystemTime},
};

use prost_types::Timestamp;

use super::{matching::Pattern, values::holds};

/// Expects a deadline that is no further away than `limit`, when the call comes in.
///
/// ```
/// # use std::time::Duration;
/// # use rust_scaffold::mock::{Pattern, within};
/// let soon: Pattern<Duration> = within(Duration::from_secs(5));
/// ```
pub fn within(limit: Duration) -> Pattern<Duration> {
    holds(format!("within {limit:?}"), move |got: &Duration| *got <= limit)
}

/// Expects a [`Timestamp`](prost_types::Timestamp) or [`Duration`](prost_types::Duration) of
/// protobuf that is no further than `tolerance` from `value`.
///
/// ```
/// # use std::time::{Duration, SystemTime};
/// # use rust_scaffold::{mock::{Pattern, near}, prost_types};
/// let now: Pattern<prost_types::Timestamp> = near(SystemTime::now(), Duration::from_secs(1));
/// let about_a_minute: Pattern<prost_types::Duration> =
///     near(Duration::from_secs(60), Duration::from_millis(500));
/// ```
#[allow(clippy::needless_pass_by_value, reason = "patterns take their values")]
pub fn near<T>(value: impl Moment<T>, tolerance: Duration) -> Pattern<T>
where
    T: Moment<T> + Debug + 'static,
{
    let middle = value.nanoseconds();
    holds(format!("{value:?} ± {tolerance:?}"), move |got: &T| {
        middle.abs_diff(got.nanoseconds()) <= tolerance.as_nanos()
    })
}

/// What says when, or how long, in comparison with a well-known type `T`. The trait is sealed.
pub trait Moment<T>: sealed::SealedMoment<T> + Debug {
    /// Nanoseconds from the epoch, or from zero.
    fn nanoseconds(&self) -> i128;
}

impl Moment<Timestamp> for Timestamp {
    fn nanoseconds(&self) -> i128 {
        nanoseconds(self.seconds, self.nanos)
    }
}

impl Moment<Timestamp> for SystemTime {
    fn nanoseconds(&self) -> i128 {
        Timestamp::from(*self).nanoseconds()
    }
}

impl Moment<prost_types::Duration> for prost_types::Duration {
    fn nanoseconds(&self) -> i128 {
        nanoseconds(self.seconds, self.nanos)
    }
}

impl Moment<prost_types::Duration> for Duration {
    fn nanoseconds(&self) -> i128 {
        // Durations of Rust that are too long for this are longer than protobuf's longest.
        i128::try_from(self.as_nanos()).unwrap_or(i128::MAX)
    }
}

fn nanoseconds(seconds: i64, nanos: i32) -> i128 {
    i128::from(seconds) * 1_000_000_000 + i128::from(nanos)
}

/// Keeps the trait from being implemented elsewhere, so that it can grow.
mod sealed {
    use super::{Duration, SystemTime, Timestamp};

    pub trait SealedMoment<T> {}

    impl SealedMoment<Timestamp> for Timestamp {}

    impl SealedMoment<Timestamp> for SystemTime {}

    impl SealedMoment<prost_types::Duration> for prost_types::Duration {}

    impl SealedMoment<prost_types::Duration> for Duration {}
}
