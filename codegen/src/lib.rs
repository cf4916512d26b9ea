//! Generates typed gRPC services from `.proto` files, for the `rust-scaffold` runtime.
//!
//! In a build script, one line does it; no protoc has to be installed:
//!
//! ```no_run
//! fn main() -> Result<(), rust_scaffold_build::Error> {
//!     rust_scaffold_build::compile_protos("proto/calculator.proto")
//! }
//! ```
//!
//! and `rust_scaffold::include_proto!("calculator")` brings the code in. [`configure`] has the
//! options. The binary `protoc-gen-rust-scaffold` is the same generator as a plugin of protoc, and
//! writes the same bytes; so does the command `cargo scaffold`, which comes with the feature `cli`.

mod builder;
mod check;
mod comments;
mod depth;
mod descriptor;
mod diagnostics;
mod docs;
mod emit;
mod error;
mod generate;
mod graph;
mod ident;
mod model;
mod names;
mod options;
pub mod plugin;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod scaffold;
mod secrets;

pub use self::{
    builder::{Builder, compile_protos, configure},
    error::Error,
    options::Mock,
};
