//! The service of `proto/telemetry.proto`: measurements, kept in memory, in and out by all four
//! kinds of call.

mod contract;
mod filter;
mod follow;
mod service;
mod store;
mod summary;
pub mod view;

pub use self::{contract::*, service::MyTelemetry};
