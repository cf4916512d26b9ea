//! Which protos a build script compiles, and how, as far as it says so in literals.

use std::collections::BTreeSet;

use proc_macro2::Span;
use syn::{
    Expr, Lit, Pat, Type,
    spanned::Spanned as _,
    visit::{self, Visit},
};

use super::{
    files,
    package::Package,
    source::Source,
    sync::modules::{Import, imports},
};
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

/// All calls in the build script of a package, in their order; none if there is no build script.
pub(super) fn calls(package: &Package) -> Result<Vec<Call>, Error> {
    let path = &package.build_script;
    let text = files::read(path)?.and_then(|bytes| String::from_utf8(bytes).ok());
    let Some(text) = text.filter(|text| text.contains("compile_protos")) else {
        return Ok(Vec::new());
    };
    let (source, file) = Source::parse(path, text);
    let file = file.map_err(|error| problem(&source, error.span(), &error.to_string()))?;
    let mut names = Names { generator: &package.generator, imports: Vec::new() };
    names.visit_file(&file);
    let mut calls =
        Calls { source, names, others: BTreeSet::new(), found: Vec::new(), error: None };
    calls.visit_file(&file);
    match calls.error {
        Some(error) => Err(error.into()),
        None => Ok(calls.found),
    }
}

/// By which names a build script knows the generator.
struct Names<'a> {
    /// That of its crate.
    generator: &'a str,
    imports: Vec<Import>,
}

impl Visit<'_> for Names<'_> {
    fn visit_item_use(&mut self, item: &syn::ItemUse) {
        imports(&item.tree, &mut Vec::new(), &mut self.imports);
    }
}

impl Names<'_> {
    /// Whether a path leads to the generator, and not to one of the others that have the same names.
    fn is_ours(&self, path: &syn::Path) -> bool {
        let Some(first) = path.segments.first().map(|first| first.ident.to_string()) else {
            return false;
        };
        let is_ours = |import: &Import| import.path.first().is_some_and(|it| it == self.generator);
        let mut imports = self.imports.iter();
        match imports.find(|import| import.name.as_ref() == Some(&first)) {
            Some(import) => is_ours(import),
            None if path.segments.len() > 1 => first == self.generator,
            None => self.imports.iter().any(|import| import.name.is_none() && is_ours(import)),
        }
    }
}

struct Calls<'a> {
    source: Source,
    names: Names<'a>,
    /// Variables that are certainly builders of other crates.
    others: BTreeSet<String>,
    found: Vec<Call>,
    error: Option<Problem>,
}

impl Visit<'_> for Calls<'_> {
    fn visit_local(&mut self, local: &syn::Local) {
        visit::visit_local(self, local);
        let start = local.init.as_ref().map(|init| start_of(&init.expr));
        if let (Pat::Ident(variable), Some(Expr::Call(start))) = (&local.pat, start)
            && path_of(&start.func).is_some_and(|path| !self.names.is_ours(path))
        {
            self.others.insert(variable.ident.to_string());
        }
    }

    fn visit_pat_type(&mut self, typed: &syn::PatType) {
        let of = match &*typed.ty {
            Type::Reference(reference) => &*reference.elem,
            of => of,
        };
        if let (Pat::Ident(variable), Type::Path(of)) = (&*typed.pat, of)
            && !self.names.is_ours(&of.path)
        {
            self.others.insert(variable.ident.to_string());
        }
    }

    fn visit_expr_call(&mut self, call: &syn::ExprCall) {
        visit::visit_expr_call(self, call);
        let path = path_of(&call.func).filter(|path| self.names.is_ours(path));
        if path.is_some_and(|path| last_of(path) == "compile_protos") {
            let proto = call.args.first().ok_or(call.paren_token.span.open());
            let proto = proto.and_then(text);
            self.keep(proto.map(|proto| Call { protos: vec![proto], ..Call::default() }));
        }
    }

    fn visit_expr_method_call(&mut self, call: &syn::ExprMethodCall) {
        if call.method == "compile_protos" && !self.is_of_others(start_of(&call.receiver)) {
            self.keep(chain(call));
        } else {
            visit::visit_expr_method_call(self, call);
        }
    }
}

impl Calls<'_> {
    /// Whether a chain of methods that starts so is one of another crate.
    fn is_of_others(&self, start: &Expr) -> bool {
        match start {
            Expr::Call(start) => path_of(&start.func).is_some_and(|path| !self.names.is_ours(path)),
            Expr::Path(variable) => self.others.contains(&last_of(&variable.path)),
            _ => false,
        }
    }

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
        Expr::Call(start) if path_of(&start.func).is_some_and(|it| last_of(it) == "configure") => {}
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

/// What the first method of a chain is called on.
fn start_of(chain: &Expr) -> &Expr {
    match chain {
        Expr::MethodCall(call) => start_of(&call.receiver),
        Expr::Try(inner) => start_of(&inner.expr),
        Expr::Paren(inner) => start_of(&inner.expr),
        Expr::Reference(inner) => start_of(&inner.expr),
        start => start,
    }
}

fn path_of(function: &Expr) -> Option<&syn::Path> {
    match function {
        Expr::Path(path) => Some(&path.path),
        _ => None,
    }
}

fn last_of(path: &syn::Path) -> String {
    path.segments.last().map(|last| last.ident.to_string()).unwrap_or_default()
}

/// `true`, `"text"` or `Mock::Always`, as the plugin's parameter spells it.
fn value(of: &Expr) -> Result<String, Span> {
    match of {
        Expr::Lit(syn::ExprLit { lit: Lit::Bool(it), .. }) => Ok(it.value.to_string()),
        Expr::Path(path) => Ok(last_of(&path.path).to_lowercase()),
        other => text(other),
    }
}

fn text(of: &Expr) -> Result<String, Span> {
    match of {
        Expr::Lit(syn::ExprLit { lit: Lit::Str(text), .. }) => Ok(text.value()),
        other => Err(other.span()),
    }
}

/// `&["a", "b"]`
fn texts(of: &Expr) -> Result<Vec<String>, Span> {
    match of {
        Expr::Reference(inner) => texts(&inner.expr),
        Expr::Array(array) => array.elems.iter().map(text).collect(),
        other => Err(other.span()),
    }
}

fn problem(source: &Source, span: Span, what: &str) -> Problem {
    let place = source.place(span);
    let (line, column) = place.position.unwrap_or((1, 1));
    Problem::new(format!("{}:{line}:{column}: {what}", place.path.display()))
        .help("name the protos as arguments, or in `[package.metadata.scaffold]`")
}
