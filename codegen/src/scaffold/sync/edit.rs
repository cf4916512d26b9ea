//! Text is put into a source, or taken out of it; all else stays, byte for byte.

use std::ops::Range;

use syn::{ImplItem, ImplItemFn, ItemImpl};

use crate::scaffold::source::Source;

/// What is to stand in the place of some bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) range: Range<usize>,
    pub(super) text: String,
}

/// How the items of an implementation are laid out.
#[derive(Debug)]
pub(in crate::scaffold) struct Layout {
    /// In front of the implementation.
    outer: String,
    /// In front of its items.
    pub(super) indent: String,
    /// One level.
    pub(super) unit: String,
    pub(super) line_break: &'static str,
}

/// As rustfmt has it, at the top of a file.
impl Default for Layout {
    fn default() -> Self {
        let unit = "    ".to_owned();
        Self { outer: String::new(), indent: unit.clone(), unit, line_break: "\n" }
    }
}

impl Layout {
    pub(super) fn new(item: &ItemImpl, source: &Source) -> Self {
        let start = source.range(item.impl_token.span).start;
        let outer = source.indent(start).to_owned();
        let starts = item.items.iter().filter_map(start_of).map(|start| source.range(start).start);
        let own_line = |start: &usize| {
            source.text[source.line_start(*start)..*start]
                .trim_start_matches('\u{feff}')
                .trim()
                .is_empty()
        };
        let indent = starts.into_iter().find(own_line).map(|start| source.indent(start).to_owned());
        let default = match source.text.lines().any(|line| line.starts_with('\t')) {
            true => "\t",
            false => "    ",
        };
        let unit = indent.as_deref().and_then(|indent| indent.strip_prefix(&*outer));
        let unit = unit.filter(|unit| !unit.is_empty()).unwrap_or(default).to_owned();
        let indent = indent.unwrap_or_else(|| format!("{outer}{unit}"));
        Self { outer, indent, unit, line_break: source.line_break() }
    }

    /// How wide a line is.
    pub(super) fn width(&self, line: &str) -> usize {
        line.chars().map(|letter| if letter == '\t' { 4 } else { 1 }).sum()
    }
}

/// Puts methods behind another one.
pub(super) fn insert_after(
    function: &ImplItemFn,
    stubs: &[String],
    (source, layout): (&Source, &Layout),
) -> Edit {
    let end = source.range(function.block.brace_token.span.close()).end;
    let lb = layout.line_break;
    let text = stubs.iter().map(|stub| format!("{lb}{lb}{stub}")).collect::<String>();
    behind(end, text, (source, layout))
}

/// Puts methods in front of all others.
pub(super) fn insert_first(
    item: &ItemImpl,
    stubs: &[String],
    (source, layout): (&Source, &Layout),
) -> Edit {
    let braces = item.brace_token.span;
    let (open, close) = (source.range(braces.open()).end, source.range(braces.close()).start);
    // Attributes of the implementation itself.
    let inner = item.attrs.iter().map(|it| source.range(it.bracket_token.span.close()).end);
    let start = inner.max().unwrap_or(open).max(open);
    let lb = layout.line_break;
    let stubs = stubs.join(&format!("{lb}{lb}"));
    // Attributes are parted from methods.
    let first = if start > open { format!("{lb}{lb}") } else { lb.to_owned() };
    let present = &source.text[start..close];
    if present.trim().is_empty() {
        let text = format!("{first}{stubs}{lb}{}", layout.outer);
        return Edit { range: start..close, text };
    }
    if item.items.is_empty() {
        // Comments alone.
        let at = start + present.trim_end().len();
        return match source.text[at..close].contains('\n') {
            true => Edit { range: at..at, text: format!("{lb}{lb}{stubs}") },
            false => {
                Edit { range: at..close, text: format!("{lb}{lb}{stubs}{lb}{}", layout.outer) }
            }
        };
    }
    behind(start, format!("{first}{stubs}"), (source, layout))
}

