//! Prints the tokens of generated services as rustfmt would, as far as what we emit goes.
//!
//! Nothing is parsed again for it: [`tree`] finds the statements and groups of a stream of tokens,
//! and this file lays them out. A line that is too long is broken at the brackets in it.

mod tree;

use proc_macro2::TokenStream;

use self::tree::{Block, Group, Level, Piece, Statement};

/// Lines are broken to be no longer than this, if there are brackets to break them at.
const WIDTH: usize = 100;

/// A list that is no longer than this is not worth breaking.
const SHORT: usize = 16;

const INDENT: usize = 4;

/// Prints items, with a blank line between them.
pub(crate) fn items(tokens: TokenStream) -> String {
    let mut printer = Printer::default();
    printer.statements(&tree::statements(tokens), Level::Items);
    printer.text
}

/// What is a comment, but no doc, in the output: see [`comment`].
const COMMENT: &str = "rust-scaffold-comment:";

/// The text of a `#[doc]` that is printed as a plain comment, for there are none in tokens.
pub(crate) fn comment(line: &str) -> String {
    format!("{COMMENT}{line}")
}

#[derive(Default)]
struct Printer {
    text: String,
    depth: usize,
}

impl Printer {
    fn statements(&mut self, statements: &[Statement], level: Level) {
        for (index, statement) in statements.iter().enumerate() {
            let previous = index.checked_sub(1).map(|index| &statements[index]);
            let are_imports = |other: &Statement| other.is_import() && statement.is_import();
            if level == Level::Items && previous.is_some_and(|previous| !are_imports(previous)) {
                self.text.push('\n');
            }
            self.statement(statement);
        }
    }

    fn statement(&mut self, statement: &Statement) {
        for doc in &statement.docs {
            self.doc(doc);
        }
        for attribute in &statement.attributes {
            self.indent();
            self.text.push_str("#[");
            self.flat(attribute);
            self.text.push_str("]\n");
        }
        self.indent();
        self.pieces(&statement.pieces, statement.end);
        self.text.push_str(statement.end);
        self.text.push('\n');
    }

    fn doc(&mut self, doc: &str) {
        let (marker, text) = match doc.strip_prefix(COMMENT) {
            Some("\n") => {
                self.text.push('\n');
                return;
            }
            Some(comment) => ("// ", comment),
            None => ("///", doc),
        };
        self.indent();
        self.text.push_str(marker);
        self.text.push_str(text);
        self.text.truncate(self.text.trim_end().len());
        self.text.push('\n');
    }

    /// Prints to the end of a line, on which `end` has to have room, too.
    fn pieces(&mut self, pieces: &[Piece], end: &str) {
        let to_block = pieces.iter().position(|piece| matches!(piece, Piece::Block(_)));
        let head = &pieces[..to_block.unwrap_or(pieces.len())];
        let behind = if to_block.is_some() { " {" } else { end };
        let start = self.text.len() - self.text.rfind('\n').map_or(0, |at| at + 1);
        if start + flat_width(head) + behind.len() <= WIDTH {
            self.flat(head);
        } else {
            self.broken(head, behind);
        }
        if let Some((Piece::Block(block), rest)) =
            to_block.map(|at| (&pieces[at], &pieces[at + 1..]))
        {
            self.block(block);
            self.pieces(rest, end);
        }
    }

    /// Prints with the content of a bracket in lines of their own.
    fn broken(&mut self, pieces: &[Piece], end: &str) {
        let Some(at) = breaking_point(pieces) else { return self.flat(pieces) };
        let Piece::Group(group) = &pieces[at] else { return self.flat(pieces) };
        self.flat(&pieces[..at]);
        self.text.push_str(group.space());
        self.text.push_str(group.open);
        self.depth += 1;
        for part in &group.parts {
            self.text.push('\n');
            self.indent();
            self.pieces(part, ",");
            self.text.push(',');
        }
        self.depth -= 1;
        self.text.push('\n');
        self.indent();
        self.text.push_str(group.close);
        self.pieces(&pieces[at + 1..], end);
    }

    fn flat(&mut self, pieces: &[Piece]) {
        for piece in pieces {
            match piece {
                Piece::Text(text) => self.text.push_str(text),
                Piece::Group(group) => {
                    self.text.push_str(group.space());
                    self.text.push_str(group.open);
                    self.text.push_str(group.padding());
                    for (index, part) in group.parts.iter().enumerate() {
                        self.text.push_str(if index > 0 { ", " } else { "" });
                        self.flat(part);
                    }
                    self.text.push_str(group.padding());
                    self.text.push_str(group.close);
                }
                Piece::Block(block) => self.block(block),
            }
        }
    }

    fn block(&mut self, block: &Block) {
        if block.statements.is_empty() {
            self.text.push_str(" {}");
            return;
        }
        self.text.push_str(" {\n");
        self.depth += 1;
        self.statements(&block.statements, block.level);
        self.depth -= 1;
        self.indent();
        self.text.push('}');
    }

    fn indent(&mut self) {
        self.text.extend(std::iter::repeat_n(' ', self.depth * INDENT));
    }
}

impl Group {
    fn space(&self) -> &'static str {
        if self.spaced { " " } else { "" }
    }

    /// Of braces, what they hold is parted by a space.
    fn padding(&self) -> &'static str {
        if self.open == "{" { " " } else { "" }
    }
}

/// The bracket that is best opened: arguments rather than types.
fn breaking_point(pieces: &[Piece]) -> Option<usize> {
    let is = |piece: &Piece, open: &str| matches!(piece, Piece::Group(group) if group.open == open && !group.parts.is_empty());
    let is_long = |piece: &Piece| flat_width(std::slice::from_ref(piece)) > SHORT;
    let arguments = pieces.iter().position(|piece| is(piece, "("));
    // Behind a `&` is a list of values; others are types, which take no comma.
    let is_value = |at: usize| {
        let before = at.checked_sub(1).map(|before| &pieces[before]);
        matches!(before, Some(Piece::Text(text)) if text.ends_with('&'))
    };
    let list = || {
        (0..pieces.len())
            .rev()
            .find(|at| is(&pieces[*at], "[") && is_value(*at) && is_long(&pieces[*at]))
    };
    let types = || pieces.iter().position(|piece| is(piece, "<"));
    arguments.or_else(list).or_else(types)
}

/// The width of pieces on one line; a block among them is not for one line.
fn flat_width(pieces: &[Piece]) -> usize {
    let width = |piece: &Piece| match piece {
        Piece::Text(text) => text.chars().count(),
        Piece::Group(group) => {
            let parts = group.parts.iter().map(|part| flat_width(part));
            let commas = group.parts.len().saturating_sub(1) * 2;
            parts.sum::<usize>() + commas + 2 * group.padding().len() + group.space().len() + 2
        }
        Piece::Block(_) => WIDTH + 1,
    };
    pieces.iter().map(width).sum()
}

#[cfg(test)]
mod tests;
