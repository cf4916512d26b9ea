//! Oneofs: a field of the message, and an enum in its module.

use super::{
    Context, Debug, Derives,
    enums::allow_names,
    fields::{single_type, value_tag},
    redaction,
};
use crate::{
    docs::Docs,
    emit::code::Code,
    model::{Message, Shape},
};

/// ```text
/// #[prost(oneof = "order::Payment", tags = "3, 4")]
/// pub payment: ::core::option::Option<order::Payment>,
/// ```
pub(super) fn field(code: &mut Code, cx: &Context, (message, index): (&Message, usize)) {
    let oneof = &message.oneofs[index];
    let names = cx.paths().message(message);
    let path = cx.paths().oneof(&names.scope, message, index);
    let numbers = message.fields_of(index).map(|field| field.number.to_string());
    let numbers = numbers.collect::<Vec<_>>().join(", ");
    cx.docs(code, &oneof.docs, &format!("{}.{}", message.full_name, oneof.name));
    code.line(format_args!("#[prost(oneof = \"{path}\", tags = \"{numbers}\")]"));
    cx.field_attributes(code, &message.full_name, &oneof.name);
    code.line(format_args!("pub {}: ::core::option::Option<{path}>,", names.oneofs[index].field));
}

/// ```text
/// #[derive(Clone, PartialEq, ::rust_scaffold::prost::Oneof)]
/// #[prost(prost_path = "::rust_scaffold::prost")]
/// pub enum Payment {
///     #[prost(message, tag = "3")]
///     Card(super::Card),
/// }
/// ```
pub(super) fn enumeration(code: &mut Code, cx: &Context, (message, index): (&Message, usize)) {
    let oneof = &message.oneofs[index];
    let names = cx.paths().message(message);
    let full_name = format!("{}.{}", message.full_name, oneof.name);
    code.item();
    cx.docs(code, &Docs { detached: Vec::new(), ..oneof.docs.clone() }, &full_name);
    let mut fields = message.fields_of(index);
    let debug = match () {
        () if cx.skips_debug(&full_name) => Debug::None,
        () if fields.any(|field| redaction::hides(cx, field)) => Debug::Written,
        () => Debug::Prost,
    };
    let is_written = matches!(debug, Debug::Written);
    let derives = Derives {
        can_copy: message.fields_of(index).all(|field| cx.graph.can_copy_field(message, field)),
        can_eq: message.fields_of(index).all(|field| cx.graph.can_eq_field(message, field)),
        debug,
        kind: "Oneof",
    };
    cx.type_attributes(code, (&cx.options.enum_attribute, derives.derived()), &full_name);
    derives.write(code, cx);
    if cx.graph.has_large_field(message, index) {
        code.line(format_args!("#[allow(clippy::large_enum_variant)]"));
    }
    let ident = &names.oneofs[index].ident;
    let variants = message.fields.iter().zip(&names.fields);
    let variants = variants.filter(|(field, _)| field.oneof == Some(index));
    let variants = variants.map(|(_, name)| name.as_str()).collect::<Vec<_>>();
    allow_names(code, ident, &variants);
    code.block(format_args!("pub enum {ident}"), |code| {
        for (field, name) in message.fields.iter().zip(&names.fields) {
            let Shape::Single(value, _) = &field.shape else { continue };
            if field.oneof != Some(index) {
                continue;
            }
            cx.docs(code, &field.docs, &format!("{full_name}.{}", field.name));
            if field.deprecated {
                code.line(format_args!("#[deprecated]"));
            }
            let tag = value_tag(cx, value, &names.module);
            code.line(format_args!("#[prost({tag}, tag = \"{}\")]", field.number));
            cx.field_attributes(code, &full_name, &field.name);
            let rust = single_type(cx, value, (message, field), &names.module);
            code.line(format_args!("{name}({rust}),"));
        }
    });
    if is_written {
        redaction::debug_of_oneof(code, cx, (message, index));
    }
}
