//! Single values as JSON, and as keys of objects.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Buf as _;
use prost::encoding::decode_varint;
use serde::Serialize;

use super::writer::{JsonWriter, WriteError};
use crate::codec::json::{
    types::{EnumId, FieldKind},
    wire::WireValue,
};

/// The key of a map's entry. Keys of a map are of one kind.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum MapKey<'m> {
    Bool(bool),
    Signed(i64),
    Unsigned(u64),
    Text(&'m str),
}

impl<'m> JsonWriter<'_, 'm> {
    pub(super) fn write_value(
        &mut self,
        kind: FieldKind,
        value: WireValue<'m>,
    ) -> Result<(), WriteError> {
        match (kind, value) {
            (FieldKind::Double, WireValue::Fixed64(bits)) => {
                let number = f64::from_bits(bits);
                self.write_float(number, number)
            }
            (FieldKind::Float, WireValue::Fixed32(bits)) => {
                let number = f32::from_bits(bits);
                self.write_float(number, number.into())
            }
            (FieldKind::Enum(id), WireValue::Varint(number)) => self.write_enum(id, int32(number)),
            (FieldKind::String, _) => self.put_value(value.text()?),
            (FieldKind::Bytes, WireValue::Bytes(bytes)) => self.put_value(STANDARD.encode(bytes)),
            (FieldKind::Message(id), WireValue::Bytes(encoded))
            | (FieldKind::Group(id), WireValue::Group(encoded)) => {
                self.write_message(id, &[encoded])
            }
            _ => match MapKey::new(kind, value)? {
                MapKey::Bool(value) => self.put_value(value),
                // Numbers of JavaScript are not exact beyond 2^53.
                key if kind.is_long() => self.write_quoted(key),
                MapKey::Signed(number) => self.put_value(number),
                MapKey::Unsigned(number) => self.put_value(number),
                MapKey::Text(text) => self.put_value(text),
            },
        }
    }

    /// Writes the values that are in `packed`, one after the other.
    pub(super) fn write_packed(
        &mut self,
        kind: FieldKind,
        mut packed: &'m [u8],
    ) -> Result<(), WriteError> {
        while !packed.is_empty() {
            let value = match kind.default() {
                WireValue::Varint(_) => WireValue::Varint(decode_varint(&mut packed)?),
                WireValue::Fixed32(_) if packed.len() >= 4 => {
                    WireValue::Fixed32(packed.get_u32_le())
                }
                WireValue::Fixed64(_) if packed.len() >= 8 => {
                    WireValue::Fixed64(packed.get_u64_le())
                }
                _ => return Err("a packed list is malformed".into()),
            };
            self.separate();
            self.write_value(kind, value)?;
        }
        Ok(())
    }

    /// Writes a key, as all keys are written: as a string.
    pub(super) fn write_quoted(&mut self, key: MapKey<'_>) -> Result<(), WriteError> {
        match key {
            MapKey::Text(text) => self.put_value(text),
            MapKey::Bool(value) => self.put_value(value.to_string()),
            MapKey::Signed(number) => self.put_value(number.to_string()),
            MapKey::Unsigned(number) => self.put_value(number.to_string()),
        }
    }

    /// Writes `number`, which is `double` if it is that precise.
    fn write_float(&mut self, number: impl Serialize, double: f64) -> Result<(), WriteError> {
        match double {
            _ if double.is_finite() => self.put_value(number),
            _ if double.is_nan() => self.put_value("NaN"),
            f64::INFINITY => self.put_value("Infinity"),
            _ => self.put_value("-Infinity"),
        }
    }

    fn write_enum(&mut self, id: EnumId, number: i32) -> Result<(), WriteError> {
        let values = self.types.enumeration(id);
        if values.is_null() {
            return self.put("null");
        }
        match values.name(number).filter(|_| !self.options.writes_enum_numbers) {
            Some(name) => self.put_value(name),
            None => self.put_value(number),
        }
    }
}

impl<'m> MapKey<'m> {
    /// # Errors
    /// It is no value of the kind, or the kind is none of keys.
    pub(super) fn new(kind: FieldKind, value: WireValue<'m>) -> Result<Self, WriteError> {
        Ok(match (kind, value) {
            (FieldKind::Bool, WireValue::Varint(value)) => Self::Bool(value != 0),
            (FieldKind::Int32, WireValue::Varint(value)) => Self::Signed(int32(value).into()),
            (FieldKind::Int64, WireValue::Varint(value)) => Self::Signed(value.cast_signed()),
            (FieldKind::Uint32, WireValue::Varint(value)) => {
                Self::Unsigned(value & u64::from(u32::MAX))
            }
            (FieldKind::Uint64, WireValue::Varint(value)) => Self::Unsigned(value),
            (FieldKind::Sint32, WireValue::Varint(value)) => {
                Self::Signed(unzigzag(value & u64::from(u32::MAX)))
            }
            (FieldKind::Sint64, WireValue::Varint(value)) => Self::Signed(unzigzag(value)),
            (FieldKind::Fixed32, WireValue::Fixed32(value)) => Self::Unsigned(value.into()),
            (FieldKind::Fixed64, WireValue::Fixed64(value)) => Self::Unsigned(value),
            (FieldKind::Sfixed32, WireValue::Fixed32(value)) => {
                Self::Signed(value.cast_signed().into())
            }
            (FieldKind::Sfixed64, WireValue::Fixed64(value)) => Self::Signed(value.cast_signed()),
            (FieldKind::String, value) => Self::Text(value.text()?),
            _ => return Err("a value is not of its type".into()),
        })
    }
}

impl FieldKind {
    /// Whether it is a whole number of 64 bits.
    fn is_long(self) -> bool {
        matches!(self, Self::Int64 | Self::Uint64 | Self::Sint64 | Self::Fixed64 | Self::Sfixed64)
    }
}

impl<'m> WireValue<'m> {
    /// What a message, or bytes, are.
    ///
    /// # Errors
    /// It is a number.
    pub(super) fn content(self) -> Result<&'m [u8], WriteError> {
        match self {
            Self::Bytes(content) | Self::Group(content) => Ok(content),
            _ => Err("a value is not of its type".into()),
        }
    }

    /// # Errors
    /// It is not UTF-8.
    pub(super) fn text(self) -> Result<&'m str, WriteError> {
        str::from_utf8(self.content()?).map_err(|_| WriteError::from("a string is not UTF-8"))
    }
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

/// What 64 bits are as one of 32: the rest is cut off.
fn int32(number: u64) -> i32 {
    number as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_32_bits_do_not_hold_is_cut_off() {
        let cut = |kind, low: u64| {
            let key = MapKey::new(kind, WireValue::Varint((0xabcd << 32) | low));
            match key.unwrap() {
                MapKey::Signed(number) => number,
                MapKey::Unsigned(number) => number.cast_signed(),
                MapKey::Bool(_) | MapKey::Text(_) => panic!(),
            }
        };
        assert_eq!(cut(FieldKind::Int32, 0xffff_ffff), -1);
        assert_eq!(cut(FieldKind::Uint32, 0xffff_ffff), 0xffff_ffff);
        assert_eq!(cut(FieldKind::Sint32, 3), -2);
        assert!(FieldKind::Sint32.is_default(WireValue::Varint(1 << 32)));
        assert!(!FieldKind::Sint64.is_default(WireValue::Varint(1 << 32)));
    }
}
