//! JSON Schemas of messages, as OpenAPI has them: what their JSON looks like.
//!
//! See [JSON Schema 2020-12](https://json-schema.org/draft/2020-12/schema).

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    options::JsonOptions,
    types::{EnumId, FieldKind, FieldShape, FieldType, MessageId, MessageType, TypeTable},
};

/// The comments of a service's protos, by the full names of what they are about, in their order.
pub(crate) type Comments = &'static [(&'static str, &'static str)];

/// The schemas of messages and enums, by their full names.
#[derive(Debug, Default)]
pub(crate) struct Schemas(BTreeMap<String, Value>);

/// What is known of a service's messages.
#[derive(Clone, Copy, Debug)]
pub(super) struct SchemaContext<'t> {
    pub(super) types: &'t TypeTable,
    pub(super) comments: Comments,
    pub(super) options: JsonOptions,
}

/// The comment on the declaration with this full name.
pub(crate) fn comment(comments: Comments, name: &str) -> Option<&'static str> {
    let found = comments.binary_search_by(|(named, _)| (*named).cmp(name));
    found.ok().map(|position| comments[position].1)
}

impl Schemas {
    pub(crate) fn into_components(self) -> Map<String, Value> {
        self.0.into_iter().collect()
    }

    /// The schema of a message, with those that it needs.
    pub(super) fn of_message(&mut self, id: MessageId, context: SchemaContext<'_>) -> Value {
        let message = context.types.message(id);
        let name = &message.full_name;
        if let Some(schema) = name.strip_prefix("google.protobuf.").and_then(well_known) {
            return schema;
        }
        if !self.0.contains_key(name) {
            // First, as it may contain itself.
            self.0.insert(name.clone(), Value::Null);
            let schema = self.object(message, context);
            self.0.insert(name.clone(), schema);
        }
        reference(name)
    }

    fn object(&mut self, message: &MessageType, context: SchemaContext<'_>) -> Value {
        let properties: Map<_, _> = message
            .fields
            .iter()
            .filter(|field| !field.is_extension)
            .map(|field| (context.options.name_of(field).to_owned(), self.of_field(field, context)))
            .collect();
        let mut schema = json!({ "type": "object", "properties": properties });
        describe(&mut schema, comment(context.comments, &message.full_name));
        schema
    }

    /// The schema of a field, with its comment.
    pub(super) fn of_field(&mut self, field: &FieldType, context: SchemaContext<'_>) -> Value {
        let mut schema = match (field.shape, field.kind.message()) {
            (FieldShape::Map, Some(entry)) => {
                let [_, value] = context.types.map_fields(entry);
                let values = self.of_kind(value.kind, context);
                json!({ "type": "object", "additionalProperties": values })
            }
            (FieldShape::List { .. }, _) => {
                json!({ "type": "array", "items": self.of_kind(field.kind, context) })
            }
            _ => self.of_kind(field.kind, context),
        };
        describe(&mut schema, comment(context.comments, &field.full_name));
        schema
    }

    fn of_kind(&mut self, kind: FieldKind, context: SchemaContext<'_>) -> Value {
        match kind {
            FieldKind::Message(message) | FieldKind::Group(message) => {
                self.of_message(message, context)
            }
            FieldKind::Enum(values) => self.of_enum(values, context),
            FieldKind::Double => floating("double"),
            FieldKind::Float => floating("float"),
            FieldKind::Int32 | FieldKind::Sint32 | FieldKind::Sfixed32 => {
                json!({ "type": "integer", "format": "int32" })
            }
            FieldKind::Uint32 | FieldKind::Fixed32 => {
                json!({ "type": "integer", "format": "int64", "minimum": 0 })
            }
            // JavaScript's numbers are not exact beyond 2^53.
            FieldKind::Int64 | FieldKind::Sint64 | FieldKind::Sfixed64 => {
                json!({ "type": "string", "format": "int64" })
            }
            FieldKind::Uint64 | FieldKind::Fixed64 => {
                json!({ "type": "string", "format": "uint64" })
            }
            FieldKind::Bool => json!({ "type": "boolean" }),
            FieldKind::String => json!({ "type": "string" }),
            FieldKind::Bytes => json!({ "type": "string", "contentEncoding": "base64" }),
        }
    }

    fn of_enum(&mut self, id: EnumId, context: SchemaContext<'_>) -> Value {
        let values = context.types.enumeration(id);
        if values.is_null() {
            return json!({ "type": "null" });
        }
        let name = &values.full_name;
        let names: Vec<_> = values.values.iter().map(|(name, _)| name).collect();
        let mut schema = match context.options.writes_enum_numbers {
            true => json!({ "type": "integer", "format": "int32" }),
            false => json!({ "type": "string", "enum": names }),
        };
        describe(&mut schema, comment(context.comments, name));
        self.0.insert(name.clone(), schema);
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
