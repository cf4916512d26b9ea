//! What generated code costs to compile, against tonic's: a service of 200 methods that are all
//! used, checked and built for release, with the cost of its messages taken off; and the cold build
//! of the smallest server and client, ours with its code checked in, tonic's with its build script.

mod projects;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    median, output,
    report::{BASELINE, Report},
};
use projects::{Kind, Project};

const METHODS: usize = 200;
const PEERS: [(&str, Kind); 3] =
    [("messages", Kind::Messages), ("rust-scaffold", Kind::Ours), (BASELINE, Kind::Tonic)];

pub(crate) fn run() -> Result<Report, String> {
    let directory =
        Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new("."));
    let directory = directory.join("target/bench-compile");
    let mut report = Report::default();
    wide(&directory, &mut report)?;
    cold(&directory, &mut report)?;
    Ok(report)
}

/// The wide service, on dependencies that are built already.
fn wide(directory: &Path, report: &mut Report) -> Result<(), String> {
    let projects = PEERS.map(|(_, kind)| Project::write(directory, kind, METHODS));
    let projects = projects.into_iter().collect::<Result<Vec<_>, _>>()?;
    let case = format!("a service of {METHODS} methods");
    let builds: [(&str, &[&str], usize); 2] =
        [("check", &["check"], 3), ("release", &["build", "--release"], 1)];
    for (metric, words, rounds) in builds {
        let mut seconds = vec![Vec::new(); projects.len()];
        for project in &projects {
            project.cargo(words)?;
        }
        for _ in 0..rounds {
            for (project, seconds) in projects.iter().zip(&mut seconds) {
                project.touch()?;
                seconds.push(project.cargo(words)?);
            }
        }
        let mut medians = seconds.into_iter().map(median);
        let messages = medians.next().unwrap_or_default();
        for ((peer, _), seconds) in PEERS[1..].iter().zip(medians) {
            report.add((&case, peer), (metric, "CPU s"), seconds - messages);
        }
    }
    let sizes = projects.iter().map(Project::size).collect::<Result<Vec<_>, _>>()?;
    for ((peer, _), size) in PEERS[1..].iter().zip(&sizes[1..]) {
        report.add((&case, peer), ("binary", "MB"), (size - sizes[0]) / 1e6);
    }
    Ok(())
}

/// The smallest server and client, from nothing.
fn cold(directory: &Path, report: &mut Report) -> Result<(), String> {
    for (peer, kind) in [("rust-scaffold", Kind::Ours), (BASELINE, Kind::TonicBuild)] {
        let project = Project::write(&directory.join("cold"), kind, 1)?;
        project.clean()?;
        let crates = project.crates()?;
        let seconds = project.cargo(&["build", "--release"])?;
        let case = "the smallest server and client, cold";
        report.add((case, peer), ("crates", ""), crates);
        report.add((case, peer), ("release", "CPU s"), seconds);
    }
    Ok(())
}

/// The CPU time of this process's children that have ended, in seconds.
fn children() -> Result<f64, String> {
    let stat = fs::read_to_string("/proc/self/stat").map_err(|error| error.to_string())?;
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace();
    // User and system time, in hundredths of a second on every Linux.
    let times = fields.skip(13).take(2).filter_map(|field| field.parse::<f64>().ok());
    Ok(times.sum::<f64>() / 100.0)
}

fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

fn write(file: &Path, text: &str) -> Result<(), String> {
    let folder = file.parent().map_or_else(PathBuf::new, Path::to_path_buf);
    let written = fs::create_dir_all(folder).and_then(|()| fs::write(file, text));
    written.map_err(|error| format!("{}: {error}", file.display()))
}

fn lines_of(command: &mut Command) -> Result<Vec<String>, String> {
    Ok(output(command)?.lines().map(str::to_owned).collect())
}
