//! Keeps the invariants of ARCHITECTURE.md by reading the sources of the runtime.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use syn::{Attribute, Item, TraitItem};

/// The layers, lowest first. Those of one row know nothing of each other.
const LAYERS: &[&[&str]] = &[
    &["channelz"],
    &["call", "redact"],
    &["codec", "tls"],
    &["protocol"],
    &["connection"],
    &["h2"],
    &["http1"],
    &["intercept"],
    &["client", "server"],
    &["local"],
    &["mock"],
    &["codegen"],
    &["admin", "explorer", "health", "reflection"],
];

/// The one circle of files: a connection's queue holds its calls, and each of them the queue in which it
/// is to be woken.
const CIRCLE: [&str; 2] = ["h2::client::pending_call", "h2::client::queue"];

/// Associated types that mean the same in several traits.
const SHARED_ASSOCIATED_TYPES: &[&str] = &["Future", "Io"];

#[test]
fn no_two_types_have_the_same_name() {
    let sources = sources();
    let mut places = BTreeMap::<_, BTreeSet<_>>::new();
    // What is generated has the names of its proto.
    for Source { path, items } in sources.iter().filter(|it| !it.path.ends_with("generated.rs")) {
        for (name, owner) in declared_types(items) {
            places.entry(name).or_default().insert(format!("{}{owner}", path.display()));
        }
    }
    assert!(places.len() > 200, "{}: the types are not where this test looks", places.len());
    places.retain(|name, places| {
        places.len() > 1 && !SHARED_ASSOCIATED_TYPES.contains(&name.as_str())
    });
    assert!(places.is_empty(), "one name, several types: {places:#?}");
}

#[test]
fn imports_run_downwards() {
    let rank = |module: &str| LAYERS.iter().position(|row| row.contains(&top(module)));
    let mut imports = 0;
    for (file, path) in imports_of_all() {
        // `lib.rs` shows users what there is, and generated code takes prost from there.
        let is_of_root = path.starts_with("__") || ["prost", "prost_types"].contains(&top(&path));
        if file.is_empty() || top(&path) == top(&file) || is_of_root {
            continue;
        }
        let (from, to) = (rank(&file), rank(&path));
        assert!(from.is_some() && to.is_some(), "{file} imports {path}, which is in no layer");
        assert!(from > to, "{file} imports {path}, which is not below it");
        imports += 1;
    }
    assert!(imports > 200, "{imports}: the imports are not where this test looks");
}

#[test]
fn files_do_not_import_each_other_in_circles() {
    let modules = modules();
    let mut graph = BTreeMap::<String, BTreeSet<String>>::new();
    for (file, path) in imports_of_all() {
        let imported = module_of(&path, &modules);
        if imported != file && !file.is_empty() {
            graph.entry(file).or_default().insert(imported);
        }
    }
    assert!(graph.len() > 60, "{}: the files are not where this test looks", graph.len());
    let in_circles = graph.keys().filter(|file| reachable(file, &graph).contains(*file));
    assert_eq!(in_circles.collect::<Vec<_>>(), CIRCLE, "these import themselves through others");
}

fn reachable(file: &str, graph: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let mut next = vec![file.to_owned()];
    while let Some(file) = next.pop() {
        let imported = graph.get(&file).into_iter().flatten().cloned();
        next.extend(imported.filter(|imported| seen.insert(imported.clone())));
    }
    seen
}

/// What a crate is named by, besides tests, is the module of its concern.
#[test]
fn crates_are_named_where_they_belong() {
    let (mut h2, mut hyper) = (0, 0);
    for (file, tokens) in token_streams() {
        let mut paths = Paths::new(&file);
        paths.read(tokens);
        let names = |name: &str| paths.crates.contains(name);
        h2 += usize::from(names("h2"));
        assert!(!names("h2") || top(&file) == "h2", "{file} names `h2`");
        hyper += usize::from(names("hyper"));
        assert!(!names("hyper") || top(&file) == "http1", "{file} names `hyper`");
        let is_leaf = top(&file) == "call";
        for foreign in ["prost", "tower_service"] {
            assert!(!is_leaf || !names(foreign), "{file} names `{foreign}`");
        }
    }
    assert!(h2 > 10, "{h2}: `h2` is not named where this test looks");
    assert!(hyper > 2, "{hyper}: `hyper` is not named where this test looks");
}

#[test]
fn the_feature_mock_is_asked_for_in_one_place() {
    for (file, tokens) in token_streams() {
        let mut paths = Paths::new(&file);
        paths.read(tokens);
        let expected = match top(&file) {
            "" => 2,
            _ => 0,
        };
        let is_mock = top(&file) == "mock";
        assert!(is_mock || paths.mock_attributes == expected, "{file}");
    }
}

