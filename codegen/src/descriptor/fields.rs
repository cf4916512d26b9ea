//! What is in a message, for the matchers of mocks.

use prost_types::{
    DescriptorProto, FieldDescriptorProto,
    field_descriptor_proto::{Label, Type},
};

use super::lower::map_entry;
use crate::{
    diagnostics::Location,
    model::{Field, Message, Oneof, Scalar, Shape, Value},
    names::ident::upper_camel,
};

/// The fields and oneofs of a message, whose full name has a leading dot.
pub(super) fn message(message: &DescriptorProto, full_name: &str, location: Location) -> Message {
    let fields = message.field.iter().map(|field| Field {
        name: field.name().to_owned(),
        shape: shape(message, field, full_name),
        oneof: oneof(field),
    });
    let oneofs = message.oneof_decl.iter().map(|oneof| Oneof {
        name: oneof.name().to_owned(),
        is_taken: nested_names(message).any(|name| upper_camel(name) == upper_camel(oneof.name())),
    });
    Message { fields: fields.collect(), oneofs: oneofs.collect(), location }
}

/// The oneof of a field that is in one; what makes a field optional in proto3 is none.
fn oneof(field: &FieldDescriptorProto) -> Option<usize> {
    let index = field.oneof_index.filter(|_| !field.proto3_optional())?;
    usize::try_from(index).ok()
}

fn nested_names(message: &DescriptorProto) -> impl Iterator<Item = &str> {
    let messages = message.nested_type.iter().map(DescriptorProto::name);
    messages.chain(message.enum_type.iter().map(prost_types::EnumDescriptorProto::name))
}

fn shape(message: &DescriptorProto, field: &FieldDescriptorProto, full_name: &str) -> Shape {
    if let Some(entry) = map_entry(message, field, full_name)
        && let [key, value] = entry.field.as_slice()
    {
        return Shape::Map(self::value(key), self::value(value));
    }
    match field.label() {
        Label::Repeated => Shape::Repeated(value(field)),
        Label::Optional | Label::Required => Shape::Single(value(field)),
    }
}

fn value(field: &FieldDescriptorProto) -> Value {
    Value::Scalar(match field.r#type() {
        Type::Enum => return Value::Enum(field.type_name().to_owned()),
        Type::Message | Type::Group => return Value::Message(field.type_name().to_owned()),
        Type::Bool => Scalar::Bool,
        Type::Int32 | Type::Sint32 | Type::Sfixed32 => Scalar::I32,
        Type::Int64 | Type::Sint64 | Type::Sfixed64 => Scalar::I64,
        Type::Uint32 | Type::Fixed32 => Scalar::U32,
        Type::Uint64 | Type::Fixed64 => Scalar::U64,
        Type::Float => Scalar::F32,
        Type::Double => Scalar::F64,
        Type::String => Scalar::String,
        Type::Bytes => Scalar::Bytes,
    })
}
