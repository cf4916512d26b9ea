//! CPU time, and medians of interleaved rounds.

use std::{fs, future::Future, pin::Pin};

/// What this thread has had of the CPU so far, in nanoseconds.
fn cpu() -> f64 {
    let statistics = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = statistics.split(' ').next().and_then(|text| text.parse().ok());
    nanoseconds.expect("the kernel tells what a thread has had of the CPU")
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
