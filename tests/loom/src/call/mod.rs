//! As the runtime's module of this name: panics.

#[path = "../../../../runtime/src/call/panics.rs"]
pub(crate) mod panics;
