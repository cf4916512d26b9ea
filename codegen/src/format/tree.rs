//! The statements and groups in a stream of tokens, and where spaces go between them.
//!
//! This knows as much of Rust as generated services use. `<` always opens a bracket, for nothing
//! is compared; braces hold statements unless they follow a `Self` that is a value.

use std::{
    fmt::{self, Write as _},
    iter::Peekable,
};

use proc_macro2::{
    Delimiter, Ident, Punct, Spacing, TokenStream, TokenTree, token_stream::IntoIter,
};

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
        let is_use = matches!(first, Some(Piece::Text(text)) if text.starts_with("use "));
        is_use && self.attributes.is_empty()
    }
}

/// A part of a statement.
#[derive(Debug)]
pub(super) enum Piece {
    /// Words and operators, with the spaces before and between them.
    Text(String),
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
        let goes_on =
            |token: &TokenTree| ['.', '?', ';', ','].iter().any(|it| is_punct(token, *it));
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
    /// The statement is one that holds items.
    is_container: bool,
}

/// What stands before the next token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Last {
    /// Nothing.
    #[default]
    Start,
    /// Something that the next token sticks to.
    Tight,
    /// The `!` of a macro, to which the next token sticks as well.
    Macro,
    Word,
    /// `Self`, but not as the type that a function returns.
    SelfValue,
    Keyword,
    Close,
    /// Something that wants a space behind it.
    Loose,
    /// `->`, which does, too.
    Arrow,
}

impl Last {
    /// Whether a word behind it is parted from it.
    fn parts_words(self) -> bool {
        !matches!(self, Self::Start | Self::Tight | Self::Macro)
    }

    /// Whether even what sticks to words is parted from it.
    fn is_loose(self) -> bool {
        matches!(self, Self::Loose | Self::Arrow)
    }
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
            TokenTree::Ident(name) => self.ident(&name),
            TokenTree::Literal(literal) => {
                self.push(&literal, self.last.parts_words(), Last::Word);
            }
            TokenTree::Punct(punct) => match punct.as_char() {
                '<' => {
                    let spaced = self.last.is_loose();
                    let parts = angle(rest);
                    self.group(("<", ">"), spaced, parts);
                }
                '\'' => {
                    self.push(&'\'', self.last.parts_words(), Last::Tight);
                    let name = rest.next().map(|name| name.to_string()).unwrap_or_default();
                    self.push(&name, false, Last::Keyword);
                }
                _ => self.operator(&punct, rest),
            },
            TokenTree::Group(group) => {
                let spaced = self.last.is_loose() || self.last == Last::Keyword;
                match group.delimiter() {
                    Delimiter::Parenthesis => self.group(("(", ")"), spaced, parts(group.stream())),
                    Delimiter::Bracket => self.group(("[", "]"), spaced, parts(group.stream())),
                    Delimiter::Brace => self.braces(group.stream()),
                    Delimiter::None => self.all(group.stream()),
                }
            }
        }
    }

    fn ident(&mut self, name: &Ident) {
        let is_first = match self.pieces.as_slice() {
            [] => true,
            [Piece::Text(text)] => text == "pub",
            _ => false,
        };
        let is_type = self.last == Last::Arrow;
        self.push(name, self.last.parts_words(), Last::Word);
        let text = match self.pieces.last() {
            Some(Piece::Text(text)) => text.rsplit(is_no_word).next().unwrap_or_default(),
            _ => "",
        };
        self.is_container |= is_first && matches!(text, "mod" | "impl" | "trait");
        self.last = match text {
            "Self" if !is_type => Last::SelfValue,
            text if KEYWORDS.contains(&text) => Last::Keyword,
            _ => Last::Word,
        };
    }

    /// A punctuation character, with the one behind it if both make one operator.
    fn operator(&mut self, first: &Punct, rest: &mut Tokens) {
        let mut both = [first.as_char(), ' '];
        if let (Spacing::Joint, Some(TokenTree::Punct(second))) = (first.spacing(), rest.peek()) {
            both[1] = second.as_char();
        }
        let (operator, last) = match both {
            [':', ':'] => ("::", Last::Tight),
            ['-', '>'] => ("->", Last::Arrow),
            ['=', '>'] => ("=>", Last::Loose),
            ['.', '.'] => ("..", Last::Tight),
            _ => return self.punct(first.as_char()),
        };
        rest.next();
        let spaced = match operator {
            "::" => self.last.is_loose() || self.last == Last::Keyword,
            ".." => false,
            _ => true,
        };
        self.push(&operator, spaced, last);
    }

    fn punct(&mut self, punct: char) {
        let parted = self.last.parts_words();
        let (spaced, last) = match punct {
            '.' => (false, Last::Tight),
            '?' => (false, Last::Close),
            ':' | ',' => (false, Last::Loose),
            '!' => (self.last.is_loose(), Last::Macro),
            '&' | '*' => (parted, Last::Tight),
            '|' => {
                self.in_bars = !self.in_bars;
                if self.in_bars { (parted, Last::Tight) } else { (false, Last::Loose) }
            }
            _ => (parted, Last::Loose),
        };
        self.push(&punct, spaced, last);
    }

    fn push(&mut self, token: &dyn fmt::Display, spaced: bool, last: Last) {
        if !matches!(self.pieces.last(), Some(Piece::Text(_))) {
            self.pieces.push(Piece::Text(String::new()));
        }
        if let Some(Piece::Text(text)) = self.pieces.last_mut() {
            text.push_str(if spaced { " " } else { "" });
            // Writing to a string cannot fail.
            let _ = write!(text, "{token}");
        }
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
        if self.last == Last::SelfValue {
            return self.group(("{", "}"), true, parts(tokens));
        }
        let level = match self.is_container || self.last == Last::Macro {
            true => Level::Items,
            false => Level::Statements,
        };
        self.pieces.push(Piece::Block(Block { level, statements: statements(tokens) }));
        self.last = Last::Close;
    }
}

/// Of `r#type`, the `#` belongs to the word.
fn is_no_word(letter: char) -> bool {
    !letter.is_ascii_alphanumeric() && !matches!(letter, '_' | '#')
}

/// Words that want a space before a bracket.
const KEYWORDS: &[&str] = &[
    "as", "const", "dyn", "for", "if", "impl", "in", "let", "match", "move", "mut", "pub",
    "return", "static", "use",
];

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
