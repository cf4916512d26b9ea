//! Between serde and [`JsonReader`].

use std::fmt;

use serde::{
    Deserializer,
    de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor},
};

use super::{
    key::Key,
    number,
    reader::{JsonReader, Slot},
    resumed::Resumed,
};
use crate::codec::json::scalar::Scalar;

/// Reads the value that comes next into a slot.
pub(super) struct ValueSeed<'r, 't> {
    pub(super) reader: &'r mut JsonReader<'t>,
    pub(super) slot: Slot<'t>,
}

impl ValueSeed<'_, '_> {
    /// Reads what `parser` has, which must be nothing else.
    pub(super) fn parse<'de, R: serde_json::de::Read<'de>>(
        self,
        parser: &mut serde_json::Deserializer<R>,
    ) -> Result<(), serde_json::Error> {
        self.deserialize(&mut *parser)?;
        parser.end()
    }
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_, '_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.reader.put_scalar(self.slot, Scalar::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.reader.put_scalar(self.slot, Scalar::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.reader.put_scalar(self.slot, Scalar::Unsigned(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.reader.put_scalar(self.slot, Scalar::Signed(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.reader.put_scalar(self.slot, Scalar::Float(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.reader.put_scalar(self.slot, Scalar::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<(), A::Error> {
        self.reader.nested(|reader| reader.put_list(self.slot, list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        let Self { reader, slot } = self;
        if !reader.numbers_are_objects {
            return reader.nested(|reader| reader.put_object(slot, object));
        }
        let first = object.next_key::<Key<'_>>()?;
        if first.as_ref().is_some_and(|Key(key)| key == number::KEY) {
            let Key(digits) = object.next_value()?;
            let number = number::parse(&digits);
            let number = number.ok_or_else(|| reader.fail("a number is too large".to_owned()))?;
            return reader.put_scalar(slot, number);
        }
        let before = first.map(|key| (key, None)).into_iter().collect();
        reader.nested(|reader| reader.put_object(slot, Resumed::new(before, object)))
    }
}
