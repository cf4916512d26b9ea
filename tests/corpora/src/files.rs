//! Which files of a package take part: those that protoc takes, and what they import.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use prost::Message as _;
use prost_types::FileDescriptorSet;

use crate::corpus::Corpus;

/// What is generated from.
pub(crate) struct Input {
    pub(crate) includes: Vec<PathBuf>,
    /// The names of the files to generate, as imports spell them.
    pub(crate) protos: Vec<String>,
    /// The descriptors of these and of all that they import.
    pub(crate) set: PathBuf,
    /// How many files protoc does not take.
    pub(crate) left_out: usize,
    pub(crate) services: usize,
    pub(crate) methods: usize,
    pub(crate) messages: usize,
}

/// Leaves out what protoc refuses, until it takes the rest.
pub(crate) fn prepare(corpus: &Corpus, directory: &Path) -> Result<Input, String> {
    let includes = corpus.roots.iter().map(|root| directory.join("unpacked").join(root));
    let includes = includes.collect::<Vec<_>>();
    let mut protos = BTreeSet::new();
    for include in &includes {
        collect(include, include, &mut protos);
    }
    protos.retain(|name| name.starts_with(corpus.below) && !name.starts_with("google/protobuf/"));
    let all = protos.len();
    let set = directory.join("set");
    while !protos.is_empty() {
        let output = descriptors(&includes, &protos, &set)?;
        if output.status.success() {
            let left_out = all - protos.len();
            return read(includes, set, left_out);
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let refused = said.lines().filter_map(|line| line.split(':').next());
        let refused =
            refused.map(|name| below_an_include(name, &includes)).collect::<BTreeSet<_>>();
        let before = protos.len();
        protos.retain(|name| !refused.contains(name.as_str()));
        if protos.len() == before {
            return Err(format!("{}: protoc says {said}", corpus.name));
        }
    }
    Err(format!("{}: there are no protos", corpus.name))
}

/// protoc names some files by their paths.
fn below_an_include<'a>(name: &'a str, includes: &[PathBuf]) -> &'a str {
    let below = includes.iter().filter_map(|include| Path::new(name).strip_prefix(include).ok());
    below.min_by_key(|path| path.as_os_str().len()).and_then(Path::to_str).unwrap_or(name)
}

fn collect(root: &Path, directory: &Path, protos: &mut BTreeSet<String>) {
    for path in fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            collect(root, &path, protos);
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            let name = path.strip_prefix(root).unwrap_or(&path);
            protos.insert(name.to_string_lossy().into_owned());
        }
    }
}

fn descriptors(
    includes: &[PathBuf],
    protos: &BTreeSet<String>,
    set: &Path,
) -> Result<Output, String> {
    let mut command = protoc(includes)?;
    command.args(["--include_imports", "--include_source_info", "-o"]).arg(set).args(protos);
    command.output().map_err(|error| error.to_string())
}

/// The vendored protoc, with these directories and that of the well-known types.
pub(crate) fn protoc(includes: &[PathBuf]) -> Result<Command, String> {
    let failed = |error: protoc_bin_vendored::Error| error.to_string();
    let mut command = Command::new(protoc_bin_vendored::protoc_bin_path().map_err(failed)?);
    for include in includes {
        command.arg("-I").arg(include);
    }
    command.arg("-I").arg(protoc_bin_vendored::include_path().map_err(failed)?);
    Ok(command)
}

/// Imports are generated, too, but for the well-known types.
fn read(includes: Vec<PathBuf>, set: PathBuf, left_out: usize) -> Result<Input, String> {
    let bytes = fs::read(&set).map_err(|error| error.to_string())?;
    let files =
        FileDescriptorSet::decode(bytes.as_slice()).map_err(|error| error.to_string())?.file;
    let files = files.iter().filter(|file| !file.name().starts_with("google/protobuf/"));
    let files = files.collect::<Vec<_>>();
    let services = files.iter().flat_map(|file| &file.service).collect::<Vec<_>>();
    Ok(Input {
        protos: files.iter().map(|file| file.name().to_owned()).collect(),
        services: services.len(),
        methods: services.iter().map(|service| service.method.len()).sum(),
        messages: files.iter().map(|file| file.message_type.len()).sum(),
        includes,
        set,
        left_out,
    })
}
