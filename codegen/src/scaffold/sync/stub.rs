//! Methods that are still to be written: how they look, and how they are known.

use std::{fmt::Write as _, iter};

use syn::{ImplItemFn, Meta};

use super::{
    contracts::{Contract, Message, Method, written},
    edit::{self, Layout},
    paths::Scope,
    resolve::Resolver,
};
use crate::scaffold::source::Source;

/// What `grep` finds.
const MARK: &str = "// TODO(scaffold): implement";

/// How long lines may become, as for rustfmt.
const WIDTH: usize = 100;

/// A method that answers `Unimplemented`; types as they are written at its place:
///
/// ```text
///     /// Adds two numbers.
///     async fn add(&self, _request: Request<AddRequest>) -> Result<Response<AddResponse>, Status> {
///         // TODO(scaffold): implement calculator.Calculator/Add
///         Err(Status::unimplemented("not implemented yet"))
///     }
/// ```
pub(in crate::scaffold) struct Stub<'a> {
    /// Lines of rustdoc.
    pub(in crate::scaffold) docs: &'a [String],
    pub(in crate::scaffold) name: &'a str,
    /// `calculator.Calculator/Add`
    pub(in crate::scaffold) rpc: String,
    /// `Request<AddRequest>`
    pub(in crate::scaffold) request: String,
    pub(in crate::scaffold) result: &'a str,
    /// `Response<AddResponse>`
    pub(in crate::scaffold) response: String,
    pub(in crate::scaffold) status: String,
}

impl<'a> Stub<'a> {
    /// That of a method, by the imports of a place.
    pub(super) fn new(
        (contract, method): (&Contract, &'a Method),
        (resolver, scope): (&Resolver, &Scope),
    ) -> Self {
        let runtime = |name| scope.runtime(resolver, name);
        let message = |message: &Message| {
            let of_message = scope.message(resolver, message);
            match message.streams {
                true => format!("{}<{of_message}>", runtime("Streaming")),
                false => of_message,
            }
        };
        Self {
            docs: &method.docs,
            name: &method.name,
            rpc: format!("{}/{}", contract.service, method.rpc),
            request: format!("{}<{}>", runtime("Request"), message(&method.request)),
            result: scope.result(resolver),
            response: format!("{}<{}>", runtime("Response"), message(&method.response)),
            status: runtime("Status"),
        }
    }

    /// Its text, without a line break at the end.
    pub(in crate::scaffold) fn text(&self, layout: &Layout) -> String {
        let Layout { indent, unit, line_break, .. } = layout;
        let Self { rpc, request, result, response, status, .. } = self;
        let name = written(self.name);
        let argument = format!("_request: {request}");
        let mut text = String::new();
        for line in self.docs {
            let space = if line.is_empty() { "" } else { " " };
            // Writing to a string cannot fail.
            let _ = write!(text, "{indent}///{space}{line}{line_break}");
        }
        let output = format!("{result}<{response}, {status}>");
        let head = format!("{indent}async fn {name}(&self, {argument}) -> {output} {{");
        match layout.width(&head) <= WIDTH {
            true => text.push_str(&head),
            false => {
                let inner = format!("{indent}{unit}");
                text += &format!("{indent}async fn {name}({line_break}{inner}&self,{line_break}");
                text += &format!("{inner}{argument},{line_break}");
                text += &end_of_head((result, response, status), layout);
            }
        }
        let _ = write!(
            text,
            "{line_break}{indent}{unit}{MARK} {rpc}\
             {line_break}{indent}{unit}Err({status}::unimplemented(\"not implemented yet\"))\
             {line_break}{indent}}}"
        );
        text
    }
}

/// What stands behind the arguments of a method that has lines of their own for them, with limits
/// that rustfmt turned out to have.
fn end_of_head((result, response, status): (&str, &str, &str), layout: &Layout) -> String {
    let Layout { indent, unit, line_break, .. } = layout;
    let line = format!("{indent}) -> {result}<{response}, {status}>");
    let width = layout.width(&line);
    if width + " {".len() + layout.width(indent) <= WIDTH {
        return format!("{line} {{");
    }
    if width <= WIDTH + " {".len() {
        return format!("{line}{line_break}{indent}{{");
    }
    let inner = format!("{line_break}{indent}{unit}");
    let types = format!("{inner}{response},{inner}{status},");
    format!("{indent}) -> {result}<{types}{line_break}{indent}> {{")
}

/// Whether nobody has touched a stub since it was written, but to format it. Its docs are taken for
/// those of the rpc: what the proto said of one that is gone is not known.
pub(super) fn is_untouched(function: &ImplItemFn, source: &Source) -> bool {
    let is_doc = |meta: &Meta| matches!(meta, Meta::NameValue(it) if it.path.is_ident("doc"));
    let braces = function.block.brace_token.span;
    let body = source.range(braces.open()).end..source.range(braces.close()).start;
    let body = source.text[body].split_whitespace().collect::<Vec<_>>().join(" ");
    let is_body = || {
        let rest = body.strip_prefix(MARK)?.trim_start();
        let (_, rest) = rest.split_once(' ')?;
        let status =
            rest.strip_prefix("Err(")?.strip_suffix("::unimplemented(\"not implemented yet\"))")?;
        let is_path = |letter: char| letter.is_alphanumeric() || matches!(letter, ':' | '_' | '#');
        Some(status.chars().all(is_path))
    };
    function.attrs.iter().all(|it| is_doc(&it.meta))
        && !has_comment_in_head(function, source)
        && is_body() == Some(true)
}

/// Whether there is a comment, which is not one of the docs, between what a method begins with and
/// its body.
fn has_comment_in_head(function: &ImplItemFn, source: &Source) -> bool {
    let body = source.range(function.block.brace_token.span.open()).start;
    let docs = function.attrs.iter().map(|it| {
        let start = source.range(it.pound_token.span).start;
        start..source.range(it.bracket_token.span.close()).end
    });
    let mut at = source.range(edit::start_of_function(function)).start;
    docs.chain(iter::once(body..body)).any(|doc| {
        let between = &source.text[at..doc.start];
        at = doc.end;
        between.contains("//") || between.contains("/*")
    })
}
