//! The matchers of a file: calls of a macro of the runtime, one for each message.

use super::{code::Code, mock_items};
use crate::{
    model::File,
    names::{FileMatchers, Matcher, Part},
    options::Options,
};

/// ```text
/// /// Matchers for the messages of `calculator.proto`: mocks have them in `like`.
/// #[doc(hidden)]
/// #[allow(dead_code, deprecated, unexpected_cfgs)]
/// pub mod calculator_matchers {
///     ::rust_scaffold::codegen::mocks_for_tests! {
///         use ::rust_scaffold::codegen as rt;
///
///         rt::mock::matcher! { … }
///     }
/// }
/// ```
pub(super) fn matchers(
    code: &mut Code,
    options: &Options,
    (file, FileMatchers { module, matchers }): (&File, &FileMatchers),
) {
    code.item();
    let proto = super::one_line(&file.name);
    code.docs(&[format!("Matchers for the messages of `{proto}`: mocks have them in `like`.")]);
    code.line(format_args!("#[doc(hidden)]"));
    code.line(format_args!("#[allow(dead_code, deprecated, unexpected_cfgs)]"));
    code.block(format_args!("pub mod {module}"), |code| {
        mock_items(code, options, |code| {
            code.line(format_args!("use {}::codegen as rt;", options.runtime_path));
            code.end_item();
            for it in matchers {
                matcher(code, it);
            }
        });
    });
}

/// ```text
/// rt::mock::matcher! {
///     type AddRequest = super::AddRequest, "calculator.AddRequest";
///     field a(i32) = "a", a;
///     field b(i32) = "b", b;
/// }
/// ```
fn matcher(code: &mut Code, Matcher { name, full_name, message, parts }: &Matcher) {
    code.item();
    code.block(format_args!("rt::mock::matcher!"), |code| {
        code.line(format_args!("type {name} = {message}, {full_name:?};"));
        for Part { method, name, target, field, variant, debug_redact } in parts {
            let look = if *debug_redact { "secret" } else { "field" };
            let variant = variant.as_ref().map_or_else(String::new, |path| format!(", {path}"));
            code.line(format_args!("{look} {method}({target}) = {name:?}, {field}{variant};"));
        }
    });
}
