//! What can be wrong with a tape.

use std::{fmt, io, path::Path};

/// Why a tape cannot be written, read or confirmed.
///
/// ```
/// # mod calculator {
/// #     include!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/unary/expected/calculator.rs"));
/// # }
/// # use calculator::*;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let error = MockCalculator::replay("no/such/tape.jsonl").unwrap_err();
/// assert!(error.to_string().starts_with("cannot read the tape no/such/tape.jsonl: "));
/// # Ok(())
/// # }
/// ```
pub struct TapeError {
    text: String,
    source: Option<io::Error>,
}

impl TapeError {
    pub(super) fn io(doing: &str, path: &Path, source: io::Error) -> Self {
        let text = format!("cannot {doing} the tape {}: {source}", path.display());
        Self { text, source: Some(source) }
    }

    pub(super) fn line(path: &Path, number: usize, problem: &str) -> Self {
        Self { text: format!("{}:{number}: {problem}", path.display()), source: None }
    }

    pub(super) fn empty(path: &Path) -> Self {
        let text = format!("{}: there is no call on this tape", path.display());
        Self { text, source: None }
    }

    pub(super) fn differences(problems: &[String]) -> Self {
        let text = format!("the server does not answer as the tape:\n\n{}", problems.join("\n\n"));
        Self { text, source: None }
    }
}

impl fmt::Display for TapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

// Read by people, in the output of a test.
impl fmt::Debug for TapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for TapeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}
