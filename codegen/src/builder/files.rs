//! Writes what was generated, and only what has changed.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use crate::{emit, error::Error, names::layout};

/// Writes a file below a directory, which is made if need be; one whose bytes are there already is
/// left alone, so that nothing is compiled again for it.
pub(super) fn write(directory: &Path, name: &str, content: &str) -> Result<(), Error> {
    let path = directory.join(name);
    if fs::read(&path).is_ok_and(|present| present == content.as_bytes()) {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(|source| failed("create", parent, source))?;
    }
    fs::write(&path, content).map_err(|source| failed("write", &path, source))
}

/// For each package, the file that `include_proto!` includes.
///
/// A build script may generate the files of a package with several calls: the file names those of
/// the calls before, too.
pub(super) fn package_files(
    directory: &Path,
    packages: &BTreeMap<String, Vec<String>>,
) -> Vec<(String, String)> {
    static INCLUDED: Mutex<BTreeMap<PathBuf, BTreeSet<String>>> = Mutex::new(BTreeMap::new());
    let mut included = INCLUDED.lock().unwrap_or_else(PoisonError::into_inner);
    let files = packages.iter().map(|(package, paths)| {
        let name = layout::package_path(package);
        let all = included.entry(directory.join(&name)).or_default();
        all.extend(paths.iter().cloned());
        (name, emit::package(all.iter().map(String::as_str)))
    });
    files.collect()
}

fn failed(action: &'static str, path: &Path, source: io::Error) -> Error {
    let help = "check that the output directory may be written to";
    Error::Io { action, path: path.to_owned(), help, source }
}
