//! Fields of requests that come as text: in the path or the query of a URL.

use std::str::FromStr;

use base64::{
    Engine as _,
    alphabet::{STANDARD, URL_SAFE},
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use prost_reflect::{
    DynamicMessage, EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor, Value,
};

use super::{
    JsonOptions,
    explain::{self, quoted},
    redacted::RedactedFields,
};

const PADDED_OR_NOT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const BASE64: GeneralPurpose = GeneralPurpose::new(&STANDARD, PADDED_OR_NOT);
const BASE64_URL: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, PADDED_OR_NOT);
/// How deep a field may be in its message, which a type that contains itself does not limit. Encoding recurses.
const MAX_DEPTH: usize = 100;
/// How deep the fields are that are described. Readers want to see an end.
const MAX_DESCRIBED_DEPTH: usize = 2;

/// A field of a message, or of one that is in it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FieldPath {
    messages: Vec<FieldDescriptor>,
    field: FieldDescriptor,
}

impl FieldPath {
    /// The field to which `path` leads, names with dots between them, each of which `field` finds in its message.
    ///
    /// # Errors
    /// Why there is none that could come as text.
    pub(super) fn find(
        message: &MessageDescriptor,
        path: &str,
        field: impl Fn(&MessageDescriptor, &str) -> Option<FieldDescriptor>,
    ) -> Result<Self, String> {
        let mut messages: Vec<FieldDescriptor> = Vec::new();
        let mut names = path.split('.').peekable();
        let mut message = message.clone();
        while let Some(name) = names.next() {
            let Some(field) = field(&message, name) else {
                return Err(format!("{} has no field {}", message.full_name(), quoted(name)));
            };
            if names.peek().is_none() {
                return Self { messages, field }.check();
            }
            match field.kind() {
                Kind::Message(next) if !field.is_list() && !field.is_map() => message = next,
                _ => return Err(format!("{} is not a single message", field.full_name())),
            }
            if messages.len() >= MAX_DEPTH {
                return Err(format!("more than {MAX_DEPTH} levels deep"));
            }
            messages.push(field);
        }
        Err("expected the name of a field".into())
    }

    fn check(self) -> Result<Self, String> {
        match self.field.kind() {
            Kind::Message(message) if self.field.is_map() || !has_text(&message) => {
                Err(format!("{} cannot be written as text", self.field.full_name()))
            }
            _ => Ok(self),
        }
    }

    /// The fields of a message that could come as text, with those of messages in it, up to a depth.
    pub(super) fn all(message: &MessageDescriptor) -> Vec<Self> {
        let mut paths = Vec::new();
        Self::collect(message, &[], &mut paths);
        paths
    }

    fn collect(message: &MessageDescriptor, outer: &[FieldDescriptor], paths: &mut Vec<Self>) {
        for field in message.fields() {
            let is_single = !field.is_list() && !field.is_map();
            let (messages, kind) = (outer.to_vec(), field.kind());
            match (Self { messages, field: field.clone() }.check(), kind) {
                (Ok(path), _) => paths.push(path),
                (Err(_), Kind::Message(inner))
                    if is_single && outer.len() < MAX_DESCRIBED_DEPTH =>
                {
                    let outer: Vec<_> = outer.iter().cloned().chain([field]).collect();
                    Self::collect(&inner, &outer, paths);
                }
                (Err(_), _) => {}
            }
        }
    }

    /// The name of the field, with those of the messages that it is in.
    pub(super) fn name(&self, options: JsonOptions) -> String {
        self.fields().map(|field| options.name_of(field)).collect::<Vec<_>>().join(".")
    }

    /// From the outermost one on.
    fn fields(&self) -> impl Iterator<Item = &FieldDescriptor> {
        self.messages.iter().chain([&self.field])
    }

    /// Whether its values are not to be shown.
    pub(super) fn is_redacted(&self, redacted: &RedactedFields) -> bool {
        self.fields().any(|field| redacted.contain(field))
    }

