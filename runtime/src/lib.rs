//! The thin runtime under the gRPC services that `rust-scaffold-build` generates.
//!
//! Generated code consists of calls into this crate. Users see the types in a service's signatures:
//! tonic's [`Request`], [`Response`] and [`Status`], and [`Streaming`] for streams of messages. A
//! [`Server`] serves implementations; a generated client calls through a [`Channel`].
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
//! The project's README shows a whole service, from its proto to the server and the client.
//!
//! # Features
//! On by default, disabled with `default-features = false`:
//! - `client`: clients, over connections, over any tower service that speaks gRPC, and for servers in the
//!   same process. Without it, generate with `build_client(false)`.
//! - `server`: a [`Server`] on sockets. Without it, services can still be served in process and by other
//!   servers such as tonic's. Without `client` as well, generate with `build_server(false)`.
//!
//! Without both, only what messages and contracts need is left, and little is compiled.
//!
//! Off by default:
//! - `admin`: [`Server::admin`], a listener on which administrators look at the process: channelz ([`ChannelzService`]),
//!   and a page with the build and the uptime. Channels, servers and sockets count for it what they do. Adds no crate.
//! - `explorer`: [`Server::explorer`], a page on which people look at the services of a server, and call them from the
//!   browser. Turns on `json`, and adds no crate to it.
//! - `gzip`, `deflate`, `zstd`: compression of messages.
//! - `error-details`: the details of errors in `google.rpc`, typed ([`error_details`]). Adds `tonic-types`.
//! - `health`: [`Server::health`] and [`Server::probe`], which serve the health of a server to probes and load balancers,
//!   beside its services and on a port of its own. Adds no crate.
//! - `http1`: HTTP/1.1 on the port of a [`Server`], beside HTTP/2: for browsers and curl, which call in gRPC-Web or
//!   Connect, and for plain HTTP. Adds `hyper`.
//! - `opentelemetry`: [`Server::measure_calls`] and [`Channel::measure_calls`], and spans that continue the traces of
//!   calls. Adds `opentelemetry` and `tracing-opentelemetry`.
//! - `reflection`: [`Server::reflection`], which shows clients without the protos what a server has. Adds no crate,
//!   but the descriptors of the services to the program.
//! - `rest`: methods with rules of `google.api.http` are called by REST, and [`Server::openapi`] describes them. Turns on
//!   `json`.
//! - `signal`: [`Server::shutdown_on_signal`], for SIGTERM and Ctrl-C. Adds tokio's `signal`, which brings
//!   `signal-hook-registry` and `errno`.
//! - `tls`, `tls-aws-lc`: TLS by rustls, on a [`Server`] and for addresses with `https://`. The cryptography is
//!   that of ring, or with `tls-aws-lc` that of AWS-LC, which needs a C compiler to build.
//! - `log`: [`Server::log_calls`], which logs each call in one line. Adds no crate.
//! - `json`: messages of Connect as JSON, by protobuf's mapping, so that curl and scripts can call every service:
//!   see [`JsonOptions`]. Turns on `web` and `http1`. Adds `serde_json` with `float_roundtrip` and
//!   `raw_value`, and the descriptors of the services to the program.
//! - `mock`: mocks of generated services, for tests.
//! - `tracing`: [`Server::trace_calls`] and [`Channel::trace_calls`], which put each call into a span. Adds no crate.
//! - `web`: gRPC-Web, in servers beside gRPC, and in a [`Channel`] by [`Protocol`]; in a [`Server`] the [Connect
//!   protocol](https://connectrpc.com/docs/protocol/) as well, for all of its services, and
//!   [`Server::cors`] for pages of other origins. Adds no dependency. Browsers also need TLS, or HTTP/1.1 by the feature
//!   `http1`.
//! - `tonic-transport`: conversion of tonic's channels to [`Channel`], and tonic's `Request::remote_addr`
//!   on a [`Server`] with [`connect_info`](Server::connect_info).
//!
//! # WebAssembly
//! With default features or without, the crate builds for `wasm32-unknown-unknown`. There are no sockets,
//! so there is no [`Server`], and calls through a [`Channel`]'s own connections are `Unavailable`. Use a
//! tower service ([`Channel::new`]), which may speak gRPC-Web (`Channel::with_protocol`), or a connector. The target has no
//! clock either, so calls with a deadline do not work there.

// The client and the server each use only part of what they share.
#![cfg_attr(
    any(not(all(feature = "client", feature = "server")), target_family = "wasm"),
    allow(dead_code, unused_imports)
)]

