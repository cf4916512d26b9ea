//! The thin runtime under the gRPC services that `rust-scaffold-build` generates.
//!
//! Generated code is calls into this crate. What you meet of it yourself are the types in a
//! service's signatures: tonic's [`Request`], [`Response`] and [`Status`], and [`Streaming`] for
//! streams of messages. A [`Server`] serves what you implement; a generated client calls through
//! a [`Channel`].
//!
//! ```
//! use rust_scaffold::{Request, Response, Status, Streaming};
//!
//! /// As a handler of `rpc Countdown(Start) returns (stream Number)` would be written.
//! async fn countdown(request: Request<u32>) -> Result<Response<Streaming<u32>>, Status> {
//!     match request.into_inner() {
//!         0 => Err(Status::out_of_range("there is nothing to count")),
//!         start => Ok(Response::new(Streaming::from_iter((0..start).rev()))),
//!     }
//! }
//! ```
//!
//! The README of the project shows a whole service, from its proto to server and client.
//!
//! # Features
//! - `gzip`, `deflate`, `zstd`: compression of messages.
//! - `mock`: mocks of generated services, for tests.
//! - `tonic-transport`: a [`Channel`] from tonic's, and its `Request::remote_addr` where a [`Server`] has
//!   [`connect_info`](Server::connect_info).
//!
//! None is on by default.

mod client;
#[doc(hidden)]
pub mod codegen;
mod descriptor;
#[cfg(feature = "mock")]
pub mod mock;
mod redact;
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
    client::{BidiCall, Channel, ChannelBuilder, ResponseHeaders, WaitForReady},
    descriptor::{IdempotencyLevel, MethodDescriptor, MethodKind, ServiceDescriptor},
    redact::Redact,
    server::{ConnectInfo, Listener, Server, ServiceServer},
    streaming::{IntoStreamingRequest, Streaming},
    trailers::Trailers,
    wire::http_body::HttpBody,
};

/// Includes what the build script generated for a proto package, which is `""` for files that
/// have none.
///
/// The package is included right here; a package that refers to others has to stand beside them,
/// as modules of their names. To include all of them at once, use the option `include_file`.
///
/// `rust_scaffold::include_proto!("calculator");` brings `Calculator`, `CalculatorServer`,
/// `CalculatorClient` and the messages of the package `calculator` into scope.
#[macro_export]
macro_rules! include_proto {
    ("") => {
        $crate::include_proto!("_");
    };
    ($package:tt) => {
        include!(concat!(env!("OUT_DIR"), "/", $package, ".mod.rs"));
    };
}
