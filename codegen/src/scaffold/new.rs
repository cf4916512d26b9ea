//! `cargo scaffold new`: a package that builds, passes its tests and serves as it is written.

mod client;
mod form;
mod implementation;
mod package;
mod rustfmt;
mod services;
mod template;
mod tests_file;

use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use self::{
    form::Form,
    package::{Origin, Package},
};
use super::{
    arguments, files,
    outcome::{Change, Finding, Level, Outcome, Place},
    protos::{Compiled, Protos},
};
use crate::{diagnostics::Problem, error::Error};

pub(super) fn command() -> Command {
    let path = |name: &'static str, help: &'static str| {
        let argument = Arg::new(name).long(name).value_name("DIR");
        argument.value_parser(value_parser!(PathBuf)).help(help)
    };
    let [_, dry_run] = arguments::writing();
    Command::new("new")
        .about("Write a package that serves the services of protos")
        .long_about(
            "Write a package that serves the services of protos: the protos with their imports, an \
             implementation for each service, a server, a client, tests, and what it takes to deploy \
             them. It builds, passes its tests and serves as it is; `grep -rn 'TODO(scaffold)' src` \
             finds what is left to write.\n\n\
             All files are written once, and are yours from then on. If one of them is there already, \
             nothing is written.",
        )
        .arg(
            Arg::new("path")
                .value_name("PATH")
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .help("The folder of the package, which is called as it is"),
        )
        .arg(
            Arg::new("protos")
                .long("proto")
                .value_name("PROTO")
                .required(true)
                .num_args(1..)
                .action(ArgAction::Append)
                .value_parser(value_parser!(PathBuf))
                .help("Proto files, or folders of them"),
        )
        .arg(
            path("proto_path", "Where imports are looked for [default: the folders of the protos]")
                .short('I')
                .alias("proto-path")
                .action(ArgAction::Append),
        )
        .arg(
            path("scaffold-path", "Where the sources of rust-scaffold are, to depend on them")
                .conflicts_with("scaffold-git"),
        )
        .arg(
            Arg::new("scaffold-git")
                .long("scaffold-git")
                .value_name("URL")
                .help("The repository of rust-scaffold, to depend on it"),
        )
        .arg(
            Arg::new("workspace")
                .long("workspace")
                .action(ArgAction::SetTrue)
                .help("Write three packages: the contract, the server and the client"),
        )
        .arg(dry_run)
}

pub(super) fn run(matches: &ArgMatches) -> Result<Outcome, Error> {
    let paths = |name| matches.get_many::<PathBuf>(name).into_iter().flatten().cloned().collect();
    let path = |name| matches.get_one::<PathBuf>(name);
    let root = path("path").map_or_else(PathBuf::new, PathBuf::clone);
    let origin = match (path("scaffold-path"), matches.get_one::<String>("scaffold-git")) {
        (Some(path), _) => Origin::Path(absolute(path)?),
        (None, Some(url)) => Origin::Git(url.clone()),
        (None, None) => Origin::Registry,
    };
    let name = package::name_of(&root)?;
    let form = match matches.get_flag("workspace") {
        true => Form::workspace(&name),
        false => Form::package(&name),
    };
    let package = Package { name, form, origin, protos: Vec::new(), services: Vec::new() };
    new(&Protos::named(paths("protos"), paths("proto_path"))?, &root, package)
}

/// The files of a package in a folder, in which none of them is.
fn new(protos: &Protos, root: &Path, mut package: Package) -> Result<Outcome, Error> {
    let Compiled { set, wanted, named, sources, warnings } = protos.compile()?;
    let mut outcome = Outcome::default();
    outcome.findings.extend(warnings.iter().map(|it| Finding::new(Level::Warning, "protoc", it)));
    package.services = services::read(set, (&wanted, &named), &protos.options)?;
    if package.methods().next().is_none() {
        return Err(Problem::new("there is no service with an rpc in the protos")
            .help("name protos that declare one")
            .into());
    }
    let mut written = Vec::new();
    for (name, source) in &sources {
        let path = format!("{}proto/{name}", package.form.contract_folder);
        written.push((path, files::read(source)?.unwrap_or_default()));
    }
    package.protos = sources.into_keys().filter(|name| named.contains(name)).collect();
    for (name, text) in package.files() {
        let is_rust = name.ends_with(".rs");
        let text = if is_rust { rustfmt::formatted(text, root) } else { text };
        written.push((name, text.into_bytes()));
    }
    for (name, content) in written {
        let path = root.join(name);
        match files::read(&path)? {
            None => {
                outcome.changes.push(Change { path, before: None, after: Some(content) });
            }
            Some(_) => outcome.findings.push(is_there(path)),
        }
    }
    match outcome.has_errors() {
        true => outcome.changes.clear(),
        false => outcome.findings.push(what_next(root, &package.form)),
    }
    Ok(outcome)
}

fn is_there(path: PathBuf) -> Finding {
    let message = format!("`{}` is there already", path.display());
    Finding::new(Level::Error, "exists", message)
        .at(Place::file(path))
        .help("choose another folder: nothing of it has been touched")
}

fn what_next(root: &Path, form: &Form) -> Finding {
    let message = format!("`cargo test` passes and `{}` serves as it is", form.run_server);
    Finding::new(Level::Note, "next", message).at(Place::file(root)).help(format!(
        "`grep -rn 'TODO(scaffold)' {}src` finds what is left to write",
        form.server_folder
    ))
}

fn absolute(path: &Path) -> Result<PathBuf, Error> {
    path.canonicalize().map_err(|source| Error::Io {
        action: "find",
        path: path.to_owned(),
        help: "name the folder that has `runtime` and `codegen` in it",
        source,
    })
}
