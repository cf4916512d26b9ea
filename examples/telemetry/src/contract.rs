//! The contract in `proto/telemetry.proto`.

#![allow(
    missing_docs,
    clippy::doc_markdown,
    clippy::too_many_arguments,
    reason = "generated code follows its proto, not the lints of this workspace"
)]

rust_scaffold::include_proto!("telemetry");
