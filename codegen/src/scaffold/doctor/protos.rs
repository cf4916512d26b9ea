//! Whether protos, and all that they import, are found, once each, and watched.

use std::path::{Path, PathBuf};

use super::facts::{Facts, Import, Proto};
use crate::scaffold::outcome::{Finding, Level, Place};

/// It is known which protos there are, and where they are.
pub(super) fn are_there(facts: &Facts) -> Vec<Finding> {
    let unknown = facts.unknown.iter();
    let unknown = unknown.map(|it| Finding::new(Level::Error, "no-protos", it.to_string()));
    let missing = facts.each_proto().filter(|proto| proto.canonical.is_none()).map(|proto| {
        let message = format!("there is no proto `{}`", proto.path.display());
        let finding = Finding::new(Level::Error, "missing-proto", message);
        finding.help("correct its path where protos are named")
    });
    let absent = facts.absent.iter().map(|directory| {
        let message = format!("the include directory `{}` is not there", directory.display());
        Finding::new(Level::Warning, "missing-include", message).help(
            "`git submodule update --init` brings it, if it is a submodule; if not, correct its path",
        )
    });
    unknown.chain(missing).chain(absent).collect()
}

/// All imports are in include directories.
pub(super) fn imports_are_found(facts: &Facts) -> Vec<Finding> {
    let missing = |proto: &Proto, import: &Import| {
        let name = &import.text.value;
        let message = format!("`{name}` is in none of the include directories");
        Finding::new(Level::Error, "missing-import", message)
            .at(Place { path: proto.path.clone(), position: Some(import.text.position) })
            .help(where_it_is(name, &facts.nearby))
    };
    let imports =
        facts.each_proto().flat_map(|it| it.imports.iter().map(move |import| (it, import)));
    imports.filter(|(_, it)| !it.is_found).map(|(proto, import)| missing(proto, import)).collect()
}

/// The directory that is missing, if the file is somewhere in the workspace.
fn where_it_is(name: &str, nearby: &[PathBuf]) -> String {
    let Some(found) = nearby.iter().find(|path| path.ends_with(name)) else {
        return "add a copy of it, and the directory that it is in to the include directories"
            .to_owned();
    };
    let directory = found.ancestors().nth(Path::new(name).components().count());
    let directory = directory.filter(|it| *it != Path::new("")).unwrap_or(Path::new("."));
    format!(
        "`{}` is there: add `{}` to the include directories (in a build script, those are the \
         second argument of `compile_protos`; of commands, `-I`)",
        found.display(),
        directory.display()
    )
}

/// What protoc finds by a name does not depend on the order of the include directories.
pub(super) fn have_one_file(facts: &Facts) -> Vec<Finding> {
    let shadowing = |proto: &Proto| {
        let other = proto.shadowed.first()?.display();
        let (name, path) = (&proto.name, proto.path.display());
        let message = format!(
            "`{name}` may be `{path}` or `{other}`, which differ: protoc takes the first, by the \
             order of the include directories"
        );
        let help = format!("`diff {path} {other}` shows how; remove one, or its include directory");
        Some(
            Finding::new(Level::Warning, "include-order", message)
                .at(Place::file(&proto.path))
                .help(help),
        )
    };
    facts.each_proto().filter_map(shadowing).collect()
}

/// No file is reached by several include directories, which make several files of it.
pub(super) fn have_one_name(facts: &Facts) -> Vec<Finding> {
    facts
        .protos
        .iter()
        .flat_map(|of_run| of_run.iter().filter_map(|it| twice(it, of_run)))
        .collect()
}

fn twice(proto: &Proto, of_run: &[Proto]) -> Option<Finding> {
    let is_same = |other: &&Proto| other.canonical.is_some() && other.canonical == proto.canonical;
    let first = of_run.iter().find(is_same).filter(|first| first.name != proto.name)?;
    let path = first.path.display();
    let (one, other) = (&first.name, &proto.name);
    let message =
        format!("`{path}` is read as `{one}` and as `{other}`: protoc takes it for two files");
    let help = "import it by one name everywhere, and leave out the other include directory";
    Some(Finding::new(Level::Error, "two-names", message).at(Place::file(&first.path)).help(help))
}

/// A change of any proto makes cargo run the build script.
pub(super) fn are_watched(facts: &Facts) -> Vec<Finding> {
    let script = facts.watch.build_script.display();
    let warning = |code, path: &Path, why: &str| {
        let message = format!("`{}` {why}", path.display());
        Finding::new(Level::Warning, code, message).at(Place::file(path))
    };
    let unwatched = facts.watch.unwatched.iter().map(|path| {
        warning(
            "not-watched",
            path,
            "is not watched: the build script will not run when it changes",
        )
        .help(format!("remove `.emit_rerun_if_changed(false)` from `{script}`"))
    });
    let beside = facts.watch.beside.iter().map(|path| {
        warning("not-compiled", path, "is neither compiled nor imported, nor watched")
            .help(format!("add it to `compile_protos` in `{script}`, or move it elsewhere"))
    });
    unwatched.chain(beside).collect()
}
