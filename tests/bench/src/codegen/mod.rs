//! The generator against tonic-prost-build: CPU and memory of a large synthetic API, and the time
//! that `calculator.proto` takes. Each generation is a process of its own.

mod synthetic;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    median, output,
    report::{BASELINE, Report},
};

const ROUNDS: usize = 5;

/// Who generates, as the probe calls it, and as the report does.
const GENERATORS: [(&str, &str); 3] = [
    ("ours", "rust-scaffold"),
    ("ours-without-mocks", "rust-scaffold, no mocks"),
    ("tonic", BASELINE),
];

pub(crate) fn run() -> Result<Report, String> {
    let directory =
        Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new("."));
    let directory = directory.join("target/bench-codegen");
    fs::create_dir_all(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let probe = probe()?;
    let mut report = Report::default();

    let protos = directory.join("protos");
    synthetic::write(&protos).map_err(|error| format!("{}: {error}", protos.display()))?;
    let set = directory.join("set");
    descriptors(&protos, &set)?;
    let case = synthetic::describe();
    measure(&probe, (&format!("{case}, after protoc"), &set), &mut report)?;
    measure(&probe, (&format!("{case}, with protoc"), &protos), &mut report)?;

    let set = directory.join("calculator");
    descriptors(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto/calculator.proto").as_path(),
        &set,
    )?;
    measure(&probe, ("calculator.proto, after protoc", &set), &mut report)?;
    Ok(report)
}

/// Runs all generators in turn on a descriptor set, or on a directory of protos.
fn measure(probe: &Path, (case, input): (&str, &Path), report: &mut Report) -> Result<(), String> {
    let mut found = GENERATORS.map(|_| (Vec::new(), Vec::new()));
    for _ in 0..ROUNDS {
        for ((generator, _), (cpu, memory)) in GENERATORS.iter().zip(&mut found) {
            let text = output(Command::new(probe).arg(generator).arg(input))?;
            let mut numbers = text.split_whitespace().map(|number| number.parse::<f64>().ok());
            let (Some(Some(seconds)), Some(Some(bytes))) = (numbers.next(), numbers.next()) else {
                return Err(format!("the probe says {text}"));
            };
            cpu.push(seconds * 1000.0);
            memory.push(bytes / 1e6);
        }
    }
    for ((_, peer), (cpu, memory)) in GENERATORS.iter().zip(found) {
        report.add((case, peer), ("CPU", "ms"), median(cpu));
        report.add((case, peer), ("peak memory", "MB"), median(memory));
    }
    Ok(())
}

/// Builds the program that generates, without a counting allocator.
fn probe() -> Result<PathBuf, String> {
    let build = ["build", "--quiet", "--release", "--package", "bench", "--bin", "codegen-probe"];
    output(Command::new(env!("CARGO")).args(build))?;
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let target = own.ancestors().nth(2).unwrap_or(&own);
    Ok(target.join("release/codegen-probe"))
}

/// Writes what protoc says of a file, or of all files in a directory.
fn descriptors(protos: &Path, set: &Path) -> Result<(), String> {
    let files = match protos.is_dir() {
        true => synthetic::files(protos),
        false => vec![protos.to_owned()],
    };
    let include = files.first().and_then(|file| file.parent()).unwrap_or(protos);
    let protoc = protoc_bin_vendored::protoc_bin_path().map_err(|error| error.to_string())?;
    let arguments = ["--include_imports", "--include_source_info", "-o"];
    let mut command = Command::new(protoc);
    command.args(arguments).arg(set).arg("-I").arg(include).args(&files);
    output(&mut command).map(drop)
}
