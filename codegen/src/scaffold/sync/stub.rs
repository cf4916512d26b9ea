//! Methods that are still to be written: how they look, and how they are known.

use std::fmt::Write as _;

use syn::{ImplItemFn, Meta};

use super::{
    contracts::{Contract, Message, Method, written},
    edit::Layout,
    paths::Scope,
    resolve::Resolver,
};
use crate::scaffold::source::Source;

/// What `grep` finds.
const MARK: &str = "// TODO(scaffold): implement";

/// How long lines may become, as for rustfmt.
const WIDTH: usize = 100;

/// A method that answers `Unimplemented`, without a line break at its end:
///
/// ```text
///     /// Adds two numbers.
///     async fn add(&self, _request: Request<AddRequest>) -> Result<Response<AddResponse>, Status> {
///         // TODO(scaffold): implement calculator.Calculator/Add
///         Err(Status::unimplemented("not implemented yet"))
///     }
/// ```
pub(super) fn stub(
    (contract, method): (&Contract, &Method),
    (resolver, scope): (&Resolver, &Scope),
    layout: &Layout,
) -> String {
    let Layout { indent, unit, line_break, .. } = layout;
    let message = |message: &Message| {
        let of_message = scope.message(resolver, message);
        match message.streams {
            true => format!("{}<{of_message}>", scope.runtime(resolver, "Streaming")),
            false => of_message,
        }
    };
    let (request, response) = (message(&method.request), message(&method.response));
    let runtime = |name| scope.runtime(resolver, name);
    let (result, status) = (scope.result(resolver), runtime("Status"));
    let name = written(&method.name);
    let argument = format!("_request: {}<{request}>", runtime("Request"));
    let response = format!("{}<{response}>", runtime("Response"));

    let mut text = String::new();
    for line in &method.docs {
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
            text += &end_of_head((result, &response, &status), layout);
        }
    }
    let Contract { service, .. } = contract;
    let _ = write!(
        text,
        "{line_break}{indent}{unit}{MARK} {service}/{rpc}\
         {line_break}{indent}{unit}Err({status}::unimplemented(\"not implemented yet\"))\
         {line_break}{indent}}}",
        rpc = method.rpc
    );
    text
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

/// Whether nobody has touched a stub since it was written, but to format it.
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
    function.attrs.iter().all(|it| is_doc(&it.meta)) && is_body() == Some(true)
}
