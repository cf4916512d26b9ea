//! The calculator of `proto/calculator.proto`: its contract, a service that fulfils it, and what
//! the programs of this example share.

#![allow(missing_docs, reason = "the proto leaves its messages without comments")]

pub mod args;
mod demo;
mod service;

rust_scaffold::include_proto!("calculator");

pub use self::{demo::print_results, service::MyCalculator};
