//! Messages and enums, with the features of their edition resolved.

use std::collections::HashMap;

use super::{Lowering, Place, number};
#[cfg(feature = "cli")]
use crate::model::Reserved;
use crate::{
    descriptor::{
        features::Features,
        protos::{
            DescriptorProto, EnumDescriptorProto, EnumValueDescriptorProto, EnumValueOptions,
            FieldDescriptorProto, FieldOptions, MessageOptions, OneofDescriptorProto, OneofOptions,
            feature_set::{FieldPresence, MessageEncoding, RepeatedFieldEncoding},
            field_descriptor_proto::{Label, Type},
        },
    },
    diagnostics::{NOT_OF_PROTOC, Problem},
    model::{
        Enum, EnumValue, Field, Framing, Message, Oneof, Packing, Presence, Scalar, Shape, Value,
    },
};

/// What the fields of a message have to know of it.
struct Fields<'a> {
    message: &'a Place<'a>,
    /// The messages in it that stand for the entries of maps, by their full names.
    entries: Vec<(String, &'a DescriptorProto)>,
    /// The features and the position, if it has fields, of each oneof of the descriptor.
    oneofs: Vec<(Features, Option<usize>)>,
}

impl Lowering<'_> {
    pub(super) fn message(&mut self, message: &DescriptorProto, place: &Place) -> Message {
        let location = self.source.location(&place.path);
        let options = self.options::<MessageOptions>(message.options.as_deref(), &location);
        let features = place.features.with(options.features.as_ref());
        let full_name = place.full_name(message.name());
        let own = Place { scope: &full_name, path: place.path.clone(), features };

        let mut oneofs = Vec::new();
        let mut places = Vec::new();
        for (oneof, index) in message.oneof_decl.iter().zip(0..) {
            let has_fields = message.field.iter().any(|field| real_oneof(field) == Some(index));
            let (oneof, features) = self.oneof(oneof, &own.inner(number::ONEOF, index));
            places.push((features, has_fields.then_some(oneofs.len())));
            oneofs.extend(has_fields.then_some(oneof));
        }
        let mut entries = Vec::new();
        let mut messages = Vec::new();
        for (inner, index) in message.nested_type.iter().zip(0..) {
            if self.is_map_entry(inner) {
                entries.push((format!("{full_name}.{}", inner.name()), inner));
            } else {
                messages.push(self.message(inner, &own.inner(number::NESTED_MESSAGE, index)));
            }
        }
        let cx = Fields { message: &own, entries, oneofs: places };
        let fields = message.field.iter().zip(0..);
        let enums = message.enum_type.iter().zip(0..);
        Message {
            name: message.name().to_owned(),
            docs: self.source.docs(&place.path),
            fields: fields.map(|(field, index)| self.field(field, index, &cx)).collect(),
            oneofs,
            messages,
            enums: enums
                .map(|(it, index)| self.enumeration(it, &own.inner(number::NESTED_ENUM, index)))
                .collect(),
            #[cfg(feature = "cli")]
            reserved: Reserved {
                // The end of a message's range is exclusive, unlike that of an enum's.
                numbers: (message.reserved_range.iter())
                    .map(|range| (range.start(), range.end() - 1))
                    .collect(),
                names: message.reserved_name.clone(),
            },
            location,
            full_name: own.scope.to_owned(),
        }
    }

    fn is_map_entry(&mut self, message: &DescriptorProto) -> bool {
        // What is wrong with its options is said where the message itself is lowered.
        let options = message.options.as_deref().unwrap_or_default();
        <MessageOptions as prost::Message>::decode(options).is_ok_and(|it| it.map_entry())
    }

    fn oneof(&mut self, oneof: &OneofDescriptorProto, place: &Place) -> (Oneof, Features) {
        let location = self.source.location(&place.path);
        let options = self.options::<OneofOptions>(oneof.options.as_deref(), &location);
        let docs = self.source.docs(&place.path);
        let features = place.features.with(options.features.as_ref());
        (Oneof { name: oneof.name().to_owned(), docs, location }, features)
    }

    fn field(&mut self, field: &FieldDescriptorProto, index: i32, cx: &Fields) -> Field {
        let place = cx.message.inner(number::FIELD, index);
        let location = self.source.location(&place.path);
        let options = self.options::<FieldOptions>(field.options.as_deref(), &location);
        let (around, oneof) = match real_oneof(field) {
            None => (place.features, None),
            Some(index) => {
                let found = usize::try_from(index).ok().and_then(|index| cx.oneofs.get(index));
                found.copied().unwrap_or_else(|| {
                    let name = format!("{}.{}", &cx.message.scope[1..], field.name());
                    self.problems.push(
                        Problem::at(&location)
                            .says(format!("field `{name}` is in oneof {index}, which there is not"))
                            .help(NOT_OF_PROTOC),
                    );
                    (place.features, None)
                })
            }
        };
        let features = around.with(options.features.as_ref());
        Field {
            name: field.name().to_owned(),
            number: field.number(),
            docs: self.source.docs(&place.path),
            deprecated: options.deprecated(),
            shape: shape(field, cx, features, options.packed),
            oneof,
            default: field.default_value.clone(),
            debug_redact: options.debug_redact(),
            #[cfg(feature = "cli")]
            json_name: field.json_name().to_owned(),
            location,
        }
    }

    pub(super) fn enumeration(&mut self, it: &EnumDescriptorProto, place: &Place) -> Enum {
        let location = self.source.location(&place.path);
        let mut by_number = HashMap::new();
        let values = it.value.iter().zip(0..).enumerate().map(|(position, (value, index))| {
            let first = *by_number.entry(value.number()).or_insert(position);
            let alias_of = (first != position).then_some(first);
            let value = self.value(value, &place.inner(number::ENUM_VALUE, index).path);
            EnumValue { alias_of, ..value }
        });
        let values = values.collect();
        Enum {
            name: it.name().to_owned(),
            full_name: place.full_name(it.name()),
            docs: self.source.docs(&place.path),
            values,
            #[cfg(feature = "cli")]
            reserved: Reserved {
                numbers: (it.reserved_range.iter())
                    .map(|range| (range.start(), range.end()))
                    .collect(),
                names: it.reserved_name.clone(),
            },
            location,
        }
    }

    fn value(&mut self, value: &EnumValueDescriptorProto, path: &[i32]) -> EnumValue {
        let location = self.source.location(path);
        let options = self.options::<EnumValueOptions>(value.options.as_deref(), &location);
        EnumValue {
            name: value.name().to_owned(),
            number: value.number(),
            alias_of: None,
            docs: self.source.docs(path),
            deprecated: options.deprecated(),
            location,
        }
    }
}

