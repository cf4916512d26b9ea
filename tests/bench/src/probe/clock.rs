//! CPU time, and medians of interleaved rounds.

use std::{future::Future, pin::Pin};

use rustix::time::{ClockId, clock_gettime};

/// What this thread has had of the CPU so far, in nanoseconds.
fn cpu() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

/// Something to be measured: does its work so many times.
pub(crate) type Work<'a> = Box<dyn Fn(u64) -> Pin<Box<dyn Future<Output = ()> + 'a>> + 'a>;

/// The CPU time of each work per repetition, as the median of rounds in which they take turns.
pub(crate) async fn medians<const N: usize>(
    rounds: usize,
    works: [(u64, Work<'_>); N],
) -> [f64; N] {
    let mut found = [const { Vec::new() }; N];
    for (repetitions, work) in &works {
        work(repetitions / 4 + 1).await;
    }
    for _ in 0..rounds {
        for ((repetitions, work), found) in works.iter().zip(&mut found) {
            let before = cpu();
            work(*repetitions).await;
            found.push((cpu() - before) / *repetitions as f64);
        }
    }
    found.map(|mut values| {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    })
}
