//! What the passes after the lowering work on: the facts of the protos, in our own types.
//!
//! Nothing here is a Rust name yet; [`crate::names`] gives those. Full names of types start with
//! a dot, as in `.shop.Order.Item`.

use std::{collections::HashMap, sync::Arc};

use crate::{diagnostics::Location, docs::Docs};

/// Everything in one request, imports too; files are sorted by name.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) files: Vec<File>,
}

impl Model {
    /// The files that are to be generated.
    pub(crate) fn wanted(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.wanted)
    }

    /// Every message, nested ones behind those that they are in.
    pub(crate) fn messages(&self) -> impl Iterator<Item = &Message> {
        self.files.iter().flat_map(|file| &file.messages).flat_map(Message::and_nested)
    }
}

/// A proto file.
#[derive(Debug)]
pub(crate) struct File {
    /// The name as imports spell it, such as `shop/order.proto`.
    pub(crate) name: String,
    pub(crate) package: String,
    pub(crate) wanted: bool,
    pub(crate) location: Location,
    /// What stands above the first declaration, as plain lines.
    pub(crate) comments: Vec<String>,
    pub(crate) messages: Vec<Message>,
    pub(crate) enums: Vec<Enum>,
    pub(crate) services: Vec<Service>,
    /// This file and its imports as an encoded `FileDescriptorSet`, if that is asked for.
    pub(crate) descriptor_set: Option<Vec<u8>>,
    /// This file, after those of its imports that the runtime does not have, each as an encoded
    /// `FileDescriptorProto`, if servers are generated for its services.
    pub(crate) embedded: Vec<Arc<[u8]>>,
}

/// A message; what stands for the entries of a map is none.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) name: String,
    pub(crate) full_name: String,
    pub(crate) docs: Docs,
    pub(crate) location: Location,
    pub(crate) fields: Vec<Field>,
    pub(crate) oneofs: Vec<Oneof>,
    pub(crate) messages: Vec<Message>,
    pub(crate) enums: Vec<Enum>,
    #[cfg(feature = "cli")]
    pub(crate) reserved: Reserved,
}

/// What may not be used again: numbers, from the first to the last of a range, and names. No code
/// comes of it.
#[cfg(feature = "cli")]
#[derive(Debug)]
pub(crate) struct Reserved {
    pub(crate) numbers: Vec<(i32, i32)>,
    pub(crate) names: Vec<String>,
}

#[cfg(feature = "cli")]
impl Reserved {
    /// Whether all numbers from the first to the last are reserved, by whichever ranges.
    pub(crate) fn has_numbers(&self, (first, last): (i32, i32)) -> bool {
        let mut next = i64::from(first);
        while next <= i64::from(last) {
            let ranges = self.numbers.iter().map(|range| (i64::from(range.0), i64::from(range.1)));
            let around = ranges.filter(|range| range.0 <= next && next <= range.1);
            let Some(end) = around.map(|range| range.1).max() else { return false };
            next = end + 1;
        }
        true
    }

    pub(crate) fn has_name(&self, name: &str) -> bool {
        self.names.iter().any(|reserved| reserved == name)
    }
}

impl Message {
    /// This message, and all that are nested in it.
    pub(crate) fn and_nested(&self) -> Vec<&Message> {
        let mut all = vec![self];
        let mut next = 0;
        while let Some(message) = all.get(next) {
            all.extend(&message.messages);
            next += 1;
        }
        all
    }

    /// Whether it comes with a module, for what is nested in it.
    pub(crate) fn has_module(&self) -> bool {
        !(self.messages.is_empty() && self.enums.is_empty() && self.oneofs.is_empty())
    }

    /// The fields of one of its oneofs.
    pub(crate) fn fields_of(&self, oneof: usize) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(move |field| field.oneof == Some(oneof))
    }
}

#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) number: i32,
    pub(crate) docs: Docs,
    pub(crate) location: Location,
    pub(crate) deprecated: bool,
    pub(crate) shape: Shape,
    /// The position of the oneof that it belongs to.
    pub(crate) oneof: Option<usize>,
    /// As descriptors spell it: bytes with escapes of C, an enum's value by name.
    pub(crate) default: Option<String>,
    /// Whether it is a secret: the option of this name is set.
    pub(crate) debug_redact: bool,
    #[cfg(feature = "cli")]
    pub(crate) json_name: String,
}

/// A oneof with a field at least.
#[derive(Debug)]
pub(crate) struct Oneof {
    pub(crate) name: String,
    pub(crate) docs: Docs,
    pub(crate) location: Location,
}

/// How many values a field has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Single(Value, Presence),
    Repeated(Value, Packing),
    Map(Value, Value),
}

impl Shape {
    pub(crate) fn values(&self) -> impl Iterator<Item = &Value> {
        let (one, other) = match self {
            Self::Single(value, _) | Self::Repeated(value, _) => (value, None),
            Self::Map(key, value) => (key, Some(value)),
        };
        std::iter::once(one).chain(other)
    }
}

/// Whether one can tell that a field is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    /// It has its default then.
    Implicit,
    Explicit,
    Required,
}

/// How the values of a repeated field are on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    Packed,
    /// Each with a tag of its own, though they could be packed.
    Expanded,
    /// Values of this type never are.
    Unpackable,
}

/// What a value is; types by their full names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Scalar(Scalar),
    Enum(String),
    Message(String, Framing),
}

