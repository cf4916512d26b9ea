//! What an attack has made a server keep goes back to the system when it is over, where the program has
//! an allocator that gives memory back. A process of its own, for all of it shares the allocator.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "behaviour/frames/frame.rs"]
#[allow(dead_code, reason = "shared with tests that write all kinds of frames")]
mod frame;
#[path = "chaos/hoarder.rs"]
#[allow(dead_code, reason = "shared with tests of other attacks")]
mod hoarder;
#[path = "chaos/memory.rs"]
#[allow(dead_code, reason = "shared with tests of other attacks")]
mod memory;

use hoarder::{Hoarder, MIB, Target};

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

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_goes_back_to_the_system_after_an_attack() {
    let target = Target::new().await;
    let (hoarders, sent) = Hoarder::hoard(&target).await;
    let peak = target.kept();
    drop(hoarders);
    target.is_left().await;
    assert!(peak > 32 * MIB, "{peak} KiB are no attack");
    target.keeps_at_most(peak / 4).await;
    let left = target.kept();
    println!("{sent} KiB that nobody reads: {peak} KiB at the peak, {left} KiB after other calls");
}
