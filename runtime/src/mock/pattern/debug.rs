//! Differences between two values, field by field, read off what `{:#?}` prints of them.

use std::fmt::{Debug, Write as _};

use super::report::{Mismatch, cut};

/// What differs between `expected` and `got`.
pub(super) fn differences(expected: &dyn Debug, got: &dyn Debug) -> Vec<Mismatch> {
    let (expected, got) = (Node::of(expected), Node::of(got));
    let mut found = Vec::new();
    expected.compare(&got, String::new(), &mut found);
    if found.is_empty() {
        got.find_nan(String::new(), &mut found);
    }
    if found.is_empty() {
        let text = cut(&got.text());
        let reason = format!("got another {text}: what differs is not shown by its `Debug`");
        found.push(Mismatch { path: String::new(), reason });
    }
    found
}

/// A value on one line; maps in the order of their keys.
pub(crate) fn shown(value: &dyn Debug) -> String {
    cut(&Node::of(value).text())
}

/// A value as `Debug` shows it: a text, or a name with parts in brackets.
#[derive(Debug, PartialEq)]
enum Node {
    Leaf(String),
    Parts { name: String, brackets: Brackets, parts: Vec<Part> },
}

#[derive(Debug, PartialEq)]
struct Part {
    /// Of a field or an entry of a map.
    key: Option<String>,
    value: Node,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Brackets {
    /// Of a struct, with names, or of a map, with keys.
    Curly,
    Round,
    Square,
}

impl Brackets {
    fn opened_by(line: &str) -> Option<(&str, Self)> {
        let name = |bracket| line.strip_suffix(bracket).map(str::trim_end);
        name('{')
            .map(|name| (name, Self::Curly))
            .or_else(|| name('(').map(|name| (name, Self::Round)))
            .or_else(|| name('[').map(|name| (name, Self::Square)))
    }

    fn pair(self) -> (&'static str, &'static str) {
        match self {
            Self::Curly => (" { ", " }"),
            Self::Round => ("(", ")"),
            Self::Square => ("[", "]"),
        }
    }
}

impl Node {
    fn of(value: &dyn Debug) -> Self {
        let text = format!("{value:#?}");
        let mut lines = text.lines();
        match lines.next() {
            Some(first) => Self::read(first, &mut lines),
            None => Self::Leaf(String::new()),
        }
    }

    /// Reads the value that `first` begins, up to its closing bracket.
    fn read<'a>(first: &'a str, lines: &mut impl Iterator<Item = &'a str>) -> Self {
        let Some((name, brackets)) = Brackets::opened_by(first) else {
            return Self::Leaf(first.to_owned());
        };
        let mut parts = Vec::new();
        while let Some(line) = lines.next().map(str::trim) {
            let line = line.strip_suffix(',').unwrap_or(line);
            if matches!(line, "}" | ")" | "]") {
                break;
            }
            let (key, rest) = match brackets {
                Brackets::Curly => split_key(line),
                _ => (None, line),
            };
            parts.push(Part { key: key.map(str::to_owned), value: Self::read(rest, lines) });
        }
        if brackets == Brackets::Curly && name.is_empty() {
            // A map, which may be one without an order of its own.
            parts.sort_by(|one, other| one.key.cmp(&other.key));
        }
        Self::Parts { name: name.to_owned(), brackets, parts }
    }

    /// What is in `Some(…)`; anything else as it is.
    fn present(&self) -> &Self {
        match self {
            Self::Parts { name, brackets: Brackets::Round, parts } if name == "Some" => {
                parts.first().map_or(self, |part| &part.value)
            }
            other => other,
        }
    }

    /// What is in a variant with one value.
    fn only(parts: &[Part], brackets: Brackets) -> Option<&Self> {
        match (parts, brackets) {
            ([only], Brackets::Round) => Some(&only.value),
            _ => None,
        }
    }

    fn compare(&self, got: &Self, path: String, found: &mut Vec<Mismatch>) {
        if self == got {
            return;
        }
        match (self.present(), got.present()) {
            (
                Self::Parts { name, brackets, parts },
                Self::Parts { name: other_name, brackets: other_brackets, parts: others },
            ) if name == other_name && brackets == other_brackets => {
                match (Self::only(parts, *brackets), Self::only(others, *brackets)) {
                    (Some(value), Some(other)) => value.compare(other, path, found),
                    _ => compare_parts(parts, others, &path, found),
                }
            }
            (expected, got) => found.push(differ(path, &expected.text(), &got.text())),
        }
    }

