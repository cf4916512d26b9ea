// Written by `cargo scaffold new`, once: this file is yours.
//! The contract of `@package@`, and the services that fulfil it.

pub mod proto {
    //! What the build script generates from the protos: messages, contracts, clients and servers.

    include!(concat!(env!("OUT_DIR"), "/mod.rs"));
}
pub mod services;
#[cfg(test)]
mod tests;
