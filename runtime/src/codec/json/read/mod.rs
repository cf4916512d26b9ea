//! [`JsonReader`]: JSON is encoded as a message while it is parsed.

mod any;
mod containers;
mod encode;
mod key;
mod number;
mod place;
mod reader;
mod resumed;
mod scalars;
mod seed;

use serde_json::Deserializer;
use tonic::Status;

pub(super) use self::reader::JsonReader;
use self::{reader::Slot, seed::ValueSeed};
use super::types::MessageId;
#[cfg(feature = "rest")]
use {self::reader::EncodeTarget, super::types::FieldId};

impl<'t> JsonReader<'t> {
    /// Reads a message.
    ///
    /// # Errors
    /// `InvalidArgument`, with the place and the problem.
    pub(super) fn read_message(&mut self, message: MessageId, json: &[u8]) -> Result<(), Status> {
        self.read(Slot::of_message(message), json).map_err(|error| self.status(&error))
    }

    /// Reads a field of a message.
    ///
    /// # Errors
    /// As [`JsonReader::read_message`].
    #[cfg(feature = "rest")]
    pub(super) fn read_field(&mut self, field: FieldId, json: &[u8]) -> Result<(), Status> {
        let field = self.types.field(field);
        self.read(Slot::of(field), json).map_err(|error| {
            self.enter_field(field, &field.json_name);
            self.status(&error)
        })
    }

    fn read(&mut self, slot: Slot<'t>, json: &[u8]) -> Result<(), serde_json::Error> {
        // Most messages are shorter than their JSON.
        self.encoded.reserve(json.len());
        let mut parser = Deserializer::from_slice(json);
        ValueSeed { reader: self, slot }.parse(&mut parser)
    }

    /// Reads a value of a field that comes as text, and is called `name` there. `path` are the fields from the message to
    /// it.
    ///
    /// # Errors
    /// `InvalidArgument`, with the name and the problem.
    #[cfg(feature = "rest")]
    pub(super) fn read_text(
        &mut self,
        name: &str,
        path: &[FieldId],
        text: &str,
    ) -> Result<(), Status> {
        self.put_text(path, text).map_err(|error: serde_json::Error| {
            self.enter(name);
            self.status(&error)
        })
    }

    /// Takes a part of the message that is encoded already.
    #[cfg(feature = "rest")]
    pub(super) fn put_encoded(&mut self, part: &[u8]) {
        self.encoded.extend_from_slice(part);
    }

    /// Takes a field that is encoded already, and has its length before it.
    #[cfg(feature = "rest")]
    pub(super) fn put_encoded_field(&mut self, field: FieldId, encoded: &[u8]) {
        self.put_bytes(EncodeTarget::element(self.types.field(field)), encoded);
    }
}
