//! What all commands take, and what is asked about the program itself.

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use clap_complete::Shell as CompletedShell;

use super::{COMMANDS, outcome::Outcome};
use crate::error::Error;

/// The whole program.
pub(super) fn command() -> Command {
    Command::new("cargo-scaffold")
        .bin_name("cargo scaffold")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Keeps gRPC services in Rust in step with their protos")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands(COMMANDS.iter().map(|entry| (entry.command)()))
        .args(
            [
                Arg::new("quiet")
                    .short('q')
                    .long("quiet")
                    .action(ArgAction::SetTrue)
                    .conflicts_with("verbose")
                    .help("Print errors alone"),
                Arg::new("verbose")
                    .short('v')
                    .long("verbose")
                    .action(ArgAction::Count)
                    .help("Name the files that stay as they are, too"),
                Arg::new("color")
                    .long("color")
                    .value_name("WHEN")
                    .value_parser(["auto", "always", "never"])
                    .default_value("auto")
                    .help("When to use colors"),
                Arg::new("message-format")
                    .long("message-format")
                    .value_name("FORMAT")
                    .value_parser(["human", "json"])
                    .default_value("human")
                    .help(
                        "How to say what was found: json is an object a line, on standard output",
                    ),
            ]
            .map(|argument| argument.global(true)),
        )
}

/// What commands take that change files.
pub(super) fn writing() -> [Arg; 2] {
    [
        Arg::new("check")
            .long("check")
            .action(ArgAction::SetTrue)
            .help("Change nothing, and exit with 1 if there is something to change"),
        Arg::new("dry-run")
            .short('n')
            .long("dry-run")
            .action(ArgAction::SetTrue)
            .help("Change nothing, and print what would change as a unified diff"),
    ]
}

/// What becomes of the changes that a command wants.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mode {
    pub(super) check: bool,
    pub(super) dry_run: bool,
}

impl Mode {
    /// That of a command, which need not have the arguments.
    pub(super) fn new(matches: &ArgMatches) -> Self {
        let is_set = |name| matches!(matches.try_get_one(name), Ok(Some(true)));
        Self { check: is_set("check"), dry_run: is_set("dry-run") }
    }

    pub(super) fn writes(self) -> bool {
        !(self.check || self.dry_run)
    }
}

pub(super) fn completions() -> Command {
    Command::new("completions")
        .about("Print a script with which a shell completes the arguments of cargo-scaffold")
        .arg(
            Arg::new("shell")
                .value_name("SHELL")
                .value_parser(value_parser!(CompletedShell))
                .required(true)
                .help("The shell that is to read the script"),
        )
}

pub(super) fn complete(matches: &ArgMatches) -> Result<Outcome, Error> {
    let mut script = Vec::new();
    if let Some(shell) = matches.get_one::<CompletedShell>("shell") {
        clap_complete::generate(*shell, &mut command(), "cargo-scaffold", &mut script);
    }
    let text = String::from_utf8_lossy(&script).into_owned();
    Ok(Outcome { text, ..Outcome::default() })
}
