//! Numbers in the form that `serde_json` gives them with its feature `arbitrary_precision`, which any crate of a program may
//! turn on for all: objects with a private key, and the digits as text.

use std::sync::LazyLock;

use serde_json::Number;

use crate::codec::json::scalar::Scalar;

/// The key. Without the feature, it is one as any other.
pub(super) const KEY: &str = "$serde_json::private::Number";

/// Whether numbers come so.
pub(super) fn are_objects() -> bool {
    // Too large for any other form.
    static ARE_OBJECTS: LazyLock<bool> =
        LazyLock::new(|| serde_json::from_str::<Number>("1e999").is_ok());
    *ARE_OBJECTS
}

/// A number of JSON, as it comes without the feature. None if it is too large.
pub(super) fn parse(digits: &str) -> Option<Scalar<'static>> {
    if let Ok(number) = digits.parse() {
        return Some(Scalar::Unsigned(number));
    }
    match digits.parse() {
        // -0 is none of the integers.
        Ok(number) if number != 0 => Some(Scalar::Signed(number)),
        _ => digits.parse().ok().filter(|it: &f64| it.is_finite()).map(Scalar::Float),
    }
}

#[cfg(test)]
mod tests {
    use serde::de::{DeserializeSeed as _, value::MapDeserializer};

    use super::*;
    use crate::codec::json::{
        options::JsonOptions,
        read::{
            reader::{JsonReader, Slot},
            seed::ValueSeed,
        },
        types::TypeTable,
    };

    /// What is encoded for an object with a single key, as the feature has numbers come.
    fn read(message: &str, key: &str, text: &str) -> Result<Vec<u8>, serde_json::Error> {
        let types = TypeTable::new(&[]).unwrap();
        let mut reader = JsonReader::new(&types, JsonOptions::new());
        reader.numbers_are_objects = true;
        let slot = Slot::of_message(types.find_message(message).unwrap());
        let object = MapDeserializer::new([(key, text)].into_iter());
        ValueSeed { reader: &mut reader, slot }.deserialize(object)?;
        Ok(reader.into_encoded())
    }

    #[test]
    fn numbers_may_come_as_objects() {
        let read_number = |message: &str, digits| read(message, KEY, digits).unwrap();
        let int64 = "google.protobuf.Int64Value";
        assert_eq!(read_number(int64, "5"), [8, 5]);
        assert_eq!(read_number(int64, "5e0"), [8, 5]);
        assert_eq!(read_number(int64, "-1")[..2], [8, 0xff]);
        let double = |number: f64| [&[9][..], &number.to_le_bytes()].concat();
        for (digits, number) in
            [("-0", -0.0), ("1.5", 1.5), ("18446744073709551616", 2_f64.powi(64))]
        {
            assert_eq!(read_number("google.protobuf.DoubleValue", digits), double(number));
        }
        assert_eq!(read_number("google.protobuf.Value", "1.5")[1..], double(1.5)[1..]);
        read("google.protobuf.DoubleValue", KEY, "1e999").unwrap_err();
    }

    #[test]
    fn other_objects_are_objects_all_the_same() {
        assert_eq!(
            read("google.protobuf.Struct", "a", "x").unwrap(),
            [10, 8, 10, 1, b'a', 18, 3, 26, 1, b'x']
        );
    }
}
