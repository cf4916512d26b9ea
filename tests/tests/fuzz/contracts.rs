//! The contracts of what answers with what it was asked.

#![allow(
    clippy::doc_markdown,
    clippy::too_many_arguments,
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "generated messages look as prost makes them"
)]

pub(crate) mod edition {
    rust_scaffold::include_proto!("edition");
}
pub(crate) mod legacy {
    rust_scaffold::include_proto!("legacy");
}
pub(crate) mod mirror {
    rust_scaffold::include_proto!("mirror");
}
