//! Keeps the invariants of ARCHITECTURE.md by reading the sources and the goldens.

#![allow(clippy::unwrap_used)]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;

#[test]
fn generation_does_no_io_and_reads_no_environment() {
    let io = ["std::fs", "std::env", "std::process", "std::net", "std::time", "env::var", " fs::"];
    for (path, line) in lines(&["builder", "bin", "scaffold"]) {
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

/// What is indexed may not be there. The text under the emitters is cut where it was measured.
#[test]
fn emitters_index_nothing() {
    for path in emitters() {
        let source = fs::read_to_string(&path).unwrap();
        let tokens = source.parse::<TokenStream>().unwrap();
        assert_eq!(indexed(tokens), None, "{}", path.display());
    }
}

/// What knows what is to be written, and not only how.
fn emitters() -> impl Iterator<Item = PathBuf> {
    files(Path::new("src/emit")).into_iter().filter(|path| !is_in(path, "emit/code"))
}

/// What stands in front of brackets and is not a macro, an attribute or a keyword.
fn indexed(tokens: TokenStream) -> Option<String> {
    let mut previous = String::new();
    for token in tokens {
        if let TokenTree::Group(group) = &token {
            let is_value = previous.ends_with(|last: char| last.is_alphanumeric() || last == '_')
                || matches!(previous.as_str(), "()" | "[]");
            let is_keyword =
                matches!(previous.as_str(), "mut" | "in" | "return" | "dyn" | "else" | "let");
            if group.delimiter() == Delimiter::Bracket && is_value && !is_keyword {
                return Some(format!("{previous}[{}]", group.stream()));
            }
            if let Some(found) = indexed(group.stream()) {
                return Some(found);
            }
            previous = match group.delimiter() {
                Delimiter::Parenthesis => "()".to_owned(),
                Delimiter::Bracket => "[]".to_owned(),
                _ => String::new(),
            };
        } else {
            // A lifetime is no value.
            let is_lifetime = previous == "'";
            previous = if is_lifetime { String::new() } else { token.to_string() };
        }
    }
    None
}

#[test]
fn every_name_in_a_template_has_a_value_and_every_value_a_name() {
    let mut names = 0;
    for path in emitters() {
        let source = fs::read_to_string(&path).unwrap();
        for item in syn::parse_file(&source).unwrap().items {
            for function in functions(item) {
                let (wanted, given) = template_names(function.clone());
                // Pairs are for other things, too.
                if wanted.is_empty() {
                    continue;
                }
                let place = format!("{}: {}", path.display(), start_of(&function));
                assert_eq!(wanted, given, "{place}");
                names += wanted.len();
            }
        }
    }
    assert!(names > 20, "{names}: the templates are not where this test looks for them");
}

fn functions(item: syn::Item) -> Vec<TokenStream> {
    match item {
        syn::Item::Fn(function) => vec![quote::quote!(#function)],
        syn::Item::Impl(block) => {
            block.items.iter().map(quote::ToTokens::to_token_stream).collect()
        }
        _ => Vec::new(),
    }
}

fn start_of(function: &TokenStream) -> String {
    function.to_string().chars().take(80).collect()
}

/// The names behind a `$` in the strings of a function, and those that it gives values for: a value
/// is a pair that begins with its name, as in `("name", &name)`.
fn template_names(tokens: TokenStream) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut wanted, mut given) = (BTreeSet::new(), BTreeSet::new());
    for token in tokens {
        match token {
            TokenTree::Group(group) => {
                let mut inner = group.stream().into_iter();
                let (first, second) = (inner.next(), inner.next());
                let comma = matches!(second, Some(TokenTree::Punct(it)) if it.as_char() == ',');
                if let (Some(TokenTree::Literal(name)), true) = (first, comma) {
                    let name = name.to_string().trim_matches('"').to_owned();
                    given.extend(Some(name).filter(|name| name.chars().all(is_in_name)));
                }
                let (more_wanted, more_given) = template_names(group.stream());
                wanted.extend(more_wanted);
                given.extend(more_given);
            }
            TokenTree::Literal(literal) => {
                let text = literal.to_string();
                let names = text.split('$').skip(1).map(|behind| {
                    behind.chars().take_while(|letter| is_in_name(*letter)).collect::<String>()
                });
                wanted.extend(names);
            }
            _ => {}
        }
    }
    (wanted, given)
}

fn is_in_name(letter: char) -> bool {
    letter.is_ascii_lowercase() || letter == '_'
}

/// The modules of the library, each of which imports only those above it.
const LAYERS: &[&str] = &[
    "diagnostics",
    "error",
    "docs",
    "ident",
    "options",
    "model",
    "names",
    "graph",
    "depth",
    "secrets",
    "comments",
    "check",
    "descriptor",
    "emit",
    "generate",
    "builder",
    "plugin",
    "scaffold",
];

#[test]
fn imports_run_in_one_direction() {
    let place = |module: &str| LAYERS.iter().position(|layer| *layer == module);
    for path in files(Path::new("src")) {
        let module = path.components().nth(1).unwrap().as_os_str().to_str().unwrap();
        let module = module.trim_end_matches(".rs");
        let (false, Some(own)) = (matches!(module, "lib" | "bin"), place(module)) else {
            assert!(matches!(module, "lib" | "bin"), "`{module}` has no place in the layers");
            continue;
        };
        let source = fs::read_to_string(&path).unwrap();
        // Tests may reach for anything.
        let (source, _) = source.split_once("#[cfg(test)]").unwrap_or((&source, ""));
        for imported in imports(source.parse().unwrap()) {
            let is_above = place(&imported).is_some_and(|imported| imported <= own);
            assert!(is_above, "{} imports `{imported}`", path.display());
        }
    }
}

/// The modules behind `crate::`, also in braces.
fn imports(tokens: TokenStream) -> BTreeSet<String> {
    let tokens = tokens.into_iter().collect::<Vec<_>>();
    let mut found = BTreeSet::new();
    for (index, token) in tokens.iter().enumerate() {
        let is_crate = matches!(token, TokenTree::Ident(name) if name == "crate");
        match (is_crate, token, tokens.get(index + 3)) {
            (true, _, Some(TokenTree::Ident(name))) => drop(found.insert(name.to_string())),
            (true, _, Some(TokenTree::Group(group))) => found.extend(heads(group.stream())),
            (_, TokenTree::Group(group), _) => found.extend(imports(group.stream())),
            _ => {}
        }
    }
    // What is no module is re-exported from one.
    found.retain(|name| name.starts_with(char::is_lowercase));
    found
}

/// The first names of the parts of a list.
fn heads(list: TokenStream) -> Vec<String> {
    let list = list.into_iter().collect::<Vec<_>>();
    let parts = list.split(|token| matches!(token, TokenTree::Punct(it) if it.as_char() == ','));
    parts.filter_map(|part| part.first().map(ToString::to_string)).collect()
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

/// What a client or a mock has of its own is no name for what it has for an rpc.
#[test]
fn reserved_names_are_those_that_are_emitted() {
    let is_for_rpc = |function: &syn::ImplItemFn| {
        let name = function.sig.ident.to_string();
        let of_mock = name.starts_with("expect_")
            || name.starts_with("on_")
            || name.trim_end_matches('_').ends_with("_calls");
        of_mock || quote::quote!(#function).to_string().contains("SERVICE . methods")
    };
    for (table, kind) in [("methods", "Client"), ("mock", "Mock")] {
        let mut emitted = BTreeSet::new();
        for path in files(Path::new("../tests/golden")) {
            let source = fs::read_to_string(&path).unwrap();
            for (name, function) in inherent_functions(source.parse().unwrap()) {
                let is_of_kind = name.ends_with(kind) || name.starts_with(kind);
                if is_of_kind && !is_for_rpc(&function) {
                    emitted.insert(function.sig.ident.to_string());
                }
            }
        }
        let source = fs::read_to_string(format!("src/names/{table}.rs")).unwrap();
        let (_, reserved) = source.split_once("const RESERVED: &[&str] = &[").unwrap();
        let reserved = reserved.split_once("];").unwrap().0.split('"').skip(1).step_by(2);
        assert_eq!(reserved.map(str::to_owned).collect::<BTreeSet<_>>(), emitted, "{table}");
    }
}

/// The functions of types themselves, wherever they are, also in macros.
fn inherent_functions(tokens: TokenStream) -> Vec<(String, syn::ImplItemFn)> {
    let mut functions = Vec::new();
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Ident(word) if word == "impl" => {
                let mut head = Vec::new();
                while let Some(next) = tokens.next_if(|next| !is_braced(next)) {
                    head.push(next.to_string());
                }
                let (Some(TokenTree::Group(body)), false) =
                    (tokens.next(), head.iter().any(|word| word == "for" || word == ";"))
                else {
                    continue;
                };
                let name = head.last().cloned().unwrap_or_default();
                let block = format!("impl X {{ {} }}", body.stream());
                let block = syn::parse_str::<syn::ItemImpl>(&block);
                for item in block.into_iter().flat_map(|block| block.items) {
                    if let syn::ImplItem::Fn(function) = item {
                        functions.push((name.clone(), function));
                    }
                }
            }
            TokenTree::Group(group) => functions.extend(inherent_functions(group.stream())),
            _ => {}
        }
    }
    functions
}

fn is_braced(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
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

#[test]
fn whatever_tests_write_with_mocks_has_an_example() {
    let mocks = Path::new("../runtime/src/mock");
    let module = fs::read_to_string(mocks.join("mod.rs")).unwrap();
    let exports =
        syn::parse_file(&module).unwrap().items.into_iter().filter_map(|item| match item {
            syn::Item::Use(it) if matches!(it.vis, syn::Visibility::Public(_)) => Some(it),
            _ => None,
        });
    let in_sight = exports.filter(|it| !text_of(&it.attrs).contains("hidden"));
    let in_sight = in_sight.flat_map(|it| imported(&it.tree)).collect::<BTreeSet<_>>();
    assert!(in_sight.len() > 40, "the mocks are not where this test looks for them");

    let mut documented = BTreeSet::new();
    for path in files(mocks) {
        let source = fs::read_to_string(&path).unwrap();
        for item in syn::parse_file(&source).unwrap().items {
            let (name, attributes) = match &item {
                syn::Item::Enum(it) => (&it.ident, &it.attrs),
                syn::Item::Fn(it) => (&it.sig.ident, &it.attrs),
                syn::Item::Struct(it) => (&it.ident, &it.attrs),
                syn::Item::Trait(it) => (&it.ident, &it.attrs),
                _ => continue,
            };
            if text_of(attributes).contains("```") {
                documented.insert(name.to_string());
            }
        }
    }
    let missing = in_sight.difference(&documented).collect::<Vec<_>>();
    assert!(missing.is_empty(), "without an example: {missing:?}");
}

fn text_of(attributes: &[syn::Attribute]) -> String {
    attributes.iter().map(|it| it.to_token_stream().to_string()).collect()
}

/// The names that a `use` brings.
fn imported(tree: &syn::UseTree) -> Vec<String> {
    match tree {
        syn::UseTree::Path(path) => imported(&path.tree),
        syn::UseTree::Group(group) => group.items.iter().flat_map(imported).collect(),
        syn::UseTree::Name(name) => vec![name.ident.to_string()],
        tree => panic!("{} is no name", tree.to_token_stream()),
    }
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
    let tokens = items.iter().map(ToTokens::to_token_stream).collect::<TokenStream>();
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
    let mut known = ["Self", "S", "D"].map(str::to_owned).into_iter().collect::<BTreeSet<_>>();
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
