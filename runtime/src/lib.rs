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
//! On by default, to be left out with `default-features = false`:
//! - `client`: clients, over connections, over any tower service that speaks gRPC, and of servers in
//!   the same process. Without it, generate with `build_client(false)`.
//! - `server`: a [`Server`] on sockets. Without it, servers still serve in the same process and in
//!   other servers, tonic's for example; without `client` as well, generate with
//!   `build_server(false)`.
//!
//! Without either there is what messages and contracts need, and not much to compile.
//!
//! Off by default:
//! - `gzip`, `deflate`, `zstd`: compression of messages.
//! - `mock`: mocks of generated services, for tests.
//! - `tonic-transport`: a [`Channel`] from tonic's, and its `Request::remote_addr` where a [`Server`] has
//!   [`connect_info`](Server::connect_info).
//!
//! # WebAssembly
//! With the features that are on by default, or without them, the crate builds for
//! `wasm32-unknown-unknown`, where there are no sockets: no [`Server`], and no
//! connections of a [`Channel`]'s own, whose calls are `Unavailable`. Clients call over a tower
//! service ([`Channel::new`]), such as one that speaks gRPC-Web, and over a connector. That target has
//! no clock either: calls with a deadline need a target with one.

// Either uses but a part of what both share.
#![cfg_attr(
    any(not(all(feature = "client", feature = "server")), target_family = "wasm"),
    allow(dead_code, unused_imports)
)]

#[cfg(feature = "client")]
mod client;
#[doc(hidden)]
pub mod codegen;
mod descriptor;
#[cfg(feature = "mock")]
pub mod mock;
mod redact;
#[cfg(feature = "_calls")]
mod server;
pub mod streaming;
mod trailers;
#[cfg(feature = "_calls")]
mod wire;

pub use prost;
pub use prost_types;
pub use tonic;
pub use tonic::{
    Code, IntoRequest, Request, Response, Status, codec::CompressionEncoding, metadata,
};

#[cfg(feature = "client")]
pub use self::client::{BidiCall, Channel, ChannelBuilder, ResponseHeaders, WaitForReady};
#[cfg(all(feature = "server", not(target_family = "wasm")))]
pub use self::server::{ConnectInfo, Listener, NamedServer, Server};
pub use self::{
    descriptor::{IdempotencyLevel, MethodDescriptor, MethodKind, ServiceDescriptor},
    redact::Redact,
    streaming::{IntoStreamingRequest, Streaming},
    trailers::Trailers,
};
#[cfg(feature = "_calls")]
pub use self::{
    server::ServiceServer,
    wire::{http_body::HttpBody, memory::raise_mmap_threshold},
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
