//! Mocks against a connection of tonic and against mockall: calls, whole tests, and compilation.

mod allocations;
mod compile;

use std::process::Command;

use crate::{output, report::Report};

/// Measures all of it, in one run.
pub(crate) fn run() -> Result<Report, String> {
    let mut report = Report::default();
    allocations::count(&mut report);
    report.add_json(&probe(&["--release"], "calls")?)?;
    report.add_json(&probe(&[], "tests")?)?;
    compile::measure(&mut report)?;
    Ok(report)
}

/// Builds the program that measures without a counting allocator, and runs it.
fn probe(profile: &[&str], what: &str) -> Result<String, String> {
    output(
        Command::new(env!("CARGO"))
            .args(["run", "--quiet", "--package", "bench", "--bin", "mocks-probe"])
            .args(profile)
            .args(["--", what]),
    )
}
