//! Comments of a proto become rustdoc that is safe: nothing in it runs as a doctest, breaks a
//! link, hides text or trips a lint, whatever its author wrote.
//!
//! This file looks at lines (code blocks, lists, quotes), [`inline`] at what is within a line.

mod inline;

use std::borrow::Cow;

/// What the comments around an item say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Docs {
    /// What a blank line parts from the item: plain lines, for it may be about anything.
    pub(crate) detached: Vec<String>,
    /// What is about the item: lines of safe rustdoc.
    pub(crate) lines: Vec<String>,
    /// The same as plain text, if servers may carry it.
    pub(crate) plain: String,
}

/// Comments as plain lines, with a blank one between the comments.
pub(crate) fn plain_lines<S: AsRef<str>>(comments: &[S]) -> Vec<String> {
    let comments = comments.iter().map(|comment| unindent(comment.as_ref()));
    let comments = comments.filter(|lines| !lines.is_empty()).collect::<Vec<_>>();
    comments.join(&String::new())
}

/// The comments before and after an item, as one doc: lines without the space in front.
pub(crate) fn from_comments(leading: &str, trailing: &str) -> Vec<String> {
    let (mut doc, trailing) = (sanitize(leading), sanitize(trailing));
    if !doc.is_empty() && !trailing.is_empty() {
        doc.push(String::new());
    }
    doc.extend(trailing);
    doc
}

fn sanitize(comment: &str) -> Vec<String> {
    let mut blocks = Blocks::default();
    for line in unindent(comment) {
        blocks.line(&line);
    }
    blocks.finish()
}

/// Plain lines: no control or bidi characters, no tabs, no common indentation, no blank lines
/// around.
fn unindent(comment: &str) -> Vec<String> {
    let is_plain = |byte| byte == b'\n' || (b' '..0x7f).contains(&byte);
    let comment = match comment.bytes().all(is_plain) {
        true => Cow::Borrowed(comment),
        false => Cow::Owned(visible(comment)),
    };
    let lines = comment.lines().map(str::trim_end).collect::<Vec<_>>();
    let text = lines.iter().filter(|line| !line.is_empty());
    let common = text.map(|line| indentation(line)).min().unwrap_or(0);
    let lines = lines.iter().map(|line| line.get(common..).unwrap_or("").to_owned());
    let mut lines = lines.skip_while(String::is_empty).collect::<Vec<_>>();
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
}

/// A comment without what hides or reorders text, with the line ends of Unix.
fn visible(comment: &str) -> String {
    let comment = comment.replace("\r\n", "\n").replace(['\r', '\u{2028}', '\u{2029}'], "\n");
    let comment = comment.replace('\t', "    ");
    comment.chars().filter(|letter| *letter == '\n' || !is_hidden(*letter)).collect()
}

