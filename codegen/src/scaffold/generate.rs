//! `cargo scaffold generate`: protos to a folder of the sources, without a build script.

mod ledger;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use clap::{Arg, ArgMatches, Command, value_parser};

use self::ledger::Ledger;
use super::{
    arguments, files,
    outcome::{Change, Finding, Level, Outcome, Place},
    package::{self, Package},
    protos::{self, Protos},
};
use crate::{
    emit,
    error::Error,
    generate::{Input, generate as run_passes},
};

/// Generated files by their names, with `/` in them.
type Files = BTreeMap<String, String>;

pub(super) fn command() -> Command {
    Command::new("generate")
        .about("Generate Rust code from protos, without a build script")
        .long_about(
            "Generate Rust code from protos into a folder of the sources, without a build script.\n\n\
             The code is what the build script helper and the plugin of protoc write; `mod.rs` has the\n\
             modules of all packages. The arguments can be kept in Cargo.toml:\n\n  \
             [package.metadata.scaffold]\n  \
             protos = [\"proto\"]\n  \
             proto-path = [\"proto\"]\n  \
             out = \"src/gen\"\n  \
             opt = [\"mock=always\"]",
        )
        .args(protos::arguments())
        .arg(
            Arg::new("out")
                .short('o')
                .long("out")
                .value_name("DIR")
                .value_parser(value_parser!(PathBuf))
                .help("The folder for what is generated, and for nothing else [default: src/gen]"),
        )
        .args(arguments::writing())
        .args(package::arguments())
}

pub(super) fn run(matches: &ArgMatches) -> Result<Outcome, Error> {
    let package = Package::find(matches)?;
    let mut protos = Protos::new(matches, &package)?;
    if protos.options.include_file.is_empty() {
        protos.options.include_file = "mod.rs".to_owned();
    }
    let out = protos::paths(matches, "out", (&package.root, &package.settings.out));
    let out = out.into_iter().next_back().unwrap_or_else(|| package.root.join("src/gen"));
    generate(&protos, &out)
}

/// How the files of a folder should be.
fn generate(protos: &Protos, out: &Path) -> Result<Outcome, Error> {
    let (generated, warnings) = generated(protos)?;
    let mut outcome = Outcome::default();
    let warnings = warnings.into_iter().map(|it| Finding::new(Level::Warning, "generator", it));
    outcome.findings.extend(warnings);

    let mut ledger = Ledger::read(out)?;
    let stale = ledger.without(&generated);
    for (name, content) in generated {
        let path = out.join(&name);
        let before = files::read(&path)?;
        if before.as_deref().is_some_and(|before| !emit::is_generated(before)) {
            outcome.findings.push(not_ours(path));
            continue;
        }
        ledger.insert(name, content.as_bytes());
        outcome.changes.push(Change { path, before, after: Some(content.into_bytes()) });
    }
    for name in stale {
        let path = out.join(&name);
        let before = files::read(&path)?;
        match before {
            None => ledger.remove(&name),
            Some(content) if emit::is_generated(&content) && ledger.has(&name, &content) => {
                ledger.remove(&name);
                outcome.changes.push(Change { path, before: Some(content), after: None });
            }
            Some(_) => outcome.findings.push(edited(path)),
        }
    }
    outcome.record = Some(ledger.into_change());
    if outcome.has_errors() {
        outcome.changes.clear();
    }
    Ok(outcome)
}

/// What the generator makes of the protos, and its warnings.
fn generated(protos: &Protos) -> Result<(Files, Vec<String>), Error> {
    let compiled = protos.compile()?;
    let files = Mutex::new(Files::new());
    let keep = |name: String, content: String| {
        files.lock().unwrap_or_else(PoisonError::into_inner).insert(name, content);
        Ok(())
    };
    let input = Input { set: compiled.set, wanted: compiled.wanted, options: &protos.options };
    let mut warnings = compiled.warnings;
    warnings.extend(run_passes(input, &keep)?.warnings);
    Ok((files.into_inner().unwrap_or_else(PoisonError::into_inner), warnings))
}

fn not_ours(path: PathBuf) -> Finding {
    let message = format!("`{}` is there and has not been generated", path.display());
    Finding::new(Level::Error, "not-generated", message)
        .at(Place::file(path))
        .help("choose a folder for generated code alone with `--out`, or remove the file")
}

fn edited(path: PathBuf) -> Finding {
    let message =
        format!("`{}` is generated no more, but has been changed by hand", path.display());
    Finding::new(Level::Warning, "edited", message)
        .at(Place::file(path))
        .help("remove the file, or move what is yours out of the folder")
}