/// The first module of a path.
fn top(path: &str) -> &str {
    path.split("::").next().unwrap_or_default()
}

/// The file that a path leads to.
fn module_of(path: &str, modules: &BTreeSet<String>) -> String {
    let mut module = path;
    while !modules.contains(module) {
        module = module.rsplit_once("::").map_or("", |(parent, _)| parent);
    }
    module.to_owned()
}

fn modules() -> BTreeSet<String> {
    token_streams().into_iter().map(|(file, _)| file).collect()
}

/// Each file, as a module, and each path into this crate that it names.
fn imports_of_all() -> Vec<(String, String)> {
    let mut imports = Vec::new();
    for (file, tokens) in token_streams() {
        let mut paths = Paths::new(&file);
        paths.read(tokens);
        imports.extend(paths.own.into_iter().map(|path| (file.clone(), path)));
    }
    imports
}

/// The tokens of each file of the library, by its module.
fn token_streams() -> Vec<(String, TokenStream)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let sources = sources().into_iter().map(|Source { path, .. }| {
        let text = fs::read_to_string(root.join(&path)).unwrap();
        let name = path.with_extension("").to_str().unwrap().replace(['/', '\\'], "::");
        let module = name.strip_suffix("::mod").unwrap_or(&name);
        (if module == "lib" { "" } else { module }.to_owned(), text.parse().unwrap())
    });
    sources.collect()
}

/// What a file names, but for its tests and the bodies of its macros.
struct Paths {
    module: Vec<String>,
    /// Paths into this crate, from its root.
    own: BTreeSet<String>,
    /// The first names of all other paths.
    crates: BTreeSet<String>,
    /// How many `cfg` attributes ask for the feature `mock`.
    mock_attributes: usize,
}

impl Paths {
    fn new(module: &str) -> Self {
        let module = module.split("::").filter(|name| !name.is_empty()).map(str::to_owned);
        Self {
            module: module.collect(),
            own: BTreeSet::new(),
            crates: BTreeSet::new(),
            mock_attributes: 0,
        }
    }

    fn read(&mut self, tokens: TokenStream) {
        let tokens: Vec<_> = tokens.into_iter().collect();
        let mut rest = &tokens[..];
        let mut is_test = false;
        while let [token, tail @ ..] = rest {
            rest = tail;
            match (token, tail) {
                (TokenTree::Punct(dollar), [_, after @ ..]) if dollar.as_char() == '$' => {
                    rest = after;
                }
                (TokenTree::Punct(hash), [TokenTree::Group(attribute), after @ ..])
                    if hash.as_char() == '#' =>
                {
                    let text = attribute.stream().to_string().replace(' ', "");
                    is_test |= text == "cfg(test)";
                    let is_mock = text.starts_with("cfg(") && text.contains("feature=\"mock\"");
                    self.mock_attributes += usize::from(is_mock);
                    rest = after;
                }
                (TokenTree::Ident(name), [_, _, TokenTree::Group(_), after @ ..])
                    if name == "macro_rules" =>
                {
                    rest = after;
                }
                (
                    TokenTree::Ident(keyword),
                    [TokenTree::Ident(name), TokenTree::Group(body), after @ ..],
                ) if keyword == "mod" => {
                    if !std::mem::take(&mut is_test) {
                        self.module.push(name.to_string());
                        self.read(body.stream());
                        self.module.pop();
                    }
                    rest = after;
                }
                (TokenTree::Ident(name), after) if is_colons(after) => {
                    rest = self.path(&name.to_string(), after);
                }
                (TokenTree::Group(group), _) => self.read(group.stream()),
                (TokenTree::Punct(end), _) if end.as_char() == ';' => is_test = false,
                _ => {}
            }
        }
    }

