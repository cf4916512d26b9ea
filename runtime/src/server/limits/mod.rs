//! What the calls of a server may take, and which of them are refused.

mod adaptive;
mod admission;
mod late_admission;
mod latency;
mod limited_routes;
mod options;
mod refusal;
#[cfg(test)]
mod simulation;
mod table;

pub use self::{adaptive::AdaptiveLimit, options::Limits};
pub(super) use self::{
    limited_routes::LimitedRoutes, options::LimitOptions, table::LimitedService,
};
