//! Which protos a command reads, and how: the arguments say it, or else the package.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use clap::{Arg, ArgAction, ArgMatches, value_parser};

use super::{
    build_script::{self, Call},
    package::Package,
};
use crate::{
    builder::{ProtoPath, Protoc},
    descriptor::{self, FileDescriptorSet},
    diagnostics::Problem,
    error::Error,
    options::Options,
};

/// Proto files, the directories of their imports, and how they are generated.
#[derive(Debug)]
pub(super) struct Protos {
    pub(super) files: Vec<PathBuf>,
    includes: Vec<PathBuf>,
    pub(super) options: Options,
    protoc: Protoc,
}

/// What protoc makes of protos.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) set: FileDescriptorSet,
    /// The names of the files to generate: as in a build script, those of imports, too.
    pub(super) wanted: BTreeSet<String>,
    /// The names under which protoc may know the files that were asked for.
    pub(super) named: BTreeSet<String>,
    /// The files that took part, by their names, but those that come with protoc.
    pub(super) sources: BTreeMap<String, PathBuf>,
    pub(super) warnings: Vec<String>,
}

/// What commands take that read protos.
pub(super) fn arguments() -> [Arg; 3] {
    [
        Arg::new("protos")
            .value_name("PROTO")
            .action(ArgAction::Append)
            .value_parser(value_parser!(PathBuf))
            .help("Proto files, or folders of them [default: proto]"),
        Arg::new("proto-path")
            .short('I')
            .long("proto_path")
            .alias("proto-path")
            .value_name("DIR")
            .action(ArgAction::Append)
            .value_parser(value_parser!(PathBuf))
            .help("Where imports are looked for [default: the folders of the protos]"),
        Arg::new("opt")
            .long("opt")
            .value_name("KEY=VALUE")
            .action(ArgAction::Append)
            .help("An option of the generator, as protoc-gen-rust-scaffold takes it"),
    ]
}

impl Protos {
    pub(super) fn new(matches: &ArgMatches, package: &Package) -> Result<Self, Error> {
        let Package { root, settings, .. } = package;
        let named = paths(matches, "protos", (root, &settings.protos));
        let named = match (named.is_empty(), root.join("proto")) {
            (true, folder) if folder.is_dir() => vec![folder],
            (true, _) => return Err(nothing_named()),
            (false, _) => named,
        };
        let includes = paths(matches, "proto-path", (root, &settings.proto_path));
        let given = matches.get_many::<String>("opt").into_iter().flatten();
        let options = settings.opt.iter().chain(given).cloned().collect::<Vec<_>>();
        let options = Options::parse(&options.join(","))?;
        Ok(Self { options, ..Self::named(named, includes)? })
    }

    /// These files, and those in these folders.
    pub(super) fn named(named: Vec<PathBuf>, mut includes: Vec<PathBuf>) -> Result<Self, Error> {
        if includes.is_empty() {
            includes = named.iter().map(|path| include_of(path)).collect();
            includes.dedup();
        }
        let mut files = Vec::new();
        for path in named {
            collect(path, &mut files)?;
        }
        Ok(Self { files, includes, options: Options::default(), protoc: Protoc::default() })
    }

    /// Those that the arguments or the package name; or else those that its build script compiles,
    /// one after the other; or else those of the packages that it depends on.
    pub(super) fn of_package(matches: &ArgMatches, package: &Package) -> Result<Vec<Self>, Error> {
        let own = Self::own(matches, package)?;
        let all = if own.is_empty() { Self::of_dependencies(matches, package) } else { own };
        if all.is_empty() { Err(nothing_named()) } else { Ok(all) }
    }

    /// Those that the arguments name; or else those of the package and of all that it depends on.
    pub(super) fn of_all_packages(
        matches: &ArgMatches,
        package: &Package,
    ) -> Result<Vec<Self>, Error> {
        let mut all = Self::own(matches, package)?;
        if !matches.contains_id("protos") {
            all.extend(Self::of_dependencies(matches, package));
        }
        if all.is_empty() { Err(nothing_named()) } else { Ok(all) }
    }