/// The oneof of a field that is in one; what makes a field optional in proto3 is none.
fn real_oneof(field: &FieldDescriptorProto) -> Option<i32> {
    field.oneof_index.filter(|_| !field.proto3_optional())
}

/// `packed` is the option of proto2 and proto3, which comes before what the features say.
fn shape(
    field: &FieldDescriptorProto,
    cx: &Fields,
    features: Features,
    packed: Option<bool>,
) -> Shape {
    if let Some(map) = map(field, cx, features) {
        return map;
    }
    let value = value(field, features);
    match field.label() {
        Label::Repeated if !can_be_packed(&value) => Shape::Repeated(value, Packing::Unpackable),
        Label::Repeated => {
            let by_default = features.repeated == RepeatedFieldEncoding::Packed;
            match packed.unwrap_or(by_default) {
                true => Shape::Repeated(value, Packing::Packed),
                false => Shape::Repeated(value, Packing::Expanded),
            }
        }
        Label::Required => Shape::Single(value, Presence::Required),
        Label::Optional => {
            let presence = match features.presence {
                FieldPresence::LegacyRequired => Presence::Required,
                FieldPresence::Implicit
                    if !field.proto3_optional() && !matches!(value, Value::Message(..)) =>
                {
                    Presence::Implicit
                }
                _ => Presence::Explicit,
            };
            Shape::Single(value, presence)
        }
    }
}

fn map(field: &FieldDescriptorProto, cx: &Fields, features: Features) -> Option<Shape> {
    let (_, entry) = cx.entries.iter().find(|(name, _)| name == field.type_name())?;
    let part = |number| entry.field.iter().find(|field| field.number() == number);
    // What is in a map is never delimited: <https://protobuf.dev/editions/features/>
    let features = Features { messages: MessageEncoding::LengthPrefixed, ..features };
    Some(Shape::Map(value(part(1)?, features), value(part(2)?, features)))
}

fn value(field: &FieldDescriptorProto, features: Features) -> Value {
    let type_name = || field.type_name().to_owned();
    Value::Scalar(match field.r#type() {
        Type::Enum => return Value::Enum(type_name()),
        Type::Group => return Value::Message(type_name(), Framing::Delimited),
        Type::Message => {
            let framing = match features.messages {
                MessageEncoding::Delimited => Framing::Delimited,
                _ => Framing::Length,
            };
            return Value::Message(type_name(), framing);
        }
        Type::Bool => Scalar::Bool,
        Type::Int32 => Scalar::Int32,
        Type::Sint32 => Scalar::Sint32,
        Type::Sfixed32 => Scalar::Sfixed32,
        Type::Int64 => Scalar::Int64,
        Type::Sint64 => Scalar::Sint64,
        Type::Sfixed64 => Scalar::Sfixed64,
        Type::Uint32 => Scalar::Uint32,
        Type::Fixed32 => Scalar::Fixed32,
        Type::Uint64 => Scalar::Uint64,
        Type::Fixed64 => Scalar::Fixed64,
        Type::Float => Scalar::Float,
        Type::Double => Scalar::Double,
        Type::String => Scalar::String,
        Type::Bytes => Scalar::Bytes,
    })
}

fn can_be_packed(value: &Value) -> bool {
    match value {
        Value::Scalar(scalar) => !matches!(scalar, Scalar::String | Scalar::Bytes),
        Value::Enum(_) => true,
        Value::Message(..) => false,
    }
}
