//! The only place that prints: for people as cargo does, and for programs an object a line.

use std::{
    borrow::Cow,
    env,
    io::{self, Write as _},
};

use anstream::ColorChoice;
use clap::{
    ArgMatches,
    builder::styling::{AnsiColor, Style},
};
use serde_json::{Value, json};
use similar::TextDiff;

use super::{
    arguments::Mode,
    outcome::{Action, Change, Finding, Level},
};

/// How much is said, and to whom.
#[derive(Debug)]
pub(super) struct Shell {
    quiet: bool,
    verbose: bool,
    json: bool,
}

const GOOD: Style = AnsiColor::Green.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const ERROR: Style = AnsiColor::Red.on_default().bold();

impl Shell {
    pub(super) fn new(matches: &ArgMatches) -> Self {
        let text = |name| matches.get_one::<String>(name).map(String::as_str);
        let from_cargo = env::var("CARGO_TERM_COLOR");
        let color = match text("color") {
            Some("auto") | None => from_cargo.as_deref().unwrap_or("auto"),
            Some(color) => color,
        };
        match color {
            "always" => ColorChoice::Always.write_global(),
            "never" => ColorChoice::Never.write_global(),
            _ => ColorChoice::Auto.write_global(),
        }
        Self {
            quiet: matches.get_flag("quiet"),
            verbose: matches.get_count("verbose") > 0,
            json: text("message-format") == Some("json"),
        }
    }

    pub(super) fn text(&self, text: &str) -> io::Result<()> {
        anstream::stdout().write_all(text.as_bytes())
    }

    /// Says that a file is, or is not, as it should be.
    pub(super) fn change(&self, change: &Change, mode: Mode) -> io::Result<()> {
        let action = change.action();
        if self.json {
            let name = match action {
                Action::Create => "create",
                Action::Update => "update",
                Action::Remove => "remove",
            };
            let path = change.path.display().to_string();
            let done = mode.writes();
            print(&json!({ "reason": "change", "path": path, "action": name, "done": done }))?;
        }
        let verb = match (action, mode.writes()) {
            (Action::Create, true) => "Created",
            (Action::Update, true) => "Updated",
            (Action::Remove, true) => "Removed",
            (Action::Create, false) => "Missing",
            (Action::Update, false) => "Outdated",
            (Action::Remove, false) => "Stale",
        };
        let style = if mode.writes() { GOOD } else { WARNING };
        self.status((verb, style), &change.path.display())
    }

    /// Says, to those who want to know, that a file was as it should be.
    pub(super) fn fresh(&self, change: &Change) -> io::Result<()> {
        if self.verbose && change.after.is_some() {
            self.status(("Fresh", GOOD), &change.path.display())?;
        }
        Ok(())
    }

    pub(super) fn finished(&self, is_well: bool, changed: usize, mode: Mode) -> io::Result<()> {
        if self.json {
            print(&json!({ "reason": "finished", "success": is_well }))?;
        }
        let files = if changed == 1 { "file" } else { "files" };
        match (changed, mode.writes(), is_well) {
            (0, _, true) if self.verbose => self.status(("Finished", GOOD), &"nothing to change"),
            (0, ..) | (_, _, false) => Ok(()),
            (_, true, _) => self.status(("Finished", GOOD), &format!("{changed} {files} changed")),
            (_, false, _) => {
                self.status(("Finished", GOOD), &format!("{changed} {files} would change"))
            }
        }
    }

    /// ```text
    /// error: `src/gen/lib.rs` has not been generated
    ///   --> src/gen/lib.rs:1:1
    ///   help: choose another directory with `--out`
    /// ```
    pub(super) fn finding(&self, finding: &Finding) -> io::Result<()> {
        if self.json {
            return print(&as_json(finding));
        }
        let (word, style) = match finding.level {
            Level::Error => ("error", ERROR),
            Level::Warning | Level::Note if self.quiet => return Ok(()),
            Level::Warning => ("warning", WARNING),
            Level::Note => ("note", GOOD),
        };
        let mut to = anstream::stderr().lock();
        writeln!(to, "{style}{word}{style:#}: {}", finding.message)?;
        if let Some(place) = &finding.place {
            let position = place.position.map(|(line, column)| format!(":{line}:{column}"));
            writeln!(to, "  --> {}{}", place.path.display(), position.unwrap_or_default())?;
        }
        match &finding.help {
            Some(help) => writeln!(to, "  help: {help}"),
            None => Ok(()),
        }
    }

    /// What `patch -p1` would need to change the file.
    pub(super) fn diff(&self, change: &Change) -> io::Result<()> {
        if self.json {
            return Ok(());
        }
        let text = |content: &Option<Vec<u8>>| {
            let content = content.as_deref().unwrap_or_default();
            String::from_utf8_lossy(content).into_owned()
        };
        let (before, after) = (text(&change.before), text(&change.after));
        let name = |side: &str, is_there: bool| match is_there {
            true => Cow::Owned(format!("{side}/{}", change.path.display())),
            false => Cow::Borrowed("/dev/null"),
        };
        let header = (name("a", change.before.is_some()), name("b", change.after.is_some()));
        let diff = TextDiff::from_lines(&before, &after);
        let mut to = anstream::stdout().lock();
        write!(to, "{}", diff.unified_diff().header(&header.0, &header.1))
    }

    fn status(&self, (verb, style): (&str, Style), what: &dyn std::fmt::Display) -> io::Result<()> {
        match self.quiet {
            true => Ok(()),
            false => writeln!(anstream::stderr(), "{style}{verb:>12}{style:#} {what}"),
        }
    }
}

fn as_json(finding: &Finding) -> Value {
    let place = finding.place.as_ref();
    let position = place.and_then(|place| place.position);
    json!({
        "reason": "finding",
        "level": match finding.level {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Note => "note",
        },
        "code": finding.code,
        "message": finding.message,
        "path": place.map(|place| place.path.display().to_string()),
        "line": position.map(|(line, _)| line),
        "column": position.map(|(_, column)| column),
        "help": finding.help,
    })
}

fn print(object: &Value) -> io::Result<()> {
    writeln!(anstream::stdout(), "{object}")
}
