//! The contracts in `proto/`.

#![allow(missing_docs, unreachable_pub, reason = "the generator does not know where its code goes")]

include!(concat!(env!("OUT_DIR"), "/contracts.rs"));

/// The calculator of a client that is newer than its server.
#[allow(dead_code, reason = "only the client is of use here")]
pub mod newer {
    include!(concat!(env!("OUT_DIR"), "/newer/calculator.rs"));
}
