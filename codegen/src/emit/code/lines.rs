//! Breaks lines that are too long as rustfmt would: at the arguments in them, or else at lists and
//! types, each part on a line of its own.

use super::{INDENT, WIDTH};

/// A list that is no longer than this is not worth breaking.
const SHORT: usize = 16;

/// Writes an indented line, in several lines if it is too long.
pub(super) fn write_broken(out: &mut String, line: &str) {
    let text = line.trim_start();
    write(out, &line[..line.len() - text.len()], (text, ""));
}

/// Writes a text, and what stands behind it.
fn write(out: &mut String, indent: &str, (text, end): (&str, &str)) {
    let is_long = indent.len() + text.len() + end.len() > WIDTH;
    let Some(Bracket { open, close }) = is_long.then(|| breaking_point(text)).flatten() else {
        out.extend([indent, text, end, "\n"]);
        return;
    };
    out.extend([indent, &text[..=open], "\n"]);
    let inner = format!("{indent}{INDENT}");
    for part in parts(&text[open + 1..close]) {
        write(out, &inner, (part, ","));
    }
    write(out, indent, (&text[close..], end));
}

/// A bracket and the one that closes it.
#[derive(Clone, Copy)]
struct Bracket {
    open: usize,
    close: usize,
}

/// The bracket that is best opened. Behind a `&` is a list of values; others are types, which take
/// no comma.
fn breaking_point(text: &str) -> Option<Bracket> {
    let (mut list, mut types) = (None, None);
    for bracket in outer_brackets(text) {
        let Bracket { open, close } = bracket;
        match text.as_bytes()[open] {
            b'(' if close > open + 1 => return Some(bracket),
            b'[' if text[..open].ends_with('&') && close - open > SHORT => list = Some(bracket),
            b'<' if types.is_none() => types = Some(bracket),
            _ => {}
        }
    }
    list.or(types)
}

/// The brackets of a line that are in no other; braces that open a block have no other end.
fn outer_brackets(text: &str) -> impl Iterator<Item = Bracket> {
    let (mut depth, mut open) = (0_usize, 0);
    code(text).filter_map(move |(at, letter)| {
        match letter {
            b'(' | b'[' | b'<' => {
                if depth == 0 {
                    open = at;
                }
                depth += 1;
            }
            b')' | b']' | b'>' => {
                depth = depth.saturating_sub(1);
                return (depth == 0).then_some(Bracket { open, close: at });
            }
            _ => {}
        }
        None
    })
}

/// What is between brackets, parted at its commas.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let (mut start, mut depth) = (0, 0);
    let commas = code(text).filter(move |(_, letter)| {
        match letter {
            b'(' | b'[' | b'<' | b'{' => depth += 1,
            b')' | b']' | b'>' | b'}' => depth -= 1,
            _ => {}
        }
        depth == 0 && *letter == b','
    });
    let ends = commas.map(|(at, _)| at).chain([text.len()]);
    let parts = ends.map(move |end| {
        let part = text[start..end].trim();
        start = end + 1;
        part
    });
    parts.filter(|part| !part.is_empty())
}

/// The bytes that are code: not in a string, nor an arrow.
fn code(text: &str) -> impl Iterator<Item = (usize, u8)> {
    let (mut in_string, mut before) = (false, b' ');
    text.bytes().enumerate().filter(move |(_, byte)| {
        let is_arrow = *byte == b'>' && matches!(before, b'-' | b'=');
        if *byte == b'"' && before != b'\\' {
            in_string = !in_string;
        }
        // Of `\\`, the second does not escape what follows.
        before = if *byte == b'\\' && before == b'\\' { b' ' } else { *byte };
        !in_string && !is_arrow
    })
}
