//! The modules of some crates, as far as names and implementations of traits are concerned.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Component, Path, PathBuf},
};

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::{
    Item, ItemImpl, ItemMod, Stmt, UseTree,
    ext::IdentExt as _,
    visit::{self, Visit},
};

use super::{
    contracts::{Contracts, plain},
    files,
};
use crate::{
    emit,
    scaffold::{
        outcome::{Finding, Level, Place},
        source::Source,
    },
};

/// A module, by its position in the tree.
pub(super) type ModuleId = usize;

/// All modules of some crates.
#[derive(Default)]
pub(super) struct Tree {
    pub(super) modules: Vec<Module>,
    pub(super) sources: Vec<Source>,
    /// The root of each library.
    pub(super) crates: BTreeMap<String, ModuleId>,
    /// Files that could not be read.
    pub(super) findings: Vec<Finding>,
}

/// A module, or a block with items in it.
#[derive(Default)]
pub(super) struct Module {
    /// The module around it; a root has none.
    pub(super) parent: Option<ModuleId>,
    /// Names that a block does not have are those of what is around it.
    pub(super) is_block: bool,
    pub(super) name: String,
    pub(super) modules: BTreeMap<String, ModuleId>,
    pub(super) imports: Vec<Import>,
    /// The names of types and traits.
    pub(super) definitions: BTreeSet<String>,
    pub(super) generated: Vec<Generated>,
    pub(super) impls: Vec<Implementation>,
}

/// A path that is imported under a name, or all that is in it. A path that begins with the name of
/// a crate, as in `::shop::Order`, has an empty name in front of it.
#[derive(Debug)]
pub(in crate::scaffold) struct Import {
    pub(in crate::scaffold) name: Option<String>,
    pub(in crate::scaffold) path: Vec<String>,
    /// Whether only tests have it.
    pub(super) is_of_tests: bool,
}

impl Import {
    fn new(name: Option<String>, path: Vec<String>) -> Self {
        Self { name, path, is_of_tests: false }
    }
}

/// Generated code in a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Generated {
    Package(String),
    /// That of one proto, by its name.
    Proto(String),
}

/// `impl Trait for Type`
pub(super) struct Implementation {
    /// The position of its file.
    pub(super) source: usize,
    pub(super) item: ItemImpl,
}

impl Implementation {
    /// The path of the trait.
    pub(super) fn contract(&self) -> Option<Vec<String>> {
        let (_, path, _) = self.item.trait_.as_ref()?;
        let colon = path.leading_colon.map(|_| String::new());
        let names = path.segments.iter().map(|segment| plain_ident(&segment.ident));
        Some(colon.into_iter().chain(names).collect())
    }
}

/// The place of items: their module, their file, and where the files of modules in them are.
#[derive(Clone)]
struct Position {
    module: ModuleId,
    source: usize,
    /// That of the file.
    folder: PathBuf,
    /// That of modules with a `path`.
    explicit: PathBuf,
    /// That of others.
    submodules: PathBuf,
}

