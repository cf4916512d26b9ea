//! Calls to a server in the same process.

pub(crate) mod in_process;
