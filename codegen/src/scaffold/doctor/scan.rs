//! What a proto says of itself before protoc has read it: its edition and its imports.

use std::{iter::Peekable, str::CharIndices};

/// What the beginning of a proto says, as far as it can be read; the rest is protoc's.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Scanned {
    pub(super) edition: Option<Text>,
    pub(super) imports: Vec<Text>,
}

/// A string literal, with its line and column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) value: String,
    pub(super) position: (usize, usize),
}

#[derive(Debug)]
enum Token {
    Word(String),
    Text(Text),
    Symbol(char),
}

/// Reads the statements outside of all braces.
pub(super) fn scan(text: &str) -> Scanned {
    let mut scanned = Scanned::default();
    let (mut depth, mut statement) = (0_usize, Vec::new());
    for token in tokens(text) {
        match token {
            Token::Symbol('{') => depth += 1,
            Token::Symbol('}') => {
                depth = depth.saturating_sub(1);
                statement.clear();
            }
            Token::Symbol(';') => scanned.add(&std::mem::take(&mut statement)),
            other if depth == 0 => statement.push(other),
            _ => {}
        }
    }
    scanned
}

impl Scanned {
    fn add(&mut self, statement: &[Token]) {
        let [Token::Word(keyword), .., Token::Text(text)] = statement else { return };
        match &**keyword {
            "edition" => self.edition = Some(text.clone()),
            "import" => self.imports.push(text.clone()),
            _ => {}
        }
    }
}

fn tokens(text: &str) -> Vec<Token> {
    let mut cursor = Cursor { text, rest: text.char_indices().peekable() };
    let mut tokens = Vec::new();
    while let Some((start, first)) = cursor.rest.next() {
        match first {
            '/' if cursor.next_is('/') => cursor.skip_past("\n", start),
            '/' if cursor.next_is('*') => cursor.skip_past("*/", start + 2),
            '"' | '\'' => tokens.push(Token::Text(cursor.literal(start, first))),
            _ if is_word(first) => {
                while cursor.rest.next_if(|(_, next)| is_word(*next)).is_some() {}
                tokens.push(Token::Word(text[start..cursor.at()].to_owned()));
            }
            _ if first.is_whitespace() || first == '\u{feff}' => {}
            _ => tokens.push(Token::Symbol(first)),
        }
    }
    tokens
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_' || character == '.'
}

struct Cursor<'a> {
    text: &'a str,
    rest: Peekable<CharIndices<'a>>,
}

impl Cursor<'_> {
    fn at(&mut self) -> usize {
        self.rest.peek().map_or(self.text.len(), |(at, _)| *at)
    }

    fn next_is(&mut self, character: char) -> bool {
        self.rest.peek().is_some_and(|(_, next)| *next == character)
    }

    fn skip_past(&mut self, end: &str, from: usize) {
        let tail = self.text.get(from..).unwrap_or_default();
        let end = tail.find(end).map_or(self.text.len(), |at| from + at + end.len());
        while self.rest.next_if(|(at, _)| *at < end).is_some() {}
    }

    /// What stands between quotes. Names of files have no escapes that matter.
    fn literal(&mut self, start: usize, quote: char) -> Text {
        let mut value = String::new();
        while let Some((_, next)) = self.rest.next_if(|(_, next)| *next != '\n') {
            match next {
                '\\' => value.extend(self.rest.next().map(|(_, escaped)| escaped)),
                _ if next == quote => break,
                _ => value.push(next),
            }
        }
        let before = &self.text[..start];
        let line = before.rsplit('\n').next().unwrap_or_default();
        let position = (before.matches('\n').count() + 1, line.chars().count() + 1);
        Text { value, position }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn imports(text: &str) -> Vec<(String, (usize, usize))> {
        scan(text).imports.into_iter().map(|it| (it.value, it.position)).collect()
    }

    #[test]
    fn editions_and_imports_are_read_with_their_places() {
        let text = "// edition = \"1999\";\nedition = \"2024\";\nimport public \"a.proto\";\n\
                    import option 'b.proto';import\n  \"c/d.proto\"  ;";
        assert_eq!(scan(text).edition.map(|it| it.value).as_deref(), Some("2024"));
        let expected = [("a.proto", (3, 15)), ("b.proto", (4, 15)), ("c/d.proto", (5, 3))];
        assert_eq!(imports(text), expected.map(|(name, at)| (name.to_owned(), at)));
    }

    #[test]
    fn comments_literals_and_braces_hide_imports() {
        for hidden in [
            "/* import \"a.proto\"; */",
            "/*/ import \"a.proto\"; */",
            "// import \"a.proto\";",
            "message M { import \"a.proto\"; }",
            "option x = \"; import \\\"a.proto\\\"; \";",
            "syntax = \"proto3",
            "/* ",
        ] {
            assert_eq!(scan(hidden), Scanned::default(), "{hidden}");
        }
        assert_eq!(imports("message M { }\n} import \"é.proto\";").len(), 1);
    }
}
