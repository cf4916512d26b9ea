//! Generates, in processes of their own, and says what it took.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use nix::sys::resource::{UsageWho, getrusage};
use prost::Message as _;

use crate::files::{self, Input};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Generator {
    Ours,
    Tonic,
}

impl Generator {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ours => "rust-scaffold",
            Self::Tonic => "tonic",
        }
    }
}

/// What a process took.
pub(crate) struct Measured {
    pub(crate) cpu_seconds: f64,
    pub(crate) peak_bytes: f64,
}

/// Generates into an empty directory. Of ours, what a build script would get is measured, and what
/// protoc writes with the plugin is what stays: both have to be the same.
pub(crate) fn run(generator: Generator, input: &Input, out: &Path) -> Result<Measured, String> {
    empty(out)?;
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new(own);
    command.args(["generate", generator.name()]).arg(&input.set).arg(out);
    let output = command.output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(first_lines(&output.stderr));
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut numbers = text.lines().last().unwrap_or_default().split(' ').map(str::parse::<f64>);
    let (Some(Ok(cpu_seconds)), Some(Ok(peak_bytes))) = (numbers.next(), numbers.next()) else {
        return Err(format!("no numbers: {text}"));
    };
    if generator == Generator::Ours {
        let helper = out.with_extension("helper");
        let _ = fs::remove_dir_all(&helper);
        fs::rename(out, &helper).map_err(|error| error.to_string())?;
        by_protoc(input, out)?;
        compare(&helper, out)?;
    }
    Ok(Measured { cpu_seconds, peak_bytes })
}

/// The process that [`run`] starts: generates, and prints what that took.
pub(crate) fn generate(generator: &str, input: &[&str]) -> Result<(), String> {
    let [set, out] = input else { return Err("generate needs a set and a directory".to_owned()) };
    let set = fs::read(set).map_err(|error| error.to_string())?;
    if generator == Generator::Tonic.name() {
        let set = prost_types::FileDescriptorSet::decode(set.as_slice());
        let tonic = tonic_prost_build::configure().emit_rerun_if_changed(false);
        let tonic = tonic.out_dir(out).include_file("mod.rs");
        let done = tonic.compile_fds(set.map_err(|error| error.to_string())?);
        done.map_err(|error| error.to_string())?;
    } else {
        let ours = rust_scaffold_build::configure().emit_rerun_if_changed(false);
        let ours = ours.out_dir(out).include_file("mod.rs");
        ours.compile_fds(&set).map_err(|error| error.to_string())?;
    }
    let usage = getrusage(UsageWho::RUSAGE_SELF).map_err(|error| error.to_string())?;
    let seconds = [usage.user_time(), usage.system_time()]
        .map(|time| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6);
    println!("{} {}", seconds[0] + seconds[1], usage.max_rss() as f64 * 1024.0);
    Ok(())
}

/// Builds the plugin, beside this program.
pub(crate) fn build_plugin() -> Result<(), String> {
    let arguments = ["build", "--quiet", "--package", "rust-scaffold-build"];
    let release = (!cfg!(debug_assertions)).then_some("--release");
    let status = Command::new(env!("CARGO")).args(arguments).args(release).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("the plugin cannot be built: {status}")),
        Err(error) => Err(error.to_string()),
    }
}

/// Runs protoc with the plugin.
fn by_protoc(input: &Input, out: &Path) -> Result<(), String> {
    empty(out)?;
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let plugin = own.with_file_name("protoc-gen-rust-scaffold");
    let mut command = files::protoc(&input.includes)?;
    command
        .arg(format!("--plugin=protoc-gen-rust-scaffold={}", plugin.display()))
        .arg(format!("--rust-scaffold_out=include_file=mod.rs:{}", out.display()))
        .args(&input.protos);
    let output = command.output().map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(()),
        false => Err(first_lines(&output.stderr)),
    }
}

/// A build script leaves out imports of which nothing comes; only the tree can tell.
fn compare(by_helper: &Path, by_plugin: &Path) -> Result<(), String> {
    for (name, content) in tree(by_helper) {
        let is_tree = name == Path::new("mod.rs");
        if !is_tree && fs::read(by_plugin.join(&name)).ok() != Some(content) {
            return Err(format!("the plugin writes another {}", name.display()));
        }
    }
    Ok(())
}

fn empty(directory: &Path) -> Result<(), String> {
    let _ = fs::remove_dir_all(directory);
    fs::create_dir_all(directory).map_err(|error| format!("{}: {error}", directory.display()))
}

/// The files below a directory, and what is in them.
pub(crate) fn tree(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    let mut next = vec![directory.to_owned()];
    while let Some(inner) = next.pop() {
        for path in fs::read_dir(inner).into_iter().flatten().flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                next.push(path);
            } else if let Ok(content) = fs::read(&path) {
                let name = path.strip_prefix(directory).unwrap_or(&path).to_owned();
                files.push((name, content));
            }
        }
    }
    files.sort();
    files
}

/// As much of a text as says what is wrong.
pub(crate) fn first_lines(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    text.lines().filter(|line| !line.trim().is_empty()).take(6).collect::<Vec<_>>().join("\n  ")
}
