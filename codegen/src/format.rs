//! How generated services look: tokens are printed once, with a blank line between items.

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