/// Puts lines behind the line that ends with what ends at `end`, and a blank one behind them unless
/// there is one, or nothing more. Where the line goes on, it is broken.
fn behind(end: usize, mut text: String, (source, layout): (&Source, &Layout)) -> Edit {
    let mut lines = source.text[end..].split('\n');
    let rest = lines.next().unwrap_or_default();
    let rest = rest.strip_suffix('\r').unwrap_or(rest);
    let trimmed = rest.trim();
    let ends = trimmed.find("*/").map(|at| at + "*/".len());
    let is_comment =
        trimmed.starts_with("//") || trimmed.starts_with("/*") && ends == Some(trimmed.len());
    let goes_on = !(trimmed.is_empty() || is_comment && !is_doc(trimmed));
    let next = if goes_on { trimmed } else { lines.next().unwrap_or_default().trim() };
    let is_last = next.starts_with('}');
    if !(is_last || next.is_empty()) {
        text.push_str(layout.line_break);
    }
    if !goes_on {
        let at = end + rest.len();
        return Edit { range: at..at, text };
    }
    let gap = rest.len() - rest.trim_start().len();
    text.push_str(layout.line_break);
    text.push_str(if is_last { &layout.outer } else { &layout.indent });
    Edit { range: end..end + gap, text }
}

/// Whether a comment belongs to what comes behind it.
fn is_doc(comment: &str) -> bool {
    let is_line = comment.starts_with("///") && !comment.starts_with("////");
    let is_block = comment.starts_with("/**") && !comment.starts_with("/***") && comment != "/**/";
    is_line || is_block
}

/// Takes methods out, given in the order of the source, each with its docs and a blank line.
pub(super) fn remove(functions: &[&ImplItemFn], source: &Source) -> Vec<Edit> {
    let mut done = 0;
    let remove = |function: &&ImplItemFn| {
        let edit = remove_one(function, done, source);
        done = edit.range.end;
        edit
    };
    functions.iter().map(remove).collect()
}

/// Takes a method out. A blank line that ends at `done` or before has gone with another one.
fn remove_one(function: &ImplItemFn, done: usize, source: &Source) -> Edit {
    let text = &source.text;
    let mut start = source.range(start_of_function(function)).start;
    let mut end = source.range(function.block.brace_token.span.close()).end;
    let line_start = source.line_start(start);
    let line_end = text[end..].find('\n').map_or(text.len(), |at| end + at + 1);
    if text[line_start..start].trim().is_empty() && text[end..line_end].trim().is_empty() {
        (start, end) = (line_start, line_end);
        let before = text[..start].trim_end_matches([' ', '\t']);
        let above = before.strip_suffix('\n').map(|it| it.strip_suffix('\r').unwrap_or(it));
        let above = above.map(|it| it.trim_end_matches([' ', '\t']));
        let below = text[end..].split('\n').next().unwrap_or_default();
        if let Some(above) = above.filter(|it| it.ends_with('\n') && it.len() >= done) {
            start = above.len();
        } else if below.trim().is_empty() && end + below.len() < text.len() {
            end += below.len() + 1;
        }
    }
    Edit { range: start..end, text: String::new() }
}

/// Gives a method another name.
pub(super) fn rename(function: &ImplItemFn, name: &str, source: &Source) -> Edit {
    Edit { range: source.range(function.sig.ident.span()), text: name.to_owned() }
}

/// A text with all edits, none of which touches another.
pub(super) fn apply(text: &str, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|edit| edit.range.start);
    let mut result = String::with_capacity(text.len());
    let mut done = 0;
    for edit in &edits {
        result.push_str(&text[done..edit.range.start]);
        result.push_str(&edit.text);
        done = edit.range.end;
    }
    result.push_str(&text[done..]);
    result
}

/// The number of a line after some edits.
pub(super) fn line_after(text: &str, edits: &[Edit], line: usize) -> usize {
    let breaks = |text: &str| text.matches('\n').count();
    let before = edits.iter().filter(|edit| breaks(&text[..edit.range.start]) + 1 < line);
    before.fold(line, |line, edit| line + breaks(&edit.text) - breaks(&text[edit.range.clone()]))
}

fn start_of(item: &ImplItem) -> Option<proc_macro2::Span> {
    match item {
        ImplItem::Fn(function) => Some(start_of_function(function)),
        _ => None,
    }
}

/// The first token of a method, which may be that of its docs.
pub(super) fn start_of_function(function: &ImplItemFn) -> proc_macro2::Span {
    let sig = &function.sig;
    let attribute = function.attrs.first().map(|it| it.pound_token.span);
    let defaultness = function.defaultness.map(|it| it.span);
    let start = attribute.or(defaultness).or(sig.constness.map(|it| it.span));
    let start = start.or(sig.asyncness.map(|it| it.span)).or(sig.unsafety.map(|it| it.span));
    start.unwrap_or(sig.fn_token.span)
}