    /// Those of a package, without what it depends on.
    fn own(matches: &ArgMatches, package: &Package) -> Result<Vec<Self>, Error> {
        let is_named = matches.contains_id("protos") || !package.settings.protos.is_empty();
        let calls = if is_named { Vec::new() } else { build_script::calls(package)? };
        if !calls.is_empty() {
            let given = matches.get_many::<String>("opt").into_iter().flatten();
            let given = given.cloned().collect::<Vec<_>>().join(",");
            let read = |call| Self::of_build_script(call, &package.root, &given);
            return calls.into_iter().map(read).collect();
        }
        if is_named || package.root.join("proto").is_dir() {
            return Ok(vec![Self::new(matches, package)?]);
        }
        Ok(Vec::new())
    }

    /// Those of the packages that a package depends on, as far as they can be known.
    fn of_dependencies(matches: &ArgMatches, package: &Package) -> Vec<Self> {
        let all = package.dependencies.iter().filter_map(|it| Self::own(matches, it).ok());
        all.flatten().collect()
    }

    fn of_build_script(call: Call, root: &Path, given: &str) -> Result<Self, Error> {
        let Call { protos, includes, mut options, arguments, .. } = call;
        options.add(given)?;
        let paths = |paths: &[String]| paths.iter().map(|path| in_package(root, path)).collect();
        let files: Vec<PathBuf> = paths(&protos);
        let includes = match includes.is_empty() {
            true => files.iter().map(|path| include_of(path)).collect(),
            false => paths(&includes),
        };
        let protoc = Protoc { arguments, ..Protoc::default() };
        Ok(Self { files, includes, options, protoc })
    }

    /// Where protoc looks for the files.
    pub(super) fn proto_path(&self) -> ProtoPath {
        self.protoc.proto_path(&self.includes)
    }

    /// Where imports are looked for.
    pub(super) fn includes(&self) -> &[PathBuf] {
        &self.includes
    }

    /// Runs protoc.
    pub(super) fn compile(&self) -> Result<Compiled, Error> {
        let (set, warnings) = self.protoc.run(&self.files, &self.includes)?;
        let path = self.proto_path();
        let named = path.names(&self.files);
        let wanted = descriptor::to_generate(&set, &named, &self.options);
        let sources = path.sources(&set).map(|(name, path)| (name.to_owned(), path)).collect();
        Ok(Compiled { set, wanted, named, sources, warnings })
    }
}

fn nothing_named() -> Error {
    Problem::new("there are no protos: nobody names some, and there is no folder `proto`")
        .help("name them as arguments, or as `protos` in `[package.metadata.scaffold]`")
        .into()
}

/// The paths that an argument gives, or else those of a package, which are relative to it.
pub(super) fn paths(
    matches: &ArgMatches,
    name: &str,
    (root, settings): (&Path, &[String]),
) -> Vec<PathBuf> {
    match matches.get_many::<PathBuf>(name) {
        Some(given) => given.cloned().collect(),
        None => settings.iter().map(|path| in_package(root, path)).collect(),
    }
}

/// A path that a package says. Protos may also be called as they are below an include directory.
fn in_package(root: &Path, path: &str) -> PathBuf {
    let below = root.join(path);
    if below.exists() || !path.ends_with(".proto") { below } else { PathBuf::from(path) }
}

/// Where the imports of a file, or of the files in a folder, are looked for.
fn include_of(path: &Path) -> PathBuf {
    if path.is_dir() {
        return path.to_owned();
    }
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// A file, or all protos in a folder and below, in the order of their names.
fn collect(path: PathBuf, files: &mut Vec<PathBuf>) -> Result<(), Error> {
    if !path.is_dir() {
        files.push(path);
        return Ok(());
    }
    let before = files.len();
    let mut folders = vec![path.clone()];
    let mut seen = BTreeSet::from([path.canonicalize().unwrap_or_else(|_| path.clone())]);
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let entries = entries.map_err(|source| Error::Io {
            action: "read",
            path: folder,
            help: "check its permissions",
            source,
        })?;
        for entry in entries.iter().map(fs::DirEntry::path) {
            if entry.is_dir() {
                // A link to a folder around it leads round in circles.
                let real = entry.canonicalize().unwrap_or_else(|_| entry.clone());
                if seen.insert(real) {
                    folders.push(entry);
                }
            } else if entry.extension().is_some_and(|extension| extension == "proto") {
                files.push(entry);
            }
        }
    }
    if files.len() == before {
        let problem = format!("there are no protos in `{}`", path.display());
        return Err(Problem::new(problem).help("name files or folders that have some").into());
    }
    files[before..].sort();
    Ok(())
}
