//! The modules of a crate, with their items.

use std::{collections::BTreeMap, fs, path::Path};

use syn::{Attribute, GenericArgument, ImplItem, Item, ItemImpl, PathArguments, Type};

/// A module without its tests.
pub(crate) struct Module {
    pub(crate) items: Vec<Item>,
    pub(crate) children: BTreeMap<String, Module>,
}

impl Module {
    pub(crate) fn of_crate(directory: &Path) -> Self {
        Self::of_file(&directory.join("lib.rs"), directory)
    }

    /// The module in `file`, whose submodules are in `directory`.
    fn of_file(file: &Path, directory: &Path) -> Self {
        let text = fs::read_to_string(file).unwrap();
        Self::new(syn::parse_file(&text).unwrap().items, directory)
    }

    fn new(items: Vec<Item>, directory: &Path) -> Self {
        let mut children = BTreeMap::new();
        for item in &items {
            let Item::Mod(module) = item else { continue };
            if is_test(&module.attrs) {
                continue;
            }
            let name = module.ident.to_string();
            let inner = directory.join(&name);
            let child = match &module.content {
                Some((_, items)) => Self::new(items.clone(), &inner),
                None => {
                    let file = directory.join(format!("{name}.rs"));
                    let file = if file.exists() { file } else { inner.join("mod.rs") };
                    Self::of_file(&file, &inner)
                }
            };
            children.insert(name, child);
        }
        let items = items.into_iter().filter(|item| !is_test(attributes(item))).collect();
        Self { items, children }
    }

    /// Shows all items of this module and those in it.
    pub(crate) fn each(&self, look: &mut dyn FnMut(&Item)) {
        self.items.iter().for_each(&mut *look);
        self.children.values().for_each(|child| child.each(look));
    }
}

pub(crate) fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(it) => &it.attrs,
        Item::Enum(it) => &it.attrs,
        Item::Fn(it) => &it.attrs,
        Item::Impl(it) => &it.attrs,
        Item::Macro(it) => &it.attrs,
        Item::Mod(it) => &it.attrs,
        Item::Static(it) => &it.attrs,
        Item::Struct(it) => &it.attrs,
        Item::Trait(it) => &it.attrs,
        Item::Type(it) => &it.attrs,
        Item::Use(it) => &it.attrs,
        _ => &[],
    }
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Path>().is_ok_and(|condition| condition.is_ident("test"))
    })
}

/// The name of a type or trait.
pub(crate) fn type_name(item: &Item) -> Option<String> {
    match item {
        Item::Enum(it) => Some(it.ident.to_string()),
        Item::Struct(it) => Some(it.ident.to_string()),
        Item::Trait(it) => Some(it.ident.to_string()),
        Item::Type(it) => Some(it.ident.to_string()),
        _ => None,
    }
}

/// The names of the type that is implemented, of the trait, and of the trait's type arguments.
pub(crate) fn names_of_impl(implementation: &ItemImpl) -> Vec<String> {
    let of = |path: &syn::Path| path.segments.last().map(|last| last.ident.to_string());
    let mut names = vec![type_path(&implementation.self_ty).and_then(of).unwrap_or_default()];
    let Some((_, path, _)) = &implementation.trait_ else { return names };
    names.extend(of(path));
    if let Some(PathArguments::AngleBracketed(them)) = path.segments.last().map(|it| &it.arguments)
    {
        names.extend(them.args.iter().filter_map(|argument| match argument {
            GenericArgument::Type(argument) => type_path(argument).and_then(of),
            _ => None,
        }));
    }
    names
}

fn type_path(name: &Type) -> Option<&syn::Path> {
    match name {
        Type::Path(path) => Some(&path.path),
        Type::Reference(reference) => type_path(&reference.elem),
        _ => None,
    }
}

/// Whether users do not see it: it is not in the docs.
pub(crate) fn is_hidden(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("doc")
            && attribute.parse_args::<syn::Path>().is_ok_and(|it| it.is_ident("hidden"))
    })
}

pub(crate) fn is_public(item: &ImplItem) -> bool {
    let (visibility, attributes) = match item {
        ImplItem::Const(it) => (&it.vis, &it.attrs),
        ImplItem::Fn(it) => (&it.vis, &it.attrs),
        ImplItem::Type(it) => (&it.vis, &it.attrs),
        _ => return false,
    };
    matches!(visibility, syn::Visibility::Public(_)) && !is_hidden(attributes)
}
