//! Runs protoc: finds one, hands it the files, and reads what it says.

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::cargo;
use crate::{
    descriptor::{self, FileDescriptorSet},
    error::Error,
};

/// Which protoc to run, and what to tell it besides the files.
#[derive(Debug, Default)]
pub(super) struct Protoc {
    pub(super) path: Option<PathBuf>,
    pub(super) arguments: Vec<String>,
}

impl Protoc {
    /// The descriptors of some files and all their imports.
    pub(super) fn run(
        &self,
        protos: &[PathBuf],
        includes: &[PathBuf],
    ) -> Result<FileDescriptorSet, Error> {
        let temporary = env::temp_dir();
        let directory = tempfile::tempdir().map_err(|source| Error::Io {
            action: "create a temporary directory in",
            path: temporary,
            help: "check TMPDIR",
            source,
        })?;
        let output = directory.path().join("descriptors");
        let program = self.program()?;
        let mut command = Command::new(&program);
        command.arg("--include_imports").arg("--include_source_info").arg("-o").arg(&output);
        let includes_of_protoc = well_known_protos();
        let existing = includes.iter().filter(|include| include.exists());
        for include in existing.chain(&includes_of_protoc) {
            command.arg("-I").arg(include);
        }
        command.args(&self.arguments).args(protos);
        let finished = command.output().map_err(|source| Error::ProtocNotRunnable {
            path: program,
            help: "set PROTOC to the path of a protoc, or leave it unset to use the one that \
                   comes with rust-scaffold-build",
            source,
        })?;
        let said = String::from_utf8_lossy(&finished.stderr);
        if !finished.status.success() {
            return Err(Error::Protoc(explain(said.trim(), protos, includes)));
        }
        let warnings = said.lines().map(|line| line.trim().to_owned());
        cargo::warn(&warnings.filter(|line| !line.is_empty()).collect::<Vec<_>>());
        let bytes = fs::read(&output).map_err(|source| Error::Io {
            action: "read",
            path: output.clone(),
            help: "protoc should have written its descriptors there: check `protoc_arg`",
            source,
        })?;
        descriptor::decode_set(&bytes)
    }

    fn program(&self) -> Result<PathBuf, Error> {
        let from_environment = || env::var_os("PROTOC").map(PathBuf::from);
        match self.path.clone().or_else(from_environment) {
            Some(path) => Ok(path),
            None => vendored(),
        }
    }
}

/// The files that took part, as paths: for cargo to watch. Those of protoc itself are not among
/// them.
pub(super) fn sources(set: &FileDescriptorSet, includes: &[PathBuf]) -> Vec<PathBuf> {
    let names = descriptor::file_names(set).map(Path::new);
    names.filter_map(|name| find(name, includes)).collect()
}

/// Where some files are that were asked for; one that is nowhere is missed where it was named.
pub(super) fn places(protos: &[PathBuf], includes: &[PathBuf]) -> Vec<PathBuf> {
    let place = |proto: &PathBuf| match proto.exists() {
        true => proto.clone(),
        false => find(proto, includes).unwrap_or_else(|| proto.clone()),
    };
    protos.iter().map(place).collect()
}

fn find(name: &Path, includes: &[PathBuf]) -> Option<PathBuf> {
    let mut candidates = includes.iter().map(|include| include.join(name));
    candidates.find(|path| path.exists())
}

/// The names under which protoc knows some paths: relative to an include directory.
pub(super) fn names(protos: &[PathBuf], includes: &[PathBuf]) -> BTreeSet<String> {
    let candidates = protos.iter().flat_map(|proto| {
        let relative = includes.iter().filter_map(move |include| below(proto, include));
        relative.chain([proto.clone()])
    });
    candidates.map(|path| path.to_string_lossy().replace('\\', "/")).collect()
}

fn below(proto: &Path, include: &Path) -> Option<PathBuf> {
    let include = if include == Path::new(".") { Path::new("") } else { include };
    proto.strip_prefix(include).ok().map(Path::to_owned)
}

#[cfg(feature = "vendored")]
fn vendored() -> Result<PathBuf, Error> {
    protoc_bin_vendored::protoc_bin_path().map_err(|error| Error::ProtocNotRunnable {
        path: PathBuf::from("protoc"),
        help: "install protoc and set PROTOC to its path",
        source: std::io::Error::other(error.to_string()),
    })
}

#[cfg(not(feature = "vendored"))]
fn vendored() -> Result<PathBuf, Error> {
    Ok(PathBuf::from("protoc"))
}

/// Where `google/protobuf/*.proto` are, if a protoc came with this crate.
fn well_known_protos() -> Option<PathBuf> {
    #[cfg(feature = "vendored")]
    return protoc_bin_vendored::include_path().ok();
    #[cfg(not(feature = "vendored"))]
    return None;
}

/// protoc's words, and a hint where they leave one wondering.
fn explain(said: &str, protos: &[PathBuf], includes: &[PathBuf]) -> String {
    let missing = protos.iter().find(|proto| {
        !proto.exists() && !includes.iter().any(|include| include.join(proto).exists())
    });
    let list = |paths: &[PathBuf]| {
        let paths = paths.iter().map(|path| format!("`{}`", path.display()));
        paths.collect::<Vec<_>>().join(", ")
    };
    let directory = env::current_dir().unwrap_or_default();
    let help = if let Some(missing) = missing {
        let (missing, directory) = (missing.display(), directory.display());
        format!("there is no file `{missing}` (in {directory})")
    } else if said.contains("not found") {
        format!("imports are looked for in {}: is a directory missing there?", list(includes))
    } else if said.contains("not reside within any path") {
        format!("one of the include directories, {}, must hold the file", list(includes))
    } else {
        return said.to_owned();
    };
    format!("{said}\n  help: {help}")
}