/// Reads crates into a tree.
pub(super) struct Reader<'a> {
    pub(super) tree: Tree,
    contracts: &'a Contracts,
    roots: BTreeMap<PathBuf, ModuleId>,
    /// Every file that has been read, by what it really is, as it was found first.
    found: BTreeMap<PathBuf, PathBuf>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(contracts: &'a Contracts) -> Self {
        Self { tree: Tree::default(), contracts, roots: BTreeMap::new(), found: BTreeMap::new() }
    }

    /// Reads a crate from its root, which others know by a name if it is a library.
    pub(super) fn read_crate(&mut self, root: &Path, library: Option<String>) {
        let known = self.roots.get(root).copied();
        let module = known.unwrap_or_else(|| self.add(Module::default()));
        if let Some(name) = library {
            self.tree.crates.insert(name, module);
        }
        if known.is_some() {
            return;
        }
        self.roots.insert(root.to_owned(), module);
        let folder = root.parent().unwrap_or(Path::new("")).to_owned();
        self.read_file(root, module, folder);
    }

    fn add(&mut self, module: Module) -> ModuleId {
        self.tree.modules.push(module);
        self.tree.modules.len() - 1
    }

    /// Reads a file into a module; one that is not there is the compiler's to complain about.
    fn read_file(&mut self, path: &Path, module: ModuleId, submodules: PathBuf) {
        let bytes = match files::read(path) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return,
            Err(error) => {
                let finding = Finding::new(Level::Error, "unreadable", error.to_string());
                return self.tree.findings.push(finding);
            }
        };
        if let Some(proto) = emit::source_of(&bytes) {
            self.tree.modules[module].generated.push(Generated::Proto(proto));
            return;
        }
        let Ok(text) = String::from_utf8(bytes) else {
            let finding = Finding::new(Level::Error, "unreadable", "the file is not UTF-8");
            return self.tree.findings.push(finding.at(Place::file(path)));
        };
        let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let first = self.found.entry(real).or_insert_with(|| plain_path(path));
        let (source, file) = Source::parse(first, text);
        match file {
            Ok(file) => {
                let folder = path.parent().unwrap_or(Path::new("")).to_owned();
                let source_id = self.tree.sources.len();
                self.tree.sources.push(source);
                let explicit = folder.clone();
                let at = Position { module, source: source_id, folder, explicit, submodules };
                self.read_items(file.items, &at);
            }
            Err(error) => {
                let place = source.place(error.span());
                let message = format!("the file is left alone, as it cannot be read: {error}");
                self.tree.findings.push(Finding::new(Level::Error, "syntax", message).at(place));
            }
        }
    }

    fn read_items(&mut self, items: Vec<Item>, at: &Position) {
        for item in items {
            let module = &mut self.tree.modules[at.module];
            match item {
                Item::Use(item) => {
                    let mut prefix = item.leading_colon.iter().map(|_| String::new()).collect();
                    let first = module.imports.len();
                    imports(&item.tree, &mut prefix, &mut module.imports);
                    if item.attrs.iter().any(is_cfg_test) {
                        module.imports[first..].iter_mut().for_each(|it| it.is_of_tests = true);
                    }
                }
                Item::ExternCrate(item) => {
                    let name = item.rename.as_ref().map_or(&item.ident, |(_, name)| name);
                    let path = vec![String::new(), plain_ident(&item.ident)];
                    module.imports.push(Import::new(Some(plain_ident(name)), path));
                }
                Item::Struct(item) => drop(module.definitions.insert(plain_ident(&item.ident))),
                Item::Enum(item) => drop(module.definitions.insert(plain_ident(&item.ident))),
                Item::Union(item) => drop(module.definitions.insert(plain_ident(&item.ident))),
                Item::Type(item) => drop(module.definitions.insert(plain_ident(&item.ident))),
                Item::Trait(item) => drop(module.definitions.insert(plain_ident(&item.ident))),
                Item::Mod(item) => self.read_module(item, at),
                Item::Macro(item) => self.read_macro(&item.mac, at),
                Item::Impl(item) => {
                    Blocks { reader: self, at: at.clone() }.visit_item_impl(&item);
                    if item.trait_.is_some() {
                        let implementation = Implementation { source: at.source, item };
                        self.tree.modules[at.module].impls.push(implementation);
                    }
                }
                item => visit::visit_item(&mut Blocks { reader: self, at: at.clone() }, &item),
            }
        }
    }

    fn read_module(&mut self, item: ItemMod, at: &Position) {
        let name = plain_ident(&item.ident);
        let module = Module { parent: Some(at.module), name: name.clone(), ..Module::default() };
        let module = self.add(module);
        self.tree.modules[at.module].modules.insert(name.clone(), module);
        let explicit = item.attrs.iter().find_map(path_of);
        if item.attrs.iter().any(has_conditional_path) {
            let message = format!("the file of module `{name}` depends on `cfg_attr`");
            self.not_followed(message, item.ident.span(), at);
        }
        match item.content {
            Some((_, items)) => {
                let submodules = at.submodules.join(explicit.as_deref().unwrap_or(&name));
                let explicit = submodules.clone();
                self.read_items(items, &Position { module, explicit, submodules, ..at.clone() });
            }
            None => match explicit {
                Some(path) => {
                    let path = at.explicit.join(path);
                    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
                    self.read_file(&path, module, folder);
                }
                None => {
                    let folder = at.submodules.join(&name);
                    self.read_file(&folder.with_extension("rs"), module, folder.clone());
                    self.read_file(&folder.join("mod.rs"), module, folder);
                }
            },
        }
    }

    /// `include_proto!("shop")`, and `include!` of generated files or of others.
    fn read_macro(&mut self, call: &syn::Macro, at: &Position) {
        let name = call.path.segments.last().map(|last| last.ident.to_string());
        let text = text_in(call.tokens.clone());
        match name.as_deref() {
            Some("include_proto") => {
                let package = if text == "_" { String::new() } else { text };
                self.tree.modules[at.module].generated.push(Generated::Package(package));
            }
            Some("include") if call.tokens.to_string().contains("OUT_DIR") => {
                self.include_from_out_dir(text.trim_start_matches('/'), at.module);
            }
            Some("include") => {
                let path = at.folder.join(text);
                if !path.exists() {
                    let message = "it cannot be seen which file is included";
                    self.not_followed(message, call.bang_token.span, at);
                }
                self.read_file(&path, at.module, at.submodules.clone());
            }
            _ => {}
        }
    }

    fn not_followed(&mut self, message: impl Into<String>, span: Span, at: &Position) {
        let finding = Finding::new(Level::Warning, "not-followed", message)
            .at(self.tree.sources[at.source].place(span))
            .help("implementations in the file may be passed by: write its path as a literal");
        self.tree.findings.push(finding);
    }

    /// What a build script has generated is known by its name.
    fn include_from_out_dir(&mut self, name: &str, module: ModuleId) {
        let contracts = self.contracts;
        if contracts.trees.contains(name) {
            for (package, modules) in &contracts.modules {
                let inner = modules.iter().fold(module, |outer, name| self.inner(outer, name));
                self.tree.modules[inner].generated.push(Generated::Package(package.clone()));
            }
        } else if let Some(proto) = contracts.outputs.get(name) {
            self.tree.modules[module].generated.push(Generated::Proto(proto.clone()));
        } else if let Some(package) = name.strip_suffix(".mod.rs") {
            let package = if package == "_" { "" } else { package };
            self.tree.modules[module].generated.push(Generated::Package(package.to_owned()));
        }
    }

    /// The module of this name in another, which is made if need be.
    fn inner(&mut self, outer: ModuleId, name: &str) -> ModuleId {
        let name = plain(name);
        if let Some(module) = self.tree.modules[outer].modules.get(&name) {
            return *module;
        }
        let module = Module { parent: Some(outer), name: name.clone(), ..Module::default() };
        let module = self.add(module);
        self.tree.modules[outer].modules.insert(name, module);
        module
    }
}

