//! What is wrong with a message in JSON, and where.

use std::{borrow::Cow, fmt::Write as _};

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde_json::Value;
use serde_path_to_error::{Path, Segment};
use tonic::Status;

use super::{JsonMethod, redacted::RedactedFields};

/// The longest message whose values are shown, in bytes. Of others, the place of the problem is told, and what is wrong
/// as far as the reader says it.
const MAX_EXPLAINED: usize = 64 * 1024;
/// How many characters of a value are shown.
const MAX_VALUE: usize = 64;
/// How many characters of what the reader says are shown: it repeats values.
const MAX_REASON: usize = 256;

/// The status for `json`, which is no request of this method: `error` came at `path`.
#[cold]
pub(super) fn status(
    method: &JsonMethod,
    json: &[u8],
    path: &Path,
    error: &serde_json::Error,
) -> Status {
    if !error.is_data() {
        return Status::invalid_argument(format!("the message is not JSON: {error}"));
    }
    let place = JsonPlace::find(method, path);
    let problem = match place.is_redacted {
        true => format!("expected {}", place.expected.name()),
        false => problem(&place.expected, json, path)
            .unwrap_or_else(|| shortened(&error.to_string(), MAX_REASON).into_owned()),
    };
    Status::invalid_argument(match place.name.as_str() {
        "" => problem,
        name => format!("{name}: {problem}"),
    })
}

/// What is wrong at `path`. None if the reader knows better.
fn problem(expected: &ExpectedValue, json: &[u8], path: &Path) -> Option<String> {
    // Read once more, for the value that was refused. As a tree, it takes up to a hundred times as much memory.
    let json = Some(json).filter(|json| json.len() <= MAX_EXPLAINED);
    let json: Value = serde_json::from_slice(json?).ok()?;
    expected.problem(path.iter().try_fold(&json, follow)?)
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
    /// Whether it is a field with `debug_redact`, or an `Any`, which may have one in it. It ends there.
    is_redacted: bool,
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
    fn find(method: &JsonMethod, path: &Path) -> Self {
        let expected = ExpectedValue::One(Kind::Message(method.request.clone()));
        let root = Self { name: String::new(), is_redacted: expected.is_any(), expected };
        path.iter().fold(root, |place, segment| place.enter(segment, &method.redacted))
    }

    fn enter(mut self, segment: &Segment, redacted: &RedactedFields) -> Self {
        if self.is_redacted {
            return self;
        }
        // Writing to a string cannot fail.
        let _ = match (&self.expected, segment) {
            (_, Segment::Seq { index }) => write!(self.name, "[{index}]"),
            (ExpectedValue::Map { .. }, Segment::Map { key }) => {
                write!(self.name, "[{}]", quoted(key))
            }
            (_, Segment::Map { key }) => {
                let dot = if self.name.is_empty() { "" } else { "." };
                write!(self.name, "{dot}{}", shortened(key, MAX_VALUE))
            }
            (_, Segment::Enum { .. } | Segment::Unknown) => Ok(()),
        };
        self.expected = match (self.expected, segment) {
            (ExpectedValue::List(kind), Segment::Seq { .. }) => ExpectedValue::One(kind),
            (ExpectedValue::Map { value, .. }, Segment::Map { .. }) => ExpectedValue::One(value),
            (ExpectedValue::One(Kind::Message(message)), Segment::Map { key }) => {
                let field = field(&message, key);
                self.is_redacted = field.as_ref().is_some_and(|field| redacted.contain(field));
                field.map_or(ExpectedValue::Unknown, |field| ExpectedValue::of(&field))
            }
            _ => ExpectedValue::Unknown,
        };
        self.is_redacted |= self.expected.is_any();
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

    fn is_any(&self) -> bool {
        let (Self::One(kind) | Self::List(kind) | Self::Map { value: kind, .. }) = self else {
            return false;
        };
        matches!(kind, Kind::Message(message) if message.full_name() == "google.protobuf.Any")
    }

    fn name(&self) -> String {
        match self {
            Self::One(kind) => name(kind),
            Self::List(kind) => format!("a list of {}", name(kind)),
            Self::Map { key, value } => format!("a map of {} to {}", name(key), name(value)),
            Self::Unknown => "another value".to_owned(),
        }
    }

    /// Why `value` was refused here. None if it is none of the usual reasons.
    fn problem(&self, value: &Value) -> Option<String> {
        match (self, value) {
            (Self::Unknown, _) | (Self::List(_), Value::Array(_)) => None,
            (Self::Map { key: kind, .. }, Value::Object(map)) => {
                let key = map.keys().find(|key| !is_key(kind, key))?;
                Some(format!("expected keys of {}, got {}", name(kind), quoted(key)))
            }
            (Self::One(Kind::Message(message)), Value::Object(object))
                if !has_own_form(message) =>
            {
                let key = object.keys().find(|key| field(message, key).is_none())?;
                Some(format!("{} has no field {}", message.full_name(), quoted(key)))
            }
            _ => Some(format!("expected {}, got {}", self.name(), shown(value))),
        }
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
    shortened(&value.to_string(), MAX_VALUE).into_owned()
}

/// The beginning of a text that a client has sent, in quotes.
pub(crate) fn quoted(text: &str) -> String {
    format!("{:?}", shortened(text, MAX_VALUE))
}

/// So many characters of `text`, with a mark if there are more.
fn shortened(text: &str, characters: usize) -> Cow<'_, str> {
    match text.char_indices().nth(characters) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}
