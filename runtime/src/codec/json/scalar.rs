//! Values of JSON as those of fields that are no messages.

use std::str::FromStr;

use base64::{
    Engine as _,
    alphabet::{STANDARD, URL_SAFE},
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use super::types::FieldKind;

/// As other implementations read it: with padding or without, and whatever the bits after the last byte are.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const BASE64: GeneralPurpose = GeneralPurpose::new(&STANDARD, LENIENT);
const BASE64_URL: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, LENIENT);

/// A value that is neither a list nor an object.
#[derive(Clone, Copy, Debug)]
pub(super) enum Scalar<'a> {
    Null,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(&'a str),
    /// Text outside of JSON, or the key of an object: what is no string in JSON is written without quotes there.
    Bare(&'a str),
}

/// A number, or what is encoded as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WireNumber {
    Varint(u64),
    Fixed32(u32),
    Fixed64(u64),
}

impl WireNumber {
    pub(super) fn is_default(self) -> bool {
        matches!(self, Self::Varint(0) | Self::Fixed32(0) | Self::Fixed64(0))
    }
}

impl Scalar<'_> {
    /// This as a value of `kind`, which is none of text, bytes, enums and messages. None if it is none.
    pub(super) fn number(self, kind: FieldKind) -> Option<WireNumber> {
        Some(match kind {
            FieldKind::Double => WireNumber::Fixed64(self.double()?.to_bits()),
            FieldKind::Float => WireNumber::Fixed32(self.float()?.to_bits()),
            FieldKind::Int32 => WireNumber::Varint(sign_extended(self.integer::<i32>()?.into())),
            FieldKind::Int64 => WireNumber::Varint(sign_extended(self.integer()?)),
            FieldKind::Uint32 => WireNumber::Varint(self.integer::<u32>()?.into()),
            FieldKind::Uint64 => WireNumber::Varint(self.integer()?),
            FieldKind::Sint32 => WireNumber::Varint(zigzag(self.integer::<i32>()?.into())),
            FieldKind::Sint64 => WireNumber::Varint(zigzag(self.integer()?)),
            FieldKind::Fixed32 => WireNumber::Fixed32(self.integer()?),
            FieldKind::Fixed64 => WireNumber::Fixed64(self.integer()?),
            FieldKind::Sfixed32 => WireNumber::Fixed32(self.integer::<i32>()?.cast_unsigned()),
            FieldKind::Sfixed64 => WireNumber::Fixed64(self.integer::<i64>()?.cast_unsigned()),
            FieldKind::Bool => WireNumber::Varint(self.boolean()?.into()),
            FieldKind::String
            | FieldKind::Bytes
            | FieldKind::Enum(_)
            | FieldKind::Message(_)
            | FieldKind::Group(_) => return None,
        })
    }

    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Bare(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn bytes(self) -> Option<Vec<u8>> {
        let text = self.text()?;
        BASE64.decode(text).or_else(|_| BASE64_URL.decode(text)).ok()
    }

    fn boolean(self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(value),
            Self::Bare(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// A whole number, however it is written.
    pub(super) fn integer<T: TryFrom<i128>>(self) -> Option<T> {
        let integer = match self {
            Self::Unsigned(number) => number.into(),
            Self::Signed(number) => number.into(),
            Self::Float(number) => whole(number)?,
            Self::Text(text) | Self::Bare(text) => {
                let number = is_number(text).then(|| without_zeros(text))?;
                i128::from_str(number).ok().or_else(|| whole(number.parse().ok()?))?
            }
            Self::Null | Self::Bool(_) => return None,
        };
        integer.try_into().ok()
    }

    pub(super) fn double(self) -> Option<f64> {
        Some(match self {
            Self::Unsigned(number) => number as f64,
            Self::Signed(number) => number as f64,
            Self::Float(number) => number,
            Self::Text("NaN") | Self::Bare("NaN") => f64::NAN,
            Self::Text("Infinity") | Self::Bare("Infinity") => f64::INFINITY,
            Self::Text("-Infinity") | Self::Bare("-Infinity") => f64::NEG_INFINITY,
            Self::Text(text) | Self::Bare(text) => {
                let number = is_number(text).then(|| text.parse::<f64>())?.ok()?;
                // It is too large.
                number.is_finite().then_some(number)?
            }
            Self::Null | Self::Bool(_) => return None,
        })
    }

    fn float(self) -> Option<f32> {
        let double = self.double()?;
        let float = double as f32;
        (float.is_finite() || !double.is_finite()).then_some(float)
    }
}

/// Whether `text` is made of what numbers of JSON are made of. Parsers of Rust take words, too, and a plus before them.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_in_numbers = |it: u8| matches!(it, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-');
    digits.starts_with(|it: char| it.is_ascii_digit())
        && text.ends_with(|it: char| it.is_ascii_digit())
        && text.bytes().all(is_in_numbers)
}

/// A number without a fraction of zeros, which a `double` might round.
fn without_zeros(number: &str) -> &str {
    match number.split_once('.') {
        Some((whole, zeros)) if zeros.bytes().all(|digit| digit == b'0') => whole,
        _ => number,
    }
}

fn whole(number: f64) -> Option<i128> {
    // More than any type has, and less than where casts give the largest number.
    const TOO_LARGE: f64 = 1e30;
    (number.fract() == 0.0 && number.abs() < TOO_LARGE).then_some(number as i128)
}

fn sign_extended(number: i64) -> u64 {
    number.cast_unsigned()
}

fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}
