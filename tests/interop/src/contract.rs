//! The contracts in `proto/`.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::doc_markdown,
    clippy::too_many_arguments,
    reason = "generated code follows its protos, not the lints of this workspace"
)]

include!(concat!(env!("OUT_DIR"), "/contracts.rs"));

/// What is answered with what it was asked.
#[allow(dead_code, reason = "only the services are of use here")]
mod mirrors {
    include!(concat!(env!("OUT_DIR"), "/mirrors.rs"));
}
pub use mirrors::{edition, google, legacy, mirror, rest};

/// The calculator of a client that is newer than its server.
#[allow(dead_code, reason = "only the client is of use here")]
pub mod newer {
    include!(concat!(env!("OUT_DIR"), "/newer/calculator.rs"));
}

/// Random types of messages.
#[allow(
    clippy::large_enum_variant,
    clippy::module_inception,
    clippy::too_many_lines,
    reason = "they are random, and many"
)]
pub mod types {
    include!(concat!(env!("OUT_DIR"), "/types/mod.rs"));
}
