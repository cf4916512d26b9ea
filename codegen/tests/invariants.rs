//! Keeps the invariants of ARCHITECTURE.md by reading the sources and the goldens.

#![allow(clippy::unwrap_used)]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use proc_macro2::{TokenStream, TokenTree};

#[test]
fn generation_does_no_io_and_reads_no_environment() {
    let io = ["std::fs", "std::env", "std::process", "std::net", "std::time", "env::var", " fs::"];
    for (path, line) in lines(&["builder", "bin"]) {
        assert!(!io.iter().any(|word| line.contains(word)), "{}: {line}", path.display());
    }
}

#[test]
fn only_the_lowering_names_descriptor_types() {
    for (path, line) in lines(&["descriptor"]) {
        // The table of what `prost-types` has is about names alone.
        let is_table = path.ends_with("external.rs");
        let names_one = line.contains("DescriptorProto") || line.contains("descriptor::protos");
        assert!(is_table || !names_one, "{}: {line}", path.display());
    }
}

#[test]
fn emitters_cannot_fail() {
    let failures =
        ["-> Result<", "-> syn::Result<", ".unwrap()", ".expect(\"", "panic!", "return Err"];
    let emitters = lines(&[]).into_iter().filter(|(path, _)| is_in(path, "emit"));
    for (path, line) in emitters {
        assert!(!failures.iter().any(|word| line.contains(word)), "{}: {line}", path.display());
    }
}

#[test]
fn services_name_only_the_runtime_their_package_and_themselves() {
    let mut modules = 0;
    for path in files(Path::new("../tests/golden")) {
        let source = fs::read_to_string(&path).unwrap_or_default();
        if !path.components().any(|part| part.as_os_str() == "expected") {
            continue;
        }
        for item in syn::parse_file(&source).unwrap().items {
            let syn::Item::Mod(module) = item else { continue };
            modules += check_module(&path, module.content.unwrap().1);
        }
    }
    assert!(modules > 30, "the goldens are not where this test looks for them");
}

#[test]
fn generator_and_runtime_do_not_depend_on_each_other() {
    let codegen = fs::read_to_string("Cargo.toml").unwrap();
    let runtime = fs::read_to_string("../runtime/Cargo.toml").unwrap();
    for line in codegen.lines() {
        let starts = ["rust-scaffold ", "rust-scaffold.", "rust-scaffold="];
        assert!(!starts.iter().any(|start| line.starts_with(start)), "codegen: {line}");
    }
    assert!(!runtime.lines().any(|line| line.starts_with("rust-scaffold-build")));
}

/// Checks a module of ours and those in it, and counts them. A macro stands for what is in it.
fn check_module(path: &Path, items: Vec<syn::Item>) -> usize {
    let items = items.into_iter().flat_map(|item| match item {
        syn::Item::Macro(call) if quote::quote!(#call).to_string().contains(":: mocks") => {
            syn::parse2::<syn::File>(call.mac.tokens).unwrap().items
        }
        item => vec![item],
    });
    let (inner, items) = items.partition::<Vec<_>, _>(|item| matches!(item, syn::Item::Mod(_)));
    let tokens = items.iter().map(quote::ToTokens::to_token_stream).collect::<TokenStream>();
    let text = tokens.to_string();
    if !text.contains("codegen as rt") && !text.contains("use super :: rt") {
        return 0;
    }
    check_names(path, &items, tokens);
    let inner = inner.into_iter().map(|item| match item {
        syn::Item::Mod(module) => check_module(path, module.content.unwrap().1),
        _ => 0,
    });
    1 + inner.sum::<usize>()
}

/// Every type, trait or constant that stands at the start of a path is one that the module defines
/// or imports from its package, or a generic parameter.
fn check_names(path: &Path, items: &[syn::Item], tokens: TokenStream) {
    let mut known = ["Self", "S"].map(str::to_owned).into_iter().collect::<BTreeSet<_>>();
    for item in items {
        match item {
            syn::Item::Struct(item) => known.insert(item.ident.to_string()),
            syn::Item::Trait(item) => known.insert(item.ident.to_string()),
            syn::Item::Type(item) => known.insert(item.ident.to_string()),
            syn::Item::Enum(item) => known.insert(item.ident.to_string()),
            syn::Item::Static(item) => known.insert(item.ident.to_string()),
            syn::Item::Use(item) => {
                let last = quote::ToTokens::to_token_stream(&item.tree).into_iter().last();
                known.insert(last.unwrap().to_string())
            }
            _ => false,
        };
    }
    for name in path_starts(tokens) {
        let is_local = name.starts_with(|first: char| first.is_lowercase() || first == '_');
        assert!(is_local || known.contains(&name), "{} names a bare `{name}`", path.display());
    }
}

/// The identifiers that no `::`, `.` or definition stands in front of.
fn path_starts(tokens: TokenStream) -> Vec<String> {
    let mut starts = Vec::new();
    let mut previous = String::new();
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match &token {
            TokenTree::Group(group) => starts.extend(path_starts(group.stream())),
            TokenTree::Ident(name) => {
                let is_binding =
                    matches!(&tokens.peek(), Some(TokenTree::Punct(next)) if next.as_char() == '=');
                let is_defined = matches!(previous.as_str(), ":" | "." | "type" | "const" | "fn");
                if !is_defined && !is_binding {
                    starts.push(name.to_string());
                }
            }
            _ => {}
        }
        previous = token.to_string();
    }
    starts
}

/// The lines of code of the library, except those in some folders.
fn lines(except: &[&str]) -> Vec<(PathBuf, String)> {
    let mut lines = Vec::new();
    for path in files(Path::new("src")) {
        if except.iter().any(|folder| is_in(&path, folder)) {
            continue;
        }
        let source = fs::read_to_string(&path).unwrap();
        let code = source.lines().filter(|line| !line.trim_start().starts_with("//"));
        lines.extend(code.map(|line| (path.clone(), line.to_owned())));
    }
    assert!(!lines.is_empty());
    lines
}

fn is_in(path: &Path, folder: &str) -> bool {
    path.starts_with(Path::new("src").join(folder))
}

fn files(root: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for path in fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}
