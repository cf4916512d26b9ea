//! The statements and groups in a stream of tokens, and where spaces go between them.
//!
//! This knows as much of Rust as generated services use. `<` always opens a bracket, for nothing
//! is compared; braces hold statements unless they follow a `Self` that is a value.

use std::iter::Peekable;

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree, token_stream::IntoIter};

/// An item, a statement, a field, a variant or an arm.
#[derive(Debug, Default)]
pub(super) struct Statement {
    /// The texts of its docs.
    pub(super) docs: Vec<String>,
    /// What is in their brackets.
    pub(super) attributes: Vec<Vec<Piece>>,
    pub(super) pieces: Vec<Piece>,
    /// `;`, `,` or nothing.
    pub(super) end: &'static str,
}

impl Statement {
    /// A plain import: these stand under each other.
    pub(super) fn is_import(&self) -> bool {
        let first = self.pieces.first();
        let is_use = matches!(first, Some(Piece::Word { text, .. }) if text == "use");
        is_use && self.attributes.is_empty()
    }
}

/// A part of a statement.
#[derive(Debug)]
pub(super) enum Piece {
    Word { text: String, spaced: bool },
    Group(Group),
    Block(Block),
}

/// What is between brackets, parted by commas.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) open: &'static str,
    pub(super) close: &'static str,
    pub(super) spaced: bool,
    pub(super) parts: Vec<Vec<Piece>>,
}

/// What is between braces, each on lines of its own.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) level: Level,
    pub(super) statements: Vec<Statement>,
}

/// What a block is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// Items, with blank lines between them.
    Items,
    Statements,
}

type Tokens = Peekable<IntoIter>;

/// The statements of a stream.
pub(super) fn statements(tokens: TokenStream) -> Vec<Statement> {
    let mut tokens = tokens.into_iter().peekable();
    let mut statements = Vec::new();
    while tokens.peek().is_some() {
        statements.push(statement(&mut tokens));
    }
    statements
}

fn statement(tokens: &mut Tokens) -> Statement {
    let mut statement = Statement::default();
    while tokens.next_if(|token| is_punct(token, '#')).is_some() {
        if let Some(TokenTree::Group(group)) = tokens.next() {
            attribute(group.stream(), &mut statement);
        }
    }
    let mut pieces = Pieces::default();
    while let Some(token) = tokens.next() {
        if is_punct(&token, ';') || is_punct(&token, ',') {
            statement.end = if is_punct(&token, ';') { ";" } else { "," };
            break;
        }
        pieces.token(token, tokens);
        let goes_on = |token: &TokenTree| ['.', '?', ';', ','].iter().any(|it| is_punct(token, *it));
        if pieces.ends_with_block() && !tokens.peek().is_some_and(goes_on) {
            break;
        }
    }
    statement.pieces = pieces.pieces;
    statement
}

/// `doc = "…"`, or something else, which stays on its line.
fn attribute(tokens: TokenStream, statement: &mut Statement) {
    let mut words = tokens.clone().into_iter();
    let is_doc = matches!(words.next(), Some(TokenTree::Ident(name)) if name == "doc");
    if let (true, Some(TokenTree::Literal(text))) = (is_doc, words.nth(1)) {
        statement.docs.extend(unquoted(&text.to_string()));
        return;
    }
    statement.attributes.push(Pieces::of(tokens));
}

/// The value of a string literal.
fn unquoted(literal: &str) -> Option<String> {
    match literal.strip_prefix('r') {
        Some(raw) => Some(raw.trim_matches('#').trim_matches('"').to_owned()),
        None if literal.contains('\\') => {
            syn::parse_str::<syn::LitStr>(literal).ok().map(|literal| literal.value())
        }
        None => Some(literal.trim_matches('"').to_owned()),
    }
}

fn is_punct(token: &TokenTree, character: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == character)
}

/// Pieces in the making, and what the next space depends on.
#[derive(Default)]
struct Pieces {
    pieces: Vec<Piece>,
    last: Last,
    /// Between the bars of a closure.
    in_bars: bool,
}

/// What stands before the next token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Last {
    /// Nothing, or something that the next token sticks to.
    #[default]
    Tight,
    Word,
    Keyword,
    Close,
    /// Something that wants a space behind it.
    Loose,
}

impl Pieces {
    fn of(tokens: TokenStream) -> Vec<Piece> {
        let mut pieces = Self::default();
        pieces.all(tokens);
        pieces.pieces
    }

