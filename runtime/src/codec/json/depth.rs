//! JSON that is not nested without bound. An `Any` in an `Any`, and so on, is decoded only while it is written: no limit
//! of protobuf's holds for it, and nobody but the stack would.

use std::io;

use serde_json::ser::{CompactFormatter, Formatter};

/// How deeply objects and lists may be nested. `serde_json` reads no more either.
const MAX_DEPTH: usize = 127;

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
