//! The health of a server, as `grpc.health.v1` has it: [`HealthReporter`], and the service that serves what it
//! reports.

#[rustfmt::skip]
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::doc_markdown,
    reason = "generated code looks the same everywhere"
)]
mod generated;
mod reporter;
mod server;
mod service;
mod statuses;

pub use self::{reporter::HealthReporter, statuses::HealthStatus};
