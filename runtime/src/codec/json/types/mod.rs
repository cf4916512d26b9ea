//! The messages and enums of services, as their descriptors have them, in a form in which they are found quickly.

mod build;
mod file;

use std::collections::HashMap;

#[cfg(feature = "explorer")]
pub(crate) use self::file::MethodProto;
use self::file::ServiceProto;

/// All messages, enums and services of some files. They refer to each other by their positions.
#[derive(Debug, Default)]
pub(crate) struct TypeTable {
    messages: Vec<MessageType>,
    enums: Vec<EnumType>,
    services: Vec<ServiceType>,
    /// By full names.
    names: HashMap<String, NamedType>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NamedType {
    Message(MessageId),
    Enum(EnumId),
}

/// The position of a message in its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MessageId(usize);

/// The position of an enum in its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EnumId(usize);

/// The position of a field in its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FieldId {
    pub(super) message: MessageId,
    pub(super) position: usize,
}

#[derive(Debug)]
pub(crate) struct MessageType {
    pub(crate) full_name: String,
    pub(crate) form: JsonForm,
    pub(crate) is_map_entry: bool,
    /// By number, with the extensions that there are.
    pub(crate) fields: Vec<FieldType>,
    /// The names of oneofs, also of those that proto3 makes of `optional`, to which no field refers here.
    pub(crate) oneofs: Vec<String>,
    /// The positions of fields, by their names in JSON and in the proto.
    names: HashMap<String, usize>,
}

/// How a message is written in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JsonForm {
    /// As an object of its fields.
    Object,
    Any,
    Timestamp,
    Duration,
    FieldMask,
    Struct,
    Value,
    ListValue,
    /// As the value of its field.
    Wrapper,
}

#[derive(Debug)]
pub(crate) struct FieldType {
    pub(crate) number: u32,
    /// In the proto.
    pub(crate) name: String,
    pub(crate) full_name: String,
    pub(crate) json_name: String,
    /// These names as keys of objects, with the colon after them.
    pub(super) proto_key: String,
    pub(super) json_key: String,
    pub(crate) kind: FieldKind,
    pub(crate) shape: FieldShape,
    /// The position of its oneof in the message.
    pub(crate) oneof: Option<usize>,
    /// As the proto has it, in words.
    pub(crate) default: Option<String>,
    pub(crate) is_required: bool,
    pub(crate) is_deprecated: bool,
    pub(crate) is_extension: bool,
    /// Whether it has the option `debug_redact`.
    pub(crate) is_redacted: bool,
}

/// How many values a field has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldShape {
    Single {
        has_presence: bool,
    },
    List {
        is_packed: bool,
    },
    /// Its kind is that of the entries.
    Map,
}

/// The type of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldKind {
    Double,
    Float,
    Int64,
    Uint64,
    Int32,
    Fixed64,
    Fixed32,
    Bool,
    String,
    /// A message between a tag for its start and one for its end.
    Group(MessageId),
    Message(MessageId),
    Bytes,
    Uint32,
    Enum(EnumId),
    Sfixed32,
    Sfixed64,
    Sint32,
    Sint64,
}

#[derive(Debug)]
pub(crate) struct EnumType {
    pub(crate) full_name: String,
    /// Names and numbers, in the order of the proto.
    pub(crate) values: Vec<(String, i32)>,
    numbers: HashMap<String, i32>,
    /// The positions of the values with these numbers. Of aliases, that of the first.
    positions: HashMap<i32, usize>,
}

#[derive(Debug)]
pub(crate) struct ServiceType {
    pub(crate) full_name: String,
    pub(crate) file: String,
    pub(crate) proto: ServiceProto,
}

impl TypeTable {
    pub(crate) fn message(&self, id: MessageId) -> &MessageType {
        &self.messages[id.0]
    }

    pub(crate) fn enumeration(&self, id: EnumId) -> &EnumType {
        &self.enums[id.0]
    }

    pub(crate) fn field(&self, id: FieldId) -> &FieldType {
        &self.message(id.message).fields[id.position]
    }

    /// All of them, in the order of the files.
    pub(crate) fn messages(&self) -> impl Iterator<Item = MessageId> + use<> {
        (0..self.messages.len()).map(MessageId)
    }

    /// The message with this full name, which may begin with a dot.
    pub(crate) fn find_message(&self, name: &str) -> Option<MessageId> {
        match self.names.get(name.strip_prefix('.').unwrap_or(name))? {
            NamedType::Message(id) => Some(*id),
            NamedType::Enum(_) => None,
        }
    }

    pub(crate) fn find_service(&self, name: &str) -> Option<&ServiceType> {
        self.services.iter().find(|service| service.full_name == name)
    }

