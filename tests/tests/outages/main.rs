//! Servers that are replaced, killed, or too old for their connections, while they are called: no call is made twice,
//! and none is lost but what a dead connection has taken with it.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod ages;
mod instance;
mod kills;
mod load;
mod restarts;
mod storms;

use std::time::Duration;

#[allow(
    clippy::doc_markdown,
    clippy::too_many_arguments,
    missing_docs,
    unreachable_pub,
    reason = "generated messages look as prost makes them"
)]
mod telemetry {
    rust_scaffold::include_proto!("telemetry");
}

/// Only against hanging.
const LONG: Duration = Duration::from_secs(60);
