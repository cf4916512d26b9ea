//! Enums.

use super::{Context, allow_acronyms};
use crate::{emit::code::Code, model::Enum, options::Derived};

/// ```text
/// #[derive(Clone, Copy, Debug, …, ::rust_scaffold::prost::Enumeration)]
/// #[prost(prost_path = "::rust_scaffold::prost")]
/// #[repr(i32)]
/// pub enum Size {
///     Unspecified = 0,
///     Large = 1,
/// }
///
/// impl Size {
///     …
/// }
/// ```
pub(super) fn enumeration(code: &mut Code, cx: &Context, it: &Enum) {
    let names = cx.paths().enumeration(it);
    code.item();
    cx.docs(code, &it.docs, &it.full_name);
    let debug = (!cx.skips_debug(&it.full_name)).then_some("Debug");
    let derives = ["Clone", "Copy"].into_iter().chain(debug);
    let derives = derives.chain(["PartialEq", "Eq", "Hash", "PartialOrd", "Ord"]);
    let derived = Derived::new(derives.clone().chain(["Default"]));
    cx.type_attributes(code, (&cx.options.enum_attribute, derived), &it.full_name);
    let derives = derives.collect::<Vec<_>>().join(", ");
    code.line(format_args!("#[derive({derives}, {}::Enumeration)]", cx.prost()));
    cx.prost_path(code);
    code.line(format_args!("#[repr(i32)]"));
    allow_names(code, &names.ident, &own_variants(it, &names.values));
    code.block(format_args!("pub enum {}", names.ident), |code| {
        for (value, name) in it.values.iter().zip(&names.values) {
            if value.alias_of.is_none() {
                cx.docs(code, &value.docs, &format!("{}.{}", it.full_name, value.name));
                cx.field_attributes(code, &it.full_name, &value.name);
                if value.deprecated {
                    code.line(format_args!("#[deprecated]"));
                }
                code.line(format_args!("{name} = {},", value.number));
            }
        }
    });
    code.item();
    if names.ident.replace('_', "").eq_ignore_ascii_case("FromStrName") {
        code.line(format_args!("#[allow(clippy::self_named_constructors)]"));
    }
    code.block(format_args!("impl {}", names.ident), |code| {
        aliases(code, cx, it);
        as_str_name(code, it, &names.values);
        from_str_name(code, it, &names.values);
    });
}

/// The variants: aliases are constants.
fn own_variants<'a>(it: &Enum, names: &'a [String]) -> Vec<&'a str> {
    let values = it.values.iter().zip(names);
    values.filter(|(value, _)| value.alias_of.is_none()).map(|(_, name)| name.as_str()).collect()
}

/// What clippy is not to say about the names of an enum and its variants: they are what the proto
/// says.
pub(super) fn allow_names(code: &mut Code, ident: &str, variants: &[&str]) {
    if repeats_itself(ident, variants) {
        code.line(format_args!("#[allow(clippy::enum_variant_names)]"));
    }
    allow_acronyms(code, variants.iter().copied().chain([ident]));
}

/// Whether clippy would say that the variants repeat the name of the enum, or a word.
fn repeats_itself(ident: &str, variants: &[&str]) -> bool {
    let repeats_enum = variants.iter().any(|name| name.starts_with(ident) || name.ends_with(ident));
    let share = |word: fn(&str) -> Option<&str>| {
        let mut words = variants.iter().map(|name| word(name));
        let one = words.next();
        words.all(|word| Some(word) == one)
    };
    let repeat_word = share(first_word) || share(last_word);
    repeats_enum || (variants.len() > 2 && repeat_word)
}

/// Up to the second capital letter, if the first letter is one.
fn first_word(name: &str) -> Option<&str> {
    let end = name.char_indices().skip(1).find(|(_, letter)| letter.is_ascii_uppercase());
    name.get(..end.map_or(name.len(), |(at, _)| at))
}

/// From the last capital letter on.
fn last_word(name: &str) -> Option<&str> {
    name.get(name.rfind(|letter: char| letter.is_ascii_uppercase()).unwrap_or(0)..)
}

/// ```text
/// #[allow(non_upper_case_globals)]
/// pub const Big: Self = Self::Large;
/// ```
fn aliases(code: &mut Code, cx: &Context, it: &Enum) {
    let names = &cx.paths().enumeration(it).values;
    for (value, name) in it.values.iter().zip(names) {
        let Some(original) = value.alias_of else { continue };
        code.item();
        cx.docs(code, &value.docs, &format!("{}.{}", it.full_name, value.name));
        if value.deprecated {
            code.line(format_args!("#[deprecated]"));
        }
        code.line(format_args!("#[allow(deprecated, non_upper_case_globals)]"));
        let original = names.get(original).unwrap_or(name);
        code.line(format_args!("pub const {name}: Self = Self::{original};"));
        code.end_item();
    }
}

fn as_str_name(code: &mut Code, it: &Enum, names: &[String]) {
    code.item();
    code.docs(&[
        "The name of the value in the proto, which stays the same whatever it is called here.",
    ]);
    code.block(format_args!("pub fn as_str_name(&self) -> &'static str"), |code| {
        code.inner(format_args!("match self"), |code| {
            for (value, name) in it.values.iter().zip(names) {
                if value.alias_of.is_none() {
                    if value.deprecated {
                        code.line(format_args!("#[allow(deprecated)]"));
                    }
                    code.line(format_args!("Self::{name} => {:?},", value.name));
                }
            }
        });
    });
}

fn from_str_name(code: &mut Code, it: &Enum, names: &[String]) {
    code.item();
    code.docs(&["The value with this name in the proto, if there is one."]);
    let signature = "pub fn from_str_name(value: &str) -> ::core::option::Option<Self>";
    code.block(format_args!("{signature}"), |code| {
        code.inner(format_args!("match value"), |code| {
            for (value, name) in it.values.iter().zip(names) {
                let at = value.alias_of;
                let original = at.and_then(|at| it.values.get(at).zip(names.get(at)));
                let (original, name) = original.unwrap_or((value, name));
                let allow = if original.deprecated { "#[allow(deprecated)] " } else { "" };
                let proto = &value.name;
                code.line(format_args!("{proto:?} => Some({allow}Self::{name}),"));
            }
            code.line(format_args!("_ => None,"));
        });
    });
}
