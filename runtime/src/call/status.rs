//! Statuses of calls that fail without one from the server, and marks of what has happened.

use std::{error::Error, sync::Arc, time::Duration};

#[cfg(any(feature = "_observed", feature = "web"))]
use tonic::Code;
use tonic::Status;

use super::{
    panics::{CaughtPanic, take_caught},
    streaming,
};

pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// The status of a call whose code has panicked just before, on this thread. Its source is that panic.
pub(crate) fn panicked() -> Status {
    take_caught().map_or_else(streaming::panicked, of_panic)
}

/// The status of a call that `panic` has ended.
pub(crate) fn of_panic(panic: CaughtPanic) -> Status {
    let mut status = streaming::panicked();
    status.set_source(Arc::new(panic));
    status
}

/// The panic that has ended the call.
pub(crate) fn panic_of(status: &Status) -> Option<&CaughtPanic> {
    status.source().and_then(<dyn Error>::downcast_ref)
}

/// The name of `code`, as gRPC's documents and protos spell it.
#[cfg(any(feature = "_observed", feature = "web"))]
pub(crate) fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

/// Whether `code` tells of a fault of the server, rather than of the request: what OpenTelemetry's conventions
/// take for an error of a server.
///
/// See [the conventions for gRPC](https://opentelemetry.io/docs/specs/semconv/rpc/grpc/).
#[cfg(feature = "_observed")]
pub(crate) fn is_fault_of_server(code: Code) -> bool {
    matches!(
        code,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    )
}

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