#[cfg(all(feature = "admin", not(target_family = "wasm")))]
mod admin;
mod call;
#[cfg(feature = "_calls")]
mod channelz;
#[cfg(feature = "client")]
mod client;
#[cfg(feature = "_calls")]
mod codec;
#[doc(hidden)]
pub mod codegen;
#[cfg(all(feature = "server", not(target_family = "wasm")))]
mod connection;
#[cfg(all(feature = "explorer", not(target_family = "wasm")))]
mod explorer;
#[cfg(feature = "_calls")]
mod h2;
#[cfg(all(feature = "health", not(target_family = "wasm")))]
mod health;
#[cfg(all(feature = "http1", not(target_family = "wasm")))]
mod http1;
#[cfg(feature = "_calls")]
mod intercept;
#[cfg(feature = "client")]
mod local;
#[cfg(feature = "mock")]
pub mod mock;
#[cfg(not(feature = "mock"))]
#[doc(hidden)]
#[path = "mock/absent.rs"]
pub mod mock;
#[cfg(feature = "_calls")]
mod protocol;
mod redact;
#[cfg(all(feature = "reflection", not(target_family = "wasm")))]
mod reflection;
#[cfg(feature = "_calls")]
mod server;
#[cfg(all(feature = "_tls", not(target_family = "wasm")))]
mod tls;

pub use prost;
pub use prost_types;
pub use tonic;
pub use tonic::{
    Code, IntoRequest, Request, Response, Status, codec::CompressionEncoding, metadata,
};

/// The details of errors: `tonic-types`, with the messages of [`google.rpc`](https://google.aip.dev/193) and
/// [`StatusExt`](tonic_types::StatusExt), which puts them into a [`Status`] and takes them out. Needs the feature
/// `error-details`.
///
/// ```
/// use rust_scaffold::{
///     Code, Status,
///     error_details::{ErrorDetails, StatusExt as _},
/// };
///
/// // On the server:
/// let details = ErrorDetails::with_bad_request_violation("a", "is not a number");
/// let status = Status::with_error_details(Code::InvalidArgument, "invalid request", details);
///
/// // On the client:
/// let request = status.get_details_bad_request().unwrap();
/// assert_eq!(request.field_violations[0].field, "a");
/// ```
#[cfg(feature = "error-details")]
pub use tonic_types as error_details;

#[cfg(all(feature = "admin", not(target_family = "wasm")))]
pub use self::admin::ChannelzService;
#[cfg(all(feature = "client", not(target_family = "wasm")))]
pub use self::client::BearerCredentials;
#[cfg(feature = "client")]
pub use self::client::{
    BidiCall, CallCredentials, Channel, ChannelBuilder, ChannelFuture, ConnectError,
    ResponseHeaders, WaitForReady,
};
#[cfg(feature = "json")]
pub use self::codec::json::{JsonOptions, messages::JsonMessages};
#[cfg(all(feature = "explorer", not(target_family = "wasm")))]
pub use self::explorer::Explorer;
#[cfg(all(feature = "health", not(target_family = "wasm")))]
pub use self::health::{HealthReporter, HealthStatus};
#[cfg(all(feature = "server", feature = "_tls", not(target_family = "wasm")))]
pub use self::intercept::CertificateAuth;
#[cfg(feature = "opentelemetry")]
pub use self::intercept::call_metrics::CallMetrics;
#[cfg(feature = "tracing")]
pub use self::intercept::trace_calls::{RpcConventions, TraceCalls};
#[cfg(feature = "rate-limit")]
pub use self::intercept::{Rate, RateLimit};
#[cfg(all(feature = "server", feature = "web", not(target_family = "wasm")))]
pub use self::server::Cors;
#[cfg(all(feature = "rest", not(target_family = "wasm")))]
pub use self::server::OpenApi;
#[cfg(all(feature = "log", not(target_family = "wasm")))]
pub use self::server::call_log::{CallLog, LogFormat};
#[cfg(all(feature = "_tls", not(target_family = "wasm")))]
pub use self::tls::{ClientTls, ServerTls, TlsError, TlsInfo};
#[cfg(all(feature = "server", not(target_family = "wasm")))]
pub use self::{
    call::client_ip::ClientIp,
    connection::{
        connect_info::{ConnectInfo, PeerCredentials},
        connected::{Connected, ConnectedIo},
        handshake::Handshake,
    },
    server::{
        AdaptiveLimit, ForwardedFor, GeneratedServer, Limits, Listener, ProxyProtocol, Routes,
        RoutesFuture, ServeError, Server,
    },
};
#[cfg(feature = "_calls")]
pub use self::{
    call::{context::Context, reply::Reply},
    codec::{Codec, ProstCodec},
    intercept::{
        BearerAuth, BearerToken, CallEnd, Except, InterceptedCall, Interceptor, Next, Role,
        SharedInterceptor, TonicInterceptor,
    },
    protocol::Protocol,
    protocol::http_body::HttpBody,
    protocol::memory::raise_mmap_threshold,
    protocol::message_counter::MessageCount,
    server::ServiceServer,
};
pub use self::{
    call::{
        method::{IdempotencyLevel, MethodDescriptor, MethodKind, ServiceDescriptor},
        streaming::{self, IntoStreamingRequest, Streaming},
        to_status::ToStatus,
        trailers::Trailers,
    },
    redact::Redact,
};

/// Includes the code that the build script generated for a proto package; the package is `""` for files
/// without one.
///
/// The code is included at the place of the call. Packages that refer to one another must be sibling
/// modules with the packages' names; the option `include_file` generates one file that includes all of
/// them.
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
