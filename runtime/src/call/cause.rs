//! The cause of a failure, which is the source of its status: logged where the call is served, and shown to no client.

use std::{
    error::Error,
    fmt::{self, Write as _},
};

use bytes::Bytes;
use tonic::{Code, Status};

use super::status::{self, describe};

/// Takes the cause out of the `status` with which a call of the method at `path` has failed, and logs it.
///
/// Called where a call leaves its server, after the interceptors: once for each call.
pub(crate) fn withhold(path: &str, status: &mut Status) {
    let Some(cause) = status.source() else { return };
    // No causes, but marks: for the connection, and for whoever observes the call. A panic was reported when it was
    // caught.
    if status::aborts_connection(status) || status::panic_of(status).is_some() {
        return;
    }
    log(path, status.code(), cause);
    *status = without_source(status);
}

#[cold]
fn log(method: &str, code: Code, cause: &(dyn Error + 'static)) {
    let error = Causes(cause);
    match code {
        Code::Unknown | Code::Internal | Code::DataLoss => {
            tracing::error!(method, ?code, %error, "a call has failed");
        }
        // Failures of the server as well, by OpenTelemetry's convention for gRPC, but often of what is behind it.
        Code::Unavailable | Code::DeadlineExceeded | Code::Unimplemented => {
            tracing::warn!(method, ?code, %error, "a call has failed");
        }
        _ => tracing::debug!(method, ?code, %error, "a call has failed"),
    }
}

/// A cause and its own, in one line, whatever text of a peer is in them. Put together only if it is logged.
struct Causes<'a>(&'a (dyn Error + 'static));

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        describe(self.0).chars().try_for_each(|char| match char.is_control() {
            true => write!(f, "{}", char.escape_default()),
            false => f.write_char(char),
        })
    }
}

/// A source cannot be taken out of a status: this is another one without it.
fn without_source(status: &mut Status) -> Status {
    let metadata = std::mem::take(status.metadata_mut());
    let details = Bytes::copy_from_slice(status.details());
    Status::with_details_and_metadata(status.code(), status.message(), details, metadata)
}
