//! Tapes: calls on file, a line of JSON each, to be answered again or held against a server.

mod error;
mod line;
mod recorder;
mod redaction;
mod replay;
mod verify;

pub use self::{error::TapeError, recorder::Tape, verify::verify_tape};
pub(crate) use self::{
    recorder::{Recorder, Trace},
    replay::plans,
};