/// Control characters, and those that reorder or hide the text around them.
fn is_hidden(character: char) -> bool {
    let is_bidi = matches!(
        character,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    character.is_control() || is_bidi || character == '\u{feff}'
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// The doc so far, and the block in which the next line falls.
#[derive(Default)]
struct Blocks {
    doc: Vec<String>,
    code: Option<Code>,
    /// The columns at which the content of the open list items starts, outermost first.
    items: Vec<usize>,
    /// The last line was text, so that the next may go on with its paragraph.
    in_paragraph: bool,
    in_quote: bool,
}

/// An open code block: which fence ends it, or none for a block that was only indented.
struct Code {
    fence: Option<String>,
    column: usize,
}

impl Blocks {
    fn line(&mut self, line: &str) {
        if let Some(code) = self.code.take() {
            return self.code_line(code, line);
        }
        if line.is_empty() {
            self.doc.push(String::new());
            (self.in_paragraph, self.in_quote) = (false, false);
            return;
        }
        let (indent, text) = (indentation(line), line.trim_start_matches(' '));
        let outdented = self.items.last().is_some_and(|column| indent < *column);
        if self.in_paragraph && !starts_block(text, outdented) {
            return self.continuation(text);
        }
        while self.items.last().is_some_and(|column| indent < *column) {
            self.items.pop();
        }
        let column = self.items.last().copied().unwrap_or(0);
        if indent >= column + 4 && !self.in_paragraph {
            self.open_code(None, column);
            self.code_line(Code { fence: None, column }, line);
        } else if let Some(fence) = fence(text) {
            self.open_code(Some(fence), column);
            self.code = Some(Code { fence: Some(fence.to_owned()), column: indent.max(column) });
        } else {
            self.text(text, column);
        }
    }

    /// The next line of a paragraph stands under its first, as clippy wants it.
    fn continuation(&mut self, text: &str) {
        let column = self.items.last().copied().unwrap_or(0);
        let quote = if self.in_quote { "> " } else { "" };
        self.doc.push(format!("{:column$}{quote}{}", "", without_marker(text)));
    }

    /// A line that starts a paragraph, a heading, a list item or a quote.
    fn text(&mut self, text: &str, column: usize) {
        let (markers, rest) = match inline::is_rule(text) {
            true => (String::new(), text),
            false => split_markers(text),
        };
        if rest.is_empty() && !markers.ends_with("> ") {
            // An empty item ends at the next blank line: not worth the trouble.
            self.in_paragraph = true;
            self.doc.push(format!("{:column$}{}", "", without_marker(text)));
            return;
        }
        let item = markers.find('>').unwrap_or(markers.len());
        self.in_quote = item < markers.len();
        self.in_paragraph = !rest.is_empty() && !rest.starts_with('#');
        if item > 0 {
            self.items.push(column + item);
        }
        let line = format!("{:column$}{markers}{}", "", inline::escape(rest));
        self.doc.push(line.trim_end().to_owned());
    }

    fn open_code(&mut self, fence: Option<&str>, column: usize) {
        let fence = fence.unwrap_or("```");
        self.doc.push(format!("{:column$}{fence}text", ""));
        (self.in_paragraph, self.in_quote) = (false, false);
    }

    fn code_line(&mut self, code: Code, line: &str) {
        let column = self.items.last().copied().unwrap_or(0);
        let indent = indentation(line);
        let ends = match &code.fence {
            Some(fence) => line.trim().starts_with(fence.as_str()) && is_closing(line.trim()),
            None => !line.is_empty() && indent < code.column + 4,
        };
        if !ends {
            let shift = code.column + if code.fence.is_some() { 0 } else { 4 };
            let text = &line[indent.min(shift)..];
            let text =
                if code.fence.is_none() { text.replace("```", "'''") } else { text.to_owned() };
            self.doc.push(format!("{:column$}{text}", "").trim_end().to_owned());
            self.code = Some(code);
            return;
        }
        self.close_code(&code, column);
        if code.fence.is_none() {
            self.line(line);
        }
    }

    fn close_code(&mut self, code: &Code, column: usize) {
        let mut blank_lines = 0;
        while code.fence.is_none() && self.doc.last().is_some_and(String::is_empty) {
            self.doc.pop();
            blank_lines += 1;
        }
        let fence = code.fence.as_deref().unwrap_or("```");
        self.doc.push(format!("{:column$}{fence}", ""));
        self.doc.extend((0..blank_lines).map(|_| String::new()));
    }

    fn finish(mut self) -> Vec<String> {
        if let Some(code) = self.code.take() {
            let column = self.items.last().copied().unwrap_or(0);
            self.close_code(&code, column);
        }
        self.doc
    }
}

/// The backticks or tildes with which a line opens a code block.
fn fence(text: &str) -> Option<&str> {
    let letter = text.chars().next().filter(|first| matches!(first, '`' | '~'))?;
    let rest = text.trim_start_matches(letter);
    let length = text.len() - rest.len();
    (length >= 3 && (letter == '~' || !rest.contains('`'))).then(|| &text[..length])
}

fn is_closing(text: &str) -> bool {
    let same = |letter: char| text.chars().all(|other| other == letter);
    same('`') || same('~')
}

/// Whether a line ends the paragraph before it, in which it stands unless it is `outdented`.
fn starts_block(text: &str, outdented: bool) -> bool {
    let is_marker = marker(text).is_some_and(|marker| {
        // A number in the middle of a sentence that was wrapped before it starts no list.
        let number = marker.trim_end_matches(['.', ')']).trim_start_matches('0');
        marker.len() < text.len() && (outdented || matches!(number, "1" | "-" | "*" | "+" | ">"))
    });
    (is_marker && !inline::is_rule(text)) || text.starts_with('#') || fence(text).is_some()
}

/// The markers of lists and quotes in front of a text, each with one space: `- `, `1. `, `> `.
fn split_markers(text: &str) -> (String, &str) {
    let mut markers = String::new();
    let mut rest = text;
    while let Some(marker) = marker(rest) {
        markers.push_str(marker);
        markers.push(' ');
        rest = rest[marker.len()..].trim_start_matches(' ');
    }
    (markers, rest)
}

/// A line that is only text, even if it starts like a list: `2019. Then`.
fn without_marker(text: &str) -> String {
    let Some(marker) = marker(text) else { return inline::escape(text) };
    let (number, rest) = text.split_at(marker.len() - 1);
    format!("{number}\\{}", inline::escape(rest))
}

fn marker(text: &str) -> Option<&str> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let length = match text.as_bytes().get(digits)? {
        b'>' if digits == 0 => return Some(&text[..1]),
        b'-' | b'*' | b'+' if digits == 0 => 1,
        b'.' | b')' if (1..=9).contains(&digits) => digits + 1,
        _ => return None,
    };
    matches!(text.as_bytes().get(length), None | Some(b' ')).then(|| &text[..length])
}

#[cfg(test)]
mod tests;