/// Reads the items in blocks.
struct Blocks<'a, 'b> {
    reader: &'a mut Reader<'b>,
    at: Position,
}

impl Visit<'_> for Blocks<'_, '_> {
    fn visit_block(&mut self, block: &syn::Block) {
        let items = block.stmts.iter().filter_map(|statement| match statement {
            Stmt::Item(item) => Some(item.clone()),
            Stmt::Macro(item) if item.mac.path.segments.last()?.ident == "include_proto" => {
                let (attrs, mac) = (item.attrs.clone(), item.mac.clone());
                Some(Item::Macro(syn::ItemMacro { attrs, ident: None, mac, semi_token: None }))
            }
            _ => None,
        });
        let items = items.collect::<Vec<_>>();
        let outer = self.at.module;
        if !items.is_empty() {
            let block = Module { parent: Some(outer), is_block: true, ..Module::default() };
            self.at.module = self.reader.add(block);
            self.reader.read_items(items, &self.at);
        }
        let rest = block.stmts.iter().filter(|statement| !matches!(statement, Stmt::Item(_)));
        rest.for_each(|statement| self.visit_stmt(statement));
        self.at.module = outer;
    }
}

/// The imports of a `use`, behind a prefix.
pub(in crate::scaffold) fn imports(
    tree: &UseTree,
    prefix: &mut Vec<String>,
    into: &mut Vec<Import>,
) {
    let path = |prefix: &[String], last: &syn::Ident| match last.to_string().as_str() {
        "self" => prefix.to_vec(),
        _ => [prefix, &[plain_ident(last)]].concat(),
    };
    match tree {
        UseTree::Path(tree) => {
            prefix.push(plain_ident(&tree.ident));
            imports(&tree.tree, prefix, into);
            prefix.pop();
        }
        UseTree::Name(tree) => {
            let path = path(prefix, &tree.ident);
            into.push(Import::new(path.last().cloned(), path));
        }
        UseTree::Rename(tree) => {
            let name = Some(plain_ident(&tree.rename)).filter(|name| name != "_");
            let path = path(prefix, &tree.ident);
            into.extend(name.map(|name| Import::new(Some(name), path)));
        }
        UseTree::Glob(_) => into.push(Import::new(None, prefix.clone())),
        UseTree::Group(tree) => tree.items.iter().for_each(|tree| imports(tree, prefix, into)),
    }
}

fn plain_ident(ident: &syn::Ident) -> String {
    ident.unraw().to_string()
}

/// A path without `..` behind a folder, if it is the same without.
fn plain_path(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match (part, plain.components().next_back()) {
            (Component::ParentDir, Some(Component::Normal(_))) => drop(plain.pop()),
            _ => plain.push(part),
        }
    }
    let is_same = plain.canonicalize().ok() == path.canonicalize().ok();
    if is_same { plain } else { path.to_owned() }
}

/// The path in `#[path = "…"]`.
fn path_of(attribute: &syn::Attribute) -> Option<String> {
    let syn::Meta::NameValue(meta) = &attribute.meta else { return None };
    match &meta.value {
        syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. })
            if meta.path.is_ident("path") =>
        {
            Some(text.value())
        }
        _ => None,
    }
}

/// `#[cfg(test)]`
fn is_cfg_test(attribute: &syn::Attribute) -> bool {
    let syn::Meta::List(list) = &attribute.meta else { return false };
    list.path.is_ident("cfg") && list.tokens.to_string() == "test"
}

/// `#[cfg_attr(unix, path = "unix.rs")]`
fn has_conditional_path(attribute: &syn::Attribute) -> bool {
    let syn::Meta::List(list) = &attribute.meta else { return false };
    let is_path = |it: TokenTree| matches!(it, TokenTree::Ident(name) if name == "path");
    list.path.is_ident("cfg_attr") && list.tokens.clone().into_iter().any(is_path)
}

/// The text of all strings in some tokens, in groups, too, but for the name of a variable.
fn text_in(tokens: TokenStream) -> String {
    let texts = tokens.into_iter().map(|token| match token {
        TokenTree::Group(group) => text_in(group.stream()),
        TokenTree::Literal(literal) => {
            let text = syn::parse_str::<syn::LitStr>(&literal.to_string());
            text.map(|text| text.value()).unwrap_or_default()
        }
        _ => String::new(),
    });
    texts.filter(|text| text != "OUT_DIR").collect()
}
