//! [`JsonWriter`]: an encoded message is written as JSON while it is decoded.

#[cfg(feature = "rest")]
mod field;
mod fields;
mod messages;
mod values;
mod writer;

pub(super) use self::writer::{JsonWriter, WriteError};
