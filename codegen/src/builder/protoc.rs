//! Runs protoc: finds one, hands it the files, and reads what it says.

use std::{env, fs, io, path::PathBuf, process::Command};

use super::{hints, proto_path::ProtoPath};
use crate::{
    descriptor::{self, FileDescriptorSet},
    error::Error,
};

/// Which protoc to run, and what to tell it besides the files.
#[derive(Debug, Default)]
pub(crate) struct Protoc {
    pub(crate) path: Option<PathBuf>,
    pub(crate) arguments: Vec<String>,
}

impl Protoc {
    /// Where protoc looks for files, when it runs with these include directories.
    pub(crate) fn proto_path(&self, includes: &[PathBuf]) -> ProtoPath {
        ProtoPath::new(includes, well_known_protos().as_deref(), &self.arguments)
    }

    /// The descriptors of some files and all their imports, and protoc's warnings.
    pub(crate) fn run(
        &self,
        protos: &[PathBuf],
        includes: &[PathBuf],
    ) -> Result<(FileDescriptorSet, Vec<String>), Error> {
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
        let of_protoc = well_known_protos();
        let existing = includes.iter().filter(|include| include.exists());
        for include in existing.chain(&of_protoc) {
            command.arg("-I").arg(include);
        }
        command.args(&self.arguments).args(protos);
        let finished = command.output().map_err(|source| not_runnable(program, source))?;
        let said = String::from_utf8_lossy(&finished.stderr);
        if !finished.status.success() {
            let proto_path = self.proto_path(includes);
            return Err(Error::Protoc(hints::explain(said.trim(), protos, &proto_path)));
        }
        let warnings = said.lines().map(|line| line.trim().to_owned());
        let warnings = warnings.filter(|line| !line.is_empty()).collect();
        let bytes = fs::read(&output).map_err(|source| Error::Io {
            action: "read",
            path: output.clone(),
            help: "protoc should have written its descriptors there: check `protoc_arg`",
            source,
        })?;
        Ok((descriptor::decode_set(&bytes)?, warnings))
    }

    /// Which protoc runs, and what it answers to `--version`.
    #[cfg(feature = "cli")]
    pub(crate) fn version(&self) -> Result<(PathBuf, String), Error> {
        let program = self.program()?;
        match Command::new(&program).arg("--version").output() {
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
                Ok((program, said))
            }
            Err(source) => Err(not_runnable(program, source)),
        }
    }

    fn program(&self) -> Result<PathBuf, Error> {
        let from_environment = || env::var_os("PROTOC").map(PathBuf::from);
        match self.path.clone().or_else(from_environment) {
            Some(path) => Ok(path),
            None => vendored(),
        }
    }
}

fn not_runnable(path: PathBuf, source: io::Error) -> Error {
    Error::ProtocNotRunnable {
        path,
        help: "set PROTOC to the path of a protoc, or leave it unset to use the one that comes \
               with rust-scaffold-build",
        source,
    }
}

#[cfg(feature = "vendored")]
fn vendored() -> Result<PathBuf, Error> {
    protoc_bin_vendored::protoc_bin_path().map_err(|error| Error::ProtocNotRunnable {
        path: PathBuf::from("protoc"),
        help: "install protoc and set PROTOC to its path",
        source: io::Error::other(error.to_string()),
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
