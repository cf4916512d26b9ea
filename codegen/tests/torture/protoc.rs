//! Runs protoc with the plugin, as a user would.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

const PLUGIN: &str = env!("CARGO_BIN_EXE_protoc-gen-rust-scaffold");

pub(crate) enum Outcome {
    Generated {
        /// The `recursion_limit` that a warning names.
        limit: Option<String>,
    },
    /// With the generator's words.
    Refused(String),
    RefusedByProtoc,
}

/// Generates all protos below a directory in one request, with a tree of modules.
pub(crate) fn generate(directory: &Path, out: &Path) -> Outcome {
    fs::create_dir_all(out).unwrap();
    let plugin = format!("--plugin=protoc-gen-rust-scaffold={PLUGIN}");
    let to = format!("--rust-scaffold_out=include_file=mod.rs:{}", out.display());
    let generated = protoc(directory, &[&plugin, &to]);
    if generated.status.success() {
        let warnings = String::from_utf8(generated.stderr).unwrap();
        let limit = warnings.split("recursion_limit = \"").nth(1);
        let limit = limit.and_then(|rest| rest.split('"').next()).map(str::to_owned);
        return Outcome::Generated { limit };
    }
    let descriptors = protoc(directory, &["-o/dev/null"]);
    match descriptors.status.success() {
        true => Outcome::Refused(String::from_utf8(generated.stderr).unwrap()),
        false => Outcome::RefusedByProtoc,
    }
}

fn protoc(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(protoc_bin_vendored::protoc_bin_path().unwrap())
        .arg("-I")
        .arg(directory)
        .arg("-I")
        .arg(protoc_bin_vendored::include_path().unwrap())
        .args(arguments)
        .args(protos(directory))
        .output()
        .unwrap()
}

/// The protos below a directory, sorted.
pub(crate) fn protos(directory: &Path) -> Vec<PathBuf> {
    let mut protos = Vec::new();
    let mut next = vec![directory.to_owned()];
    while let Some(directory) = next.pop() {
        for path in fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                next.push(path);
            } else if path.extension().is_some_and(|extension| extension == "proto") {
                protos.push(path);
            }
        }
    }
    protos.sort();
    protos
}
