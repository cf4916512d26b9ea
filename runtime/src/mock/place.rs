//! Where in a test something was said.

use std::{fmt, panic::Location};

/// Where an expectation was made.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    Code(&'static Location<'static>),
    Tape(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(location) => write!(f, "{location}"),
            Self::Tape(line) => f.write_str(line),
        }
    }
}
