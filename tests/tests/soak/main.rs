//! Calls of all kinds under all kinds of trouble, for as long as one likes: each ends within its
//! deadline and a second, none waits for something that never comes, none fails without a reason; and
//! when they are over, tasks, files and memory are what they were.
//!
//! A minute, unless `SOAK_SECONDS` says otherwise, in rounds of a few seconds. What a round does is
//! decided by its seed; `SOAK_SEED` is that of the first, 1 unless it is set, whose neighbours follow. What
//! comes when is up to the machine: to see a failure again may take more than one round of its seed,
//! and `SOAK_SAME=1` makes no others.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod calls;
mod clock;
#[path = "../chaos/memory.rs"]
mod memory;
mod process;
#[path = "../fuzz/random.rs"]
mod random;
mod relay;
mod round;
mod server;
mod service;
mod setup;

use std::{
    panic,
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use calls::Log;
use setup::Setup;
use tokio::runtime::{Builder, Runtime};

#[allow(
    clippy::doc_markdown,
    clippy::too_many_arguments,
    missing_docs,
    unreachable_pub,
    reason = "generated messages look as prost makes them"
)]
mod telemetry {
    rust_scaffold::include_proto!("telemetry");
}

/// How long a round may take, beyond anything that it waits for.
const LIMIT: Duration = Duration::from_secs(300);
/// After so many rounds, the process has all the memory that it needs.
const WARM: usize = 8;
/// What the memory may grow by from then on, in MiB.
const GROWTH: usize = 64;

#[test]
fn calls_end_and_leave_nothing_behind() {
    hide_ordered_panics();
    let end = Instant::now() + Duration::from_secs(number("SOAK_SECONDS").unwrap_or(60));
    let first = number("SOAK_SEED").unwrap_or(1);
    let step = u64::from(number("SOAK_SAME").is_none());
    println!("SOAK_SEED={first}");
    let (mut failures, mut memory) = (Vec::new(), Vec::new());
    let mut seed = first;
    while Instant::now() < end {
        let log = run(seed);
        memory.push(memory::resident());
        println!("{seed}: {:?}", Setup::new(seed));
        println!("{seed}: {} calls: {}", log.calls(), log.outcomes());
        println!("{seed}: {} MiB", memory[memory.len() - 1]);
        for complaint in log.complaints() {
            println!("{seed}: WRONG: {complaint}");
            failures.push(format!("SOAK_SEED={seed}: {complaint}"));
        }
        seed += step;
    }
    assert!(failures.is_empty(), "{} rounds:\n{}", memory.len(), failures.join("\n"));
    if let (Some(warm), Some(last)) = (memory.get(WARM), memory.last()) {
        assert!(*last < warm + GROWTH, "SOAK_SEED={first}: the memory grows: {memory:?} MiB");
    }
}

/// Runs the round of `seed` on a runtime and a thread of its own, so that no hang is missed.
fn run(seed: u64) -> Arc<Log> {
    let log = Arc::new(Log::default());
    let (done, ended) = mpsc::channel();
    let logged = Arc::clone(&log);
    let worker = thread::spawn(move || {
        let runtime = runtime(&Setup::new(seed));
        runtime.block_on(round::run(seed, logged));
        runtime.shutdown_timeout(Duration::from_secs(1));
        // The other end waits for it.
        let _ = done.send(());
    });
    match ended.recv_timeout(LIMIT) {
        Ok(()) => worker.join().unwrap(),
        Err(mpsc::RecvTimeoutError::Disconnected) => log.complain("it panicked".to_owned()),
        Err(mpsc::RecvTimeoutError::Timeout) => log.complain("it never ended".to_owned()),
    }
    log
}

fn runtime(setup: &Setup) -> Runtime {
    let mut builder = match setup.multi_thread {
        true => Builder::new_multi_thread(),
        false => Builder::new_current_thread(),
    };
    builder.worker_threads(2).enable_all().build().unwrap()
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|number| number.parse().unwrap())
}

/// Panics that are part of the test are not shown.
fn hide_ordered_panics() {
    let show = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if !panic.to_string().contains(service::PANIC) {
            show(panic);
        }
    }));
}