    /// The numbers that are none: they are as expected, and still not equal.
    fn find_nan(&self, path: String, found: &mut Vec<Mismatch>) {
        match self.present() {
            Self::Leaf(leaf) if leaf == "NaN" => found.push(Mismatch {
                path,
                reason: "expected NaN, got NaN, which is not equal to itself: expect it with \
                         `that(\"NaN\", |it| it.is_nan())`"
                    .to_owned(),
            }),
            Self::Leaf(_) => {}
            Self::Parts { brackets, parts, .. } => match Self::only(parts, *brackets) {
                Some(only) => only.find_nan(path, found),
                None => {
                    for (index, part) in parts.iter().enumerate() {
                        part.value.find_nan(place(&path, part, index), found);
                    }
                }
            },
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) {
        let (name, brackets, parts) = match self {
            Self::Leaf(leaf) => return text.push_str(leaf),
            Self::Parts { name, brackets, parts } => (name, *brackets, parts),
        };
        let (open, close) = brackets.pair();
        text.push_str(name);
        text.push_str(if name.is_empty() { open.trim_start() } else { open });
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                text.push_str(", ");
            }
            if let Some(key) = &part.key {
                // Writing to a string cannot fail.
                let _ = write!(text, "{key}: ");
            }
            part.value.write(text);
        }
        text.push_str(close);
    }
}

fn compare_parts(parts: &[Part], others: &[Part], path: &str, found: &mut Vec<Mismatch>) {
    for (index, part) in parts.iter().enumerate() {
        let other = match &part.key {
            Some(_) => others.iter().find(|other| other.key == part.key),
            None => others.get(index),
        };
        let place = place(path, part, index);
        match other {
            Some(other) => part.value.compare(&other.value, place, found),
            None => found.push(differ(place, &part.value.text(), "nothing")),
        }
    }
    for (index, other) in others.iter().enumerate() {
        let is_extra = match &other.key {
            Some(_) => parts.iter().all(|part| part.key != other.key),
            None => index >= parts.len(),
        };
        if is_extra {
            found.push(differ(place(path, other, index), "nothing", &other.value.text()));
        }
    }
}

fn place(path: &str, part: &Part, index: usize) -> String {
    match &part.key {
        None => format!("{path}[{index}]"),
        Some(key) if !key.starts_with(|first: char| first.is_alphabetic() || first == '_') => {
            format!("{path}[{key}]")
        }
        Some(key) if path.is_empty() => key.clone(),
        Some(key) => format!("{path}.{key}"),
    }
}

/// `name: value` → `name`; of a key in quotes, colons are its own.
fn split_key(line: &str) -> (Option<&str>, &str) {
    let mut quoted = false;
    let mut escaped = false;
    for (at, letter) in line.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            ':' if !quoted && line[at..].starts_with(": ") => {
                return (Some(&line[..at]), &line[at + 2..]);
            }
            _ => {}
        }
    }
    (None, line)
}

fn differ(path: String, expected: &str, got: &str) -> Mismatch {
    Mismatch { path, reason: format!("expected {}, got {}", cut(expected), cut(got)) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[derive(Debug, Default)]
    #[allow(dead_code)]
    struct Order {
        name: String,
        lines: Vec<Line>,
        labels: BTreeMap<String, i32>,
        note: Option<String>,
    }

    #[derive(Debug, Default)]
    #[allow(dead_code)]
    struct Line {
        count: i32,
    }

    fn found(expected: &Order, got: &Order) -> Vec<String> {
        let found = differences(expected, got).into_iter();
        found.map(|Mismatch { path, reason }| format!("{path}: {reason}")).collect()
    }

    #[test]
    fn each_field_that_differs_is_named() {
        let expected = Order {
            name: "a: {".into(),
            lines: vec![Line { count: 1 }, Line { count: 2 }],
            labels: [("x: y".to_owned(), 1)].into(),
            note: Some("one".into()),
        };
        let got = Order {
            name: "b".into(),
            lines: vec![Line { count: 1 }, Line { count: 3 }, Line { count: 4 }],
            labels: [("x: y".to_owned(), 2)].into(),
            note: Some("two".into()),
        };
        assert_eq!(
            found(&expected, &got),
            [
                r#"name: expected "a: {", got "b""#,
                "lines[1].count: expected 2, got 3",
                "lines[2]: expected nothing, got Line { count: 4 }",
                r#"labels["x: y"]: expected 1, got 2"#,
                r#"note: expected "one", got "two""#,
            ]
        );
    }

    #[test]
    fn what_is_missing_or_of_another_kind_is_shown_as_a_whole() {
        let expected = Order { note: Some("one".into()), ..Order::default() };
        let got = Order { labels: [("x".to_owned(), 2)].into(), ..Order::default() };
        assert_eq!(
            found(&expected, &got),
            [r#"labels: expected {}, got { "x": 2 }"#, r#"note: expected "one", got None"#]
        );
    }

    #[test]
    fn values_that_look_alike_are_still_reported() {
        #[derive(Debug)]
        struct Opaque;
        let found = differences(&Opaque, &Opaque);
        assert_eq!(found[0].reason, "got another Opaque: what differs is not shown by its `Debug`");
    }

    #[test]
    fn long_values_are_cut() {
        let found = differences(&"x".repeat(1000), &"y");
        assert!(found[0].reason.len() < 250, "{}", found[0].reason);
        assert!(found[0].reason.contains("… (1002 characters)"), "{}", found[0].reason);
    }
}
