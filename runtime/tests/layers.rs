//! Keeps the invariants of ARCHITECTURE.md by reading the sources of the runtime.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use syn::{Attribute, Item, TraitItem};

/// Associated types that mean the same in several traits.
const SHARED_ASSOCIATED_TYPES: &[&str] = &["Future"];

#[test]
fn no_two_types_have_the_same_name() {
    let sources = sources();
    let mut places = BTreeMap::<_, BTreeSet<_>>::new();
    for Source { path, items } in &sources {
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
