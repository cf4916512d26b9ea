//! Path templates of `google.api.http`: which paths lead to a method, and which parts of them are fields of its request.
//!
//! ```text
//! Template = "/" Segments [ Verb ] ;
//! Segments = Segment { "/" Segment } ;
//! Segment  = "*" | "**" | LITERAL | Variable ;
//! Variable = "{" FieldPath [ "=" Segments ] "}" ;
//! Verb     = ":" LITERAL ;
//! ```
//!
//! What `LITERAL` may be is left open there. Here, it is what a segment of a path may be by
//! [RFC 3986](https://www.rfc-editor.org/rfc/rfc3986#section-3.3), without the characters that mean something in templates:
//! those are percent-encoded.

/// A path template, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Template<'a> {
    pub(super) paths: Paths,
    /// The field paths of its variables.
    pub(super) variables: Vec<&'a str>,
}

/// The paths that a template matches: two templates match the same ones if these are equal.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Paths {
    segments: Vec<Segment>,
    verb: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Segment {
    /// This one, decoded.
    Literal(String),
    /// `*`: any one.
    Any,
    /// `**`: any number of them, or none.
    Rest,
}

/// What is wrong with a rule or its template, and what to do about it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Flaw {
    pub(super) what: String,
    pub(super) help: String,
}

type Result<T> = std::result::Result<T, Flaw>;

impl Flaw {
    pub(super) fn new(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self { what: what.into(), help: help.into() }
    }
}

fn flaw<T>(what: impl Into<String>, help: impl Into<String>) -> Result<T> {
    Err(Flaw::new(what, help))
}

pub(super) fn parse(template: &str) -> Result<Template<'_>> {
    let Some(rest) = template.strip_prefix('/') else {
        return flaw("does not begin with `/`", "write all of the path, such as `/v1/books`");
    };
    let mut parser = Parser { rest, segments: Vec::new(), variables: Vec::new() };
    parser.segments(Parser::segment)?;
    let verb = match parser.take(":") {
        true => Some(parser.literal()?),
        false => None,
    };
    parser.end()?;
    let Parser { segments, variables, .. } = parser;
    // Google's documentation wants it at the end, which several of Google's APIs do not heed.
    if segments.iter().filter(|segment| **segment == Segment::Rest).count() > 1 {
        return flaw("has `**` twice", "only one part of a path can be of any length");
    }
    Ok(Template { paths: Paths { segments, verb }, variables })
}

struct Parser<'a> {
    rest: &'a str,
    segments: Vec<Segment>,
    variables: Vec<&'a str>,
}

impl Parser<'_> {
    fn segments(&mut self, read: fn(&mut Self) -> Result<()>) -> Result<()> {
        read(self)?;
        while self.take("/") {
            read(self)?;
        }
        Ok(())
    }

    fn segment(&mut self) -> Result<()> {
        if !self.take("{") {
            return self.plain_segment();
        }
        let Some((variable, rest)) = self.rest.split_once('}') else {
            return flaw("has a `{` without a `}`", "close it, as in `/v1/{name}`");
        };
        if variable.contains('{') {
            return flaw(
                "has a variable in a variable",
                "bind one field to all of it, or each to a part of its own",
            );
        }
        let (field, segments) = variable.split_once('=').unwrap_or((variable, "*"));
        if field.is_empty() {
            return flaw("has a variable without a field", "name a field of the request");
        }
        self.variables.push(field);
        self.rest = segments;
        self.segments(Self::plain_segment)?;
        self.end()?;
        self.rest = rest;
        Ok(())
    }

    fn plain_segment(&mut self) -> Result<()> {
        let segment = match () {
            () if self.take("**") => Segment::Rest,
            () if self.take("*") => Segment::Any,
            () => Segment::Literal(self.literal()?),
        };
        self.segments.push(segment);
        Ok(())
    }

    /// A literal, decoded.
    fn literal(&mut self) -> Result<String> {
        let end = self.rest.find(|letter| !is_literal(letter)).unwrap_or(self.rest.len());
        let (literal, rest) = self.rest.split_at(end);
        self.rest = rest;
        if !literal.is_empty() {
            return decode(literal);
        }
        match rest.chars().next() {
            None | Some('/' | ':') => flaw(
                "has an empty segment",
                "write something after each `/`, `=` and `:`, or remove it",
            ),
            Some(letter) => misplaced(letter),
        }
    }

    fn end(&self) -> Result<()> {
        match self.rest.chars().next() {
            None => Ok(()),
            // What stands before it was the verb.
            Some('/') => misplaced(':'),
            Some(letter) => misplaced(letter),
        }
    }

    fn take(&mut self, wanted: &str) -> bool {
        let rest = self.rest.strip_prefix(wanted);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }
}

/// What segments are made of, and the `%` of what is encoded.
fn is_literal(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "-._~!$&'()+,;@%".contains(letter)
}

fn decode(literal: &str) -> Result<String> {
    let mut parts = literal.split('%');
    let mut bytes = Vec::from(parts.next().unwrap_or_default());
    for part in parts {
        let digits = part.get(..2).filter(|it| it.bytes().all(|it| it.is_ascii_hexdigit()));
        let Some(byte) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) else {
            return flaw("has a `%` without two hexadecimal digits", "write `%25` for a `%`");
        };
        bytes.push(byte);
        bytes.extend(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes)
        .or_else(|_| flaw("has encoded bytes that are not UTF-8", "encode the bytes of UTF-8"))
}

