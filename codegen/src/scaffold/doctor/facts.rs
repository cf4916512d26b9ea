//! The only part of `doctor` that looks at the package: what protoc says, what is in files.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::Read as _,
    path::{Path, PathBuf},
};

use clap::ArgMatches;

use super::{
    lock::Lock,
    scan::{self, Text},
};
use crate::{
    builder::{ProtoPath, Protoc},
    emit,
    error::Error,
    scaffold::{build_script, package::Package, protos::Protos},
};

/// What the checks look at.
#[derive(Debug)]
pub(super) struct Facts {
    /// The name of the package.
    pub(super) package: String,
    pub(super) protoc: Result<Version, Error>,
    /// The protos that each run of protoc would read, but those that come with it.
    pub(super) protos: Vec<Vec<Proto>>,
    /// Why nobody knows which they are.
    pub(super) unknown: Option<Error>,
    /// Include directories that are not there.
    pub(super) absent: Vec<PathBuf>,
    pub(super) watch: Watch,
    /// All protos of the workspace, read or not.
    pub(super) nearby: Vec<PathBuf>,
    pub(super) lock: Lock,
    pub(super) generated: Vec<Generated>,
}

/// A protoc, and what it says to `--version`.
#[derive(Debug)]
pub(super) struct Version {
    pub(super) program: PathBuf,
    pub(super) said: String,
}

/// A proto that protoc reads by some name.
#[derive(Debug)]
pub(super) struct Proto {
    pub(super) path: PathBuf,
    /// The same for all paths of a file; `None` if it is not there.
    pub(super) canonical: Option<PathBuf>,
    pub(super) name: String,
    pub(super) edition: Option<Text>,
    pub(super) imports: Vec<Import>,
    /// Other files of this name with another content, which protoc would take without this one.
    pub(super) shadowed: Vec<PathBuf>,
}

#[derive(Debug)]
pub(super) struct Import {
    pub(super) text: Text,
    pub(super) is_found: bool,
}

/// Which protos cargo does not watch.
#[derive(Debug, Default)]
pub(super) struct Watch {
    pub(super) build_script: PathBuf,
    /// Those that the build script compiles.
    pub(super) unwatched: BTreeSet<PathBuf>,
    /// Those beside them that it neither compiles nor imports.
    pub(super) beside: BTreeSet<PathBuf>,
}

/// A generated file among the sources.
#[derive(Debug)]
pub(super) struct Generated {
    pub(super) path: PathBuf,
    pub(super) version: String,
    /// Whether `cargo scaffold generate` has written it.
    pub(super) is_on_record: bool,
}

impl Facts {
    pub(super) fn gather(matches: &ArgMatches, package: &Package) -> Self {
        let (all, unknown) = match Protos::of_package(matches, package) {
            Ok(all) => (all, None),
            Err(error) => (Vec::new(), Some(error)),
        };
        let mut protos = Vec::new();
        let mut absent = BTreeSet::new();
        for one in &all {
            let path = one.proto_path();
            absent.extend(path.absent().map(Path::to_owned));
            let mut read = Vec::new();
            for file in &one.files {
                read_all(path.named(file), &path, &mut read);
            }
            protos.push(read);
        }
        let lock = fs::read_to_string(package.workspace.join("Cargo.lock")).unwrap_or_default();
        Self {
            package: package.name.clone(),
            protoc: Protoc::default().version().map(|(program, said)| Version { program, said }),
            unknown,
            absent: absent.into_iter().collect(),
            watch: Watch::read(package, &all, &protos),
            protos,
            nearby: files_below(&package.workspace, "proto"),
            lock: Lock::parse(&lock),
            generated: files_below(&package.root, "rs").into_iter().filter_map(generated).collect(),
        }
    }

    /// All protos, of all runs of protoc.
    pub(super) fn each_proto(&self) -> impl Iterator<Item = &Proto> {
        self.protos.iter().flatten()
    }
}

