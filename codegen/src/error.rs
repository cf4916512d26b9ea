//! The error that a build script or the plugin ends with.

use std::{fmt, io, path::PathBuf};

use crate::diagnostics::{Problem, Problems};

/// Why nothing could be generated.
///
/// It is made to be read in a build log: `Debug`, which `fn main() -> Result<(), Error>` prints,
/// says the same as `Display`.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The protos or the options ask for something that cannot be generated. The text names every
    /// place and says what to do about it.
    #[error("{0}")]
    Input(String),

    /// protoc refused the files: its own words, with file, line and column.
    #[error("{0}")]
    Protoc(String),

    /// protoc could not be run at all.
    #[error(
        "cannot run protoc at `{}`: {source}\n  \
         help: {help}", path.display()
    )]
    #[non_exhaustive]
    ProtocNotRunnable {
        /// The executable that was tried.
        path: PathBuf,
        /// How to get a protoc that runs.
        help: &'static str,
        /// What the operating system answered.
        source: io::Error,
    },

    /// A file or directory could not be read or written.
    #[error("cannot {action} `{}`: {source}\n  help: {help}", path.display())]
    #[non_exhaustive]
    Io {
        /// `read`, `write` or `create`.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What to look at.
        help: &'static str,
        /// What the operating system answered.
        source: io::Error,
    },

    /// The bytes on the plugin's stdin are not a request of protoc.
    #[error(
        "stdin holds no request of protoc: {0}\n  \
         help: protoc starts this program, as in `protoc --rust-scaffold_out=src calculator.proto`"
    )]
    Request(String),
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Problems> for Error {
    fn from(problems: Problems) -> Self {
        Self::Input(problems.to_string())
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self::Input(problem.to_string())
    }
}
