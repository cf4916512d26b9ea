//! Which protos a build script compiles, and how, as far as it says so in literals.

use std::path::Path;

use proc_macro2::Span;
use syn::{
    Expr, Lit,
    visit::{self, Visit},
};

use super::{files, source::Source};
use crate::{diagnostics::Problem, error::Error, options::Options};

/// What one call of `compile_protos` says.
#[derive(Debug, Default)]
pub(super) struct Call {
    pub(super) protos: Vec<String>,
    pub(super) includes: Vec<String>,
    pub(super) options: Options,
    /// Arguments for protoc.
    pub(super) arguments: Vec<String>,
    /// Whether cargo is not told to watch the protos.
    pub(super) is_silent: bool,
}

/// All calls in a build script, in their order; none if there is no build script.
pub(super) fn calls(path: &Path) -> Result<Vec<Call>, Error> {
    let text = files::read(path)?.and_then(|bytes| String::from_utf8(bytes).ok());
    let Some(text) = text.filter(|text| text.contains("compile_protos")) else {
        return Ok(Vec::new());
    };
    let (source, file) = Source::parse(path, text);
    let file = file.map_err(|error| problem(&source, error.span(), &error.to_string()))?;
    let mut calls = Calls { source, found: Vec::new(), error: None };
    calls.visit_file(&file);
    match calls.error {
        Some(error) => Err(error.into()),
        None => Ok(calls.found),
    }
}

struct Calls {
    source: Source,
    found: Vec<Call>,
    error: Option<Problem>,
}

impl Visit<'_> for Calls {
    fn visit_expr_call(&mut self, call: &syn::ExprCall) {
        visit::visit_expr_call(self, call);
        if called(&call.func).as_deref() == Some("compile_protos") {
            let proto = call.args.first().ok_or(call.paren_token.span.open());
            let proto = proto.and_then(text);
            self.keep(proto.map(|proto| Call { protos: vec![proto], ..Call::default() }));
        }
    }

    fn visit_expr_method_call(&mut self, call: &syn::ExprMethodCall) {
        if call.method == "compile_protos" {
            self.keep(chain(call));
        } else {
            visit::visit_expr_method_call(self, call);
        }
    }
}

impl Calls {
    fn keep(&mut self, call: Result<Call, Span>) {
        match call {
            Ok(call) => self.found.push(call),
            Err(span) => {
                let what = "only literals can be read from a build script";
                self.error.get_or_insert(problem(&self.source, span, what));
            }
        }
    }
}

/// `configure().build_client(false).compile_protos(&["shop.proto"], &["proto"])`
fn chain(call: &syn::ExprMethodCall) -> Result<Call, Span> {
    let mut arguments = call.args.iter().map(texts);
    let mut next = || arguments.next().unwrap_or(Err(call.method.span()));
    let mut result = Call { protos: next()?, includes: next()?, ..Call::default() };
    let mut options = Vec::new();
    let mut receiver = &*call.receiver;
    while let Expr::MethodCall(inner) = receiver {
        options.push(inner);
        receiver = &inner.receiver;
    }
    match receiver {
        Expr::Call(start) if called(&start.func).as_deref() == Some("configure") => {}
        _ => return Err(call.method.span()),
    }
    for option in options.into_iter().rev() {
        let name = option.method.to_string();
        match name.as_str() {
            // These say where to and how to, and not what.
            "out_dir" | "protoc" => {}
            "emit_rerun_if_changed" => {
                result.is_silent = values_of(option).is_ok_and(|values| values == ["false"]);
            }
            "protoc_arg" => result.arguments.extend(values_of(option)?),
            _ => {
                let values = values_of(option)?.join("=");
                let set = result.options.set(&name, Some(&values));
                set.map_err(|_| option.method.span())?;
            }
        }
    }
    Ok(result)
}

fn values_of(option: &syn::ExprMethodCall) -> Result<Vec<String>, Span> {
    option.args.iter().map(value).collect()
}

/// The last name of the function that is called.
fn called(function: &Expr) -> Option<String> {
    match function {
        Expr::Path(path) => Some(path.path.segments.last()?.ident.to_string()),
        _ => None,
    }
}

/// `true`, `"text"` or `Mock::Always`, as the plugin's parameter spells it.
fn value(of: &Expr) -> Result<String, Span> {
    match of {
        Expr::Lit(syn::ExprLit { lit: Lit::Bool(it), .. }) => Ok(it.value.to_string()),
        Expr::Path(_) => called(of).map(|it| it.to_lowercase()).ok_or_else(Span::call_site),
        other => text(other),
    }
}

fn text(of: &Expr) -> Result<String, Span> {
    match of {
        Expr::Lit(syn::ExprLit { lit: Lit::Str(text), .. }) => Ok(text.value()),
        Expr::Lit(syn::ExprLit { lit, .. }) => Err(lit.span()),
        Expr::Path(path) => {
            Err(path.path.segments.first().map_or_else(Span::call_site, |it| it.ident.span()))
        }
        Expr::MethodCall(call) => Err(call.method.span()),
        Expr::Macro(call) => Err(call.mac.bang_token.span),
        Expr::Call(call) => Err(call.paren_token.span.open()),
        _ => Err(Span::call_site()),
    }
}

/// `&["a", "b"]`
fn texts(of: &Expr) -> Result<Vec<String>, Span> {
    match of {
        Expr::Reference(inner) => texts(&inner.expr),
        Expr::Array(array) => array.elems.iter().map(text).collect(),
        other => Err(text(other).err().unwrap_or_else(Span::call_site)),
    }
}

fn problem(source: &Source, span: Span, what: &str) -> Problem {
    let place = source.place(span);
    let (line, column) = place.position.unwrap_or((1, 1));
    Problem::new(format!("{}:{line}:{column}: {what}", place.path.display()))
        .help("name the protos as arguments, or in `[package.metadata.scaffold]`")
}
