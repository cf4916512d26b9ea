//! Why a value does not fit.

use std::fmt::Display;

/// How much of a value is shown.
const SHOWN: usize = 160;

/// Collects mismatches, or only whether there are any.
pub(crate) struct Report {
    explains: bool,
    failed: bool,
    path: Vec<String>,
    mismatches: Vec<Mismatch>,
}

/// One reason, and the place in the message that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mismatch {
    /// Such as `items[2].name`; empty for the whole.
    pub(crate) path: String,
    pub(crate) reason: String,
}

impl Report {
    /// Only finds out whether something fits.
    pub(crate) fn quiet() -> Self {
        Self { explains: false, failed: false, path: Vec::new(), mismatches: Vec::new() }
    }

    /// Collects the reasons.
    pub(crate) fn explaining() -> Self {
        Self { explains: true, ..Self::quiet() }
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.failed
    }

    pub(crate) fn into_mismatches(self) -> Vec<Mismatch> {
        self.mismatches
    }

    pub(crate) fn mismatch(&mut self, reason: impl FnOnce() -> String) {
        self.failed = true;
        if self.explains {
            let reason = reason();
            self.mismatches.push(Mismatch { path: self.path.concat(), reason });
        }
    }

    /// Several reasons, each with its place below the current one.
    pub(crate) fn mismatches(&mut self, reasons: impl FnOnce() -> Vec<Mismatch>) {
        self.failed = true;
        if self.explains {
            let path = self.path.concat();
            let below =
                |inner: Mismatch| Mismatch { path: join(&path, &inner.path), reason: inner.reason };
            self.mismatches.extend(reasons().into_iter().map(below));
        }
    }

    /// Checks the field `name`.
    pub(crate) fn field(&mut self, name: impl Display, check: impl FnOnce(&mut Self)) {
        let separator = if self.path.is_empty() { "" } else { "." };
        self.below(|| format!("{separator}{name}"), check);
    }

    /// Checks the element at `index`, a position or a key.
    pub(crate) fn element(&mut self, index: impl Display, check: impl FnOnce(&mut Self)) {
        self.below(|| format!("[{index}]"), check);
    }

    /// Checks something of which only can be told that it does not fit.
    pub(crate) fn secret(&mut self, check: impl FnOnce(&mut Self)) {
        let mut report = Self::quiet();
        check(&mut report);
        if report.has_failed() {
            self.mismatch(|| "is not what was expected; it is redacted".to_owned());
        }
    }

    fn below(&mut self, step: impl FnOnce() -> String, check: impl FnOnce(&mut Self)) {
        if !self.explains {
            return check(self);
        }
        self.path.push(step());
        check(self);
        self.path.pop();
    }
}

fn join(path: &str, inner: &str) -> String {
    match path.is_empty() || inner.is_empty() || inner.starts_with('[') {
        true => format!("{path}{inner}"),
        false => format!("{path}.{inner}"),
    }
}

/// The text, or its beginning and its length when it is too long to be read.
pub(crate) fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}… ({} characters)", &text[..end], text.chars().count()),
        None => text.to_owned(),
    }
}
