//! What is in the messages of `mirror.Mirror`: some of them, as JSON and encoded, right and nearly right.

use rust_scaffold::prost::encoding::{WireType, encode_key, encode_varint};

use self::{Form as F, Kind as K};
use crate::{
    mutate::{change_bytes, change_text},
    random::Random,
};

/// A field, by its number and its name in JSON.
#[derive(Clone, Copy)]
struct Field(u32, &'static str, Kind);

#[derive(Clone, Copy)]
enum Kind {
    Double,
    Float,
    Integer,
    Fixed64,
    Fixed32,
    Bool,
    Color,
    Null,
    Text,
    Bytes,
    List(&'static Kind),
    /// With the fields of its entries.
    Map(&'static [Field; 2]),
    Message(Form, &'static [Field]),
    Group(&'static [Field]),
}

/// How a message is written in JSON.
#[derive(Clone, Copy)]
enum Form {
    Object,
    /// As the value of its field.
    Only,
    Any,
    Duration,
    Time,
    Mask,
    Value,
}

static EVERYTHING: [Field; 38] = [
    Field(1, "double", K::Double),
    Field(2, "float", K::Float),
    Field(3, "int32", K::Integer),
    Field(4, "int64", K::Integer),
    Field(5, "uint32", K::Integer),
    Field(6, "uint64", K::Integer),
    Field(7, "sint64", K::Integer),
    Field(8, "fixed64", K::Fixed64),
    Field(9, "sfixed32", K::Fixed32),
    Field(10, "bool", K::Bool),
    Field(11, "string", K::Text),
    Field(12, "bytes", K::Bytes),
    Field(13, "color", K::Color),
    Field(14, "present", K::Integer),
    Field(15, "other", K::Integer),
    Field(16, "items", K::List(&K::Message(F::Object, &ITEM))),
    Field(17, "numbers", K::List(&K::Integer)),
    Field(18, "byName", K::Map(&[KEY, Field(2, "value", K::Message(F::Object, &ITEM))])),
    Field(19, "byNumber", K::Map(&[Field(1, "key", K::Integer), Field(2, "value", K::Bool)])),
    Field(20, "text", K::Text),
    Field(21, "item", K::Message(F::Object, &ITEM)),
    Field(22, "nothing", K::Null),
    Field(23, "any", K::Message(F::Any, &ANY)),
    Field(24, "duration", K::Message(F::Duration, &TIME)),
    Field(25, "empty", K::Message(F::Object, &[])),
    Field(26, "mask", K::Message(F::Mask, &[Field(1, "paths", K::List(&K::Text))])),
    Field(27, "struct", K::Message(F::Only, &STRUCT)),
    Field(28, "value", K::Message(F::Value, &DYNAMIC)),
    Field(29, "list", K::Message(F::Only, &LIST)),
    Field(30, "time", K::Message(F::Time, &TIME)),
    Field(31, "wrapped", K::Message(F::Only, &[Field(1, "value", K::Integer)])),
    Field(32, "wrappedText", K::Message(F::Only, &[Field(1, "value", K::Text)])),
    Field(33, "colors", K::List(&K::Color)),
    Field(34, "nested", K::Message(F::Object, &EVERYTHING)),
    Field(35, "wrappedDouble", K::Message(F::Only, &[Field(1, "value", K::Double)])),
    Field(36, "wrappedFloat", K::Message(F::Only, &[Field(1, "value", K::Float)])),
    Field(37, "presentDouble", K::Double),
    Field(38, "colorByName", K::Map(&[KEY, Field(2, "value", K::Color)])),
];
static EDITION: [Field; 11] = [
    Field(1, "explicit", K::Integer),
    Field(2, "implicit", K::Integer),
    Field(3, "required", K::Integer),
    Field(4, "packed", K::List(&K::Integer)),
    Field(5, "expanded", K::List(&K::Integer)),
    Field(6, "delimited", K::Group(&PART)),
    Field(7, "parts", K::Map(&[KEY, Field(2, "value", K::Message(F::Object, &PART))])),
    Field(8, "chosen", K::Integer),
    Field(9, "defaulted", K::Integer),
    Field(10, "level", K::Integer),
    Field(11, "levels", K::List(&K::Integer)),
];
static PART: [Field; 1] = [Field(1, "size", K::Integer)];
static LEGACY: [Field; 4] = [
    Field(1, "id", K::Integer),
    Field(2, "size", K::Integer),
    Field(3, "part", K::List(&K::Group(&[Field(1, "name", K::Text)]))),
    Field(4, "level", K::Integer),
];
static ITEM: [Field; 2] = [Field(1, "name", K::Text), Field(2, "price", K::Integer)];
static ANY: [Field; 2] = [Field(1, "@type", K::Text), Field(2, "value", K::Bytes)];
static TIME: [Field; 2] = [Field(1, "seconds", K::Integer), Field(2, "nanos", K::Integer)];
static DYNAMIC: [Field; 6] = [
    Field(1, "nullValue", K::Null),
    Field(2, "numberValue", K::Double),
    Field(3, "stringValue", K::Text),
    Field(4, "boolValue", K::Bool),
    Field(5, "structValue", K::Message(F::Only, &STRUCT)),
    Field(6, "listValue", K::Message(F::Only, &LIST)),
];
const KEY: Field = Field(1, "key", K::Text);
static STRUCT: [Field; 1] =
    [Field(1, "fields", K::Map(&[KEY, Field(2, "value", K::Message(F::Value, &DYNAMIC))]))];
static LIST: [Field; 1] = [Field(1, "values", K::List(&K::Message(F::Value, &DYNAMIC)))];

/// What changes JSON in ways that matter.
const PIECES: [&str; 16] = [
    "",
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "\\",
    "\\u",
    "null",
    "1",
    "-",
    "e",
    "\u{e9}",
    "\"@type\":\"/mirror.Item\",",
];
/// Messages that an `Any` may have in it, by their types.
const TYPES: [(&str, Kind); 6] = [
    ("mirror.Everything", K::Message(F::Object, &EVERYTHING)),
    ("mirror.Item", K::Message(F::Object, &ITEM)),
    ("google.protobuf.Any", K::Message(F::Any, &ANY)),
    ("google.protobuf.Duration", K::Message(F::Duration, &TIME)),
    ("google.protobuf.Value", K::Message(F::Value, &DYNAMIC)),
    ("mirror.Nothing", K::Message(F::Object, &[])),
];

// Values of JSON, with spaces between them.
const NUMBERS: &str = "0 0 1 1 -1 5.0 1e3 1.5 -0 -0.0 0.1 1E-400 1e999 5e-324 1e-46 3.4028235e38 3.5e38 \
    2147483647 2147483648 -2147483648 4294967296 9223372036854775807 -9223372036854775808 \
    9223372036854775808 18446744073709551615 18446744073709551616 \"5\" \"-0\" \"1e3\" \"9007199254740993\" \
    \"NaN\" \"Infinity\" \"-Infinity\" \"0x1\" \"+1\" \"1-1\" \"\" 01 1.";
const BOOLS: &str = "true true false \"true\" 1";
const TEXTS: &str = r#""" "a" "b" "1" "-1" "true" "größer" "\n\u0000\/" "\ud83e\udd80" "\ud800" "@type" "value" "a_b"
    "fooBar" "null" "1970-01-01T00:00:00Z" "\u007f\u001f" "\x""#;
const BYTES: &str = r#""" "aGk=" "aGk" "AP8-_w" "AP8+/w==" "aGl=" "a" "-_+/""#;
const COLORS: &str = r#""COLOR_RED" "COLOR_RED" "COLOR_UNSPECIFIED" 0 1 -77 2147483648 "1" "RED""#;
const DURATIONS: &str = r#""0s" "-0s" "1.5s" "-0.000000001s" "315576000000s" "315576000001s" "1.s"
    "1.0000000000s" "-1.999999999s" ".5s" "1" "99999999999999999999s""#;
const TIMES: &str = r#""1970-01-01T00:00:00Z" "0001-01-01T00:00:00Z" "9999-12-31T23:59:59.999999999Z"
    "0000-01-01T00:00:00Z" "0001-01-01T00:00:00+00:01" "9999-12-31T23:59:60Z" "2026-02-29T00:00:00Z"
    "2026-11-28T01:02:03.123456789-12:34" "2026-11-28T24:00:00Z" "2026-11-28" "2026-11-28T01:02Z"
    "2026-11-28T01:02:03+24:00" "-001-01-01T00:00:00Z" "2026-11-28T01:02:03.é""#;
const MASKS: &str = r#""" "a" "fooBar,a.b" "," "A" "a_b" "é.É" "a1B2" "a,,b""#;
const ANYTHING: &str = r#"null true false {} [] [null] {"a":1} 1 "x" [[[[[[ " {"@type":0}"#;

/// The number of the field in which messages are nested.
const NESTED: u32 = 34;
/// What a message may be nested in: how that begins, and what is repeated.
const NESTS: [(&str, &str); 5] = [
    ("", "{\"nested\":"),
    ("{\"value\":", "{\"a\":"),
    ("{\"list\":", "["),
    ("{\"any\":", "{\"@type\":\"/mirror.Everything\",\"any\":"),
    ("{\"any\":", "{\"@type\":\"/google.protobuf.Any\",\"value\":"),
];
const TYPE: &str = "\"@type\":\"/mirror.Everything\"";

/// Those of a message that a method takes.
fn any_fields(random: &mut Random) -> &'static [Field] {
    match random.within(0..6) {
        0 => &EDITION,
        1 => &LEGACY,
        _ => &EVERYTHING,
    }
}

/// A message as JSON.
pub(crate) fn json(random: &mut Random) -> Vec<u8> {
    let (head, nest) = random.one_of(&NESTS);
    // Around what may be nested, in messages and in JSON.
    let open = match random.one_of(&[0, 0, 0, 0, 0, 1, 40, 49, 50, 95, 98, 99, 100, 125, 126, 127])
    {
        0 => String::new(),
        levels => head.to_owned() + &nest.repeat(levels),
    };
    let mut text = open.clone();
    let fields = if open.is_empty() { any_fields(random) } else { &EVERYTHING };
    put_object(&mut text, fields, Some(TYPE).filter(|_| open.contains("@type")), random);
    text.extend(open.chars().rev().filter_map(|bracket| match bracket {
        '{' => Some('}'),
        '[' => Some(']'),
        _ => None,
    }));
    for _ in 0..random.one_of(&[0, 0, 0, 0, 1, 2]) {
        change_text(&mut text, &PIECES, random);
    }
    let mut bytes = text.into_bytes();
    for _ in 0..random.one_of(&[0, 0, 0, 0, 1, 2]) {
        change_bytes(&mut bytes, random);
    }
    bytes
}

fn put_object(text: &mut String, fields: &[Field], member: Option<&str>, random: &mut Random) {
    let mut members = Vec::from_iter(member.map(str::to_owned));
    for _ in 0..fewer(text.len(), random) {
        let field = if fields.is_empty() { &KEY } else { &fields[random.within(0..fields.len())] };
        let mut member = format!("{:?}:", field.1);
        put_value(&mut member, field.2, text.len(), random);
        let at = random.within(0..members.len() + 1);
        members.insert(at, member);
    }
    text.extend(["{", &members.join(","), "}"]);
}

/// How many there are of something: few, if there is much already.
fn fewer(length: usize, random: &mut Random) -> usize {
    if length > 2000 { random.within(0..2) } else { random.within(0..5) }
}

fn put_value(text: &mut String, kind: Kind, before: usize, random: &mut Random) {
    let words = match kind {
        _ if random.within(0..40) == 0 => ANYTHING,
        Kind::Double | Kind::Float | Kind::Integer | Kind::Fixed64 | Kind::Fixed32 => NUMBERS,
        Kind::Bool => BOOLS,
        Kind::Color => COLORS,
        Kind::Null => "null null \"NULL_VALUE\" 0 1",
        Kind::Text => TEXTS,
        Kind::Bytes => BYTES,
        Kind::Message(Form::Duration, _) => DURATIONS,
        Kind::Message(Form::Time, _) => TIMES,
        Kind::Message(Form::Mask, _) => MASKS,
        _ => return put_nested(text, kind, before, random),
    };
    text.push_str(word(words, random));
}

fn word<'a>(words: &'a str, random: &mut Random) -> &'a str {
    random.one_of(&words.split_whitespace().collect::<Vec<_>>())
}

fn put_nested(text: &mut String, kind: Kind, before: usize, random: &mut Random) {
    let length = before + text.len();
    match kind {
        Kind::List(kind) => {
            let mut values = vec![String::new(); fewer(length, random)];
            values.iter_mut().for_each(|value| put_value(value, *kind, length, random));
            text.extend(["[", &values.join(","), "]"]);
        }
        Kind::Map([_, value]) => {
            let mut entries =
                vec![word(TEXTS, random).to_owned() + ":"; fewer(length, random).min(1)];
            for entry in &mut entries {
                put_value(entry, value.2, length, random);
            }
            text.extend(["{", &entries.join(","), "}"]);
        }
        Kind::Message(Form::Only, [field]) => put_value(text, field.2, before, random),
        Kind::Message(Form::Value, fields) => {
            put_value(text, fields[random.within(0..fields.len())].2, before, random);
        }
        Kind::Message(Form::Any, _) => {
            let (name, kind) = random.one_of(&TYPES);
            let member = format!("\"@type\":\"/{name}\"");
            match kind {
                Kind::Message(Form::Object, fields) => {
                    put_object(text, fields, Some(&member), random);
                }
                _ => put_object(text, &[Field(2, "value", kind)], Some(&member), random),
            }
        }
        Kind::Message(_, fields) | Kind::Group(fields) => put_object(text, fields, None, random),
        _ => put_value(text, kind, before, random),
    }
}

/// A message, encoded, as others might do it: fields in any order, in parts, and unknown ones.
pub(crate) fn encoded(random: &mut Random) -> Vec<u8> {
    let mut encoded = Vec::new();
    put_fields(&mut encoded, any_fields(random), random.one_of(&[1, 2, 3]), random);
    for _ in 0..random.one_of(&[0, 0, 0, 0, 1, 50, 97, 98, 99, 100]) {
        let mut outer = Vec::new();
        put_bytes(&mut outer, NESTED, &encoded);
        if random.within(0..8) == 0 {
            // A message in two parts.
            put_bytes(&mut outer, NESTED, &[]);
        }
        encoded = outer;
    }
    for _ in 0..random.one_of(&[0, 0, 0, 1, 2]) {
        change_bytes(&mut encoded, random);
    }
    encoded
}

fn put_fields(encoded: &mut Vec<u8>, fields: &[Field], levels: usize, random: &mut Random) {
    for _ in 0..fewer(encoded.len(), random) {
        match random.within(0..12) {
            0 => put_unknown(encoded, levels, random),
            _ if fields.is_empty() => {}
            // Often several of one field.
            few => {
                let field = fields[random.within(0..fields.len())];
                for _ in 0..if few < 4 { 2 } else { 1 } {
                    put_field(encoded, field, levels, random);
                }
            }
        }
    }
}

fn put_field(encoded: &mut Vec<u8>, field: Field, levels: usize, random: &mut Random) {
    let Field(number, _, kind) = field;
    match kind {
        Kind::List(kind) => {
            let is_packable = !matches!(kind, Kind::Text | Kind::Message(..) | Kind::Group(_));
            if !is_packable || random.within(0..2) == 0 {
                return put_field(encoded, Field(number, "", *kind), levels, random);
            }
            let mut packed = Vec::new();
            (0..random.within(0..4)).for_each(|_| encode_varint(integer(random), &mut packed));
            put_bytes(encoded, number, &packed);
        }
        Kind::Map(fields) => {
            put_bytes(encoded, number, &message(fields, levels, random));
        }
        Kind::Message(Form::Any, _) if random.within(0..8) > 0 => {
            let (name, kind) = random.one_of(&TYPES);
            let mut any = Vec::new();
            put_bytes(&mut any, 1, format!("/{name}").as_bytes());
            if let Kind::Message(_, fields) = kind {
                put_bytes(&mut any, 2, &message(fields, levels, random));
            }
            put_bytes(encoded, number, &any);
        }
        Kind::Message(_, fields) => {
            put_bytes(encoded, number, &message(fields, levels, random));
        }
        Kind::Group(fields) => {
            encode_key(number, WireType::StartGroup, encoded);
            encoded.extend(message(fields, levels, random));
            encode_key(number, WireType::EndGroup, encoded);
        }
        Kind::Text | Kind::Bytes => {
            let bytes: &[u8] =
                random.one_of(&[b"", b"a", b"b", b"1", b"a_b", b"\0\n\"", "\u{e9}".as_bytes()]);
            put_bytes(encoded, number, bytes);
        }
        Kind::Double | Kind::Fixed64 => {
            encode_key(number, WireType::SixtyFourBit, encoded);
            let double =
                random.one_of(&[0.0, 1.5, 470_014_780.054_857_97, 1e300, f64::NAN, f64::INFINITY]);
            encoded.extend(f64::to_le_bytes(double));
        }
        Kind::Float | Kind::Fixed32 => {
            encode_key(number, WireType::ThirtyTwoBit, encoded);
            encoded.extend(f32::to_le_bytes(random.one_of(&[
                0.0,
                0.1,
                f32::MAX,
                f32::NAN,
                f32::INFINITY,
            ])));
        }
        Kind::Integer | Kind::Bool | Kind::Color | Kind::Null => {
            encode_key(number, WireType::Varint, encoded);
            encode_varint(integer(random), encoded);
        }
    }
}

fn message(fields: &[Field], levels: usize, random: &mut Random) -> Vec<u8> {
    let mut message = Vec::new();
    if levels > 0 {
        put_fields(&mut message, fields, levels - 1, random);
    }
    message
}

fn put_bytes(encoded: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    encode_key(number, WireType::LengthDelimited, encoded);
    encode_varint(bytes.len() as u64, encoded);
    encoded.extend_from_slice(bytes);
}

/// A field that no message has, or a group with some in it.
fn put_unknown(encoded: &mut Vec<u8>, levels: usize, random: &mut Random) {
    let number = random.one_of(&[39, 101, 19_000, (1 << 29) - 1]);
    match random.within(0..3) {
        0 => put_field(encoded, Field(number, "", Kind::Group(&ITEM)), 1, random),
        1 => put_field(encoded, Field(number, "", Kind::Integer), levels, random),
        _ => put_field(encoded, Field(number, "", Kind::Text), levels, random),
    }
}

fn integer(random: &mut Random) -> u64 {
    random.one_of(&[
        0,
        0,
        1,
        1,
        2,
        127,
        128,
        999_999_999,
        1 << 31,
        (1 << 32) + 1,
        1 << 63,
        u64::MAX,
    ])
}