    /// The field itself.
    pub(super) fn last(&self) -> &FieldDescriptor {
        &self.field
    }

    /// Whether it is the field of the message, or in it.
    pub(super) fn is_in(&self, field: &FieldDescriptor) -> bool {
        self.messages.first().unwrap_or(&self.field) == field
    }

    pub(super) fn is_repeated(&self) -> bool {
        self.field.is_list()
    }

    /// Sets the field of `message`, or adds to it if it is repeated.
    ///
    /// # Errors
    /// `text` is none of its values, which are those of the kind in the error.
    pub(super) fn set(&self, message: &mut DynamicMessage, text: &str) -> Result<(), String> {
        let kind = self.field.kind();
        let value = value(&kind, text).ok_or_else(|| explain::name(&kind))?;
        let mut message = message;
        for field in &self.messages {
            let Some(inner) = message.get_field_mut(field).as_message_mut() else { return Ok(()) };
            message = inner;
        }
        if !self.field.is_list() {
            message.set_field(&self.field, value);
        } else if let Some(list) = message.get_field_mut(&self.field).as_list_mut() {
            list.push(value);
        }
        Ok(())
    }
}

/// Whether a message is a string in JSON, or a number or a boolean.
fn has_text(message: &MessageDescriptor) -> bool {
    let Some(name) = message.full_name().strip_prefix("google.protobuf.") else { return false };
    matches!(name, "Timestamp" | "Duration" | "FieldMask") || is_wrapper(name)
}

fn is_wrapper(name: &str) -> bool {
    let wrapped = name.strip_suffix("Value");
    wrapped.is_some_and(|name| {
        matches!(
            name,
            "Double"
                | "Float"
                | "Int64"
                | "UInt64"
                | "Int32"
                | "UInt32"
                | "Bool"
                | "String"
                | "Bytes"
        )
    })
}

/// The value that `text` is. None if it is none of this kind.
fn value(kind: &Kind, text: &str) -> Option<Value> {
    Some(match kind {
        Kind::Double => Value::F64(number(text)?),
        Kind::Float => Value::F32(number(text)?),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(text.parse().ok()?),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(text.parse().ok()?),
        Kind::Uint32 | Kind::Fixed32 => Value::U32(text.parse().ok()?),
        Kind::Uint64 | Kind::Fixed64 => Value::U64(text.parse().ok()?),
        Kind::Bool => Value::Bool(text.parse().ok()?),
        Kind::String => Value::String(text.to_owned()),
        Kind::Bytes => {
            let bytes = BASE64.decode(text).or_else(|_| BASE64_URL.decode(text));
            Value::Bytes(bytes.ok()?.into())
        }
        Kind::Enum(values) => Value::EnumNumber(enum_number(values, text)?),
        Kind::Message(message) => Value::Message(message_of_text(message, text)?),
    })
}

/// A number of floating point. None if it is too large for its type, as in JSON.
fn number<T: FromStr + Into<f64> + Copy>(text: &str) -> Option<T> {
    let number: T = text.parse().ok()?;
    let is_too_large = number.into().is_infinite() && text.contains(|it: char| it.is_ascii_digit());
    (!is_too_large).then_some(number)
}

fn enum_number(values: &EnumDescriptor, text: &str) -> Option<i32> {
    if let Some(value) = values.get_value_by_name(text) {
        return Some(value.number());
    }
    text.parse().ok()
}

/// A message that is not an object in JSON.
fn message_of_text(message: &MessageDescriptor, text: &str) -> Option<DynamicMessage> {
    let json = match message.full_name() {
        "google.protobuf.BoolValue" => serde_json::Value::Bool(text.parse().ok()?),
        _ => serde_json::Value::String(text.to_owned()),
    };
    DynamicMessage::deserialize(message.clone(), json).ok()
}
