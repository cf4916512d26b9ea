//! JSON that is not nested without bound. An `Any` in an `Any`, and so on, is decoded only while it is written: no limit
//! of protobuf's holds for it, and nobody but the stack would. And messages that are not nested more deeply than they can
//! be decoded.

use std::io;

use prost_reflect::{DynamicMessage, Value};
use serde_json::ser::{CompactFormatter, Formatter};

/// How deeply objects and lists may be nested. `serde_json` reads no more either.
const MAX_DEPTH: usize = 127;
/// How deeply messages may be nested: prost decodes no more, and would call it the fault of whoever has encoded them.
pub(super) const MAX_NESTED: usize = 100;

/// Whether `message` has no more than `levels` of messages in it, one in the other.
pub(super) fn is_within(message: &DynamicMessage, levels: usize) -> bool {
    message.fields().all(|(_, value)| is_value_within(value, levels))
}

fn is_value_within(value: &Value, levels: usize) -> bool {
    match value {
        Value::Message(message) => levels > 0 && is_within(message, levels - 1),
        Value::List(values) => values.iter().all(|value| is_value_within(value, levels)),
        // An entry is a message.
        Value::Map(entries) => {
            levels > 0 && entries.values().all(|value| is_value_within(value, levels - 1))
        }
        _ => true,
    }
}

/// Refuses to write what is nested more deeply.
#[derive(Default)]
pub(super) struct LimitedDepth {
    depth: usize,
}

impl LimitedDepth {
    fn enter(&mut self) -> io::Result<()> {
        self.depth += 1;
        match self.depth > MAX_DEPTH {
            true => Err(io::Error::other("it is nested too deeply")),
            false => Ok(()),
        }
    }
}

impl Formatter for LimitedDepth {
    fn begin_array<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.enter()?;
        CompactFormatter.begin_array(writer)
    }

    fn end_array<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth -= 1;
        CompactFormatter.end_array(writer)
    }

    fn begin_object<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.enter()?;
        CompactFormatter.begin_object(writer)
    }

    fn end_object<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth -= 1;
        CompactFormatter.end_object(writer)
    }
}
