//! What protoc's words leave open: which of the directories, files or names to change.

use std::{
    env,
    path::{Path, PathBuf},
};

use super::proto_path::ProtoPath;

/// Between directories, for protoc: no directory of its proto path can have it in its name.
const SEPARATOR: char = if cfg!(windows) { ';' } else { ':' };

/// protoc's words, and a hint where they leave one wondering.
pub(super) fn explain(said: &str, protos: &[PathBuf], proto_path: &ProtoPath) -> String {
    match hint(said, protos, proto_path) {
        Some(help) => format!("{said}\n  help: {help}"),
        None => said.to_owned(),
    }
}

fn hint(said: &str, protos: &[PathBuf], proto_path: &ProtoPath) -> Option<String> {
    // "Import … was not found or had errors" also follows the errors of an import that was found.
    let is_import = said.contains(": File not found.");
    let is_outside = said.contains("not reside within any path");
    let is_missing = said.contains("Could not make proto path relative");
    if is_import || is_outside || is_missing {
        return split(proto_path).or_else(|| match protos.iter().find(|it| !proto_path.has(it)) {
            Some(missing) => Some(nowhere(missing)),
            None if is_import => Some(format!(
                "imports are looked for in {}: is a directory missing there?",
                list(proto_path)
            )),
            None if is_outside => Some(format!(
                "one of the include directories, {}, must hold the file",
                list(proto_path)
            )),
            None => None,
        });
    }
    said.lines().find_map(|line| defined_twice(line, proto_path))
}

/// A directory that protoc took for two.
fn split(proto_path: &ProtoPath) -> Option<String> {
    let mut directories = proto_path.directories();
    let directory = directories.find(|it| it.to_string_lossy().contains(SEPARATOR))?.display();
    Some(format!(
        "protoc takes `{SEPARATOR}` for the end of a directory, so that it cannot look in \
         `{directory}`: rename the directory, or give a path without `{SEPARATOR}`, such as one \
         relative to the package, or a link"
    ))
}

fn nowhere(missing: &Path) -> String {
    let directory = env::current_dir().unwrap_or_default();
    format!("there is no file `{}` (in {})", missing.display(), directory.display())
}

/// For `FILE:LINE:COLUMN: "TYPE" is already defined in file "NAME".`
fn defined_twice(line: &str, proto_path: &ProtoPath) -> Option<String> {
    let (before, after) = line.split_once("\" is already defined in file \"")?;
    let (this, other) = (before.rsplitn(4, ':').last()?, after.split('"').next()?);
    let (this, (_, other)) =
        (proto_path.place(Path::new(this)), proto_path.find(Path::new(other))?);
    let (this_shown, other_shown) = (this.display(), other.display());
    if this.canonicalize().ok()? != other.canonicalize().ok()? {
        return Some(format!(
            "if `{this_shown}` is a copy of `{other_shown}`, let all files import the same one; \
             if not, rename one of the two"
        ));
    }
    let names = proto_path.all_names(&this).into_iter();
    let names = names.map(|(name, root)| format!("`{name}` in `{}`", root.display()));
    Some(format!(
        "`{this_shown}` is one file that is read by several names: {}. Import it by one of them \
         everywhere, or leave one of these include directories out",
        names.collect::<Vec<_>>().join(", ")
    ))
}

fn list(proto_path: &ProtoPath) -> String {
    let directories = proto_path.directories().map(|path| format!("`{}`", path.display()));
    let absent =
        proto_path.absent().map(|path| format!("`{}` (which is not there)", path.display()));
    directories.chain(absent).collect::<Vec<_>>().join(", ")
}
