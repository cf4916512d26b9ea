//! Mocks against a connection of tonic and against mockall: calls, whole tests, and compilation.

mod allocations;
mod compile;

use std::process::Command;

use crate::report::Report;

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

/// What a command prints, unless it fails.
fn output(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(format!("{command:?}: {}\n{}", output.status, text(&output.stderr))),
    }
}
