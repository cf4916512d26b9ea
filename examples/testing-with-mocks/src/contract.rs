//! The generated code of both contracts.

#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::doc_markdown,
    clippy::too_many_arguments,
    reason = "generated code follows its protos, not the lints of this workspace"
)]

pub mod calculator {
    rust_scaffold::include_proto!("calculator");
}

pub mod telemetry {
    rust_scaffold::include_proto!("telemetry");
}
