//! Statuses for failures below gRPC: of HTTP, of HTTP/2, or of the connection.

use std::{error::Error, sync::Arc};

use http::{HeaderMap, StatusCode};
use tonic::{Code, Status, TimeoutExpired};

use super::deadline;
pub(crate) use super::streaming::panicked;

pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// The status for an HTTP response that is not gRPC, for example from a proxy.
///
/// See [the mapping of HTTP to gRPC
/// statuses](https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md).
pub(crate) fn from_http(status: StatusCode, headers: &HeaderMap) -> Status {
    let code = match status {
        StatusCode::BAD_REQUEST => Code::Internal,
        StatusCode::UNAUTHORIZED => Code::Unauthenticated,
        StatusCode::FORBIDDEN => Code::PermissionDenied,
        StatusCode::NOT_FOUND => Code::Unimplemented,
        // Not in the mapping, but it is what gRPC uses for headers that are too long.
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => Code::ResourceExhausted,
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => Code::Unavailable,
        _ => Code::Unknown,
    };
    let content_type = headers.get(http::header::CONTENT_TYPE);
    let content_type =
        content_type.map_or("none".into(), |it| String::from_utf8_lossy(it.as_bytes()));
    Status::new(
        code,
        format!("the response is not gRPC: HTTP status {status}, content type {content_type}"),
    )
}

/// Marks the status of a call that ended without a `grpc-status`.
#[derive(Debug)]
struct MissingStatus;

impl std::fmt::Display for MissingStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the server ended the call without a grpc-status")
    }
}

impl Error for MissingStatus {}

/// The status of a call that the server ended without a `grpc-status`.
pub(crate) fn missing() -> Status {
    let mut status = Status::unknown(MissingStatus.to_string());
    status.set_source(Arc::new(MissingStatus));
    status
}

/// The status of calls on a connection that a panic has broken.
pub(crate) fn broken() -> Status {
    Status::unavailable("the connection is broken: something on its task has panicked")
}

/// Whether the server ended the call without a `grpc-status`.
pub(crate) fn is_missing(status: &Status) -> bool {
    status.source().is_some_and(<dyn Error>::is::<MissingStatus>)
}

/// The status for a transport error: from the peer's or HTTP/2's error code if there is one, else
/// `Unavailable`.
///
/// See [the mapping of HTTP/2
/// errors](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#errors).
pub(crate) fn from_transport(error: BoxError) -> Status {
    let (code, message) = match find(&*error) {
        Some(Cause::Timeout) => return deadline::exceeded(),
        Some(Cause::Reset(reason)) => (from_reset(reason), describe(&*error)),
        Some(Cause::Status(status)) => (status.code(), status.message().to_owned()),
        None => (Code::Unavailable, describe(&*error)),
    };
    let mut status = Status::new(code, message);
    status.set_source(error.into());
    status
}

enum Cause<'a> {
    Timeout,
    Reset(h2::Reason),
    /// A status chosen by user code, such as an interceptor, as opposed to one that tonic made from an
    /// error.
    Status(&'a Status),
}

fn find<'a>(error: &'a (dyn Error + 'static)) -> Option<Cause<'a>> {
    if error.is::<TimeoutExpired>() {
        return Some(Cause::Timeout);
    }
    if let Some(error) = error.downcast_ref::<h2::Error>() {
        return error.reason().filter(|_| !error.is_go_away()).map(Cause::Reset);
    }
    let deeper = error.source().and_then(find);
    match error.downcast_ref::<Status>() {
        Some(status) if deeper.is_none() && error.source().is_none() => Some(Cause::Status(status)),
        _ => deeper,
    }
}

fn from_reset(reason: h2::Reason) -> Code {
    match reason {
        h2::Reason::REFUSED_STREAM => Code::Unavailable,
        h2::Reason::CANCEL => Code::Cancelled,
        h2::Reason::ENHANCE_YOUR_CALM => Code::ResourceExhausted,
        h2::Reason::INADEQUATE_SECURITY => Code::PermissionDenied,
        _ => Code::Internal,
    }
}

/// Whether the peer has reset the call's stream with `CANCEL`, which gives no reason.
pub(crate) fn is_cancelled_by_reset(status: &Status) -> bool {
    let mut cause = status.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<h2::Error>() {
            let is_cancel = error.reason() == Some(h2::Reason::CANCEL);
            return is_cancel && error.is_reset() && error.is_remote();
        }
        cause = error.source();
    }
    false
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
pub(crate) struct BrokenConnection;

impl std::fmt::Display for BrokenConnection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the connection broke before the call was answered")
    }
}

impl Error for BrokenConnection {}

/// The status of a call whose connection the server is to close abruptly.
#[cfg(feature = "mock")]
pub(crate) fn broken_connection() -> Status {
    let mut status = Status::unavailable(BrokenConnection.to_string());
    status.set_source(Arc::new(BrokenConnection));
    status
}

/// Whether the status asks for the connection to be closed abruptly.
pub(crate) fn breaks_connection(status: &Status) -> bool {
    status.source().is_some_and(<dyn Error>::is::<BrokenConnection>)
}