    /// The fields of a map's entries: key and value.
    pub(crate) fn map_fields(&self, entry: MessageId) -> [&FieldType; 2] {
        let fields = &self.message(entry).fields;
        [&fields[0], &fields[1]]
    }

    /// The type of a field's values: of a map, that of the values of its entries.
    pub(crate) fn type_of(&self, field: &FieldType) -> FieldKind {
        match (field.shape, field.kind.message()) {
            (FieldShape::Map, Some(entry)) => self.map_fields(entry)[1].kind,
            _ => field.kind,
        }
    }

    /// A type, as one would call it.
    pub(super) fn name_of(&self, kind: FieldKind) -> String {
        match kind {
            FieldKind::Message(id) | FieldKind::Group(id) => self.message(id).full_name.clone(),
            FieldKind::Enum(id) => format!("a value of {}", self.enumeration(id).full_name),
            FieldKind::Bytes => "bytes in Base64".to_owned(),
            kind => kind.keyword().to_owned(),
        }
    }

    /// What belongs into a field, as one would call it.
    pub(super) fn name_of_values(&self, field: &FieldType) -> String {
        match (field.shape, field.kind) {
            (FieldShape::Map, FieldKind::Message(entry)) => {
                let [key, value] = self.map_fields(entry).map(|field| self.name_of(field.kind));
                format!("a map of {key} to {value}")
            }
            (FieldShape::List { .. }, kind) => format!("a list of {}", self.name_of(kind)),
            (_, kind) => self.name_of(kind),
        }
    }
}

impl MessageType {
    /// The position of the field that is called so, in JSON or in the proto.
    pub(super) fn position(&self, name: &str) -> Option<usize> {
        self.names.get(name).copied()
    }

    /// The position of the field that is called so. Those who write JSON often have the order of the proto: it is looked
    /// for first at `guess`.
    pub(super) fn position_near(&self, name: &str, guess: usize) -> Option<usize> {
        match self.fields.get(guess) {
            Some(field) if field.json_name == name => Some(guess),
            _ => self.position(name),
        }
    }

    /// The position of the field that the proto calls so. In JSON, it may be the name of another one.
    pub(super) fn proto_position(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| field.name == name)
    }

    /// The position of the field with this number, which is often the one after `previous`.
    pub(super) fn position_of_number(&self, number: u32, previous: usize) -> Option<usize> {
        let is_here = |position: &usize| {
            self.fields.get(*position).is_some_and(|field| field.number == number)
        };
        [previous, previous + 1]
            .into_iter()
            .find(is_here)
            .or_else(|| self.fields.binary_search_by_key(&number, |field| field.number).ok())
    }
}

impl FieldType {
    pub(crate) fn is_list(&self) -> bool {
        matches!(self.shape, FieldShape::List { .. })
    }

    pub(crate) fn is_single(&self) -> bool {
        matches!(self.shape, FieldShape::Single { .. })
    }

    pub(crate) fn is_map(&self) -> bool {
        self.shape == FieldShape::Map
    }

    pub(crate) fn has_presence(&self) -> bool {
        self.shape == FieldShape::Single { has_presence: true }
    }
}

impl FieldKind {
    /// The message that a value is.
    pub(crate) fn message(self) -> Option<MessageId> {
        match self {
            Self::Message(id) | Self::Group(id) => Some(id),
            _ => None,
        }
    }

    /// Whether values of a list may be encoded one after the other, with one tag.
    pub(super) fn is_packable(self) -> bool {
        !matches!(self, Self::String | Self::Bytes | Self::Message(_) | Self::Group(_))
    }

    /// What a proto calls it, or the kind of type that it is.
    pub(crate) fn keyword(self) -> &'static str {
        match self {
            Self::Double => "double",
            Self::Float => "float",
            Self::Int64 => "int64",
            Self::Uint64 => "uint64",
            Self::Int32 => "int32",
            Self::Fixed64 => "fixed64",
            Self::Fixed32 => "fixed32",
            Self::Bool => "bool",
            Self::String => "string",
            Self::Group(_) | Self::Message(_) => "message",
            Self::Bytes => "bytes",
            Self::Uint32 => "uint32",
            Self::Enum(_) => "enum",
            Self::Sfixed32 => "sfixed32",
            Self::Sfixed64 => "sfixed64",
            Self::Sint32 => "sint32",
            Self::Sint64 => "sint64",
        }
    }
}

impl EnumType {
    pub(super) fn number(&self, name: &str) -> Option<i32> {
        self.numbers.get(name).copied()
    }

    pub(super) fn name(&self, number: i32) -> Option<&str> {
        self.positions.get(&number).map(|position| &*self.values[*position].0)
    }

    /// Whether its only value is written as `null`.
    pub(crate) fn is_null(&self) -> bool {
        self.full_name == "google.protobuf.NullValue"
    }
}