    fn all(&mut self, tokens: TokenStream) {
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            self.token(token, &mut tokens);
        }
    }

    fn ends_with_block(&self) -> bool {
        matches!(self.pieces.last(), Some(Piece::Block(_)))
    }

    /// Takes a token, and those behind it that belong to it.
    fn token(&mut self, token: TokenTree, rest: &mut Tokens) {
        match token {
            TokenTree::Ident(name) => self.word(name.to_string()),
            TokenTree::Literal(literal) => self.word(literal.to_string()),
            TokenTree::Punct(punct) => match punct.as_char() {
                '<' => {
                    let spaced = self.last == Last::Loose;
                    let parts = angle(rest);
                    self.group(("<", ">"), spaced, parts);
                }
                '\'' => {
                    let name = rest.next().map(|name| format!("'{name}")).unwrap_or_default();
                    self.push(name, self.last != Last::Tight, Last::Keyword);
                }
                first => {
                    let operator = operator(first, punct.spacing(), rest);
                    self.punct(&operator);
                }
            },
            TokenTree::Group(group) => {
                let spaced = matches!(self.last, Last::Loose | Last::Keyword);
                match group.delimiter() {
                    Delimiter::Parenthesis => self.group(("(", ")"), spaced, parts(group.stream())),
                    Delimiter::Bracket => self.group(("[", "]"), spaced, parts(group.stream())),
                    Delimiter::Brace => self.braces(group.stream()),
                    Delimiter::None => self.all(group.stream()),
                }
            }
        }
    }

    fn word(&mut self, text: String) {
        let last = if KEYWORDS.contains(&text.as_str()) { Last::Keyword } else { Last::Word };
        let spaced = self.last != Last::Tight;
        self.push(text, spaced, last);
    }

    fn punct(&mut self, operator: &str) {
        let is_loose = self.last != Last::Tight;
        let (spaced, last) = match operator {
            "." | ".." => (false, Last::Tight),
            "::" => (matches!(self.last, Last::Loose | Last::Keyword), Last::Tight),
            "?" => (false, Last::Close),
            ":" | "," => (false, Last::Loose),
            "!" => (self.last == Last::Loose, Last::Tight),
            "&" | "*" => (is_loose, Last::Tight),
            "|" => {
                self.in_bars = !self.in_bars;
                match self.in_bars {
                    true => (is_loose, Last::Tight),
                    false => (false, Last::Loose),
                }
            }
            _ => (is_loose, Last::Loose),
        };
        self.push(operator.to_owned(), spaced, last);
    }

    fn push(&mut self, text: String, spaced: bool, last: Last) {
        self.pieces.push(Piece::Word { text, spaced });
        self.last = last;
    }

    fn group(
        &mut self,
        (open, close): (&'static str, &'static str),
        spaced: bool,
        parts: Vec<Vec<Piece>>,
    ) {
        self.pieces.push(Piece::Group(Group { open, close, spaced, parts }));
        self.last = Last::Close;
    }

    /// The fields of a `Self { … }`, or a block.
    fn braces(&mut self, tokens: TokenStream) {
        let mut last = self.pieces.iter().rev().map(|piece| match piece {
            Piece::Word { text, .. } => text.as_str(),
            Piece::Group(_) | Piece::Block(_) => "",
        });
        let (last, before) = (last.next(), last.next());
        if last == Some("Self") && before != Some("->") {
            return self.group(("{", "}"), true, parts(tokens));
        }
        let first = self.pieces.iter().take(2);
        let is_container = first.into_iter().any(|piece| {
            matches!(piece, Piece::Word { text, .. } if matches!(&**text, "mod" | "impl" | "trait"))
        });
        let level = match is_container || last == Some("!") {
            true => Level::Items,
            false => Level::Statements,
        };
        self.pieces.push(Piece::Block(Block { level, statements: statements(tokens) }));
        self.last = Last::Close;
    }
}

/// Words that want a space before a bracket.
const KEYWORDS: &[&str] = &[
    "as", "const", "dyn", "for", "if", "impl", "in", "let", "match", "move", "mut", "pub", "return",
    "static", "use",
];

/// A punctuation character, and those behind it that make one operator with it.
fn operator(first: char, spacing: Spacing, rest: &mut Tokens) -> String {
    const OPERATORS: &[&str] = &["::", "->", "=>", ".."];
    if spacing == Spacing::Joint
        && let Some(TokenTree::Punct(second)) = rest.peek()
    {
        let both = format!("{first}{}", second.as_char());
        if OPERATORS.contains(&both.as_str()) {
            rest.next();
            return both;
        }
    }
    first.to_string()
}

/// What is between brackets.
fn parts(tokens: TokenStream) -> Vec<Vec<Piece>> {
    let mut tokens = tokens.into_iter().peekable();
    parts_until(&mut tokens, |_| false)
}

/// What is between `<` and `>`, which no group of tokens stands for.
fn angle(tokens: &mut Tokens) -> Vec<Vec<Piece>> {
    parts_until(tokens, |token| is_punct(token, '>'))
}

fn parts_until(tokens: &mut Tokens, is_end: fn(&TokenTree) -> bool) -> Vec<Vec<Piece>> {
    let mut parts = Vec::new();
    let mut part = Pieces::default();
    while let Some(token) = tokens.next().filter(|token| !is_end(token)) {
        if is_punct(&token, ',') && !part.in_bars {
            parts.push(std::mem::take(&mut part).pieces);
        } else {
            part.token(token, tokens);
        }
    }
    if !part.pieces.is_empty() {
        parts.push(part.pieces);
    }
    parts
}
