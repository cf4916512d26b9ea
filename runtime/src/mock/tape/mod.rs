//! Tapes: calls on file, a line of JSON each, to be answered again or held against a server.

mod error;
mod line;
pub(super) mod recorder;
mod redaction;
mod replay;
pub(super) mod trace;
mod verify;

pub(super) use self::replay::plans;
pub use self::{error::TapeError, recorder::Tape, verify::verify_tape};
