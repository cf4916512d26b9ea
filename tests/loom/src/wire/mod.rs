//! As the runtime's module of this name.

pub(crate) mod sync;
#[allow(dead_code, reason = "the runtime uses all of it")]
#[path = "../../../../runtime/src/wire/wakes.rs"]
pub(crate) mod wakes;
