//! What there is to say about somebody's protos: problems stop the run, warnings do not.

use std::{collections::BTreeSet, fmt, sync::Arc};

/// What to do about descriptors that no proto could become.
pub(crate) const NOT_OF_PROTOC: &str =
    "protoc writes no such descriptors: look at what has written them";

/// A place in a proto file; lines and columns count from one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Location {
    pub(crate) file: Arc<str>,
    /// `None` when the descriptors carry no source info.
    pub(crate) position: Option<(usize, usize)>,
}

impl Location {
    /// The file as a whole.
    pub(crate) fn file(file: &str) -> Self {
        Self { file: file.into(), position: None }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position {
            Some((line, column)) => write!(f, "{}:{line}:{column}", self.file),
            None => write!(f, "{}", self.file),
        }
    }
}

/// One thing to tell the user: where, what, and what to do about it.
///
/// ```text
/// shop.proto:7:3: rpc `Shop.GetItem` becomes the method `get_item_`
///   help: rename one of the two rpcs
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    location: Option<Location>,
    what: String,
    help: Option<String>,
}

impl Problem {
    /// A problem that no place in a proto file is to blame for.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { location: None, what: what.into(), help: None }
    }

    /// A problem at a place; say what it is with [`Problem::says`].
    pub(crate) fn at(location: &Location) -> Self {
        Self { location: Some(location.clone()), what: String::new(), help: None }
    }

    /// Whether it is about one of these files, or about none.
    pub(crate) fn is_in(&self, files: &BTreeSet<String>) -> bool {
        self.location.as_ref().is_none_or(|location| files.contains(&*location.file))
    }

    pub(crate) fn says(mut self, what: impl Into<String>) -> Self {
        self.what = what.into();
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(location) = &self.location {
            write!(f, "{location}: ")?;
        }
        f.write_str(&self.what)?;
        match &self.help {
            Some(help) => write!(f, "\n  help: {help}"),
            None => Ok(()),
        }
    }
}

/// All problems of one pass, in the order in which they were found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Problems(Vec<Problem>);

impl Problems {
    pub(crate) fn push(&mut self, problem: Problem) {
        if !self.0.contains(&problem) {
            self.0.push(problem);
        }
    }

    /// Ends a pass: everything that it found is reported together.
    pub(crate) fn stop(self) -> Result<(), Self> {
        if self.0.is_empty() { Ok(()) } else { Err(self) }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}
