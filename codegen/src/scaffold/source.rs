//! A file of Rust, with the places of what is in it.

use std::{
    ops::Range,
    path::{Path, PathBuf},
};

use proc_macro2::Span;

use super::outcome::Place;

const BOM: &str = "\u{feff}";

/// A file of somebody's, as text.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) path: PathBuf,
    pub(super) text: String,
    /// Where what the parser got begins.
    offset: usize,
}

impl Source {
    /// A file, and what is in it.
    pub(super) fn parse(path: &Path, text: String) -> (Self, syn::Result<syn::File>) {
        let bom = text.strip_prefix(BOM).map_or(0, |_| BOM.len());
        let offset = bom + shebang(&text[bom..]);
        let file = syn::parse_file(&text[offset..]);
        (Self { path: path.to_owned(), text, offset }, file)
    }

    /// The bytes that something takes.
    pub(super) fn range(&self, span: Span) -> Range<usize> {
        let range = span.byte_range();
        range.start + self.offset..range.end + self.offset
    }

    /// Where something begins.
    pub(super) fn place(&self, span: Span) -> Place {
        let start = span.start();
        Place { path: self.path.clone(), position: Some((start.line, start.column + 1)) }
    }

    /// The line break of the file: that of its first line.
    pub(super) fn line_break(&self) -> &'static str {
        match self.text.find('\n') {
            Some(at) if self.text[..at].ends_with('\r') => "\r\n",
            _ => "\n",
        }
    }

    /// Where the line begins that a byte is in.
    pub(super) fn line_start(&self, at: usize) -> usize {
        self.text[..at].rfind('\n').map_or(0, |before| before + 1)
    }

    /// The white space in front of the line that a byte is in.
    pub(super) fn indent(&self, at: usize) -> &str {
        let line = &self.text[self.line_start(at)..];
        let line = line.trim_start_matches(BOM);
        &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
    }
}

/// How long the line for the shell is, without its line break.
fn shebang(text: &str) -> usize {
    let is_attribute =
        text.strip_prefix("#!").is_none_or(|rest| rest.trim_start().starts_with('['));
    if is_attribute { 0 } else { text.find('\n').unwrap_or(text.len()) }
}
