//! How generated files look: tokens are printed once, prost-build's text is laid in as it is,
//! and a blank line stands between items.

use proc_macro2::TokenStream;
use quote::quote;

/// Prints the items of our own.
pub(crate) fn items(tokens: TokenStream) -> Result<String, syn::Error> {
    let printed = prettyplease::unparse(&syn::parse2(tokens)?);
    let mut out = String::with_capacity(printed.len() + printed.len() / 16);
    let mut previous = "";
    let mut lines = printed.lines();
    while let Some(line) = lines.next() {
        let call = macro_name(line).map(|name| {
            // The module that stands for the macro.
            let line = lines.next().unwrap_or_default();
            format!("{:1$}{name}! {{", "", line.len() - line.trim_start().len())
        });
        if let Some(call) = call {
            push_line(&mut out, &call);
            previous = "{";
            continue;
        }
        if starts_item(line) && ends_item(previous) && !belong_together(previous, line) {
            out.push('\n');
        }
        push_line(&mut out, line);
        previous = line;
    }
    Ok(out)
}

/// A call of the macro `name` around items. prettyplease would leave them on one line, so they are
/// a module until they are printed.
pub(crate) fn macro_call(name: &str, content: &TokenStream) -> TokenStream {
    quote! {
        #[rust_scaffold_macro = #name]
        mod stands_for_a_macro { #content }
    }
}

fn macro_name(line: &str) -> Option<&str> {
    line.trim_start().strip_prefix("#[rust_scaffold_macro = \"")?.strip_suffix("\"]")
}

/// A line that stands for the doc with this index in prost-build's text.
pub(crate) fn doc_marker(index: usize) -> String {
    format!("{MARKER}{index}")
}

/// Tidies prost-build's text line by line and puts the docs where their markers are.
pub(crate) fn messages(text: &str, docs: &[Vec<String>]) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    let mut previous = "";
    for line in text.lines().filter(|line| !line.starts_with("// This file is @generated")) {
        let indent = line.len() - line.trim_start().len();
        if previous.ends_with('}') && starts_item(line) {
            out.push('\n');
        }
        if let Some(doc) = marked(line, docs) {
            for doc_line in doc {
                push_line(&mut out, format!("{:indent$}/// {doc_line}", "").trim_end());
            }
        } else if previous.ends_with('{') && line.trim() == "}" {
            out.truncate(out.trim_end().len());
            push_line(&mut out, "}");
        } else {
            // prost-build forgets to indent this one.
            let is_flush = indent == 0 && line.starts_with("#[prost(prost_path");
            let indent = if is_flush { previous.len() - previous.trim_start().len() } else { 0 };
            push_line(&mut out, &format!("{:indent$}{line}", ""));
        }
        previous = line;
    }
    out
}

const MARKER: &str = "rust-scaffold-doc:";

fn marked<'a>(line: &str, docs: &'a [Vec<String>]) -> Option<&'a Vec<String>> {
    let index = line.trim_start().strip_prefix("/// ")?.strip_prefix(MARKER)?;
    docs.get(index.parse::<usize>().ok()?)
}

fn push_line(out: &mut String, line: &str) {
    out.push_str(line);
    out.push('\n');
}

fn starts_item(line: &str) -> bool {
    const STARTS: &[&str] = &["///", "#[", "pub ", "fn ", "async fn ", "impl", "const ", "use "];
    let line = line.trim_start();
    STARTS.iter().any(|start| line.starts_with(start))
}

fn ends_item(line: &str) -> bool {
    let line = line.trim_start();
    !line.starts_with("//") && (line.ends_with('}') || line.ends_with(';'))
}

/// Imports stand under each other.
fn belong_together(previous: &str, line: &str) -> bool {
    let is_import = |line: &str| line.starts_with("use super") || line.starts_with("pub use ");
    is_import(previous.trim_start()) && is_import(line.trim_start())
}
