//! Statuses of calls that fail without one from the server, and marks of what has happened.

use std::{error::Error, time::Duration};

use tonic::Status;

pub(crate) use super::streaming::panicked;

pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// The status of a call that the server ended without a `grpc-status`.
pub(crate) fn missing() -> Status {
    Status::unknown("the server ended the call without a grpc-status")
}

/// The status of calls on a connection that a panic has broken.
pub(crate) fn broken() -> Status {
    Status::unavailable("the connection is broken: something on its task has panicked")
}

/// Marks the status of a call whose peer has reset its stream with `CANCEL`, which gives no reason.
#[derive(Debug)]
pub(crate) struct CancelledByPeer(pub(crate) BoxError);

impl std::fmt::Display for CancelledByPeer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for CancelledByPeer {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}

/// Whether the peer has reset the call's stream with `CANCEL`.
pub(crate) fn is_cancelled_by_peer(status: &Status) -> bool {
    status.source().is_some_and(<dyn Error>::is::<CancelledByPeer>)
}

/// The error and its sources in one line.
pub(crate) fn describe(error: &(dyn Error + 'static)) -> String {
    let mut lines = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        lines.push(error.to_string());
        cause = error.source();
    }
    lines.dedup();
    lines.join(": ")
}

/// Marks a status that is not sent: the server closes the connection instead, as a mock asked it to.
#[derive(Debug)]
pub(crate) struct AbortRequested;

impl std::fmt::Display for AbortRequested {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the connection broke before the call was answered")
    }
}

impl Error for AbortRequested {}

/// Whether the status asks for the connection to be closed abruptly.
pub(crate) fn aborts_connection(status: &Status) -> bool {
    status.source().is_some_and(<dyn Error>::is::<AbortRequested>)
}

/// `status`, which tells a client that retries to do so in `time`.
///
/// See [gRFC A6](https://github.com/grpc/proposal/blob/master/A6-client-retries.md).
pub(crate) fn with_pushback(mut status: Status, time: Duration) -> Status {
    // Rounded up: by then, there is room for another try.
    let milliseconds = u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
    status.metadata_mut().insert("grpc-retry-pushback-ms", milliseconds.into());
    status
}
