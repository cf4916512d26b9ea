//! Messages, lists and maps as JSON.

use std::ops::Range;

use prost::{DecodeError, Message};
use prost_types::{Duration, Timestamp};

use super::{
    values::MapKey,
    writer::{JsonWriter, WriteError},
};
use crate::{
    call::excerpt::quoted,
    codec::json::{
        types::{FieldShape, FieldType, JsonForm, MessageId, MessageType},
        well_known,
        wire::WireValue,
    },
};

const OBJECT: [u8; 2] = *b"{}";
const LIST: [u8; 2] = *b"[]";

impl<'m> JsonWriter<'_, 'm> {
    /// Writes a message, which may come in several parts.
    ///
    /// # Errors
    /// It cannot be decoded, or has no JSON.
    pub(crate) fn write_message(
        &mut self,
        id: MessageId,
        parts: &[&'m [u8]],
    ) -> Result<(), WriteError> {
        let message = self.types.message(id);
        match message.form {
            JsonForm::Object => {
                return self.nested(OBJECT, |writer| writer.write_fields(message, parts));
            }
            JsonForm::Timestamp => {
                let time = well_known::format_timestamp(merged::<Timestamp>(parts)?);
                return self.put_value(time.ok_or(WriteError::from("a time is out of range"))?);
            }
            JsonForm::Duration => {
                let duration = well_known::format_duration(merged::<Duration>(parts)?);
                return self
                    .put_value(duration.ok_or(WriteError::from("a duration is out of range"))?);
            }
            _ => {}
        }
        let found = self.find_fields(message, parts)?;
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
    fn write_fields(
        &mut self,
        message: &MessageType,
        parts: &[&'m [u8]],
    ) -> Result<(), WriteError> {
        let found = self.find_fields(message, parts)?;
        let (mut start, mut written) = (found.start, 0);
        while start < found.end {
            let position = self.found[start].position();
            let rest = self.found[start..found.end].iter();
            let end = start + rest.take_while(|other| other.position() == position).count();
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
        if field.is_single() && field.kind.message().is_none() {
            let value = self.value(found.end - 1)?;
            let is_absent = !field.has_presence() && field.kind.is_default(value);
            if is_absent && !self.options.writes_defaults {
                return Ok(());
            }
            self.put_key(field)?;
            return self.write_value(field.kind, value);
        }
        if !self.options.writes_defaults && self.is_empty(field, found.clone())? {
            return Ok(());
        }
        self.put_key(field)?;
        self.write_values(field, found)
    }

    /// Whether a field is a list, all parts of which are empty.
    fn is_empty(&self, field: &FieldType, found: Range<usize>) -> Result<bool, WriteError> {
        if !field.is_list() || !field.kind.is_packable() {
            return Ok(false);
        }
        for index in found {
            if self.value(index)? != WireValue::Bytes(&[]) {
                return Ok(false);
            }
        }
        Ok(true)
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
            (_, Some(message)) if found.len() > 1 => {
                let mut parts = Vec::with_capacity(found.len());
                for index in found {
                    parts.push(self.value(index)?.content()?);
                }
                self.write_message(message, &parts)
            }
            _ => {
                let last = found.last().map(|last| self.value(last)).transpose()?;
                self.write_value(field.kind, last.unwrap_or(field.kind.default()))
            }
        }
    }

    fn write_elements(&mut self, field: &FieldType, found: Range<usize>) -> Result<(), WriteError> {
        for index in found {
            match self.value(index)? {
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

    /// Writes the entries of a map, in the order of their keys.
    fn write_entries(&mut self, entry: MessageId, found: Range<usize>) -> Result<(), WriteError> {
        let entry = self.types.message(entry);
        let [key, value] = [&entry.fields[0], &entry.fields[1]];
        let mut entries = Vec::new();
        for index in found {
            let WireValue::Bytes(encoded) = self.value(index)? else { continue };
            let parts = self.find_fields(entry, &[encoded])?;
            let last = parts.clone().rfind(|part| self.found[*part].position == 0);
            let last = last.map(|part| self.value(part)).transpose()?;
            self.found.truncate(parts.start);
            let key = MapKey::new(key.kind, last.unwrap_or(key.kind.default()))?;
            match entries.last_mut() {
                Some((last, value)) if *last == key => *value = index,
                _ => entries.push((key, index)),
            }
        }
        // Of several values, the last counts.
        entries.sort_unstable();
        for (position, (key, index)) in entries.iter().enumerate() {
            if entries.get(position + 1).is_some_and(|(next, _)| next == key) {
                continue;
            }
            self.separate();
            self.write_quoted(*key)?;
            self.put(":")?;
            let parts = self.find_fields(entry, &[self.value(*index)?.content()?])?;
            let is_key = |part: &usize| self.found[*part].position == 0;
            let keys = parts.clone().take_while(is_key).count();
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
        let Some(last) = found.clone().last() else { return self.put("null") };
        if let WireValue::Fixed64(bits) = self.value(last)?
            && !f64::from_bits(bits).is_finite()
        {
            return Err("a google.protobuf.Value is no number of JSON".into());
        }
        self.write_values(&message.fields[self.found[last].position()], found)
    }

    fn write_field_mask(&mut self, found: Range<usize>) -> Result<(), WriteError> {
        let mut text = String::new();
        for index in found.clone() {
            if index > found.start {
                text.push(',');
            }
            let path = well_known::format_path(self.value(index)?.text()?);
            text += &path.ok_or("a path of a field mask would not come back as it is")?;
        }
        self.put_value(text)
    }

    fn write_found_any(&mut self, found: Range<usize>) -> Result<(), WriteError> {
        let part = |position| {
            let last = found.clone().rfind(|index| self.found[*index].position == position);
            last.map_or(Ok(WireValue::Bytes(&[])), |last| self.value(last))
        };
        let (url, value) = (part(0)?.text()?, part(1)?.content()?);
        self.write_any(url, value)
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
            content.ok_or_else(|| WriteError(format!("the type {} is not known", quoted(url))))?;
        self.nested(OBJECT, |writer| {
            writer.put("\"@type\":")?;
            writer.put_value(url)?;
            let message = writer.types.message(content);
            if message.form == JsonForm::Object {
                return writer.write_fields(message, &[encoded]);
            }
            writer.put(",\"value\":")?;
            writer.write_message(content, &[encoded])
        })
    }
}

fn merged<M: Message + Default>(parts: &[&[u8]]) -> Result<M, DecodeError> {
    let mut message = M::default();
    parts.iter().try_for_each(|part| message.merge(*part))?;
    Ok(message)
}
