//! Where the protos of then come from: a revision of git, a folder, or a descriptor set.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    ffi::OsString,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use clap::ArgMatches;
use tempfile::TempDir;

use super::{Snapshot, command};
use crate::{
    descriptor,
    diagnostics::Problem,
    error::Error,
    scaffold::{files, package::Package, protos::Protos},
};

/// Where a revision is, in a temporary folder.
const TREE: &str = "tree";

/// The protos of then.
pub(super) enum Against {
    DescriptorSet(PathBuf),
    /// A folder of protos, which is its own include directory.
    Folder(PathBuf),
    /// The package in another folder.
    Package(Copy),
    /// A revision, checked out to a folder that goes with this.
    Revision {
        copy: Copy,
        name: String,
        _directory: TempDir,
    },
}

/// A folder that holds what another one held, or will.
pub(super) struct Copy {
    of: PathBuf,
    at: PathBuf,
    manifest: PathBuf,
}

impl Against {
    pub(super) fn find(matches: &ArgMatches, package: &Package) -> Result<Self, Error> {
        let named = matches.get_one::<String>("against").map_or("", String::as_str);
        let path = PathBuf::from(named);
        if path.is_file() {
            return Ok(Self::DescriptorSet(path));
        }
        let root = absolute(&package.root);
        let manifest = path.join("Cargo.toml");
        if manifest.is_file() {
            return Ok(Self::Package(Copy { of: root, at: path, manifest }));
        }
        if path.is_dir() {
            return Ok(Self::Folder(path));
        }
        let directory =
            tempfile::tempdir().map_err(|source| failed("create", &env::temp_dir(), source))?;
        let at = absolute(directory.path());
        let of = check_out(named, &root, &at)?;
        let copy = Copy { of, at: at.join(TREE), manifest: PathBuf::new() };
        let manifest = copy.path(&root.join("Cargo.toml"));
        if !manifest.is_file() {
            return Err(Problem::new(format!("the package was not there in `{named}`"))
                .help("choose a later revision with `--against`")
                .into());
        }
        let copy = Copy { manifest, ..copy };
        Ok(Self::Revision { copy, name: named.to_owned(), _directory: directory })
    }

    /// Reads them as those of now are read: with the same arguments, or by the build script and the
    /// settings of then.
    pub(super) fn read(&self, matches: &ArgMatches, now: &[Protos]) -> Result<Snapshot, Error> {
        // Nothing but a package says how it is generated.
        let options = now.first().map(|it| it.options.clone()).unwrap_or_default();
        match self {
            Self::DescriptorSet(path) => {
                let bytes = files::read(path)?.unwrap_or_default();
                let set = descriptor::decode_set(&bytes)?;
                let wanted = descriptor::to_generate(&set, &BTreeSet::new(), &options);
                Snapshot::new((set, &wanted), BTreeMap::new(), options)
            }
            Self::Folder(folder) => {
                // What is imported from elsewhere is where it is now.
                let includes = now.iter().flat_map(Protos::includes).cloned();
                let includes = std::iter::once(folder.clone()).chain(includes).collect();
                let mut protos = Protos::named(vec![folder.clone()], includes)?;
                protos.options = options;
                Snapshot::compile(&[protos])
            }
            Self::Package(copy) => copy.read(matches),
            Self::Revision { copy, name, .. } => {
                let mut snapshot = copy.read(matches)?;
                for path in snapshot.sources.values_mut() {
                    if let Ok(inner) = path.strip_prefix(&copy.at) {
                        // As git itself names the file of a revision.
                        *path = PathBuf::from(format!("{name}:{}", inner.display()));
                    }
                }
                Ok(snapshot)
            }
        }
    }
}

