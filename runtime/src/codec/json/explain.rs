//! What is wrong with a message in JSON, and where.

use std::fmt::Write as _;

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde_json::Value;
use serde_path_to_error::{Path, Segment};
use tonic::Status;

/// The longest message whose values are shown, in bytes. Of others, the place of the problem is told, and what is wrong
/// as far as the reader says it.
const MAX_EXPLAINED: usize = 64 * 1024;
/// How many characters of a value are shown.
const MAX_VALUE: usize = 64;

/// The status for `json`, which is no message of this type: `error` came at `path`.
#[cold]
pub(super) fn status(
    message: &MessageDescriptor,
    json: &[u8],
    path: &Path,
    error: &serde_json::Error,
) -> Status {
    if !error.is_data() {
        return Status::invalid_argument(format!("the message is not JSON: {error}"));
    }
    let JsonPlace { name, expected } = JsonPlace::find(message, path);
    // Read once more, for the value that was refused. As a tree, it takes up to a hundred times as much memory.
    let json = Some(json).filter(|json| json.len() <= MAX_EXPLAINED);
    let json: Option<Value> = json.and_then(|json| serde_json::from_slice(json).ok());
    let value = json.as_ref().and_then(|json| path.iter().try_fold(json, follow));
    let problem = value.and_then(|value| expected.problem(value));
    let problem = problem.unwrap_or_else(|| error.to_string());
    Status::invalid_argument(match name.as_str() {
        "" => problem,
        name => format!("{name}: {problem}"),
    })
}

/// The part of `value` that `segment` leads to.
fn follow<'a>(value: &'a Value, segment: &Segment) -> Option<&'a Value> {
    match segment {
        Segment::Seq { index } => value.get(index),
        Segment::Map { key } => value.get(key),
        Segment::Enum { .. } | Segment::Unknown => None,
    }
}

/// A place in a message.
struct JsonPlace {
    /// As one would write it: `items[3].price`.
    name: String,
    expected: ExpectedValue,
}

/// What belongs there.
enum ExpectedValue {
    One(Kind),
    List(Kind),
    Map {
        key: Kind,
        value: Kind,
    },
    /// It is inside of a message that has a form of its own in JSON, such as a `google.protobuf.Struct`.
    Unknown,
}

impl JsonPlace {
    fn find(message: &MessageDescriptor, path: &Path) -> Self {
        let root = Self {
            name: String::new(),
            expected: ExpectedValue::One(Kind::Message(message.clone())),
        };
        path.iter().fold(root, Self::enter)
    }

    fn enter(mut self, segment: &Segment) -> Self {
        // Writing to a string cannot fail.
        let _ = match (&self.expected, segment) {
            (_, Segment::Seq { index }) => write!(self.name, "[{index}]"),
            (ExpectedValue::Map { .. }, Segment::Map { key }) => write!(self.name, "[{key:?}]"),
            (_, Segment::Map { key }) if self.name.is_empty() => write!(self.name, "{key}"),
            (_, Segment::Map { key }) => write!(self.name, ".{key}"),
            (_, Segment::Enum { .. } | Segment::Unknown) => Ok(()),
        };
        self.expected = match (self.expected, segment) {
            (ExpectedValue::List(kind), Segment::Seq { .. }) => ExpectedValue::One(kind),
            (ExpectedValue::Map { value, .. }, Segment::Map { .. }) => ExpectedValue::One(value),
            (ExpectedValue::One(Kind::Message(message)), Segment::Map { key }) => {
                field(&message, key)
                    .map_or(ExpectedValue::Unknown, |field| ExpectedValue::of(&field))
            }
            _ => ExpectedValue::Unknown,
        };
        self
    }
}

impl ExpectedValue {
    fn of(field: &FieldDescriptor) -> Self {
        match field.kind() {
            Kind::Message(entry) if field.is_map() => Self::Map {
                key: entry.map_entry_key_field().kind(),
                value: entry.map_entry_value_field().kind(),
            },
            kind if field.is_list() => Self::List(kind),
            kind => Self::One(kind),
        }
    }

    /// Why `value` was refused here. None if it is none of the usual reasons.
    fn problem(&self, value: &Value) -> Option<String> {
        let expected = match (self, value) {
            (Self::Unknown, _) | (Self::List(_), Value::Array(_)) => return None,
            (Self::Map { key: kind, .. }, Value::Object(map)) => {
                let key = map.keys().find(|key| !is_key(kind, key))?;
                return Some(format!("expected keys of {}, got {key:?}", name(kind)));
            }
            (Self::One(Kind::Message(message)), Value::Object(object))
                if !has_own_form(message) =>
            {
                let key = object.keys().find(|key| field(message, key).is_none())?;
                return Some(format!("{} has no field {key:?}", message.full_name()));
            }
            (Self::List(kind), _) => format!("a list of {}", name(kind)),
            (Self::Map { .. }, _) => "an object".to_owned(),
            (Self::One(kind), _) => name(kind),
        };
        Some(format!("expected {expected}, got {}", shown(value)))
    }
}

/// The field with this name, in JSON or in the proto.
pub(super) fn field(message: &MessageDescriptor, name: &str) -> Option<FieldDescriptor> {
    message.get_field_by_json_name(name).or_else(|| message.get_field_by_name(name))
}

/// Whether a message is not written as an object of its fields.
fn has_own_form(message: &MessageDescriptor) -> bool {
    message.parent_file().package_name() == "google.protobuf"
}

fn is_key(kind: &Kind, key: &str) -> bool {
    match kind {
        Kind::String => true,
        Kind::Bool => key.parse::<bool>().is_ok(),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => key.parse::<i32>().is_ok(),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => key.parse::<i64>().is_ok(),
        Kind::Uint32 | Kind::Fixed32 => key.parse::<u32>().is_ok(),
        _ => key.parse::<u64>().is_ok(),
    }
}

/// A type, as the proto has it.
pub(super) fn name(kind: &Kind) -> String {
    let name = match kind {
        Kind::Message(message) => message.full_name(),
        Kind::Enum(values) => return format!("a value of {}", values.full_name()),
        Kind::Bytes => "bytes in Base64",
        Kind::Double => "double",
        Kind::Float => "float",
        Kind::Int32 => "int32",
        Kind::Int64 => "int64",
        Kind::Uint32 => "uint32",
        Kind::Uint64 => "uint64",
        Kind::Sint32 => "sint32",
        Kind::Sint64 => "sint64",
        Kind::Fixed32 => "fixed32",
        Kind::Fixed64 => "fixed64",
        Kind::Sfixed32 => "sfixed32",
        Kind::Sfixed64 => "sfixed64",
        Kind::Bool => "bool",
        Kind::String => "string",
    };
    name.to_owned()
}

fn shown(value: &Value) -> String {
    match value {
        Value::Array(_) => return "a list".to_owned(),
        Value::Object(_) => return "an object".to_owned(),
        _ => {}
    }
    let text = value.to_string();
    match text.char_indices().nth(MAX_VALUE) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
