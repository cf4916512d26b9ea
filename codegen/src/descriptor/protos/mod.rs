//! The descriptors of `descriptor.proto` and the messages of `plugin.proto`, generated: see
//! `tests/descriptors.rs`, which makes them anew.

#![allow(dead_code, missing_docs, unreachable_pub, clippy::doc_markdown, clippy::too_many_lines)]

// Where generated code looks for its runtime.
pub(crate) use ::prost;

include!("descriptor.rs");

pub(crate) mod compiler {
    include!("plugin.rs");
}
