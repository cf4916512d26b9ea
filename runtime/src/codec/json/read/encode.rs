//! What has been read, in bytes.

use prost::encoding::{WireType, encode_key, encode_varint};
use serde::de::Error;

use super::reader::{EncodeTarget, JsonReader, ValueRole};
use crate::codec::json::{scalar::WireNumber, types::FieldKind};

/// How deeply messages may be nested: prost decodes no more, and would call it the fault of whoever has encoded them.
const MAX_NESTED: usize = 100;

impl JsonReader<'_> {
    pub(super) fn put_number(&mut self, target: EncodeTarget, number: WireNumber) {
        if target.leaves_default_out() && number.is_default() {
            return;
        }
        match number {
            WireNumber::Varint(number) => {
                self.put_key(target, WireType::Varint);
                encode_varint(number, &mut self.encoded);
            }
            WireNumber::Fixed32(number) => {
                self.put_key(target, WireType::ThirtyTwoBit);
                self.encoded.extend(number.to_le_bytes());
            }
            WireNumber::Fixed64(number) => {
                self.put_key(target, WireType::SixtyFourBit);
                self.encoded.extend(number.to_le_bytes());
            }
        }
    }

    /// Puts what `int32`, `int64` and enums are encoded as.
    pub(super) fn put_integer(&mut self, target: EncodeTarget, number: i64) {
        self.put_number(target, WireNumber::Varint(number.cast_unsigned()));
    }

    pub(super) fn put_bytes(&mut self, target: EncodeTarget, bytes: &[u8]) {
        if target.leaves_default_out() && bytes.is_empty() {
            return;
        }
        self.put_key(target, WireType::LengthDelimited);
        encode_varint(bytes.len() as u64, &mut self.encoded);
        self.encoded.extend_from_slice(bytes);
    }

    fn put_key(&mut self, target: EncodeTarget, wire_type: WireType) {
        if let Some(number) = target.number {
            encode_key(number, wire_type, &mut self.encoded);
        }
    }

    /// Puts a message with this content.
    pub(super) fn put_message<E: Error>(
        &mut self,
        target: EncodeTarget,
        content: impl FnOnce(&mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(number) = target.number else { return content(self) };
        self.messages += 1;
        if self.messages > MAX_NESTED {
            let problem = format!("more than {MAX_NESTED} levels of messages, one in the other");
            return Err(self.fail(problem));
        }
        if let FieldKind::Group(_) = target.kind {
            encode_key(number, WireType::StartGroup, &mut self.encoded);
            content(self)?;
            encode_key(number, WireType::EndGroup, &mut self.encoded);
        } else {
            let start = self.open(number);
            content(self)?;
            self.close(start);
        }
        self.messages -= 1;
        Ok(())
    }

    /// Begins something with its length before it, and returns where it starts.
    pub(super) fn open(&mut self, number: u32) -> usize {
        encode_key(number, WireType::LengthDelimited, &mut self.encoded);
        // Of most messages, the length is a single byte.
        self.encoded.push(0);
        self.encoded.len()
    }

    /// Ends what starts at `start`. What is longer than a byte says is moved, once for each message that it is in.
    pub(super) fn close(&mut self, start: usize) {
        let mut length = Vec::new();
        match u8::try_from(self.encoded.len() - start) {
            Ok(short @ 0..0x80) => self.encoded[start - 1] = short,
            _ => {
                encode_varint((self.encoded.len() - start) as u64, &mut length);
                self.encoded.splice(start - 1..start, length);
            }
        }
    }
}

impl EncodeTarget {
    fn leaves_default_out(self) -> bool {
        self.role == ValueRole::Field { has_presence: false }
    }
}
