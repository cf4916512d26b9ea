//! Items without what users do not see: docs, private fields and bodies.

use syn::{
    Attribute, Block, Field, Fields, FieldsNamed, FnArg, ImplItem, Item, ItemImpl, Pat, Signature,
    Token, TraitItem, Visibility, parse_quote, punctuated::Punctuated,
};

use crate::sources::{is_hidden, is_public};

/// The attributes that users have to know of.
const SHOWN: [&str; 5] = ["cfg", "deprecated", "derive", "must_use", "non_exhaustive"];

/// A public item, which is exported under the conditions `cfgs`.
pub(crate) fn item_stub(cfgs: &[Attribute], item: &Item) -> Item {
    let mut item = item.clone();
    let attributes = match &mut item {
        Item::Const(it) => &mut it.attrs,
        Item::Enum(it) => {
            it.variants.iter_mut().for_each(|variant| {
                keep_shown(&mut variant.attrs);
                without_private(&mut variant.fields, |_| true);
            });
            &mut it.attrs
        }
        Item::Fn(it) => {
            *it.block = nothing();
            without_mut(&mut it.sig);
            &mut it.attrs
        }
        Item::Macro(it) => &mut it.attrs,
        Item::Static(it) => &mut it.attrs,
        Item::Struct(it) => {
            without_private(&mut it.fields, |field| matches!(field.vis, Visibility::Public(_)));
            &mut it.attrs
        }
        Item::Trait(it) => {
            it.items.retain_mut(is_shown_in_trait);
            &mut it.attrs
        }
        Item::Type(it) => &mut it.attrs,
        Item::Use(it) => &mut it.attrs,
        other => panic!("this test knows no such items: {}", print(other.clone())),
    };
    keep_shown(attributes);
    attributes.splice(0..0, cfgs.iter().cloned());
    item
}

/// What users see of an impl, if anything.
pub(crate) fn impl_stub(implementation: &ItemImpl) -> Option<ItemImpl> {
    let mut stub = implementation.clone();
    if is_hidden(&stub.attrs) {
        return None;
    }
    keep_shown(&mut stub.attrs);
    match stub.trait_ {
        Some(_) => stub.items.retain(|item| matches!(item, ImplItem::Type(_))),
        None => stub.items.retain(is_public),
    }
    for item in &mut stub.items {
        match item {
            ImplItem::Const(it) => keep_shown(&mut it.attrs),
            ImplItem::Fn(it) => {
                keep_shown(&mut it.attrs);
                it.block = nothing();
                without_mut(&mut it.sig);
            }
            ImplItem::Type(it) => keep_shown(&mut it.attrs),
            _ => {}
        }
    }
    (stub.trait_.is_some() || !stub.items.is_empty()).then_some(stub)
}

/// Its items in the order of their names, which is not that of the sources.
pub(crate) fn sorted(mut implementation: ItemImpl) -> ItemImpl {
    implementation.items.sort_by_key(|item| match item {
        ImplItem::Const(it) => it.ident.to_string(),
        ImplItem::Fn(it) => it.sig.ident.to_string(),
        ImplItem::Type(it) => it.ident.to_string(),
        _ => String::new(),
    });
    implementation
}

pub(crate) fn print(item: Item) -> String {
    prettyplease::unparse(&syn::File { shebang: None, attrs: Vec::new(), items: vec![item] })
}

/// Whether a function changes what it owns is its own affair.
fn without_mut(signature: &mut Signature) {
    for input in &mut signature.inputs {
        match input {
            FnArg::Receiver(it) if it.reference.is_none() => it.mutability = None,
            FnArg::Receiver(_) => {}
            FnArg::Typed(it) => {
                if let Pat::Ident(it) = &mut *it.pat {
                    it.mutability = None;
                }
            }
        }
    }
}

fn is_shown_in_trait(item: &mut TraitItem) -> bool {
    let attributes = match item {
        TraitItem::Const(it) => &mut it.attrs,
        TraitItem::Fn(it) => {
            // What is left says that the method is provided.
            if let Some(body) = &mut it.default {
                *body = nothing();
            }
            &mut it.attrs
        }
        TraitItem::Type(it) => &mut it.attrs,
        _ => return true,
    };
    let is_shown = !is_hidden(attributes);
    keep_shown(attributes);
    is_shown
}

fn keep_shown(attributes: &mut Vec<Attribute>) {
    attributes.retain(|attribute| SHOWN.iter().any(|name| attribute.path().is_ident(name)));
}

/// Shows private fields as `_`: that there are some decides what users can construct and match.
fn without_private(fields: &mut Fields, is_public: impl Fn(&Field) -> bool) {
    match fields {
        Fields::Named(fields) => {
            let all = std::mem::take(&mut fields.named).into_iter();
            let (public, private): (Vec<_>, Vec<_>) = all.partition(is_public);
            let hidden: FieldsNamed = parse_quote!({ __private: _ });
            let hidden = hidden.named.into_iter().filter(|_| !private.is_empty());
            fields.named = public.into_iter().chain(hidden).collect::<Punctuated<_, Token![,]>>();
        }
        Fields::Unnamed(fields) => fields.unnamed.iter_mut().for_each(|field| {
            if !is_public(field) {
                field.ty = parse_quote!(_);
                field.vis = Visibility::Inherited;
            }
        }),
        Fields::Unit => {}
    }
    fields.iter_mut().for_each(|field| keep_shown(&mut field.attrs));
}

fn nothing() -> Block {
    parse_quote!({})
}
