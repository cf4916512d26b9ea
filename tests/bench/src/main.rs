//! `cargo run --release -p bench -- allocs|codegen|compile|lines|mocks|overload|rest|wire [--quick] [--json FILE] [--chart FILE]`:
//! ours against the peers, in one run, as counts and ratios.

mod allocs;
mod chart;
mod codegen;
mod compile;
mod lines;
mod mocks;
mod overload;
mod report;
mod rest;
mod wire;

use std::{
    path::PathBuf,
    process::{Command, ExitCode},
};

use report::Report;

/// Counts the allocations of every peer alike.
#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const USAGE: &str = "usage: bench allocs|codegen|compile|lines|mocks|overload|rest|wire [--quick] [--json FILE] [--chart FILE]";

fn main() -> ExitCode {
    let done = parse(std::env::args().skip(1)).and_then(|asked| {
        let report = (asked.benchmark)(asked.quick)?;
        print!("{report}");
        if let Some(file) = &asked.json {
            report.write_json(file)?;
        }
        asked.chart.map_or(Ok(()), |file| report.write_chart(&file))
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

/// What makes a report, in full or quickly.
type Benchmark = fn(bool) -> Result<Report, String>;

struct Asked {
    benchmark: Benchmark,
    quick: bool,
    json: Option<PathBuf>,
    chart: Option<PathBuf>,
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Asked, String> {
    let benchmark = match words.next().as_deref() {
        Some("allocs") => (|_| Ok(allocs::run())) as Benchmark,
        Some("codegen") => |_| codegen::run(),
        Some("compile") => |_| compile::run(),
        Some("lines") => |_| Ok(lines::run()),
        Some("mocks") => |_| mocks::run(),
        Some("overload") => overload::run,
        Some("rest") => rest::run,
        Some("wire") => wire::run,
        Some(other) => return Err(format!("no benchmark is called `{other}`\n{USAGE}")),
        None => return Err(USAGE.into()),
    };
    let mut asked = Asked { benchmark, quick: false, json: None, chart: None };
    while let Some(word) = words.next() {
        match word.as_str() {
            "--quick" => asked.quick = true,
            "--json" | "--chart" => {
                let file = words.next().ok_or_else(|| format!("{word} needs a file\n{USAGE}"))?;
                let file = Some(PathBuf::from(file));
                *(if word == "--json" { &mut asked.json } else { &mut asked.chart }) = file;
            }
            other => return Err(format!("unknown option `{other}`\n{USAGE}")),
        }
    }
    Ok(asked)
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
