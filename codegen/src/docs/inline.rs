//! What may stand within a line: code spans and links to the web stay, everything else that
//! Markdown or rustdoc would take for more than text is escaped.

/// Escapes one line of text (not of a code block).
pub(super) fn escape(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    if is_rule(line) {
        out.push('\\');
        out.push_str(line);
        return out;
    }
    let mut rest = opening_fence(line, &mut out);
    loop {
        let (plain, special) = rest.split_at(rest.find(may_be_special).unwrap_or(rest.len()));
        out.push_str(plain);
        rest = special;
        let Some(first) = rest.chars().next() else { return out };
        let taken = code_span(rest)
            .or_else(|| escaped(rest))
            .or_else(|| autolink(rest))
            .or_else(|| link(rest));
        if let Some(length) = taken {
            out.push_str(&rest[..length]);
            rest = &rest[length..];
        } else if let Some(length) = url(rest) {
            out.push('<');
            out.push_str(&rest[..length]);
            out.push('>');
            rest = &rest[length..];
        } else {
            if matches!(first, '`' | '[' | ']' | '<' | '\\') || rest.starts_with("![") {
                out.push('\\');
            }
            out.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
}

/// Whether a letter may start something that is more than text; an address starts with `http`.
fn may_be_special(letter: char) -> bool {
    matches!(letter, '`' | '[' | ']' | '<' | '\\' | '!' | 'h')
}

/// A line of dashes and the like is meant as an ornament, but would be a rule, or make a heading
/// of the line above.
pub(super) fn is_rule(line: &str) -> bool {
    let mut ornaments = line.chars().filter(|letter| *letter != ' ');
    let is_more_than_a_marker = line == "=" || line.len() > 1;
    is_more_than_a_marker && ornaments.all(|letter| matches!(letter, '-' | '*' | '_' | '='))
}

/// A fence behind a list or quote marker would open a code block that no one checks: escape it.
fn opening_fence<'a>(line: &'a str, out: &mut String) -> &'a str {
    let letter = line.chars().next().filter(|first| matches!(first, '`' | '~'));
    let Some(letter) = letter.filter(|_| super::fence(line).is_some()) else { return line };
    let rest = line.trim_start_matches(letter);
    for _ in 0..line.len() - rest.len() {
        out.extend(['\\', letter]);
    }
    rest
}

/// `` `code` ``, closed on the same line.
fn code_span(text: &str) -> Option<usize> {
    let ticks = run_of_backticks(text);
    let mut at = ticks;
    while ticks > 0 && at < text.len() {
        let start = at + text[at..].find('`')?;
        let run = run_of_backticks(&text[start..]);
        at = start + run;
        if run == ticks {
            return Some(at);
        }
    }
    None
}

fn run_of_backticks(text: &str) -> usize {
    text.len() - text.trim_start_matches('`').len()
}

/// `\[`: escaped already.
fn escaped(text: &str) -> Option<usize> {
    let mut characters = text.chars();
    let is_escape = characters.next() == Some('\\')
        && characters.next().is_some_and(|next| next.is_ascii_punctuation());
    is_escape.then_some(2)
}

/// `<https://example.com>`
fn autolink(text: &str) -> Option<usize> {
    let inner = text.strip_prefix('<')?;
    let length = inner.find('>')?;
    let is_url = web_address(inner) == Some(length);
    is_url.then_some(length + 2)
}

/// `[text](https://example.com)`; a link to anything else would be looked up among Rust's items.
fn link(text: &str) -> Option<usize> {
    let (label, target) = text.strip_prefix('[')?.split_once("](")?;
    let is_plain =
        !label.trim().is_empty() && !label.contains(['[', ']', '<', '>', '`', '\\', ':']);
    let length = target.find(['(', ')']).filter(|length| target[*length..].starts_with(')'));
    let length = length.filter(|length| web_address(&target[..*length]) == Some(*length));
    length.filter(|_| is_plain).map(|length| label.len() + length + 4)
}

/// A bare address: rustdoc wants it in angle brackets. A full stop behind it is not part of it.
fn url(text: &str) -> Option<usize> {
    let mut address = &text[..web_address(text)?];
    loop {
        let closes = |open, close| address.ends_with(close) && !address.contains(open);
        let ends_sentence = address.ends_with(['.', ',', ';', ':', '!', '?', '\'', '"', '*', '_']);
        if !ends_sentence && !closes('(', ')') && !closes('{', '}') {
            break;
        }
        address = &address[..address.len() - 1];
    }
    web_address(address)
}

/// The length of a web address at the start of a text.
fn web_address(text: &str) -> Option<usize> {
    let scheme = ["http://", "https://"].into_iter().find(|scheme| text.starts_with(scheme))?;
    let ends = |character: char| {
        character.is_whitespace() || matches!(character, '<' | '>' | '`' | '[' | ']' | '\\')
    };
    let length = text.find(ends).unwrap_or(text.len());
    (length > scheme.len()).then_some(length)
}
