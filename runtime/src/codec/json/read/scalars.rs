//! Values that are neither lists nor objects in JSON.

use serde::de::Error;

use super::{
    place,
    reader::{EncodeTarget, JsonReader, Slot, ValueRole},
};
#[cfg(feature = "rest")]
use crate::codec::json::types::FieldId;
use crate::codec::json::{
    scalar::Scalar,
    types::{FieldKind, JsonForm, MessageType},
    well_known,
};

impl<'t> JsonReader<'t> {
    /// # Errors
    /// The text is no value of the field.
    #[cfg(feature = "rest")]
    pub(super) fn put_text<E: Error>(&mut self, path: &[FieldId], text: &str) -> Result<(), E> {
        let [first, rest @ ..] = path else { return Ok(()) };
        let field = self.types.field(*first);
        let target = EncodeTarget::element(field);
        let put = match rest {
            [] => self.put_scalar(Slot::Single(target), Scalar::Bare(text)),
            _ => self.put_message(target, |reader| reader.put_text(rest, text)),
        };
        put.inspect_err(|_| self.hide_secrets(field))
    }

    /// # Errors
    /// The slot takes no such value.
    pub(super) fn put_scalar<E: Error>(
        &mut self,
        slot: Slot<'t>,
        value: Scalar<'_>,
    ) -> Result<(), E> {
        if matches!(value, Scalar::Null) && self.may_be_absent(slot) {
            return Ok(());
        }
        let Slot::Single(target) = slot else {
            return Err(self.mismatch(slot, &place::shown(value)));
        };
        let put = match target.kind.message() {
            Some(id) => self.put_scalar_message(target, self.types.message(id), value)?,
            None => self.put_plain(target, value),
        };
        put.ok_or_else(|| self.mismatch(slot, &place::shown(value)))
    }

    /// Whether `null` stands for nothing here.
    fn may_be_absent(&self, slot: Slot<'t>) -> bool {
        let Slot::Single(EncodeTarget { kind, role, .. }) = slot else { return true };
        let has_null = match kind {
            FieldKind::Enum(id) => self.types.enumeration(id).is_null(),
            _ => kind.message().is_some_and(|id| self.types.message(id).form == JsonForm::Value),
        };
        matches!(role, ValueRole::Field { .. }) && !has_null
    }

    /// Puts what is no message. None if the value is none of the target's.
    pub(super) fn put_plain(&mut self, target: EncodeTarget, value: Scalar<'_>) -> Option<()> {
        match target.kind {
            FieldKind::String => self.put_bytes(target, value.text()?.as_bytes()),
            FieldKind::Bytes => self.put_bytes(target, &value.bytes()?),
            FieldKind::Enum(id) => {
                let values = self.types.enumeration(id);
                let named = match value {
                    Scalar::Null if values.is_null() => Some(0),
                    _ => value.text().and_then(|name| values.number(name)),
                };
                match named.or_else(|| value.integer()) {
                    Some(number) => self.put_integer(target, number.into()),
                    None if self.options.ignores_unknown_fields => value.text().map(drop)?,
                    None => return None,
                }
            }
            kind => self.put_number(target, value.number(kind)?),
        }
        Some(())
    }

    /// Puts a message that is not an object in JSON. None if the value is none of its.
    fn put_scalar_message<E: Error>(
        &mut self,
        target: EncodeTarget,
        message: &'t MessageType,
        value: Scalar<'_>,
    ) -> Result<Option<()>, E> {
        let mut put = None;
        self.put_message(target, |reader| {
            put = reader.put_content(message, value);
            Ok(())
        })?;
        Ok(put)
    }

    fn put_content(&mut self, message: &'t MessageType, value: Scalar<'_>) -> Option<()> {
        let field = |position: usize| EncodeTarget::element(&message.fields[position]);
        match message.form {
            JsonForm::Timestamp => {
                let time = well_known::parse_timestamp(value.text()?)?;
                self.put_integer(field(0), time.seconds);
                self.put_integer(field(1), time.nanos.into());
            }
            JsonForm::Duration => {
                let duration = well_known::parse_duration(value.text()?)?;
                self.put_integer(field(0), duration.seconds);
                self.put_integer(field(1), duration.nanos.into());
            }
            JsonForm::FieldMask => {
                for path in well_known::paths(value.text()?) {
                    self.put_bytes(field(0), well_known::parse_path(path)?.as_bytes());
                }
            }
            JsonForm::Wrapper => self.put_plain(field(0), value)?,
            JsonForm::Value => {
                let kind = match value {
                    Scalar::Null => 0,
                    Scalar::Unsigned(_) | Scalar::Signed(_) | Scalar::Float(_) => 1,
                    Scalar::Text(_) | Scalar::Bare(_) => 2,
                    Scalar::Bool(_) => 3,
                };
                self.put_plain(field(kind), value)?;
            }
            JsonForm::Object | JsonForm::Any | JsonForm::Struct | JsonForm::ListValue => {
                return None;
            }
        }
        Some(())
    }
}
