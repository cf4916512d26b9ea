//! What commands return: how files should be, and what there is to say.

use std::path::PathBuf;

use crate::error::Error;

/// What a command has found out.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// In the order in which they are carried out.
    pub(super) changes: Vec<Change>,
    /// The record of the changes, which is only made if all of them have been.
    pub(super) record: Option<Change>,
    pub(super) findings: Vec<Finding>,
    /// For standard output, as it is.
    pub(super) text: String,
}

impl Outcome {
    /// That of a command that could not do what it was asked for.
    pub(super) fn failed(error: &Error) -> Self {
        let findings = vec![Finding::new(Level::Error, "failed", error.to_string())];
        Self { findings, ..Self::default() }
    }

    /// Whether there is an error among the findings.
    pub(super) fn has_errors(&self) -> bool {
        self.findings.iter().any(|finding| finding.level == Level::Error)
    }
}

/// A file as it was read, and as it should be; `None` if it is not there.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) path: PathBuf,
    pub(super) before: Option<Vec<u8>>,
    pub(super) after: Option<Vec<u8>>,
}

impl Change {
    /// Whether the file is as it should be.
    pub(super) fn is_done(&self) -> bool {
        self.before == self.after
    }

    pub(super) fn action(&self) -> Action {
        match (&self.before, &self.after) {
            (None, _) => Action::Create,
            (Some(_), Some(_)) => Action::Update,
            (Some(_), None) => Action::Remove,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Create,
    Update,
    Remove,
}

/// Something that the user should know.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) level: Level,
    /// The kind of finding, which stays the same in later versions.
    pub(super) code: &'static str,
    pub(super) place: Option<Place>,
    pub(super) message: String,
    pub(super) help: Option<String>,
}

impl Finding {
    pub(super) fn new(level: Level, code: &'static str, message: impl Into<String>) -> Self {
        Self { level, code, place: None, message: message.into(), help: None }
    }

    pub(super) fn at(self, place: Place) -> Self {
        Self { place: Some(place), ..self }
    }

    pub(super) fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

/// How bad a finding is: errors make the command fail, and notes tell what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    Error,
    Warning,
    Note,
}

/// A file, or a place in it; lines and columns count from one, columns in characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) path: PathBuf,
    pub(super) position: Option<(usize, usize)>,
}

impl Place {
    /// A file as a whole.
    pub(super) fn file(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), position: None }
    }
}
