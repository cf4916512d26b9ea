//! Encoded messages, field by field.
//!
//! See [Encoding](https://protobuf.dev/programming-guides/encoding/).

use bytes::Buf as _;
use prost::{
    DecodeError,
    encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field},
};

/// A value as it is encoded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum WireValue<'m> {
    Varint(u64),
    Fixed32(u32),
    Fixed64(u64),
    /// With its length before it.
    Bytes(&'m [u8]),
    /// What is between the tags of a group.
    Group(&'m [u8]),
}

/// Takes the next field from `message`: its number and its value. None at the end.
///
/// # Errors
/// It is malformed.
pub(super) fn next_field<'m>(
    message: &mut &'m [u8],
) -> Result<Option<(u32, WireValue<'m>)>, DecodeError> {
    if message.is_empty() {
        return Ok(None);
    }
    let (number, wire_type) = decode_key(message)?;
    let value = match wire_type {
        WireType::Varint => WireValue::Varint(decode_varint(message)?),
        WireType::StartGroup => WireValue::Group(group(message, number)?),
        WireType::LengthDelimited => WireValue::Bytes(bytes(message, number)?),
        _ => {
            // Whether there is so much is checked here.
            let mut value = skipped(message, wire_type, number)?;
            match wire_type {
                WireType::ThirtyTwoBit => WireValue::Fixed32(value.get_u32_le()),
                _ => WireValue::Fixed64(value.get_u64_le()),
            }
        }
    };
    Ok(Some((number, value)))
}

/// Takes bytes from `message`, with their length before them.
fn bytes<'m>(message: &mut &'m [u8], number: u32) -> Result<&'m [u8], DecodeError> {
    let start = *message;
    let length = usize::try_from(decode_varint(message)?).ok();
    let Some((value, rest)) = length.and_then(|length| message.split_at_checked(length)) else {
        // It fails, and says how.
        *message = start;
        return skipped(message, WireType::LengthDelimited, number);
    };
    *message = rest;
    Ok(value)
}

/// Takes a value from `message`.
fn skipped<'m>(
    message: &mut &'m [u8],
    wire_type: WireType,
    number: u32,
) -> Result<&'m [u8], DecodeError> {
    let start = *message;
    skip_field(wire_type, number, message, DecodeContext::default())?;
    Ok(&start[..start.len() - message.len()])
}

/// Takes a group from `message`, with the tag at its end.
fn group<'m>(message: &mut &'m [u8], number: u32) -> Result<&'m [u8], DecodeError> {
    let start = *message;
    loop {
        let length = start.len() - message.len();
        match decode_key(message)? {
            (end, WireType::EndGroup) if end == number => return Ok(&start[..length]),
            (inner, wire_type) => skip_field(wire_type, inner, message, DecodeContext::default())?,
        }
    }
}
