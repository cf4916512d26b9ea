//! What the passes after the lowering work on: the facts of the protos, in our own types.
//!
//! Nothing here is a Rust name yet; [`crate::names`] gives those.

use std::collections::BTreeMap;

use crate::diagnostics::Location;

/// Everything in one request, imports too; files are sorted by name.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) files: Vec<File>,
    /// Every message and enum by its full name with a leading dot, such as `.shop.Order.Item`.
    pub(crate) types: BTreeMap<String, Type>,
}

impl Model {
    /// The files that are to be generated.
    pub(crate) fn wanted(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.wanted)
    }
}

/// A proto file.
#[derive(Debug)]
pub(crate) struct File {
    /// The name as imports spell it, such as `shop/order.proto`.
    pub(crate) name: String,
    pub(crate) package: String,
    pub(crate) wanted: bool,
    /// Where `edition = "…"` stands, in a file that has one.
    pub(crate) edition: Option<Location>,
    pub(crate) declarations: Vec<Declaration>,
    pub(crate) services: Vec<Service>,
    pub(crate) uses: Vec<TypeUse>,
    /// This file and its imports as an encoded `FileDescriptorSet`, if that is asked for.
    pub(crate) descriptor_set: Option<Vec<u8>>,
}

/// A message or enum at the top level of its file.
#[derive(Debug)]
pub(crate) struct Declaration {
    pub(crate) name: String,
    /// Whether prost makes a module for what is nested in it.
    pub(crate) has_module: bool,
}

/// What is known of a message or enum anywhere in the request.
#[derive(Debug)]
pub(crate) struct Type {
    /// The file that declares it.
    pub(crate) file: String,
    pub(crate) package: String,
    /// None for an enum, or for what stands for the entries of a map.
    pub(crate) message: Option<Message>,
}

/// What is in a message.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) fields: Vec<Field>,
    pub(crate) oneofs: Vec<Oneof>,
    pub(crate) location: Location,
}

#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) shape: Shape,
    /// The position of the oneof that it belongs to.
    pub(crate) oneof: Option<usize>,
}

#[derive(Debug)]
pub(crate) struct Oneof {
    pub(crate) name: String,
    /// Whether a type nested in the message has the name that it would get.
    pub(crate) is_taken: bool,
}

/// How many values a field has.
#[derive(Debug)]
pub(crate) enum Shape {
    Single(Value),
    Repeated(Value),
    Map(Value, Value),
}

impl Shape {
    pub(crate) fn values(&self) -> impl Iterator<Item = &Value> {
        let (one, other) = match self {
            Self::Single(value) | Self::Repeated(value) => (value, None),
            Self::Map(key, value) => (key, Some(value)),
        };
        std::iter::once(one).chain(other)
    }
}

/// What a value is; types by their full names with a leading dot.
#[derive(Debug)]
pub(crate) enum Value {
    Scalar(Scalar),
    Enum(String),
    Message(String),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Scalar {
    Bool,
    I32,
    I64,
    U32,
    U64,
    F32,
    F64,
    String,
    Bytes,
}

/// A field or rpc that names a message or enum.
#[derive(Debug)]
pub(crate) struct TypeUse {
    /// Such as ``field `shop.Order.item` ``.
    pub(crate) user: String,
    /// The full name with a leading dot.
    pub(crate) type_name: String,
    pub(crate) location: Location,
}

#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) name: String,
    /// With the package: `calculator.Calculator`.
    pub(crate) full_name: String,
    pub(crate) docs: Vec<String>,
    pub(crate) location: Location,
    pub(crate) methods: Vec<Method>,
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
    pub(crate) docs: Vec<String>,
    pub(crate) location: Location,
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
