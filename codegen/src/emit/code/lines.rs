//! Breaks lines that are too long as rustfmt would: at the arguments in them, or else at lists and
//! types, each part on a line of its own.

use super::{INDENT, WIDTH};

/// A list that is no longer than this is not worth breaking.
const SHORT: usize = 16;

/// Writes an indented line, in several lines if it is too long.
pub(super) fn write_broken(out: &mut String, line: &str) {
    let text = line.trim_start();
    let indent = &line[..line.len() - text.len()];
    let Some(bracket) = (line.len() > WIDTH).then(|| breaking_point(text)).flatten() else {
        out.push_str(line);
        out.push('\n');
        return;
    };
    let (open, close) = (bracket.open + 1, bracket.close);
    out.push_str(indent);
    out.push_str(&text[..open]);
    out.push('\n');
    for part in parts(&text[open..close]) {
        write_broken(out, &format!("{indent}{INDENT}{},", part.trim()));
    }
    write_broken(out, &format!("{indent}{}", &text[close..]));
}

/// A bracket and the one that closes it.
struct Bracket {
    open: usize,
    close: usize,
}

/// The bracket that is best opened. Behind a `&` is a list of values; others are types, which take
/// no comma.
fn breaking_point(text: &str) -> Option<Bracket> {
    let brackets = outer_brackets(text);
    let is = |bracket: &&Bracket, open: &str| text[bracket.open..].starts_with(open);
    let is_empty = |bracket: &&Bracket| bracket.close == bracket.open + 1;
    let is_list = |bracket: &&Bracket| {
        text[..bracket.open].ends_with('&') && bracket.close - bracket.open > SHORT
    };
    let arguments = brackets.iter().find(|it| is(it, "(") && !is_empty(it));
    let list = || brackets.iter().rev().find(|it| is(it, "[") && is_list(it));
    let types = || brackets.iter().find(|it| is(it, "<"));
    let Bracket { open, close } = *arguments.or_else(list).or_else(types)?;
    Some(Bracket { open, close })
}

/// The brackets of a line that are in no other; braces that open a block have no other end.
fn outer_brackets(text: &str) -> Vec<Bracket> {
    let mut brackets = Vec::new();
    let mut opened = Vec::new();
    for (at, letter) in code(text) {
        match letter {
            '(' | '[' | '<' => opened.push(at),
            ')' | ']' | '>' => {
                let open = opened.pop();
                if let Some(open) = open.filter(|_| opened.is_empty()) {
                    brackets.push(Bracket { open, close: at });
                }
            }
            _ => {}
        }
    }
    brackets
}

/// What is between brackets, parted at its commas.
fn parts(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut depth) = (0, 0);
    for (at, letter) in code(text) {
        match letter {
            '(' | '[' | '<' | '{' => depth += 1,
            ')' | ']' | '>' | '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts.retain(|part| !part.trim().is_empty());
    parts
}

/// The letters that are code: not in a string, nor an arrow.
fn code(text: &str) -> impl Iterator<Item = (usize, char)> {
    let (mut in_string, mut before) = (false, ' ');
    text.char_indices().filter(move |(_, letter)| {
        let is_arrow = *letter == '>' && matches!(before, '-' | '=');
        if *letter == '"' && before != '\\' {
            in_string = !in_string;
        }
        // Of `\\`, the second does not escape what follows.
        before = if *letter == '\\' && before == '\\' { ' ' } else { *letter };
        !in_string && !is_arrow
    })
}
