//! The status of calls that a limit refuses.

use std::time::Duration;

use tonic::Status;

use crate::{call::status, h2::jitter};

/// How long a client should wait before it repeats a refused call, on average.
const PUSHBACK: Duration = Duration::from_secs(1);

/// The status of a call that is refused for now, and is worth another try. Clients are told to make it at different
/// times.
pub(super) fn refused(message: String) -> Status {
    status::with_pushback(Status::unavailable(message), jitter::around(PUSHBACK, 0.5))
}
