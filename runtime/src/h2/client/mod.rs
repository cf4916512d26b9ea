//! The client's end of a connection.

pub(crate) mod call_state;
pub(crate) mod connection;
pub(crate) mod pending_call;
mod queue;