impl Value {
    pub(crate) fn type_name(&self) -> Option<&str> {
        match self {
            Self::Scalar(_) => None,
            Self::Enum(name) | Self::Message(name, _) => Some(name),
        }
    }
}

/// What tells where a message ends on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Length,
    /// A tag at its end, as in groups of proto2.
    Delimited,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scalar {
    Bool,
    Int32,
    Sint32,
    Sfixed32,
    Int64,
    Sint64,
    Sfixed64,
    Uint32,
    Fixed32,
    Uint64,
    Fixed64,
    Float,
    Double,
    String,
    Bytes,
}

#[derive(Debug)]
pub(crate) struct Enum {
    pub(crate) name: String,
    pub(crate) full_name: String,
    pub(crate) docs: Docs,
    pub(crate) location: Location,
    pub(crate) values: Vec<EnumValue>,
    #[cfg(feature = "cli")]
    pub(crate) reserved: Reserved,
}

#[derive(Debug)]
pub(crate) struct EnumValue {
    pub(crate) name: String,
    pub(crate) number: i32,
    /// The position of the value of which this is an alias.
    pub(crate) alias_of: Option<usize>,
    pub(crate) docs: Docs,
    pub(crate) location: Location,
    pub(crate) deprecated: bool,
}

/// All types of a model by their full names.
#[derive(Debug)]
pub(crate) struct Types<'a>(HashMap<&'a str, Declared<'a>>);

/// A type and the file that declares it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Declared<'a> {
    pub(crate) file: &'a File,
    pub(crate) kind: Type<'a>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Type<'a> {
    Message(&'a Message),
    Enum(&'a Enum),
}

impl<'a> Types<'a> {
    pub(crate) fn new(model: &'a Model) -> Self {
        let mut types = HashMap::new();
        for file in &model.files {
            let messages = file.messages.iter().flat_map(Message::and_nested).collect::<Vec<_>>();
            let nested_enums = messages.iter().flat_map(|message| &message.enums);
            for it in file.enums.iter().chain(nested_enums) {
                types.insert(it.full_name.as_str(), Declared { file, kind: Type::Enum(it) });
            }
            for message in messages {
                let kind = Type::Message(message);
                types.insert(message.full_name.as_str(), Declared { file, kind });
            }
        }
        Self(types)
    }

    pub(crate) fn get(&self, full_name: &str) -> Option<Declared<'a>> {
        self.0.get(full_name).copied()
    }

    /// A message and the file that declares it.
    pub(crate) fn message(&self, full_name: &str) -> Option<(&'a Message, &'a File)> {
        let Declared { file, kind } = self.get(full_name)?;
        match kind {
            Type::Message(message) => Some((message, file)),
            Type::Enum(_) => None,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) name: String,
    /// With the package: `calculator.Calculator`.
    pub(crate) full_name: String,
    pub(crate) docs: Docs,
    pub(crate) location: Location,
    pub(crate) methods: Vec<Method>,
    /// The encoded `ServiceOptions`; empty if there are none.
    pub(crate) options: Vec<u8>,
}

impl Service {
    pub(crate) fn has_deprecated_methods(&self) -> bool {
        self.methods.iter().any(|method| method.deprecated)
    }
}

#[derive(Debug)]
pub(crate) struct Method {
    pub(crate) name: String,
    /// Of the request line: `/calculator.Calculator/Add`.
    pub(crate) path: String,
    pub(crate) kind: Kind,
    /// The full name of the request message with a leading dot.
    pub(crate) input: String,
    /// The full name of the response message with a leading dot.
    pub(crate) output: String,
    pub(crate) idempotency: Option<Idempotency>,
    pub(crate) deprecated: bool,
    /// The encoded `MethodOptions`, custom ones too; empty if there are none.
    pub(crate) options: Vec<u8>,
    /// The option `google.api.http`.
    pub(crate) http: Option<HttpRule>,
    pub(crate) docs: Docs,
    pub(crate) location: Location,
}

/// A rule by which a method is called with HTTP and JSON, as it stands in the proto.
#[derive(Debug)]
pub(crate) struct HttpRule {
    pub(crate) pattern: Option<HttpPattern>,
    /// The field of the request that is the body, `*` for all that is not in the path, or nothing.
    pub(crate) body: String,
    /// The field of the response that is the body; empty for all of it.
    pub(crate) response_body: String,
    pub(crate) additional: Vec<HttpRule>,
    pub(crate) location: Location,
}

/// Which requests lead to a method.
#[derive(Debug)]
pub(crate) struct HttpPattern {
    /// Such as `GET`; `*` for all.
    pub(crate) method: String,
    /// The path template, such as `/v1/{name=books/*}`.
    pub(crate) template: String,
}

/// Which sides of a call are streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Unary,
    ClientStreaming,
    ServerStreaming,
    BidiStreaming,
}

impl Kind {
    pub(crate) fn new(client_streams: bool, server_streams: bool) -> Self {
        match (client_streams, server_streams) {
            (false, false) => Self::Unary,
            (true, false) => Self::ClientStreaming,
            (false, true) => Self::ServerStreaming,
            (true, true) => Self::BidiStreaming,
        }
    }

    pub(crate) fn streams_requests(self) -> bool {
        matches!(self, Self::ClientStreaming | Self::BidiStreaming)
    }

    pub(crate) fn streams_responses(self) -> bool {
        matches!(self, Self::ServerStreaming | Self::BidiStreaming)
    }
}

/// What an rpc promises about being called twice; an rpc that promises nothing has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Idempotency {
    NoSideEffects,
    Idempotent,
}
