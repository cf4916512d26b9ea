//! The contracts in `proto/`.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::doc_markdown,
    clippy::too_many_arguments,
    reason = "generated code follows its protos, not the lints of this workspace"
)]

include!(concat!(env!("OUT_DIR"), "/contracts.rs"));
include!(concat!(env!("OUT_DIR"), "/mirrors.rs"));

/// The calculator of a client that is newer than its server.
#[allow(dead_code, reason = "only the client is of use here")]
pub mod newer {
    include!(concat!(env!("OUT_DIR"), "/newer/calculator.rs"));
}
