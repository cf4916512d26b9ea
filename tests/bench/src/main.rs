//! `cargo run --release -p bench -- allocs|codegen|compile|lines|mocks [--json FILE]`: ours against the
//! peers, in one run, as counts and ratios.

mod allocs;
mod codegen;
mod compile;
mod lines;
mod mocks;
mod report;

use std::{
    path::PathBuf,
    process::{Command, ExitCode},
};

use report::Report;

/// Counts the allocations of every peer alike.
#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const USAGE: &str = "usage: bench allocs|codegen|compile|lines|mocks [--json FILE]";

fn main() -> ExitCode {
    let done = parse(std::env::args().skip(1)).and_then(|(benchmark, json)| {
        let report = benchmark()?;
        print!("{report}");
        json.map_or(Ok(()), |file| report.write_json(&file))
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

type Benchmark = fn() -> Result<Report, String>;

fn parse(mut words: impl Iterator<Item = String>) -> Result<(Benchmark, Option<PathBuf>), String> {
    let benchmark = match words.next().as_deref() {
        Some("allocs") => (|| Ok(allocs::run())) as Benchmark,
        Some("codegen") => codegen::run,
        Some("compile") => compile::run,
        Some("lines") => || Ok(lines::run()),
        Some("mocks") => mocks::run,
        Some(other) => return Err(format!("no benchmark is called `{other}`\n{USAGE}")),
        None => return Err(USAGE.into()),
    };
    let mut json = None;
    while let Some(word) = words.next() {
        match (word.as_str(), words.next()) {
            ("--json", Some(file)) => json = Some(PathBuf::from(file)),
            ("--json", None) => return Err(format!("--json needs a file\n{USAGE}")),
            (other, _) => return Err(format!("unknown option `{other}`\n{USAGE}")),
        }
    }
    Ok((benchmark, json))
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

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
