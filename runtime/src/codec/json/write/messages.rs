//! Messages, lists and maps as JSON.

use std::{mem, ops::Range};

use prost::Message as _;
use prost_types::{Duration, Timestamp};

use super::{
    values::MapKey,
    writer::{FoundField, JsonWriter, WriteError},
};
use crate::codec::json::{
    types::{FieldShape, FieldType, JsonForm, MessageId, MessageType},
    well_known,
    wire::WireValue,
};

const OBJECT: [u8; 2] = *b"{}";
const LIST: [u8; 2] = *b"[]";

impl<'m> JsonWriter<'_, 'm> {
    /// Writes a message.
    ///
    /// # Errors
    /// It cannot be decoded, or has no JSON.
    pub(crate) fn write_message(
        &mut self,
        id: MessageId,
        encoded: &'m [u8],
    ) -> Result<(), WriteError> {
        let message = self.types.message(id);
        match message.form {
            JsonForm::Object => {
                return self.nested(OBJECT, |writer| writer.write_fields(message, encoded));
            }
            JsonForm::Timestamp => {
                let time = well_known::format_timestamp(Timestamp::decode(encoded)?);
                return self.put_value(time.ok_or(WriteError::from("a time is out of range"))?);
            }
            JsonForm::Duration => {
                let duration = well_known::format_duration(Duration::decode(encoded)?);
                return self
                    .put_value(duration.ok_or(WriteError::from("a duration is out of range"))?);
            }
            _ => {}
        }
        let found = self.find_fields(message, encoded)?;
        let start = found.start;
        match message.form {
            JsonForm::Any => self.write_found_any(found)?,
            JsonForm::FieldMask => self.write_field_mask(found)?,
            JsonForm::Value => self.write_dynamic(message, found)?,
            // They have a single field.
            _ => self.write_values(&message.fields[0], found)?,
        }
        self.found.truncate(start);
        Ok(())
    }

    /// Writes the fields of a message, without the brackets around them.
    fn write_fields(&mut self, message: &MessageType, encoded: &'m [u8]) -> Result<(), WriteError> {
        let found = self.find_fields(message, encoded)?;
        let (mut start, mut written) = (found.start, 0);
        while start < found.end {
            let position = self.found[start].position;
            let is_same = |other: &&FoundField<'_>| other.position == position;
            let end = start + self.found[start..found.end].iter().take_while(is_same).count();
            self.write_defaults(&message.fields[written..position])?;
            self.write_found(&message.fields[position], start..end)?;
            (start, written) = (end, position + 1);
        }
        self.write_defaults(&message.fields[written..])?;
        self.found.truncate(found.start);
        Ok(())
    }

    fn write_defaults(&mut self, fields: &[FieldType]) -> Result<(), WriteError> {
        if self.options.writes_defaults {
            for field in fields.iter().filter(|field| !field.has_presence() && !field.is_extension)
            {
                self.put_key(field)?;
                self.write_values(field, 0..0)?;
            }
        }
        Ok(())
    }

    fn write_found(&mut self, field: &FieldType, found: Range<usize>) -> Result<(), WriteError> {
        let is_default = match field.shape {
            FieldShape::Single { has_presence } => {
                !has_presence && self.found[found.end - 1].value == field.kind.default()
            }
            FieldShape::List { .. } => {
                let is_empty = |value| field.kind.is_packable() && value == WireValue::Bytes(&[]);
                self.found[found.clone()].iter().all(|found| is_empty(found.value))
            }
            FieldShape::Map => false,
        };
        if is_default && !self.options.writes_defaults {
            return Ok(());
        }
        self.put_key(field)?;
        self.write_values(field, found)
    }

    /// Writes the value of a field out of those that were found, or its default value.
    pub(super) fn write_values(
        &mut self,
        field: &FieldType,
        found: Range<usize>,
    ) -> Result<(), WriteError> {
        match (field.shape, field.kind.message()) {
            (FieldShape::List { .. }, _) => {
                self.nested(LIST, |writer| writer.write_elements(field, found))
            }
            (FieldShape::Map, Some(entry)) => {
                self.nested(OBJECT, |writer| writer.write_entries(entry, found))
            }
            (_, Some(message)) if found.len() > 1 => self.write_merged(message, found),
            _ => {
                let last = self.found[found].last().map(|found| found.value);
                self.write_value(field.kind, last.unwrap_or(field.kind.default()))
            }
        }
    }

    fn write_elements(&mut self, field: &FieldType, found: Range<usize>) -> Result<(), WriteError> {
        for index in found {
            match self.found[index].value {
                WireValue::Bytes(packed) if field.kind.is_packable() => {
                    self.write_packed(field.kind, packed)?;
                }
                value => {
                    self.separate();
                    self.write_value(field.kind, value)?;
                }
            }
        }
        Ok(())
    }

    /// Writes a message that comes in several parts, which put together are one.
    fn write_merged(&mut self, id: MessageId, found: Range<usize>) -> Result<(), WriteError> {
        let mut encoded = Vec::new();
        for part in &self.found[found] {
            if let WireValue::Bytes(part) | WireValue::Group(part) = part.value {
                encoded.extend_from_slice(part);
            }
        }
        let json = mem::take(&mut self.json);
        let found = Vec::new();
        let mut writer = JsonWriter { json, found, ..*self };
        writer.write_message(id, &encoded)?;
        self.json = writer.json;
        Ok(())
    }

    /// Writes the entries of a map, in the order of their keys.
    fn write_entries(&mut self, entry: MessageId, found: Range<usize>) -> Result<(), WriteError> {
        let entry = self.types.message(entry);
        let [key, value] = [&entry.fields[0], &entry.fields[1]];
        let mut entries = Vec::with_capacity(found.len());
        for index in found {
            let WireValue::Bytes(encoded) = self.found[index].value else { continue };
            let parts = self.find_fields(entry, encoded)?;
            let found = self.found[parts.clone()].iter().rfind(|part| part.position == 0);
            let found = found.map_or(key.kind.default(), |part| part.value);
            entries.push((MapKey::new(key.kind, found)?, encoded));
            self.found.truncate(parts.start);
        }
        // Stable: of several values, the last counts.
        entries.sort_by_key(|(key, _)| *key);
        for (index, (key, encoded)) in entries.iter().enumerate() {
            if entries.get(index + 1).is_some_and(|(next, _)| next == key) {
                continue;
            }
            self.separate();
            self.write_quoted(*key)?;
            self.put(":")?;
            let parts = self.find_fields(entry, encoded)?;
            let is_key = |part: &&FoundField<'_>| part.position == 0;
            let keys = self.found[parts.clone()].iter().take_while(is_key).count();
            self.write_values(value, parts.start + keys..parts.end)?;
            self.found.truncate(parts.start);
        }
        Ok(())
    }

    /// Writes a `google.protobuf.Value`.
    fn write_dynamic(
        &mut self,
        message: &MessageType,
        found: Range<usize>,
    ) -> Result<(), WriteError> {
        let Some(last) = self.found[found.clone()].last() else { return self.put("null") };
        if let WireValue::Fixed64(bits) = last.value
            && !f64::from_bits(bits).is_finite()
        {
            return Err("a google.protobuf.Value is no number of JSON".into());
        }
        self.write_values(&message.fields[last.position], found)
    }

    fn write_field_mask(&mut self, found: Range<usize>) -> Result<(), WriteError> {
        let paths = self.found[found].iter().map(|found| found.value.text());
        let paths = paths.collect::<Result<Vec<_>, _>>()?;
        let text = well_known::format_field_mask(paths.into_iter());
        self.put_value(text.ok_or("a path of a field mask would not come back as it is")?)
    }

    fn write_found_any(&mut self, found: Range<usize>) -> Result<(), WriteError> {
        let part = |position| {
            let mut found = self.found[found.clone()].iter();
            found
                .rfind(|part| part.position == position)
                .map_or(WireValue::Bytes(&[]), |it| it.value)
        };
        let (url, value) = (part(0).text()?, part(1));
        match value {
            WireValue::Bytes(value) => self.write_any(url, value),
            _ => Err("the content of an Any is not bytes".into()),
        }
    }

    /// Writes a `google.protobuf.Any`.
    ///
    /// # Errors
    /// Its type is not known, or its content has no JSON.
    pub(crate) fn write_any(&mut self, url: &str, encoded: &'m [u8]) -> Result<(), WriteError> {
        if url.is_empty() && encoded.is_empty() {
            return self.put("{}");
        }
        let content = self.types.find_message(well_known::type_name(url));
        let content =
            content.ok_or_else(|| WriteError(format!("the type {url:?} is not known")))?;
        self.nested(OBJECT, |writer| {
            writer.put("\"@type\":")?;
            writer.put_value(url)?;
            let message = writer.types.message(content);
            if message.form == JsonForm::Object {
                return writer.write_fields(message, encoded);
            }
            writer.put(",\"value\":")?;
            writer.write_message(content, encoded)
        })
    }
}
