//! [`JsonReader`] itself, and what values are read into.

use super::number;
use crate::codec::json::{
    options::JsonOptions,
    types::{FieldKind, FieldShape, FieldType, MessageId, TypeTable},
};

/// Encodes what it reads.
pub(crate) struct JsonReader<'t> {
    pub(super) types: &'t TypeTable,
    pub(super) options: JsonOptions,
    pub(super) encoded: Vec<u8>,
    /// A bit for each field and each oneof of the messages that are being read, which says whether it has come.
    pub(super) seen: Vec<u64>,
    /// How many messages are being read, one in the other.
    pub(super) messages: usize,
    /// How many objects and lists of JSON.
    pub(super) depth: usize,
    pub(super) failure: Option<Failure>,
    pub(super) numbers_are_objects: bool,
}

/// What a value of JSON is read into.
#[derive(Clone, Copy)]
pub(super) enum Slot<'t> {
    Single(EncodeTarget),
    List(&'t FieldType),
    Map(&'t FieldType),
}

/// What a value is encoded as.
#[derive(Clone, Copy)]
pub(super) struct EncodeTarget {
    pub(super) kind: FieldKind,
    /// The number of its field. None if there is no tag before it.
    pub(super) number: Option<u32>,
    pub(super) role: ValueRole,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ValueRole {
    /// Nothing is encoded for `null`, nor without presence for the default value.
    Field { has_presence: bool },
    /// A value that has to be there.
    Element,
}

impl<'t> JsonReader<'t> {
    pub(crate) fn new(types: &'t TypeTable, options: JsonOptions) -> Self {
        Self {
            types,
            options,
            encoded: Vec::new(),
            seen: Vec::new(),
            messages: 0,
            depth: 0,
            failure: None,
            numbers_are_objects: number::are_objects(),
        }
    }

    /// What has been read.
    pub(crate) fn into_encoded(self) -> Vec<u8> {
        self.encoded
    }
}

impl<'t> Slot<'t> {
    pub(super) fn of(field: &'t FieldType) -> Self {
        match field.shape {
            FieldShape::Single { has_presence } => Self::Single(EncodeTarget {
                kind: field.kind,
                number: Some(field.number),
                role: ValueRole::Field { has_presence },
            }),
            FieldShape::List { .. } => Self::List(field),
            FieldShape::Map => Self::Map(field),
        }
    }

    /// A message by itself.
    pub(super) fn of_message(id: MessageId) -> Self {
        Self::Single(EncodeTarget {
            kind: FieldKind::Message(id),
            number: None,
            role: ValueRole::Element,
        })
    }
}

impl EncodeTarget {
    /// A value of `field`, or one of several.
    pub(super) fn element(field: &FieldType) -> Self {
        Self { kind: field.kind, number: Some(field.number), role: ValueRole::Element }
    }
}

/// What is wrong, and where.
#[derive(Debug)]
pub(super) struct Failure {
    /// As one would write it: `items[3].price`.
    pub(super) place: String,
    pub(super) problem: String,
}
