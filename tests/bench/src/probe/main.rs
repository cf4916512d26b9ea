//! What `bench -- mocks` measures in a process of its own, without a counting allocator: single
//! calls in a release build, whole tests in a debug build. Prints JSON.

mod calls;
mod clock;
mod tests;

use std::process::ExitCode;

use serde_json::json;

/// A case, who it is measured of, the metric with its unit, and the value.
type Row = (&'static str, &'static str, (&'static str, &'static str), f64);

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime on one thread");
    let rows = match std::env::args().nth(1).as_deref() {
        Some("calls") => runtime.block_on(calls::run()),
        Some("tests") => runtime.block_on(tests::run()),
        _ => {
            eprintln!("usage: mocks-probe calls|tests");
            return ExitCode::FAILURE;
        }
    };
    let rows = rows.into_iter().map(|(case, peer, (metric, unit), value)| {
        json!({ "case": case, "peer": peer, "metric": metric, "unit": unit, "value": value })
    });
    println!("{}", serde_json::Value::from(rows.collect::<Vec<_>>()));
    ExitCode::SUCCESS
}
