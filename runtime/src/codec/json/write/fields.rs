//! The fields of an encoded message, in the order in which they are written.

use std::ops::Range;

use super::writer::{FoundField, JsonWriter, WriteError};
use crate::codec::json::{
    types::{FieldKind, FieldType, MessageType},
    wire::{WireValue, next_field},
};

impl<'m> JsonWriter<'_, 'm> {
    /// Adds the fields of a message to those that were found, by their numbers, and returns where they are. It may come in
    /// several parts, which put together are the message.
    ///
    /// # Errors
    /// It cannot be decoded.
    pub(super) fn find_fields(
        &mut self,
        message: &MessageType,
        parts: &[&'m [u8]],
    ) -> Result<Range<usize>, WriteError> {
        let start = self.found.len();
        let (mut previous, mut is_sorted, mut of_oneofs) = (0, true, 0);
        for part in parts {
            let (end, mut rest) = (self.offset_of(part) + part.len(), *part);
            loop {
                let start = end - rest.len();
                let Some((number, value)) = next_field(&mut rest)? else { break };
                let position = message.position_of_number(number, previous);
                let known = position.filter(|position| message.fields[*position].takes(value));
                // Others are unknown, as protobuf has it.
                let Some(position) = known else { continue };
                is_sorted &= position >= previous;
                previous = position;
                of_oneofs += usize::from(message.fields[position].oneof.is_some());
                self.found.push(FoundField::new(position, start)?);
            }
        }
        if of_oneofs > 1 {
            self.leave_last_of_oneofs(message, start);
        }
        if !is_sorted {
            // Stable: of several values, the last counts.
            self.found[start..].sort_by_key(|found| found.position);
        }
        Ok(start..self.found.len())
    }

    /// Where a part of what is written starts in it.
    fn offset_of(&self, part: &'m [u8]) -> usize {
        // A message that is not there is no part of it, but has no fields, either.
        part.as_ptr().addr().saturating_sub(self.encoded.as_ptr().addr())
    }

    /// The value of the field that was found at `index`.
    ///
    /// # Errors
    /// None: it was decoded when it was found.
    pub(super) fn value(&self, index: usize) -> Result<WireValue<'m>, WriteError> {
        let start = self.found[index].start as usize;
        let found = next_field(&mut &self.encoded[start..])?;
        found.map(|(_, value)| value).ok_or("a field is not there".into())
    }

    /// Of the fields of a oneof, the last one counts: parts of it are one, unless another field came between them.
    fn leave_last_of_oneofs(&mut self, message: &MessageType, start: usize) {
        #[derive(Clone, Copy, PartialEq)]
        enum Oneof {
            Unset,
            SetBy(usize),
            Complete,
        }
        let mut oneofs = vec![Oneof::Unset; message.oneofs.len()];
        let is_left = |found: &FoundField| {
            let found = found.position();
            let Some(oneof) = message.fields[found].oneof else { return true };
            oneofs[oneof] = match oneofs[oneof] {
                Oneof::Unset => Oneof::SetBy(found),
                Oneof::SetBy(position) if position == found => return true,
                Oneof::SetBy(_) | Oneof::Complete => Oneof::Complete,
            };
            oneofs[oneof] != Oneof::Complete
        };
        let mut left: Vec<_> = self.found.drain(start..).rev().filter(is_left).collect();
        left.reverse();
        self.found.append(&mut left);
    }
}

impl FoundField {
    /// # Errors
    /// It starts where no message of protobuf would go on.
    fn new(position: usize, start: usize) -> Result<Self, WriteError> {
        match (u32::try_from(position), u32::try_from(start)) {
            (Ok(position), Ok(start)) => Ok(Self { position, start }),
            _ => Err("it is larger than 4 GiB".into()),
        }
    }

    pub(super) fn position(self) -> usize {
        self.position as usize
    }
}

impl FieldType {
    /// Whether a value that is encoded so may be one of the field.
    fn takes(&self, value: WireValue<'_>) -> bool {
        match (self.kind.default(), value) {
            (WireValue::Varint(_), WireValue::Varint(_))
            | (WireValue::Fixed32(_), WireValue::Fixed32(_))
            | (WireValue::Fixed64(_), WireValue::Fixed64(_))
            | (WireValue::Bytes(_), WireValue::Bytes(_))
            | (WireValue::Group(_), WireValue::Group(_)) => true,
            // Whether they are packed or not, all have to read both.
            (_, WireValue::Bytes(_)) => self.is_list() && self.kind.is_packable(),
            _ => false,
        }
    }
}

impl FieldKind {
    pub(super) fn is_default(self, value: WireValue<'_>) -> bool {
        match (self, value) {
            // Of what has more bits, the rest is cut off.
            (
                Self::Int32 | Self::Uint32 | Self::Sint32 | Self::Enum(_),
                WireValue::Varint(number),
            ) => number as u32 == 0,
            _ => value == self.default(),
        }
    }

    /// The default value.
    pub(super) fn default(self) -> WireValue<'static> {
        match self {
            Self::Double | Self::Fixed64 | Self::Sfixed64 => WireValue::Fixed64(0),
            Self::Float | Self::Fixed32 | Self::Sfixed32 => WireValue::Fixed32(0),
            Self::String | Self::Bytes | Self::Message(_) => WireValue::Bytes(&[]),
            Self::Group(_) => WireValue::Group(&[]),
            Self::Int32
            | Self::Int64
            | Self::Uint32
            | Self::Uint64
            | Self::Sint32
            | Self::Sint64
            | Self::Bool
            | Self::Enum(_) => WireValue::Varint(0),
        }
    }
}
