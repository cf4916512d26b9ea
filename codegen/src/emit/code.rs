//! Text that is written line by line, with blank lines between items.

use std::fmt::{Arguments, Write as _};

/// Rust source in the making.
#[derive(Debug, Default)]
pub(super) struct Code {
    text: String,
    depth: usize,
    /// The last line ends an item, so that the next is parted from it.
    after_item: bool,
}

impl Code {
    pub(super) fn line(&mut self, line: Arguments) {
        for _ in 0..self.depth {
            self.text.push_str("    ");
        }
        // Writing to a string cannot fail.
        let _ = self.text.write_fmt(line);
        self.text.push('\n');
    }

    /// Starts an item.
    pub(super) fn item(&mut self) {
        if std::mem::take(&mut self.after_item) {
            self.text.push('\n');
        }
    }

    /// `open {`, what `content` writes one level further in, and `}`; the end of an item.
    pub(super) fn block(&mut self, open: Arguments, content: impl FnOnce(&mut Self)) {
        self.inner(open, content);
        self.after_item = true;
    }

    /// As [`block`](Self::block), in an item.
    pub(super) fn inner(&mut self, open: Arguments, content: impl FnOnce(&mut Self)) {
        self.line(format_args!("{open} {{"));
        let start = self.text.len();
        self.after_item = false;
        self.depth += 1;
        content(self);
        self.depth -= 1;
        if self.text.len() == start {
            self.text.truncate(start - 1);
            self.text.push_str("}\n");
        } else {
            self.line(format_args!("}}"));
        }
    }

    /// Ends an item of one line.
    pub(super) fn end_item(&mut self) {
        self.after_item = true;
    }

    /// Lines of rustdoc.
    pub(super) fn docs<S: AsRef<str>>(&mut self, lines: &[S]) {
        for line in lines {
            match line.as_ref() {
                "" => self.line(format_args!("///")),
                line => self.line(format_args!("/// {line}")),
            }
        }
    }

    /// Comments that are no docs, and a blank line.
    pub(super) fn comments(&mut self, lines: &[String]) {
        for line in lines {
            match line.as_str() {
                "" => self.line(format_args!("//")),
                line => self.line(format_args!("// {line}")),
            }
        }
        if !lines.is_empty() {
            self.text.push('\n');
        }
    }

    pub(super) fn finish(self) -> String {
        self.text
    }
}