/// A character that is not where it may be.
fn misplaced<T>(letter: char) -> Result<T> {
    match letter {
        '}' => flaw("has a `}` without a `{`", "remove it"),
        '?' => flaw(
            "has a query",
            "leave it out: fields that are not in the path are query parameters",
        ),
        ':' => {
            flaw("has a `:` before its end", "only the verb has a `:`: write `%3A` for another one")
        }
        '{' | '*' => flaw(
            format!("has a `{letter}` within a segment"),
            "variables, `*` and `**` are segments: put a `/` between them and others",
        ),
        _ if is_literal(letter) => flaw(
            format!("has `{letter}` right after a variable or a `*`"),
            "variables, `*` and `**` are segments: put a `/` between them and others",
        ),
        _ => {
            let bytes = letter.to_string().into_bytes();
            let encoded = bytes.iter().map(|byte| format!("%{byte:02X}")).collect::<String>();
            flaw(
                format!("has a `{}`, which no path may have", letter.escape_debug()),
                format!("percent-encode it: `{encoded}`"),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(template: &str) -> Paths {
        parse(template).unwrap_or_else(|flaw| panic!("{template} {}", flaw.what)).paths
    }

    #[test]
    fn templates_are_segments_variables_and_a_verb() {
        let template = parse("/v1/{name=shelves/*/books/**}:read%20it").unwrap();
        let literal = |text: &str| Segment::Literal(text.to_owned());
        let segments =
            [literal("v1"), literal("shelves"), Segment::Any, literal("books"), Segment::Rest];
        assert_eq!(template.paths.segments, segments);
        assert_eq!(template.paths.verb.as_deref(), Some("read it"));
        assert_eq!(template.variables, ["name"]);
        assert_eq!(parse("/{a.b}/*/{c=**}").unwrap().variables, ["a.b", "c"]);
    }

    /// Those that the documentation of `google.api.http` has, and what is beyond it in Google's own APIs.
    #[test]
    fn templates_of_google_are_accepted() {
        for template in [
            "/v1/{name=messages/*}",
            "/v1/messages/{message_id}/{sub.subfield}",
            "/v1/messages/{message_id}",
            "/v1/users/{user_id}/messages/{message_id}",
            "/v1/{parent=projects/*}/books:search",
            "/v1/{name=operations/**}:cancel",
            "/v1/{parent=projects/*/documents/**}/{collection_id}",
        ] {
            paths(template);
        }
    }

    #[test]
    fn variables_do_not_change_the_paths() {
        for (one, other) in [
            ("/v1/{name}", "/v1/*"),
            ("/v1/{name}", "/v1/{id=*}"),
            ("/v1/{name=a/*}/b", "/v1/a/{c}/b"),
            ("/v1/{rest=**}:go", "/v1/**:go"),
            ("/v1/%61", "/v1/a"),
        ] {
            assert_eq!(paths(one), paths(other));
        }
        for (one, other) in [("/v1/{name}", "/v1/me"), ("/*", "/**"), ("/a", "/a:b"), ("/a", "/A")]
        {
            assert_ne!(paths(one), paths(other));
        }
    }

    #[test]
    fn flaws_are_named() {
        for (template, what) in [
            ("", "does not begin with `/`"),
            ("v1/books", "does not begin with `/`"),
            ("/", "has an empty segment"),
            ("/v1//books", "has an empty segment"),
            ("/v1/books/", "has an empty segment"),
            ("/v1/books:", "has an empty segment"),
            ("/v1/{name=}", "has an empty segment"),
            ("/v1/{name=books/}", "has an empty segment"),
            ("/v1/{name", "has a `{` without a `}`"),
            ("/v1/{}", "has a variable without a field"),
            ("/v1/{=books/*}", "has a variable without a field"),
            ("/v1/{name={id}}", "has a variable in a variable"),
            ("/v1/name}", "has a `}` without a `{`"),
            ("/v1/book{id}", "has a `{` within a segment"),
            ("/v1/book*", "has a `*` within a segment"),
            ("/v1/***", "has a `*` within a segment"),
            ("/v1/{id}s", "has `s` right after a variable or a `*`"),
            ("/v1/*s", "has `s` right after a variable or a `*`"),
            ("/v1/a:b/c", "has a `:` before its end"),
            ("/v1/a:b:c", "has a `:` before its end"),
            ("/v1/{name=a:b}", "has a `:` before its end"),
            ("/v1/**/books/**", "has `**` twice"),
            ("/v1/{a=**}/{b=books/**}", "has `**` twice"),
            ("/v1/books?page=1", "has a query"),
            ("/v1/a book", "has a ` `, which no path may have"),
            ("/v1/b\u{fc}cher", "has a `\u{fc}`, which no path may have"),
            ("/v1/{name=a=b}", "has a `=`, which no path may have"),
            ("/v1/100%", "has a `%` without two hexadecimal digits"),
            ("/v1/%+1", "has a `%` without two hexadecimal digits"),
            ("/v1/%ff", "has encoded bytes that are not UTF-8"),
        ] {
            match parse(template) {
                Ok(parsed) => panic!("{template}: {parsed:?}"),
                Err(flaw) => assert_eq!(flaw.what, what, "{template}"),
            }
        }
    }

    /// All short texts of the characters that mean something.
    #[test]
    fn every_text_is_answered() {
        let letters = ['/', '{', '}', '*', '=', ':', '%', '4', 'a', '.', '\u{fc}'];
        let mut texts = vec![String::new()];
        for _ in 0..5 {
            let longer =
                texts.iter().flat_map(|text| letters.map(|letter| format!("{text}{letter}")));
            texts = longer.collect();
            for text in &texts {
                // What is accepted is what was written, whatever else there was to say.
                if let Ok(template) = parse(text) {
                    assert!(text.starts_with('/') && !template.paths.segments.is_empty(), "{text}");
                }
            }
        }
    }
}
