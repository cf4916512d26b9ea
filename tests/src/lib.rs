//! Compiles every golden under `deny(warnings)`.
//!
//! What protos may do is allowed: leave fields without a comment, write comments that were not
//! meant for Markdown, have services of many methods. prost derives functions of five arguments.

#![deny(warnings)]
#![allow(missing_docs)]
#![allow(clippy::doc_markdown, clippy::too_many_arguments, clippy::too_many_lines)]

#[path = "../golden/all_options/expected/mod.rs"]
pub mod all_options;
#[path = "../golden/attributes/expected/mod.rs"]
pub mod attributes;
#[path = "../golden/clashes/expected/mod.rs"]
pub mod clashes;
#[path = "../golden/client_only/expected/mod.rs"]
pub mod client_only;
#[path = "../golden/codec_path/expected/mod.rs"]
pub mod codec_path;
#[path = "../golden/comments/expected/mod.rs"]
pub mod comments;
#[path = "../golden/cross_package/expected/mod.rs"]
pub mod cross_package;
#[path = "../golden/custom_options/expected/mod.rs"]
pub mod custom_options;
#[path = "../golden/decorators/expected/mod.rs"]
pub mod decorators;
#[path = "../golden/default_stubs/expected/mod.rs"]
pub mod default_stubs;
#[path = "../golden/deprecated/expected/mod.rs"]
pub mod deprecated;
#[path = "../golden/descriptor_set/expected/mod.rs"]
pub mod descriptor_set;
#[path = "../golden/docs/expected/mod.rs"]
pub mod docs;
#[path = "../golden/dyn_traits/expected/mod.rs"]
pub mod dyn_traits;
#[path = "../golden/editions/expected/mod.rs"]
pub mod editions;
#[path = "../golden/foreign/expected/mod.rs"]
pub mod foreign;
#[path = "../golden/keywords/expected/mod.rs"]
pub mod keywords;
#[path = "../golden/lints/expected/mod.rs"]
pub mod lints;
#[path = "../golden/matchers/expected/mod.rs"]
pub mod matchers;
#[path = "../golden/mock_never/expected/mod.rs"]
pub mod mock_never;
#[path = "../golden/mocks/expected/mod.rs"]
pub mod mocks;
#[path = "../golden/names/expected/mod.rs"]
pub mod names;
#[path = "../golden/nested/expected/mod.rs"]
pub mod nested;
#[path = "../golden/no_service/expected/mod.rs"]
pub mod no_service;
#[path = "../golden/proto2/expected/mod.rs"]
pub mod proto2;
#[path = "../golden/redaction/expected/mod.rs"]
pub mod redaction;
#[path = "../golden/repairs/expected/mod.rs"]
pub mod repairs;
#[path = "../golden/server_only/expected/mod.rs"]
pub mod server_only;
#[path = "../golden/streaming/expected/mod.rs"]
pub mod streaming;
#[path = "../golden/unary/expected/mod.rs"]
pub mod unary;
#[path = "../golden/well_known_types/expected/mod.rs"]
pub mod well_known_types;

/// What the goldens `foreign`, `all_options` and `codec_path` take from elsewhere.
pub mod hand;

/// The README's Rust, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;

/// The Rust of the guide to TLS, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../docs/tls.md")]
pub struct Tls;