impl Watch {
    fn read(package: &Package, all: &[Protos], read: &[Vec<Proto>]) -> Self {
        let build_script = package.build_script.clone();
        let calls = build_script::calls(package).unwrap_or_default();
        let (mut unwatched, mut beside) = (BTreeSet::new(), BTreeSet::new());
        if calls.iter().any(|call| call.is_silent) {
            let watched = watched_by(&build_script, &package.root);
            let is_watched = |it: &PathBuf| watched.iter().any(|watched| it.starts_with(watched));
            let read = read.iter().flatten();
            let read =
                read.filter(|proto| proto.canonical.as_ref().is_some_and(|it| !is_watched(it)));
            unwatched.extend(read.map(|proto| proto.path.clone()));
        }
        if !calls.is_empty() {
            let folders = all.iter().flat_map(|it| &it.files).filter_map(|it| it.parent());
            // A folder elsewhere may be shared with packages that compile the others.
            let root = package.root.join(".").canonicalize().ok();
            let is_own = |folder: &&Path| {
                let folder = folder.join(".").canonicalize().ok();
                folder.zip(root.as_ref()).is_some_and(|(folder, root)| folder.starts_with(root))
            };
            let folders = folders.filter(is_own).collect::<BTreeSet<_>>();
            let files = folders.into_iter().flat_map(protos_in);
            let is_read = |path: &Path| {
                let path = path.canonicalize().ok();
                read.iter().flatten().any(|proto| proto.canonical == path)
            };
            beside.extend(files.filter(|path| !is_read(path)));
        }
        Self { build_script, unwatched, beside }
    }
}

/// What a build script has cargo watch by itself: the whole package, if it names nothing.
fn watched_by(build_script: &Path, package: &Path) -> Vec<PathBuf> {
    let text = fs::read_to_string(build_script).unwrap_or_default();
    let named = text.split("rerun-if-changed=").skip(1);
    let named = named.filter_map(|rest| rest.split(['"', '{', '\\']).next());
    let mut named = named.map(|path| package.join(path)).collect::<Vec<_>>();
    if !text.contains("rerun-if-") {
        named.push(package.join("."));
    }
    named.iter().filter_map(|path| path.canonicalize().ok()).collect()
}

fn protos_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.join(".")).into_iter().flatten().flatten();
    let files = entries.map(|entry| folder.join(entry.file_name()));
    files.filter(|path| path.extension().is_some_and(|it| it == "proto")).collect()
}

/// A file and all that it imports, each once by each of its names.
fn read_all(first: (PathBuf, String), path: &ProtoPath, protos: &mut Vec<Proto>) {
    let mut queue = vec![first];
    while let Some((file, name)) = queue.pop() {
        let canonical = file.canonicalize().ok();
        if protos.iter().any(|known| known.name == name && known.canonical == canonical) {
            continue;
        }
        let content = fs::read(&file).unwrap_or_default();
        let scanned = scan::scan(&String::from_utf8_lossy(&content));
        let mut imports = Vec::new();
        for text in scanned.imports {
            let (paths, is_of_protoc) = path.paths(&text.value);
            // A protoc that has been installed knows where its own are.
            let is_found = !paths.is_empty() || text.value.starts_with("google/protobuf/");
            let found = paths.into_iter().next().filter(|_| !is_of_protoc);
            queue.extend(found.map(|found| (found, text.value.clone())));
            imports.push(Import { text, is_found });
        }
        let (mut shadowed, _) = path.paths(&name);
        shadowed.retain(|other| fs::read(other).is_ok_and(|other| other != content));
        let edition = scanned.edition;
        protos.push(Proto { path: file, canonical, name, edition, imports, shadowed });
    }
}

/// The files below a folder, without hidden ones and what has been built.
fn files_below(root: &Path, extension: &str) -> Vec<PathBuf> {
    let (mut files, mut folders) = (Vec::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder.join(".")).into_iter().flatten().flatten() {
            let (path, name) = (folder.join(entry.file_name()), entry.file_name());
            // Links may lead in circles.
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            let is_hidden = name.to_string_lossy().starts_with('.') || name == "node_modules";
            if is_folder && !is_hidden && !path.join("CACHEDIR.TAG").exists() {
                folders.push(path);
            } else if !is_folder && path.extension().is_some_and(|it| it == extension) {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

fn generated(path: PathBuf) -> Option<Generated> {
    let mut header = Vec::new();
    File::open(&path).ok()?.take(256).read_to_end(&mut header).ok()?;
    let version = emit::version_of(&header)?;
    let is_on_record = path.ancestors().skip(1).any(|it| it.join(".cargo-scaffold").exists());
    Some(Generated { path, version, is_on_record })
}
