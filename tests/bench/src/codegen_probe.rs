//! One generation, for `bench -- codegen`: prints the CPU seconds that it and its children took,
//! and the most memory that it had, in bytes.

use std::{error::Error, fs, path::Path, process::ExitCode};

use prost::Message as _;
use rust_scaffold_build::Mock;
use rustix::time::{ClockId, clock_gettime};

fn main() -> ExitCode {
    let arguments = std::env::args().skip(1).collect::<Vec<_>>();
    let done = match arguments.as_slice() {
        [generator, input] => run(generator, Path::new(input)),
        _ => Err("usage: codegen-probe ours|ours-without-mocks|tonic SET|DIRECTORY".into()),
    };
    match done {
        Ok((seconds, bytes)) => {
            println!("{seconds} {bytes}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(generator: &str, input: &Path) -> Result<(f64, f64), Box<dyn Error>> {
    let out = tempfile::tempdir()?;
    let mock = if generator == "ours" { Mock::Test } else { Mock::Never };
    let ours = rust_scaffold_build::configure()
        .mock(mock)
        .emit_rerun_if_changed(false)
        .include_file("mod.rs")
        .out_dir(out.path());
    let tonic = tonic_prost_build::configure()
        .emit_rerun_if_changed(false)
        .include_file("mod.rs")
        .out_dir(out.path());
    let before = cpu_seconds();
    if input.is_dir() {
        let entries = fs::read_dir(input)?.map(|entry| entry.map(|entry| entry.path()));
        let mut protos = entries.collect::<Result<Vec<_>, _>>()?;
        protos.sort();
        match generator {
            "tonic" => {
                let mut prost = tonic_prost_build::Config::new();
                prost.protoc_executable(protoc_bin_vendored::protoc_bin_path()?);
                tonic.compile_with_config(prost, &protos, &[input.to_owned()])?;
            }
            _ => ours.compile_protos(&protos, &[input])?,
        }
    } else {
        let set = fs::read(input)?;
        if generator == "tonic" {
            tonic.compile_fds(prost_types::FileDescriptorSet::decode(set.as_slice())?)?;
        } else {
            ours.compile_fds(&set)?;
        }
    }
    Ok((cpu_seconds() - before + children_seconds()?, peak_memory()?))
}

fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    // Seconds and nanoseconds of a run are small numbers.
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// What `proc(5)` calls `cutime` and `cstime`, which are in hundredths of a second.
fn children_seconds() -> Result<f64, Box<dyn Error>> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let behind_name = stat.rsplit(')').next().unwrap_or_default();
    let numbers = behind_name.split_whitespace().skip(13).take(2).map(str::parse::<f64>);
    Ok(numbers.sum::<Result<f64, _>>()? / 100.0)
}

fn peak_memory() -> Result<f64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? * 1024.0)
}
