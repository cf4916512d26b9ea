// Written by `cargo scaffold new`, once: this file is yours.
//! The contract of `@package@`.

pub mod proto {
    //! What the build script generates from the protos: messages, contracts, clients and servers.

    include!(concat!(env!("OUT_DIR"), "/mod.rs"));
}
