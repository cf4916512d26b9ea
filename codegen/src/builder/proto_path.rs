//! Where protoc looks for files, and the names by which it knows them.

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Component, Path, PathBuf},
};

use crate::descriptor::{self, FileDescriptorSet};

/// The directories in which protoc looks for files, in its order.
#[derive(Debug)]
pub(crate) struct ProtoPath {
    roots: Vec<Root>,
    /// Include directories that are not there, which protoc is not told of.
    absent: Vec<PathBuf>,
    /// Files that protoc's arguments name: more arguments, or descriptors.
    inputs: Vec<PathBuf>,
}

/// A directory, with what the names of its files start with: mostly nothing.
#[derive(Debug)]
pub(super) struct Root {
    prefix: PathBuf,
    directory: PathBuf,
    /// Comes with protoc, and changes only with it.
    is_of_protoc: bool,
}

impl ProtoPath {
    /// That of a build script: its include directories, then the files of protoc itself, then what
    /// the arguments say that it hands to protoc.
    pub(super) fn new(
        includes: &[PathBuf],
        of_protoc: Option<&Path>,
        arguments: &[String],
    ) -> Self {
        let (existing, absent): (Vec<_>, _) = includes.iter().cloned().partition(|it| it.exists());
        let roots = existing.iter().map(|include| Root::new(include)).collect();
        let mut path = Self { roots, absent, inputs: Vec::new() };
        if let Some(directory) = of_protoc {
            path.roots.push(Root { is_of_protoc: true, ..Root::new(directory) });
        }
        path.read_arguments(arguments);
        if path.roots.is_empty() {
            path.roots.push(Root::new(Path::new(".")));
        }
        path
    }

    fn read_arguments(&mut self, arguments: &[String]) {
        let mut expanded = Vec::new();
        for argument in arguments {
            match argument.strip_prefix('@') {
                Some(file) => {
                    self.inputs.push(file.into());
                    let lines = fs::read_to_string(file).unwrap_or_default();
                    expanded.extend(lines.lines().map(str::to_owned));
                }
                None => expanded.push(argument.clone()),
            }
        }
        let mut arguments = expanded.iter().map(String::as_str);
        while let Some(argument) = arguments.next() {
            if let Some(inline) = value(argument, "-I").or_else(|| value(argument, "--proto_path"))
            {
                let directories = inline.or_else(|| arguments.next()).unwrap_or_default();
                self.roots.extend(env::split_paths(directories).map(|it| Root::new(&it)));
            } else if let Some(inline) = value(argument, "--descriptor_set_in") {
                let files = inline.or_else(|| arguments.next()).unwrap_or_default();
                self.inputs.extend(env::split_paths(files));
            }
        }
    }

    /// What cargo is to watch: the files that took part, but those that come with protoc. Without
    /// descriptors, because protoc failed: the files that were asked for, also one that is nowhere.
    pub(super) fn watched(
        &self,
        protos: &[PathBuf],
        set: Option<&FileDescriptorSet>,
    ) -> BTreeSet<PathBuf> {
        let mut watched = BTreeSet::from_iter(self.inputs.iter().cloned());
        match set {
            Some(set) => {
                watched.extend(self.sources(set).map(|(_, path)| path));
            }
            None => watched.extend(protos.iter().map(|proto| self.place(proto))),
        }
        watched
    }

