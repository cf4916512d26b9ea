//! The thin runtime under the gRPC services that `rust-scaffold-build` generates.
//!
//! Generated code is calls into this crate. What you meet of it yourself are the types in a
//! service's signatures: tonic's [`Request`], [`Response`] and [`Status`], and [`Streaming`] for
//! streams of messages. A [`Server`] serves what you implement; a generated client calls through
//! a [`Channel`].
//!
//! ```text
//! rust_scaffold::include_proto!("calculator");
//!
//! struct MyCalculator;
//!
//! impl Calculator for MyCalculator {
//!     async fn add(&self, request: Request<AddRequest>) -> Result<Response<AddResponse>, Status> {
//!         let AddRequest { a, b } = request.into_inner();
//!         Ok(AddResponse { result: a + b }.into())
//!     }
//! }
//!
//! Server::new().add_service(CalculatorServer::new(MyCalculator)).serve("[::]:50051").await?;
//! ```
//!
//! # Features
//! - `gzip`, `deflate`, `zstd`: compression of messages. None is on by default.

mod client;
#[doc(hidden)]
pub mod codegen;
mod descriptor;
mod server;
pub mod streaming;
mod trailers;
mod wire;

pub use prost;
pub use prost_types;
pub use tonic;
pub use tonic::{
    Code, IntoRequest, Request, Response, Status, codec::CompressionEncoding, metadata,
};

pub use self::{
    client::Channel,
    descriptor::{IdempotencyLevel, MethodDescriptor, MethodKind, ServiceDescriptor},
    server::{Server, ServiceServer},
    streaming::{IntoStreamingRequest, Streaming},
    trailers::Trailers,
};

/// Includes what the build script generated for a proto package, which is `""` for files that
/// have none.
///
/// The package is included right here; a package that refers to others has to stand beside them,
/// as modules of their names. To include all of them at once, use the option `include_file`.
///
/// ```text
/// rust_scaffold::include_proto!("calculator");
/// ```
#[macro_export]
macro_rules! include_proto {
    ("") => {
        $crate::include_proto!("_");
    };
    ($package:tt) => {
        include!(concat!(env!("OUT_DIR"), "/", $package, ".mod.rs"));
    };
}
