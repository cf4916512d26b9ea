//! [`JsonWriter`] itself.

use std::fmt;

use prost::DecodeError;
use serde::Serialize;

use crate::codec::json::{
    options::{JsonOptions, MAX_DEPTH},
    types::{FieldType, TypeTable},
};

/// Writes what it decodes.
pub(crate) struct JsonWriter<'t, 'm> {
    pub(super) types: &'t TypeTable,
    pub(super) options: JsonOptions,
    /// All that is written, with all messages in it.
    pub(super) encoded: &'m [u8],
    pub(super) json: Vec<u8>,
    /// The fields of the messages that are being written.
    pub(super) found: Vec<FoundField>,
    /// How many objects and lists of JSON are being written, one in the other.
    pub(super) depth: usize,
}

/// Why there is no JSON.
#[derive(Debug)]
pub(crate) struct WriteError(pub(super) String);

impl<'t, 'm> JsonWriter<'t, 'm> {
    pub(crate) fn new(types: &'t TypeTable, options: JsonOptions, encoded: &'m [u8]) -> Self {
        Self { types, options, encoded, json: Vec::new(), found: Vec::new(), depth: 0 }
    }

    /// What has been written.
    pub(crate) fn into_json(self) -> Vec<u8> {
        self.json
    }

    pub(super) fn put(&mut self, text: &str) -> Result<(), WriteError> {
        self.json.extend_from_slice(text.as_bytes());
        Ok(())
    }

    /// Writes a string or a number.
    pub(super) fn put_value(&mut self, value: impl Serialize) -> Result<(), WriteError> {
        serde_json::to_writer(&mut self.json, &value).map_err(|error| WriteError(error.to_string()))
    }

    /// Writes what `write` writes between two of JSON's brackets.
    pub(super) fn nested(
        &mut self,
        [open, close]: [u8; 2],
        write: impl FnOnce(&mut Self) -> Result<(), WriteError>,
    ) -> Result<(), WriteError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(WriteError("it is nested too deeply".to_owned()));
        }
        self.json.push(open);
        write(self)?;
        self.json.push(close);
        self.depth -= 1;
        Ok(())
    }

    /// Separates what comes next in an object or a list from what was before it.
    pub(super) fn separate(&mut self) {
        // No value ends with a bracket that opens.
        if !matches!(self.json.last(), Some(b'{' | b'[')) {
            self.json.push(b',');
        }
    }

    pub(super) fn put_key(&mut self, field: &FieldType) -> Result<(), WriteError> {
        self.separate();
        self.put(match self.options.writes_proto_names {
            true => &field.proto_key,
            false => &field.json_key,
        })
    }
}

impl From<&str> for WriteError {
    fn from(problem: &str) -> Self {
        Self(problem.to_owned())
    }
}

impl From<DecodeError> for WriteError {
    fn from(error: DecodeError) -> Self {
        Self(error.to_string())
    }
}

impl fmt::Display for WriteError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A field that is in a message, or a part of it: a list may come in several parts.
///
/// The value is decoded when it is written: a message may have a field in each two of its bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct FoundField {
    /// Among those of the message.
    pub(super) position: u32,
    /// Where it starts in all that is written.
    pub(super) start: u32,
}