    /// The files that took part, but those that come with protoc: by which name, and where they are.
    pub(crate) fn sources<'a>(
        &'a self,
        set: &'a FileDescriptorSet,
    ) -> impl Iterator<Item = (&'a str, PathBuf)> {
        descriptor::file_names(set).filter_map(|name| {
            let (root, path) = self.find(Path::new(name))?;
            (!root.is_of_protoc).then_some((name, path))
        })
    }

    /// Where a file is that protoc speaks of; the path as it stands, if it is nowhere.
    pub(super) fn place(&self, proto: &Path) -> PathBuf {
        let found = if proto.exists() { None } else { self.find(proto) };
        found.map_or_else(|| proto.to_owned(), |(_, path)| path)
    }

    /// The names under which protoc may know some files.
    pub(crate) fn names(&self, protos: &[PathBuf]) -> BTreeSet<String> {
        let named = protos.iter().flat_map(|proto| {
            let below = self.roots.iter().filter_map(move |root| root.name(proto));
            below.chain([plain(proto)])
        });
        named.map(|name| name.to_string_lossy().replace('\\', "/")).collect()
    }

    /// Whether protoc can find a file by this path or name.
    pub(super) fn has(&self, proto: &Path) -> bool {
        proto.exists() || self.find(proto).is_some()
    }

    /// The file that protoc knows by a name, and the directory in which it finds it.
    pub(super) fn find(&self, name: &Path) -> Option<(&Root, PathBuf)> {
        self.find_all(name).next()
    }

    /// All files of a name, in the order in which protoc looks; it takes the first.
    fn find_all(&self, name: &Path) -> impl Iterator<Item = (&Root, PathBuf)> {
        let candidates = self.roots.iter().filter_map(move |root| Some((root, root.path(name)?)));
        candidates.filter(|(_, path)| path.exists())
    }

    /// The paths of all files of a name, and whether protoc brings the first of them along.
    #[cfg(feature = "cli")]
    pub(crate) fn paths(&self, name: &str) -> (Vec<PathBuf>, bool) {
        let mut found = self.find_all(Path::new(name)).peekable();
        let is_of_protoc = found.peek().is_some_and(|(root, _)| root.is_of_protoc);
        (found.map(|(_, path)| path).collect(), is_of_protoc)
    }

    /// Where a file is that somebody asks for, and the name by which protoc knows it.
    #[cfg(feature = "cli")]
    pub(crate) fn named(&self, proto: &Path) -> (PathBuf, String) {
        let path = self.place(proto);
        let name = self.roots.iter().find_map(|root| root.name(&path));
        (path, name.unwrap_or_else(|| plain(proto)).to_string_lossy().replace('\\', "/"))
    }

    /// The directories that a build script asked for.
    pub(crate) fn directories(&self) -> impl Iterator<Item = &Path> {
        self.roots.iter().filter(|root| !root.is_of_protoc).map(|root| &*root.directory)
    }

    /// The include directories that are not there.
    pub(crate) fn absent(&self) -> impl Iterator<Item = &Path> {
        self.absent.iter().map(|directory| &**directory)
    }

    /// All names of a file, however it is reached, each with the directory in which it has it.
    pub(super) fn all_names(&self, file: &Path) -> Vec<(String, &Path)> {
        let Ok(file) = file.canonicalize() else { return Vec::new() };
        let names = self.roots.iter().filter_map(|root| {
            let directory = root.directory.canonicalize().ok()?;
            let name = root.prefix.join(file.strip_prefix(directory).ok()?);
            Some((name.to_string_lossy().replace('\\', "/"), &*root.directory))
        });
        names.collect()
    }
}

impl Root {
    /// A directory as protoc is told of it, `PREFIX=DIRECTORY` if there is no directory of that
    /// whole name.
    fn new(told: &Path) -> Self {
        let mapping = told.to_str().and_then(|text| text.split_once('='));
        let (prefix, directory) = match mapping {
            Some((prefix, directory)) if Path::new(directory).exists() => {
                (prefix, directory.into())
            }
            _ => ("", told.to_owned()),
        };
        Self { prefix: prefix.into(), directory, is_of_protoc: false }
    }

    fn path(&self, name: &Path) -> Option<PathBuf> {
        Some(self.directory.join(name.strip_prefix(&self.prefix).ok()?))
    }

    fn name(&self, proto: &Path) -> Option<PathBuf> {
        let below = plain(proto).strip_prefix(plain(&self.directory)).ok()?.to_owned();
        Some(self.prefix.join(below))
    }
}

/// The value of an argument, if that is of this flag: `Some(None)` if the next argument is it.
fn value<'a>(argument: &'a str, flag: &str) -> Option<Option<&'a str>> {
    match argument.strip_prefix(flag)? {
        "" => Some(None),
        value if flag.starts_with("--") => Some(Some(value.strip_prefix('=')?)),
        value => Some(Some(value)),
    }
}

/// A path without `.` in it, as protoc compares them.
fn plain(path: &Path) -> PathBuf {
    path.components().filter(|part| !matches!(part, Component::CurDir)).collect()
}
