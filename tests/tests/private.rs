//! Compiles every golden under `deny(warnings)` once more, as programs have generated code: in private
//! modules. clippy says more of those than of what a crate exports, and rustc of what is not used.

#![deny(warnings)]
#![allow(missing_docs, unreachable_pub)]
#![allow(clippy::doc_markdown, clippy::too_many_arguments, clippy::too_many_lines)]

#[path = "../golden/all_options/expected/mod.rs"]
mod all_options;
#[path = "../golden/attributes/expected/mod.rs"]
mod attributes;
#[path = "../golden/clashes/expected/mod.rs"]
mod clashes;
#[path = "../golden/client_only/expected/mod.rs"]
mod client_only;
#[path = "../golden/codec_path/expected/mod.rs"]
mod codec_path;
#[path = "../golden/comments/expected/mod.rs"]
mod comments;
#[path = "../golden/cross_package/expected/mod.rs"]
mod cross_package;
#[path = "../golden/custom_options/expected/mod.rs"]
mod custom_options;
#[path = "../golden/decorators/expected/mod.rs"]
mod decorators;
#[path = "../golden/default_stubs/expected/mod.rs"]
mod default_stubs;
#[path = "../golden/deprecated/expected/mod.rs"]
mod deprecated;
#[path = "../golden/descriptor_set/expected/mod.rs"]
mod descriptor_set;
#[path = "../golden/docs/expected/mod.rs"]
mod docs;
#[path = "../golden/dyn_traits/expected/mod.rs"]
mod dyn_traits;
#[path = "../golden/editions/expected/mod.rs"]
mod editions;
#[path = "../golden/foreign/expected/mod.rs"]
mod foreign;
#[path = "../golden/keywords/expected/mod.rs"]
mod keywords;
#[path = "../golden/lints/expected/mod.rs"]
mod lints;
#[path = "../golden/matchers/expected/mod.rs"]
mod matchers;
#[path = "../golden/mock_never/expected/mod.rs"]
mod mock_never;
#[path = "../golden/mocks/expected/mod.rs"]
mod mocks;
#[path = "../golden/names/expected/mod.rs"]
mod names;
#[path = "../golden/nested/expected/mod.rs"]
mod nested;
#[path = "../golden/no_service/expected/mod.rs"]
mod no_service;
#[path = "../golden/proto2/expected/mod.rs"]
mod proto2;
#[path = "../golden/redaction/expected/mod.rs"]
mod redaction;
#[path = "../golden/repairs/expected/mod.rs"]
mod repairs;
#[path = "../golden/server_only/expected/mod.rs"]
mod server_only;
#[path = "../golden/streaming/expected/mod.rs"]
mod streaming;
#[path = "../golden/unary/expected/mod.rs"]
mod unary;
#[path = "../golden/well_known_types/expected/mod.rs"]
mod well_known_types;

/// What the goldens `foreign` and `all_options` take from elsewhere.
#[path = "../src/hand.rs"]
mod hand;
