//! Path templates: the form of the paths that lead to a method, and which parts of them are fields of its request.
//!
//! ```text
//! Template = "/" Segments [ Verb ] ;
//! Segments = Segment { "/" Segment } ;
//! Segment  = "*" | "**" | LITERAL | Variable ;
//! Variable = "{" FieldPath [ "=" Segments ] "}" ;
//! Verb     = ":" LITERAL ;
//! ```
//!
//! See [`google/api/http.proto`](https://github.com/googleapis/googleapis/blob/master/google/api/http.proto).

use std::ops::Range;

use percent_encoding::percent_decode_str;

/// A path template. The generator has checked it, but the code of another generator may be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PathTemplate {
    pub(super) segments: Vec<Segment>,
    pub(super) variables: Vec<Variable>,
    /// What follows a colon after the last segment.
    pub(super) verb: Option<String>,
}

/// What a segment of a path has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Segment {
    /// This one, decoded.
    Literal(String),
    /// `*`: any one, but not an empty one.
    Any,
    /// `**`: any number of them, or none.
    Rest,
}

/// A part of a path that is a field of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Variable {
    /// The names that lead to the field, with dots between them.
    pub(super) field: String,
    pub(super) segments: Range<usize>,
    /// Whether it may have several segments. Then an encoded slash in it is told from one between segments.
    pub(super) is_multiple: bool,
}

impl PathTemplate {
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(template: &str) -> Result<Self, String> {
        let mut parser = Parser { rest: template, segments: Vec::new(), variables: Vec::new() };
        parser.expect('/')?;
        parser.segments(Parser::segment_or_variable)?;
        let verb = match parser.take(':') {
            true => Some(parser.literal()?),
            false => None,
        };
        if !parser.rest.is_empty() {
            return Err(format!("expected its end at {:?}", parser.rest));
        }
        let Parser { segments, variables, .. } = parser;
        // It need not be the last segment: Firestore and others have it before others.
        if segments.iter().filter(|segment| **segment == Segment::Rest).count() > 1 {
            return Err("it has `**` twice".into());
        }
        Ok(Self { segments, variables, verb })
    }
}

impl PathTemplate {
    /// Some of its segments, as they are written.
    pub(super) fn pattern(&self, segments: Range<usize>) -> String {
        let written = self.segments[segments].iter().map(|segment| match segment {
            Segment::Literal(literal) => literal,
            Segment::Any => "*",
            Segment::Rest => "**",
        });
        written.collect::<Vec<_>>().join("/")
    }
}

struct Parser<'a> {
    rest: &'a str,
    segments: Vec<Segment>,
    variables: Vec<Variable>,
}

impl Parser<'_> {
    /// Segments, each read by `read`.
    fn segments(&mut self, read: fn(&mut Self) -> Result<(), String>) -> Result<(), String> {
        read(self)?;
        while self.take('/') {
            read(self)?;
        }
        Ok(())
    }

    fn segment_or_variable(&mut self) -> Result<(), String> {
        if !self.take('{') {
            return self.segment();
        }
        let end = self.rest.find(['=', '}']).ok_or("a `{` has no `}`")?;
        let (field, rest) = self.rest.split_at(end);
        self.rest = rest;
        let first = self.segments.len();
        match self.take('=') {
            true => self.segments(Self::segment)?,
            false => self.segments.push(Segment::Any),
        }
        self.expect('}')?;
        let segments = first..self.segments.len();
        let is_multiple = self.segments[segments.clone()] != [Segment::Any];
        self.variables.push(Variable { field: field.to_owned(), segments, is_multiple });
        Ok(())
    }

    fn segment(&mut self) -> Result<(), String> {
        let segment = match (self.take('*'), self.take('*')) {
            (true, true) => Segment::Rest,
            (true, false) => Segment::Any,
            (false, _) => Segment::Literal(self.literal()?),
        };
        self.segments.push(segment);
        Ok(())
    }

    fn literal(&mut self) -> Result<String, String> {
        let end = self.rest.find(['/', ':', '{', '}', '*', '=']).unwrap_or(self.rest.len());
        let (literal, rest) = self.rest.split_at(end);
        if literal.is_empty() {
            return Err(format!("expected a segment at {rest:?}"));
        }
        self.rest = rest;
        let decoded = percent_decode_str(literal).decode_utf8();
        decoded.map(Into::into).map_err(|_| format!("{literal:?} is not UTF-8"))
    }

    fn take(&mut self, wanted: char) -> bool {
        let rest = self.rest.strip_prefix(wanted);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, wanted: char) -> Result<(), String> {
        match self.take(wanted) {
            true => Ok(()),
            false => Err(format!("expected `{wanted}` at {:?}", self.rest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literal(text: &str) -> Segment {
        Segment::Literal(text.into())
    }

    #[test]
    fn all_that_a_template_may_have() {
        let template = PathTemplate::parse("/v1/{name=shelves/*/books/**}:read%20it").unwrap();
        let segments =
            [literal("v1"), literal("shelves"), Segment::Any, literal("books"), Segment::Rest];
        assert_eq!(template.segments, segments);
        let name = Variable { field: "name".into(), segments: 1..5, is_multiple: true };
        assert_eq!(template.variables, [name]);
        assert_eq!(template.verb.as_deref(), Some("read it"));

        let template = PathTemplate::parse("/{a.b}/*/{c=**}").unwrap();
        assert_eq!(template.segments, [Segment::Any, Segment::Any, Segment::Rest]);
        let [first, second] = &template.variables[..] else { panic!("{template:?}") };
        assert_eq!((&*first.field, first.is_multiple), ("a.b", false));
        assert_eq!((&*second.field, second.is_multiple), ("c", true));
    }

    #[test]
    fn what_is_no_template_is_refused() {
        for (template, problem) in [
            ("", "expected `/`"),
            ("v1", "expected `/`"),
            ("/", "expected a segment"),
            ("/v1//x", "expected a segment"),
            ("/v1/", "expected a segment"),
            ("/{a", "no `}`"),
            ("/{a=", "expected a segment"),
            ("/{a=b", "expected `}`"),
            ("/{a={b}}", "expected a segment"),
            ("/{a}b", "its end"),
            ("/a}b", "its end"),
            ("/***", "its end"),
            ("/**/a/**", "twice"),
            ("/a:", "expected a segment"),
            ("/a:b/c", "its end"),
            ("/%ff", "not UTF-8"),
        ] {
            let error = PathTemplate::parse(template).unwrap_err();
            assert!(error.contains(problem), "{template}: {error}");
        }
    }
}
