//! The command `cargo scaffold`: arguments in, an exit code out.
//!
//! Each command has a file, in which values become an `Outcome`: how files should be, and what
//! there is to say. Only `files` writes, and only `shell` prints.

mod arguments;
mod breaking;
mod build_script;
mod doctor;
mod files;
mod generate;
mod new;
mod outcome;
mod package;
mod protos;
mod shell;
mod source;
mod sync;

use std::{ffi::OsString, io, process::ExitCode};

use clap::{ArgMatches, Command};

use self::{
    arguments::Mode,
    outcome::{Change, Level, Outcome},
    shell::Shell,
};
use crate::error::Error;

/// A command: what it takes, and what it does.
struct Entry {
    command: fn() -> Command,
    run: fn(&ArgMatches) -> Result<Outcome, Error>,
}

/// All commands, in the order in which `--help` shows them.
const COMMANDS: &[Entry] = &[
    Entry { command: new::command, run: new::run },
    Entry { command: generate::command, run: generate::run },
    Entry { command: sync::command, run: sync::run },
    Entry { command: breaking::command, run: breaking::run },
    Entry { command: doctor::command, run: doctor::run },
    Entry { command: arguments::completions, run: arguments::complete },
];

/// Runs what the arguments ask for; the first of them is the program itself.
///
/// The exit code is 0 when all is well, 1 when something is wrong or, with `--check`, out of step,
/// and 2 when the arguments are wrong.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut arguments = arguments.into_iter().collect::<Vec<_>>();
    if arguments.get(1).is_some_and(|first| first == "scaffold") {
        arguments.remove(1);
    }
    let matches = arguments::command().get_matches_from(arguments);
    let shell = Shell::new(&matches);
    match run(&matches, &shell) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        // Whoever reads has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Whether all is well.
fn run(matches: &ArgMatches, shell: &Shell) -> io::Result<bool> {
    let Some((name, matches)) = matches.subcommand() else { return Ok(false) };
    let entry = COMMANDS.iter().find(|entry| (entry.command)().get_name() == name);
    let outcome = match entry.map(|entry| (entry.run)(matches)) {
        Some(Ok(outcome)) => outcome,
        Some(Err(error)) => Outcome::failed(&error),
        None => return Ok(false),
    };
    carry_out(outcome, Mode::new(matches), shell)
}

/// Makes files as a command wants them, or only says which are not.
fn carry_out(mut outcome: Outcome, mode: Mode, shell: &Shell) -> io::Result<bool> {
    let mut changed = 0;
    shell.text(&outcome.text)?;
    for change in std::mem::take(&mut outcome.changes) {
        changed += usize::from(make(&change, &mut outcome, (mode, shell))?);
    }
    if let Some(record) = outcome.record.take().filter(|_| !outcome.has_errors()) {
        changed += usize::from(make(&record, &mut outcome, (mode, shell))?);
    }
    for finding in &outcome.findings {
        shell.finding(finding)?;
    }
    let failed = outcome.findings.iter().any(|finding| finding.level == Level::Error);
    let is_well = !(failed || mode.check && changed > 0);
    shell.finished(is_well, changed, mode)?;
    Ok(is_well)
}

/// Makes one change, and says whether there was one to make.
fn make(change: &Change, outcome: &mut Outcome, (mode, shell): (Mode, &Shell)) -> io::Result<bool> {
    if change.is_done() {
        shell.fresh(change)?;
        return Ok(false);
    }
    if mode.dry_run {
        shell.diff(change)?;
    }
    match if mode.writes() { files::carry_out(change) } else { Ok(()) } {
        Ok(()) => shell.change(change, mode)?,
        Err(error) => outcome.findings.extend(Outcome::failed(&error).findings),
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_that_could_not_be_made_is_not_on_record() {
        let directory = tempfile::tempdir().expect("there is room");
        let change = |name: &str, before: Option<&str>, after: Option<&str>| Change {
            path: directory.path().join(name),
            before: before.map(|text| text.as_bytes().to_vec()),
            after: after.map(|text| text.as_bytes().to_vec()),
        };
        let matches = arguments::command().get_matches_from(["cargo-scaffold", "generate", "-q"]);
        let (_, of_command) = matches.subcommand().expect("it is named");
        for (removed, is_recorded) in [(Some("old"), false), (None, true)] {
            let outcome = Outcome {
                changes: vec![change("gone.rs", removed, None)],
                record: Some(change("record", None, Some("new"))),
                ..Outcome::default()
            };
            let shell = Shell::new(&matches);
            let is_well = carry_out(outcome, Mode::new(of_command), &shell);
            assert_eq!(is_well.expect("it can print"), is_recorded);
            assert_eq!(directory.path().join("record").exists(), is_recorded);
        }
    }
}
