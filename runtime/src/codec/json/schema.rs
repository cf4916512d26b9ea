//! JSON Schemas of messages, as OpenAPI has them: what their JSON looks like.
//!
//! See [JSON Schema 2020-12](https://json-schema.org/draft/2020-12/schema).

use std::collections::BTreeMap;

use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value, json};

use super::JsonOptions;

/// The comments of a service's protos, by the full names of what they are about, in their order.
pub(crate) type Comments = &'static [(&'static str, &'static str)];

/// The schemas of messages and enums, by their full names.
#[derive(Debug, Default)]
pub(crate) struct Schemas(BTreeMap<String, Value>);

/// What is known of a service's messages beside their descriptors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SchemaContext {
    pub(crate) comments: Comments,
    pub(crate) options: JsonOptions,
}

impl SchemaContext {
    /// The comment on the declaration with this full name.
    pub(crate) fn comment(self, name: &str) -> Option<&'static str> {
        let found = self.comments.binary_search_by(|(named, _)| (*named).cmp(name));
        found.ok().map(|position| self.comments[position].1)
    }
}

impl Schemas {
    pub(crate) fn into_components(self) -> Map<String, Value> {
        self.0.into_iter().collect()
    }

    /// The schema of `message`, with those that it needs.
    pub(super) fn of_message(
        &mut self,
        message: &MessageDescriptor,
        context: SchemaContext,
    ) -> Value {
        let name = message.full_name();
        if let Some(schema) = name.strip_prefix("google.protobuf.").and_then(well_known) {
            return schema;
        }
        if !self.0.contains_key(name) {
            // First, as it may contain itself.
            self.0.insert(name.to_owned(), Value::Null);
            let schema = self.object(message, context);
            self.0.insert(name.to_owned(), schema);
        }
        reference(name)
    }

    fn object(&mut self, message: &MessageDescriptor, context: SchemaContext) -> Value {
        let properties: Map<_, _> = message
            .fields()
            .map(|field| {
                (context.options.name_of(&field).to_owned(), self.of_field(&field, context))
            })
            .collect();
        let mut schema = json!({ "type": "object", "properties": properties });
        describe(&mut schema, context.comment(message.full_name()));
        schema
    }

    /// The schema of a field, with its comment.
    pub(super) fn of_field(&mut self, field: &FieldDescriptor, context: SchemaContext) -> Value {
        let mut schema = match field.kind() {
            Kind::Message(entry) if field.is_map() => {
                let values = self.of_kind(&entry.map_entry_value_field().kind(), context);
                json!({ "type": "object", "additionalProperties": values })
            }
            kind if field.is_list() => {
                json!({ "type": "array", "items": self.of_kind(&kind, context) })
            }
            kind => self.of_kind(&kind, context),
        };
        describe(&mut schema, context.comment(field.full_name()));
        schema
    }

    fn of_kind(&mut self, kind: &Kind, context: SchemaContext) -> Value {
        match kind {
            Kind::Message(message) => self.of_message(message, context),
            Kind::Enum(values) => self.of_enum(values, context),
            Kind::Double => floating("double"),
            Kind::Float => floating("float"),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => {
                json!({ "type": "integer", "format": "int32" })
            }
            Kind::Uint32 | Kind::Fixed32 => {
                json!({ "type": "integer", "format": "int64", "minimum": 0 })
            }
            // JavaScript's numbers are not exact beyond 2^53.
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => {
                json!({ "type": "string", "format": "int64" })
            }
            Kind::Uint64 | Kind::Fixed64 => json!({ "type": "string", "format": "uint64" }),
            Kind::Bool => json!({ "type": "boolean" }),
            Kind::String => json!({ "type": "string" }),
            Kind::Bytes => json!({ "type": "string", "contentEncoding": "base64" }),
        }
    }

    fn of_enum(&mut self, values: &EnumDescriptor, context: SchemaContext) -> Value {
        let name = values.full_name();
        if name == "google.protobuf.NullValue" {
            return json!({ "type": "null" });
        }
        let names: Vec<_> = values.values().map(|value| value.name().to_owned()).collect();
        let mut schema = match context.options.writes_enum_numbers {
            true => json!({ "type": "integer", "format": "int32" }),
            false => json!({ "type": "string", "enum": names }),
        };
        describe(&mut schema, context.comment(name));
        self.0.insert(name.to_owned(), schema);
        reference(name)
    }
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn describe(schema: &mut Value, comment: Option<&str>) {
    if let Some(comment) = comment {
        schema["description"] = comment.into();
    }
}

/// The schema of a floating-point number, of which some are words in JSON.
fn floating(format: &str) -> Value {
    json!({ "anyOf": [
        { "type": "number", "format": format },
        { "type": "string", "enum": ["NaN", "Infinity", "-Infinity"] },
    ] })
}

/// The schema of a message of `google.protobuf` that has a form of its own in JSON.
fn well_known(name: &str) -> Option<Value> {
    Some(match name {
        "Timestamp" => json!({ "type": "string", "format": "date-time" }),
        "Duration" => json!({ "type": "string", "pattern": r"^-?[0-9]+(\.[0-9]{1,9})?s$" }),
        "FieldMask" | "StringValue" => json!({ "type": "string" }),
        "BytesValue" => json!({ "type": "string", "contentEncoding": "base64" }),
        "Int64Value" => json!({ "type": "string", "format": "int64" }),
        "UInt64Value" => json!({ "type": "string", "format": "uint64" }),
        "Int32Value" => json!({ "type": "integer", "format": "int32" }),
        "UInt32Value" => json!({ "type": "integer", "format": "int64", "minimum": 0 }),
        "DoubleValue" => floating("double"),
        "FloatValue" => floating("float"),
        "BoolValue" => json!({ "type": "boolean" }),
        "Struct" | "Empty" => json!({ "type": "object" }),
        "ListValue" => json!({ "type": "array", "items": {} }),
        "Value" => json!({}),
        "Any" => json!({
            "type": "object",
            "properties": { "@type": { "type": "string" } },
            "required": ["@type"],
        }),
        _ => return None,
    })
}
