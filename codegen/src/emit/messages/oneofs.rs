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
    model::{Field, Message, Oneof, Shape},
    names::{MessageNames, OneofNames, Scope},
};

/// A oneof, and the message that it is in.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    message: &'a Message,
    index: usize,
    facts: &'a Oneof,
    pub(super) names: &'a OneofNames,
    scope: &'a Scope,
    /// The module with its enum.
    pub(super) module: &'a Scope,
    field_names: &'a [String],
}

/// The oneofs of a message.
pub(super) fn of<'a>(cx: &'a Context, message: &'a Message) -> impl Iterator<Item = Place<'a>> {
    let MessageNames { oneofs, scope, module, fields, .. } = cx.paths().message(message);
    let pairs = message.oneofs.iter().zip(oneofs).enumerate();
    pairs.map(move |(index, (facts, names))| Place {
        message,
        index,
        facts,
        names,
        scope,
        module,
        field_names: fields,
    })
}

impl<'a> Place<'a> {
    fn full_name(&self) -> String {
        format!("{}.{}", self.message.full_name, self.facts.name)
    }

    /// Its enum, as the message sees it.
    pub(super) fn path(&self, cx: &Context) -> String {
        cx.paths().oneof(self.scope, self.message, self.index)
    }

    /// Its fields, and what their variants are called.
    pub(super) fn variants(&self) -> impl Iterator<Item = (&'a Field, &'a str)> {
        let Self { message, index, field_names, .. } = *self;
        let fields = message.fields.iter().zip(field_names);
        let fields = fields.filter(move |(field, _)| field.oneof == Some(index));
        fields.map(|(field, name)| (field, name.as_str()))
    }
}

/// ```text
/// #[prost(oneof = "order::Payment", tags = "3, 4")]
/// pub payment: ::core::option::Option<order::Payment>,
/// ```
pub(super) fn field(code: &mut Code, cx: &Context, oneof: &Place) {
    let path = oneof.path(cx);
    let numbers = oneof.variants().map(|(field, _)| field.number.to_string());
    let numbers = numbers.collect::<Vec<_>>().join(", ");
    cx.docs(code, &oneof.facts.docs, &oneof.full_name());
    code.line(format_args!("#[prost(oneof = \"{path}\", tags = \"{numbers}\")]"));
    cx.field_attributes(code, &oneof.message.full_name, &oneof.facts.name);
    code.line(format_args!("pub {}: ::core::option::Option<{path}>,", oneof.names.field));
}

/// ```text
/// #[derive(Clone, PartialEq, ::rust_scaffold::prost::Oneof)]
/// #[prost(prost_path = "::rust_scaffold::prost")]
/// pub enum Payment {
///     #[prost(message, tag = "3")]
///     Card(super::Card),
/// }
/// ```
pub(super) fn enumeration(code: &mut Code, cx: &Context, oneof: &Place) {
    let (message, full_name) = (oneof.message, oneof.full_name());
    code.item();
    cx.docs(code, &Docs { detached: Vec::new(), ..oneof.facts.docs.clone() }, &full_name);
    let fields = || oneof.variants().map(|(field, _)| field);
    let debug = match () {
        () if cx.skips_debug(&full_name) => Debug::None,
        () if fields().any(|field| redaction::hides(cx, field)) => Debug::Written,
        () => Debug::Prost,
    };
    let is_written = matches!(debug, Debug::Written);
    let derives = Derives {
        can_copy: fields().all(|field| cx.graph.can_copy_field(message, field)),
        can_eq: fields().all(|field| cx.graph.can_eq_field(message, field)),
        debug,
        kind: "Oneof",
    };
    cx.type_attributes(code, (&cx.options.enum_attribute, derives.derived()), &full_name);
    derives.write(code, cx);
    if cx.graph.has_large_field(message, oneof.index) {
        code.line(format_args!("#[allow(clippy::large_enum_variant)]"));
    }
    let ident = &oneof.names.ident;
    let variants = oneof.variants().map(|(_, name)| name).collect::<Vec<_>>();
    allow_names(code, ident, &variants);
    code.block(format_args!("pub enum {ident}"), |code| {
        for (field, name) in oneof.variants() {
            let Shape::Single(value, _) = &field.shape else { continue };
            cx.docs(code, &field.docs, &format!("{full_name}.{}", field.name));
            if field.deprecated {
                code.line(format_args!("#[deprecated]"));
            }
            let tag = value_tag(cx, value, oneof.module);
            code.line(format_args!("#[prost({tag}, tag = \"{}\")]", field.number));
            cx.field_attributes(code, &full_name, &field.name);
            let rust = single_type(cx, value, (message, field), oneof.module);
            code.line(format_args!("{name}({rust}),"));
        }
    });
    if is_written {
        redaction::debug_of_oneof(code, cx, oneof);
    }
}
