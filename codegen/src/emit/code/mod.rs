//! Rust source in the making: text, written line by line as it will be read.

mod lines;

use std::fmt::{Arguments, Display, Write as _};

/// Lines are broken to be no longer than this, if there are brackets to break them at.
const WIDTH: usize = 100;

const INDENT: &str = "    ";

/// Rust source in the making.
#[derive(Debug, Default)]
pub(super) struct Code {
    text: String,
    depth: usize,
    /// The last line ends an item, so that the next is parted from it.
    after_item: bool,
}

/// What stands for a `$name` in a template.
pub(super) type Value<'a> = (&'a str, &'a dyn Display);

impl Code {
    /// Starts an item: a blank line parts it from the one before.
    pub(super) fn item(&mut self) {
        if std::mem::take(&mut self.after_item) {
            self.text.push('\n');
        }
    }

    /// Ends an item that is not a [`block`](Self::block) or a [`write`](Self::write).
    pub(super) fn end_item(&mut self) {
        self.after_item = true;
    }

    /// One line, however long.
    pub(super) fn line(&mut self, line: Arguments) {
        self.indent();
        // Writing to a string cannot fail.
        let _ = self.text.write_fmt(line);
        self.text.push('\n');
    }

    /// The rest of an item: the lines of a template as they stand there, with values for the names
    /// behind a `$`. Lines that become too long are broken.
    pub(super) fn write(&mut self, template: &str, values: &[Value]) {
        let lines = template.lines().skip_while(|line| line.trim().is_empty());
        let mut common = None;
        for line in lines {
            let text = line.trim_start();
            if text.is_empty() {
                self.text.push('\n');
                continue;
            }
            let margin = line.len() - text.len();
            let common = *common.get_or_insert(margin);
            let start = self.text.len();
            self.indent();
            self.text.push_str(&line[common.min(margin)..margin]);
            self.replace(text, values);
            self.text.push('\n');
            let is_comment = text.starts_with("//");
            if !is_comment && self.text.len() - start > WIDTH {
                let line = self.text.split_off(start);
                lines::write_broken(&mut self.text, line.trim_end());
            }
        }
        self.text.truncate(self.text.trim_end().len());
        self.text.push('\n');
        self.after_item = true;
    }

    fn replace(&mut self, line: &str, values: &[Value]) {
        let mut parts = line.split('$');
        self.text.push_str(parts.next().unwrap_or_default());
        for part in parts {
            let is_name = |letter: char| letter.is_ascii_lowercase() || letter == '_';
            let end = part.find(|letter| !is_name(letter)).unwrap_or(part.len());
            let (name, rest) = part.split_at(end);
            if let Some((_, value)) = values.iter().find(|(known, _)| *known == name) {
                let _ = write!(self.text, "{value}");
            }
            self.text.push_str(rest);
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

    fn indent(&mut self) {
        self.text.extend(std::iter::repeat_n(INDENT, self.depth));
    }
}

#[cfg(test)]
mod tests;