    /// Reads a path that begins with `first`. Returns what comes after it.
    fn path<'a>(&mut self, first: &str, mut rest: &'a [TokenTree]) -> &'a [TokenTree] {
        let mut path = match first {
            "crate" => Vec::new(),
            "self" => self.module.clone(),
            "super" => parent(&self.module),
            name => {
                self.crates.insert(name.to_owned());
                while let [_, _, TokenTree::Ident(_), after @ ..] = rest
                    && is_colons(rest)
                {
                    rest = after;
                }
                return rest;
            }
        };
        while is_colons(rest) {
            match &rest[2..] {
                [TokenTree::Ident(name), after @ ..] if name == "super" => {
                    path = parent(&path);
                    rest = after;
                }
                [TokenTree::Ident(name), after @ ..] => {
                    path.push(name.to_string());
                    rest = after;
                }
                [TokenTree::Group(group), after @ ..] if group.delimiter() == Delimiter::Brace => {
                    self.group(&path, group);
                    return after;
                }
                after => return after,
            }
        }
        self.own.insert(path.join("::"));
        rest
    }

    /// Reads the braces of a `use` behind `prefix`.
    fn group(&mut self, prefix: &[String], group: &Group) {
        let tokens: Vec<_> = group.stream().into_iter().collect();
        let is_comma =
            |token: &TokenTree| matches!(token, TokenTree::Punct(it) if it.as_char() == ',');
        for part in tokens.split(is_comma) {
            let [TokenTree::Ident(first), rest @ ..] = part else { continue };
            let mut path = prefix.to_vec();
            path.extend((first != "self").then(|| first.to_string()));
            let mut rest = rest;
            loop {
                match rest {
                    [_, _, TokenTree::Ident(name), after @ ..] if is_colons(rest) => {
                        path.push(name.to_string());
                        rest = after;
                    }
                    [_, _, TokenTree::Group(inner), ..] if is_colons(rest) => {
                        self.group(&path, inner);
                        break;
                    }
                    _ => {
                        self.own.insert(path.join("::"));
                        break;
                    }
                }
            }
        }
    }
}

fn parent(path: &[String]) -> Vec<String> {
    path.split_last().map_or_else(Vec::new, |(_, parent)| parent.to_vec())
}

fn is_colons(tokens: &[TokenTree]) -> bool {
    let is_colon = |token: &TokenTree| matches!(token, TokenTree::Punct(it) if it.as_char() == ':');
    matches!(tokens, [first, second, ..] if is_colon(first) && is_colon(second))
}

/// Mocks pass messages of unknown types on, and ask for the types that they have put in.
#[test]
fn generic_values_are_asked_for_their_types_in_one_place() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let sources = sources().into_iter().map(|source| source.path);
    let asking: Vec<_> = sources
        .filter(|path| !path.starts_with("mock"))
        .filter(|path| {
            let text = fs::read_to_string(root.join(path)).unwrap();
            ["TypeId", "as &dyn Any", "as &mut dyn Any"].iter().any(|it| text.contains(it))
        })
        .collect();
    assert_eq!(asking, [Path::new("call/downcast.rs")]);
}

/// The names of the types and traits among `items` and in their modules, each with the module or trait it
/// is declared in. An associated type is declared by its trait, not by the implementations.
fn declared_types(items: &[Item]) -> Vec<(String, String)> {
    let mut declared = Vec::new();
    for item in items {
        let name = match item {
            Item::Enum(it) => &it.ident,
            Item::Struct(it) => &it.ident,
            Item::Type(it) => &it.ident,
            Item::Union(it) => &it.ident,
            Item::Trait(it) => {
                declared.extend(it.items.iter().filter_map(|member| match member {
                    TraitItem::Type(ty) => Some((ty.ident.to_string(), format!("::{}", it.ident))),
                    _ => None,
                }));
                &it.ident
            }
            Item::Mod(module) => {
                let inner = module.content.as_ref().map_or(&[][..], |(_, items)| items);
                let inner = declared_types(inner).into_iter();
                declared.extend(
                    inner.map(|(name, owner)| (name, format!("::{}{owner}", module.ident))),
                );
                continue;
            }
            _ => continue,
        };
        declared.push((name.to_string(), String::new()));
    }
    declared
}

/// A file of the library, without its tests.
struct Source {
    /// Such as `mock/plan.rs`.
    path: PathBuf,
    items: Vec<Item>,
}

/// All files of the library.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut sources = Vec::new();
    let mut directories = vec![root.clone()];
    while let Some(directory) = directories.pop() {
        for path in fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let file = syn::parse_file(&fs::read_to_string(&path).unwrap()).unwrap();
                let path = path.strip_prefix(&root).unwrap().to_owned();
                sources.push(Source { path, items: without_tests(file.items) });
            }
        }
    }
    sources.sort_by(|one, other| one.path.cmp(&other.path));
    sources
}

fn without_tests(items: Vec<Item>) -> Vec<Item> {
    let is_library = |item: &Item| match item {
        Item::Mod(module) => !module.attrs.iter().any(is_cfg_test),
        _ => true,
    };
    items.into_iter().filter(is_library).collect()
}

fn is_cfg_test(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg")
        && attribute.parse_args::<syn::Path>().is_ok_and(|condition| condition.is_ident("test"))
}