impl Copy {
    /// Runs the same command in the copy, as far as its protos.
    fn read(&self, matches: &ArgMatches) -> Result<Snapshot, Error> {
        let paths = |name| matches.get_many::<PathBuf>(name).into_iter().flatten();
        let texts = |name| matches.get_many::<String>(name).into_iter().flatten();
        let mut arguments = vec![OsString::from("breaking"), "--against=.".into()];
        arguments.extend(["--manifest-path".into(), self.manifest.clone().into()]);
        arguments.extend(texts("package").flat_map(|name| ["-p".into(), name.into()]));
        arguments.extend(texts("opt").flat_map(|option| ["--opt".into(), option.into()]));
        arguments
            .extend(paths("proto-path").flat_map(|path| ["-I".into(), self.path(path).into()]));
        let named = paths("protos").map(|path| match path.exists() {
            true => self.path(path),
            // It is called as it is below an include directory.
            false => path.clone(),
        });
        let there = named.filter(|path| path.is_relative() || path.exists()).collect::<Vec<_>>();
        if there.is_empty() && matches.contains_id("protos") {
            return Snapshot::compile(&[]);
        }
        arguments.push("--".into());
        arguments.extend(there.into_iter().map(OsString::from));
        let matches = command().try_get_matches_from(arguments);
        let matches = matches.map_err(|error| Error::Input(error.to_string()))?;
        Snapshot::compile(&Protos::of_package(&matches, &Package::find(&matches)?)?)
    }

    /// Where a file or folder is in the copy; one that is elsewhere stays where it is.
    fn path(&self, path: &Path) -> PathBuf {
        let path = absolute(path);
        path.strip_prefix(&self.of).map_or_else(|_| path.clone(), |inner| self.at.join(inner))
    }
}

/// Writes what cargo and protoc need of a revision to a folder, and says what it is a copy of.
/// Neither the working tree nor the index that git has of it are touched.
fn check_out(revision: &str, root: &Path, to: &Path) -> Result<PathBuf, Error> {
    let (index, list, tree) = (to.join("index"), to.join("list"), to.join(TREE));
    let top = git(root, &index, &["rev-parse", "--show-toplevel"])?;
    let top = top.map_err(|_| unknown(revision))?;
    let top = absolute(Path::new(top.trim_end()));
    let id = git(root, &index, &["rev-parse", "--verify", &format!("{revision}^{{tree}}")])?;
    let id = id.map_err(|_| unknown(revision))?;
    let git = |arguments: &[&str]| git(&top, &index, arguments)?.map_err(Error::Input);
    git(&["read-tree", id.trim_end()])?;
    let files = git(&["ls-files", "-z", "--", "*.proto", "*.toml", "*.rs"])?;
    fs::write(&list, files).map_err(|source| failed("write", &list, source))?;
    let prefix = format!("--prefix={}/", tree.display());
    git(&["checkout-index", "-z", "--stdin", &prefix])?;
    Ok(top)
}

/// Runs git in a folder, with an index of its own; the inner error is what git says.
fn git(folder: &Path, index: &Path, arguments: &[&str]) -> Result<Result<String, String>, Error> {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).args(arguments).env("GIT_INDEX_FILE", index);
    // In hooks, git says by these where it was started; here it has to look from the folder.
    for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_PREFIX"] {
        command.env_remove(variable);
    }
    // Only one of the commands reads anything, and it is the last one.
    let stdin =
        File::open(index.with_file_name("list")).map_or_else(|_| Stdio::null(), Stdio::from);
    let output = command.stdin(stdin).output().map_err(|source| Error::Io {
        action: "run",
        path: "git".into(),
        help: "install git, or name a folder with `--against`",
        source,
    })?;
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    Ok(match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(text(&output.stderr).trim().to_owned()),
    })
}

fn unknown(revision: &str) -> Error {
    Problem::new(format!("`{revision}` is no file, no folder and no revision of git"))
        .help("name one of them with `--against`")
        .into()
}

/// A path by which git knows it, too: without links.
fn absolute(path: &Path) -> PathBuf {
    let absolute = || std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    path.canonicalize().unwrap_or_else(|_| absolute())
}

fn failed(action: &'static str, path: &Path, source: io::Error) -> Error {
    Error::Io { action, path: path.to_owned(), help: "check TMPDIR", source }
}
