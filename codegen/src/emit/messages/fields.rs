//! The fields of a message, and what they are in Rust.

use super::{Context, default};
use crate::{
    emit::code::Code,
    model::{Field, Framing, Message, Packing, Presence, Scalar, Shape, Value},
    names::Scope,
};

/// ```text
/// /// What it costs.
/// #[prost(int32, optional, tag = "2")]
/// pub price: ::core::option::Option<i32>,
/// ```
pub(super) fn field(
    code: &mut Code,
    cx: &Context,
    (message, field, name): (&Message, &Field, &str),
) {
    cx.docs(code, &field.docs, &format!("{}.{}", message.full_name, field.name));
    if field.deprecated {
        code.line(format_args!("#[deprecated]"));
    }
    let scope = &cx.paths().message(message).scope;
    let tag = tag(cx, (message, field), scope);
    let default = default::attribute(cx, field);
    code.line(format_args!("#[prost({tag}, tag = \"{}\"{default})]", field.number));
    cx.field_attributes(code, &message.full_name, &field.name);
    let rust = rust_type(cx, (message, field), scope);
    code.line(format_args!("pub {name}: {rust},"));
}

/// `int32, optional`, `message, repeated` or `map = "string, int32"`
fn tag(cx: &Context, (message, field): (&Message, &Field), scope: &Scope) -> String {
    let boxed = if cx.graph.is_boxed(message, field) { ", boxed" } else { "" };
    match &field.shape {
        Shape::Single(value, _) => {
            let label = match presence(cx, message, field) {
                Presence::Implicit => "",
                Presence::Explicit => ", optional",
                Presence::Required => ", required",
            };
            format!("{}{label}{boxed}", field_tag(cx, value, (message, field), scope))
        }
        Shape::Repeated(value, packing) => {
            let packed = if *packing == Packing::Expanded { ", packed = \"false\"" } else { "" };
            format!("{}, repeated{packed}", field_tag(cx, value, (message, field), scope))
        }
        Shape::Map(key, value) => {
            let map = if is_btree_map(cx, message, field) { "btree_map" } else { "map" };
            let value = match value {
                Value::Enum(name) => format!("enumeration({})", cx.path(scope, name)),
                value => value_tag(cx, value, scope),
            };
            format!("{map} = \"{}, {value}\"", value_tag(cx, key, scope))
        }
    }
}

fn field_tag(
    cx: &Context,
    value: &Value,
    (message, field): (&Message, &Field),
    scope: &Scope,
) -> String {
    match value {
        Value::Scalar(Scalar::Bytes) => {
            let kind =
                if cx.is_set_for(&cx.options.bytes, message, field) { "bytes" } else { "vec" };
            format!("bytes = {kind:?}")
        }
        value => value_tag(cx, value, scope),
    }
}

/// What prost calls a type: `int32`, `message` or `enumeration = "Colour"`.
pub(super) fn value_tag(cx: &Context, value: &Value, scope: &Scope) -> String {
    let tag = match value {
        Value::Enum(name) => return format!("enumeration = {:?}", cx.path(scope, name)),
        Value::Message(_, Framing::Length) => "message",
        Value::Message(_, Framing::Delimited) => "group",
        Value::Scalar(scalar) => match scalar {
            Scalar::Bool => "bool",
            Scalar::Int32 => "int32",
            Scalar::Sint32 => "sint32",
            Scalar::Sfixed32 => "sfixed32",
            Scalar::Int64 => "int64",
            Scalar::Sint64 => "sint64",
            Scalar::Sfixed64 => "sfixed64",
            Scalar::Uint32 => "uint32",
            Scalar::Fixed32 => "fixed32",
            Scalar::Uint64 => "uint64",
            Scalar::Fixed64 => "fixed64",
            Scalar::Float => "float",
            Scalar::Double => "double",
            Scalar::String => "string",
            Scalar::Bytes => "bytes",
        },
    };
    tag.to_owned()
}

/// `::core::option::Option<i32>`
pub(super) fn rust_type(
    cx: &Context,
    (message, field): (&Message, &Field),
    scope: &Scope,
) -> String {
    let alloc = format!("{}::alloc", cx.prost());
    match &field.shape {
        Shape::Single(value, _) => {
            let value = single_type(cx, value, (message, field), scope);
            match presence(cx, message, field) {
                Presence::Explicit => format!("::core::option::Option<{value}>"),
                Presence::Implicit | Presence::Required => value,
            }
        }
        Shape::Repeated(value, _) => {
            format!("{alloc}::vec::Vec<{}>", value_type(cx, value, (message, field), scope))
        }
        Shape::Map(key, value) => {
            let [key, value] = [key, value].map(|it| value_type(cx, it, (message, field), scope));
            match is_btree_map(cx, message, field) {
                true => format!("{alloc}::collections::BTreeMap<{key}, {value}>"),
                false => format!("::std::collections::HashMap<{key}, {value}>"),
            }
        }
    }
}

/// One value, in a `Box` if it has to be in one.
pub(super) fn single_type(
    cx: &Context,
    value: &Value,
    (message, field): (&Message, &Field),
    scope: &Scope,
) -> String {
    let value = value_type(cx, value, (message, field), scope);
    match cx.graph.is_boxed(message, field) {
        true => format!("{}::alloc::boxed::Box<{value}>", cx.prost()),
        false => value,
    }
}

fn value_type(
    cx: &Context,
    value: &Value,
    (message, field): (&Message, &Field),
    scope: &Scope,
) -> String {
    let rust = match value {
        Value::Enum(_) => "i32",
        Value::Message(name, _) => return cx.path(scope, name),
        Value::Scalar(scalar) => match scalar {
            Scalar::Bool => "bool",
            Scalar::Int32 | Scalar::Sint32 | Scalar::Sfixed32 => "i32",
            Scalar::Int64 | Scalar::Sint64 | Scalar::Sfixed64 => "i64",
            Scalar::Uint32 | Scalar::Fixed32 => "u32",
            Scalar::Uint64 | Scalar::Fixed64 => "u64",
            Scalar::Float => "f32",
            Scalar::Double => "f64",
            Scalar::String => return format!("{}::alloc::string::String", cx.prost()),
            Scalar::Bytes if cx.is_set_for(&cx.options.bytes, message, field) => {
                return format!("{}::bytes::Bytes", cx.prost());
            }
            Scalar::Bytes => return format!("{}::alloc::vec::Vec<u8>", cx.prost()),
        },
    };
    rust.to_owned()
}

/// A message that has to be there and has to hold itself could not even be made: what holds it
/// is optional.
pub(super) fn presence(cx: &Context, message: &Message, field: &Field) -> Presence {
    match field.shape {
        Shape::Single(_, Presence::Required) if cx.graph.is_required_cycle(message, field) => {
            Presence::Explicit
        }
        Shape::Single(_, presence) => presence,
        Shape::Repeated(..) | Shape::Map(..) => Presence::Implicit,
    }
}

fn is_btree_map(cx: &Context, message: &Message, field: &Field) -> bool {
    cx.is_set_for(&cx.options.btree_map, message, field)
}
