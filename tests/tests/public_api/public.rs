//! Which items of a crate are public: in public modules, or exported again by them.

use syn::{Attribute, Item, ItemUse, UseTree, Visibility};

use crate::sources::{Module, attributes, is_hidden};

/// An item that users can name.
pub(crate) struct PublicItem {
    /// The path of the module in which users find it.
    pub(crate) path: String,
    /// Its name there.
    pub(crate) name: String,
    /// The conditions under which it is exported.
    pub(crate) cfgs: Vec<Attribute>,
    pub(crate) item: Item,
}

/// The public items of the crate `name`, by path.
pub(crate) fn public_items(root: &Module, name: &str) -> Vec<PublicItem> {
    let mut search = Search { root, found: Vec::new() };
    search.module(&[], name);
    search.found.sort_by(|one, other| (&one.path, &one.name).cmp(&(&other.path, &other.name)));
    search.found
}

struct Search<'a> {
    root: &'a Module,
    found: Vec<PublicItem>,
}

impl<'a> Search<'a> {
    /// Finds what is public in the module with the `segments`, which users call `path`.
    fn module(&mut self, segments: &[String], path: &str) {
        for item in &self.at(segments).items {
            if is_hidden(attributes(item)) {
                continue;
            }
            match item {
                Item::Use(it) if is_public(&it.vis) => self.exports(it, segments, path),
                Item::Mod(it) if is_public(&it.vis) => {
                    let name = it.ident.to_string();
                    self.module(&joined(segments, &name), &format!("{path}::{name}"));
                }
                _ => {
                    if let Some(name) = public_name(item) {
                        self.add(path, name, item.clone());
                    }
                }
            }
        }
    }

    fn add(&mut self, path: &str, name: String, item: Item) {
        self.found.push(PublicItem { path: path.to_owned(), name, cfgs: Vec::new(), item });
    }

    /// Finds what `exports` makes public.
    fn exports(&mut self, exports: &ItemUse, segments: &[String], path: &str) {
        let cfgs: Vec<_> =
            exports.attrs.iter().filter(|it| it.path().is_ident("cfg")).cloned().collect();
        for (mut target, name) in flattened(&exports.tree) {
            if name == "self" {
                target.pop();
                let (name, parents) = target.split_last().unwrap();
                let target = joined(&self.local(segments, parents).unwrap(), name);
                self.module(&target, &format!("{path}::{name}"));
                continue;
            }
            match self.local(segments, &target) {
                Some(target) => {
                    self.found.extend(self.resolve(&target).into_iter().map(|item| PublicItem {
                        path: path.to_owned(),
                        name: name.clone(),
                        cfgs: cfgs.clone(),
                        item,
                    }));
                }
                None => {
                    let mut export = exports.clone();
                    export.tree = syn::parse_str(&target.join("::")).unwrap();
                    self.add(path, name, Item::Use(export));
                }
            }
        }
    }

    /// The path from the root, if `target` is in this crate.
    fn local(&self, segments: &[String], target: &[String]) -> Option<Vec<String>> {
        let (first, rest) = target.split_first()?;
        let base = match first.as_str() {
            "crate" => &[],
            "self" => segments,
            "super" => &segments[..segments.len() - 1],
            child if self.at(segments).children.contains_key(child) => {
                return Some([segments, target].concat());
            }
            _ => return None,
        };
        Some([base, rest].concat())
    }

    /// The items at `target`, which may be exports themselves.
    fn resolve(&self, target: &[String]) -> Vec<Item> {
        let (name, segments) = target.split_last().unwrap();
        let mut items = Vec::new();
        for item in &self.at(segments).items {
            if let Item::Use(exports) = item {
                let same = flattened(&exports.tree).into_iter().filter(|(_, it)| it == name);
                let local = same.filter_map(|(target, _)| self.local(segments, &target));
                items.extend(local.flat_map(|target| self.resolve(&target)));
            } else if declared_name(item).is_some_and(|it| it == *name) {
                items.push(item.clone());
            }
        }
        assert!(!items.is_empty(), "nothing is found at {}", target.join("::"));
        items
    }

    fn at(&self, segments: &[String]) -> &'a Module {
        segments.iter().fold(self.root, |module, segment| {
            module.children.get(segment).unwrap_or_else(|| panic!("there is no {segments:?}"))
        })
    }
}

fn joined(segments: &[String], name: &str) -> Vec<String> {
    segments.iter().cloned().chain([name.to_owned()]).collect()
}

/// The paths that a `use` imports, each with the name that it gives to the item.
fn flattened(tree: &UseTree) -> Vec<(Vec<String>, String)> {
    match tree {
        UseTree::Path(path) => {
            let prefix = path.ident.to_string();
            let mut paths = flattened(&path.tree);
            paths.iter_mut().for_each(|(path, _)| path.insert(0, prefix.clone()));
            paths
        }
        UseTree::Name(name) => vec![(vec![name.ident.to_string()], name.ident.to_string())],
        UseTree::Rename(name) => vec![(vec![name.ident.to_string()], name.rename.to_string())],
        UseTree::Group(group) => group.items.iter().flat_map(flattened).collect(),
        UseTree::Glob(_) => panic!("this test does not look into globs: name the items"),
    }
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

fn public_name(item: &Item) -> Option<String> {
    let visibility = match item {
        Item::Const(it) => &it.vis,
        Item::Enum(it) => &it.vis,
        Item::Fn(it) => &it.vis,
        Item::Static(it) => &it.vis,
        Item::Struct(it) => &it.vis,
        Item::Trait(it) => &it.vis,
        Item::Type(it) => &it.vis,
        Item::Macro(it) => {
            let is_exported = it.attrs.iter().any(|it| it.path().is_ident("macro_export"));
            return declared_name(item).filter(|_| is_exported);
        }
        _ => return None,
    };
    declared_name(item).filter(|_| is_public(visibility))
}

fn declared_name(item: &Item) -> Option<String> {
    Some(match item {
        Item::Const(it) => it.ident.to_string(),
        Item::Enum(it) => it.ident.to_string(),
        Item::Fn(it) => it.sig.ident.to_string(),
        Item::Macro(it) => it.ident.as_ref()?.to_string(),
        Item::Static(it) => it.ident.to_string(),
        Item::Struct(it) => it.ident.to_string(),
        Item::Trait(it) => it.ident.to_string(),
        Item::Type(it) => it.ident.to_string(),
        _ => return None,
    })
}
