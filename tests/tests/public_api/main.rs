//! The public API of both packages, as goldens: whoever changes it sees it in the diff. `BLESS=1` accepts
//! what came out.
//!
//! It is read from the sources, so it needs no other toolchain, and lacks what macros implement and the
//! auto traits.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod public;
mod sources;
mod stubs;

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fs,
    path::Path,
};

use syn::{Item, ItemImpl};

use self::{
    public::{PublicItem, public_items},
    sources::Module,
    stubs::{impl_stub, item_stub, print, sorted},
};

#[test]
fn the_runtime_has_the_api_that_was_accepted() {
    compare("runtime", "rust_scaffold");
}

#[test]
fn the_generator_has_the_api_that_was_accepted() {
    compare("codegen", "rust_scaffold_build");
}

fn compare(directory: &str, name: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let api = api(&root.join("..").join(directory).join("src"), name);
    let golden = root.join("public_api").join(format!("{name}.txt"));
    if std::env::var_os("BLESS").is_some() {
        fs::write(&golden, &api).unwrap();
    }
    let accepted = fs::read_to_string(&golden).unwrap_or_default();
    let changes: Vec<_> = changed_lines(&accepted, &api).collect();
    assert!(
        accepted == api,
        "the public API has changed, or its order:\n{}\nIf that is what you meant, say so in CHANGELOG.md, and: BLESS=1 \
         cargo test -p rust-scaffold-tests --test public_api",
        changes.join("\n")
    );
}

/// The lines that one of the two has more often than the other.
fn changed_lines<'a>(old: &'a str, new: &'a str) -> impl Iterator<Item = String> + 'a {
    let mut counts = BTreeMap::<_, i32>::new();
    old.lines().for_each(|line| *counts.entry(line).or_default() -= 1);
    new.lines().for_each(|line| *counts.entry(line).or_default() += 1);
    counts.into_iter().filter(|(_, count)| *count != 0).map(|(line, count)| {
        let sign = if count > 0 { "+" } else { "-" };
        format!("{sign} {line}")
    })
}

/// The API of the crate `name` whose sources are in `directory`, each item with what implements it.
fn api(directory: &Path, name: &str) -> String {
    let root = Module::of_crate(directory);
    let items = public_items(&root, name);
    let mut implementations = implementations(&root, &items);
    let mut api = String::new();
    for PublicItem { path, name, cfgs, item } in &items {
        api.push_str(&format!("// {path}::{name}\n"));
        api.push_str(&print(item_stub(cfgs, item)));
        let found = implementations.remove(name.as_str()).unwrap_or_default().into_values();
        api.extend(found.map(|implementation| print(Item::Impl(sorted(implementation)))));
        api.push('\n');
    }
    api
}

/// Impls by their heads. Those with the same one are a single impl here, wherever they are in the sources.
type ImplsByHead = BTreeMap<String, ItemImpl>;

/// The impls of the crate that users see, by the public item that they belong to.
fn implementations<'a>(root: &Module, items: &'a [PublicItem]) -> BTreeMap<&'a str, ImplsByHead> {
    let mut declared = Vec::new();
    root.each(&mut |item| declared.extend(sources::type_name(item)));
    let is_private =
        |name: &String| declared.contains(name) && items.iter().all(|item| item.name != *name);
    let mut found = BTreeMap::<&str, ImplsByHead>::new();
    root.each(&mut |item| {
        let Item::Impl(implementation) = item else { return };
        let names = sources::names_of_impl(implementation);
        let Some(stub) = impl_stub(implementation) else { return };
        if names.iter().take(2).any(is_private) {
            return;
        }
        let owner = names.iter().find_map(|name| items.iter().find(|item| item.name == *name));
        if let Some(owner) = owner {
            let head = print(Item::Impl(ItemImpl { items: Vec::new(), ..stub.clone() }));
            match found.entry(&owner.name).or_default().entry(head) {
                Entry::Occupied(mut same) => same.get_mut().items.extend(stub.items),
                Entry::Vacant(new) => drop(new.insert(stub)),
            }
        }
    });
    found
}
