//! What breaks when a field gets another type, or holds more or fewer values.

use super::{
    compare::{Class, Comparison, Rule},
    messages::shown,
};
use crate::model::{Framing, Scalar, Shape, Value};

const CARDINALITY: Rule =
    (Class::Wire, "FIELD_WIRE_COMPATIBLE_CARDINALITY", "add a field, and deprecate this one");
const TYPE: Rule =
    (Class::Wire, "FIELD_WIRE_COMPATIBLE_TYPE", "add a field, and deprecate this one");
const JSON_TYPE: Rule = (
    Class::Json,
    "FIELD_WIRE_JSON_COMPATIBLE_TYPE",
    "add a field, and deprecate this one, unless nobody uses JSON",
);

/// How much of a value the other side still reads.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Compatible {
    No,
    OnTheWire,
    InJson,
}

impl<'a> Comparison<'a> {
    /// Which rule a new shape breaks, if it breaks one, and how both are written.
    pub(super) fn shape(
        &mut self,
        then: &'a Shape,
        now: &'a Shape,
    ) -> Option<(Rule, String, String)> {
        let compatible = match (then, now) {
            (Shape::Single(then, _), Shape::Single(now, _))
            // Everybody reads packed values and unpacked ones alike.
            | (Shape::Repeated(then, _), Shape::Repeated(now, _)) => self.value(then, now),
            (Shape::Map(key_then, then), Shape::Map(key_now, now)) => {
                self.value(key_then, key_now).min(self.value(then, now))
            }
            _ => return Some((CARDINALITY, written(then), written(now))),
        };
        match compatible {
            Compatible::InJson => None,
            Compatible::OnTheWire => Some((JSON_TYPE, written(then), written(now))),
            Compatible::No => Some((TYPE, written(then), written(now))),
        }
    }

    fn value(&mut self, then: &'a Value, now: &'a Value) -> Compatible {
        let is_same = match (then, now) {
            (Value::Scalar(then), Value::Scalar(now)) => return scalar(*then, *now),
            (Value::Enum(then), Value::Enum(now)) => self.is_equal(then, now),
            (Value::Message(then, framing), Value::Message(now, other)) => {
                framing == other && self.is_equal(then, now)
            }
            _ => false,
        };
        if is_same { Compatible::InJson } else { Compatible::No }
    }
}

/// <https://protobuf.dev/programming-guides/proto3/#updating>
fn scalar(then: Scalar, now: Scalar) -> Compatible {
    use Scalar::{
        Bool, Bytes, Fixed32, Fixed64, Int32, Int64, Sfixed32, Sfixed64, Sint32, Sint64, String,
        Uint32, Uint64,
    };
    let both_in = |group: &[Scalar]| group.contains(&then) && group.contains(&now);
    let json: [&[Scalar]; 4] =
        [&[Int32, Uint32], &[Int64, Uint64], &[Fixed32, Sfixed32], &[Fixed64, Sfixed64]];
    if then == now || json.into_iter().any(both_in) {
        return Compatible::InJson;
    }
    let is_text_as_bytes = (then, now) == (String, Bytes);
    match both_in(&[Bool, Int32, Int64, Uint32, Uint64])
        || both_in(&[Sint32, Sint64])
        || is_text_as_bytes
    {
        true => Compatible::OnTheWire,
        false => Compatible::No,
    }
}

/// As it stands in a proto.
fn written(shape: &Shape) -> String {
    match shape {
        Shape::Single(value, _) => written_value(value),
        Shape::Repeated(value, _) => {
            format!("repeated {}", written_value(value))
        }
        Shape::Map(key, value) => {
            format!("map<{}, {}>", written_value(key), written_value(value))
        }
    }
}

fn written_value(value: &Value) -> String {
    match value {
        Value::Scalar(scalar) => format!("{scalar:?}").to_lowercase(),
        Value::Enum(name) | Value::Message(name, Framing::Length) => shown(name).to_owned(),
        Value::Message(name, Framing::Delimited) => format!("group {}", shown(name)),
    }
}
