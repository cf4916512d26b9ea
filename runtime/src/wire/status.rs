//! Statuses for what went wrong below gRPC: in HTTP, in HTTP/2, or on the connection.

use std::{error::Error, sync::Arc};

use http::{HeaderMap, StatusCode};
use tonic::{Code, Status, TimeoutExpired};

use super::deadline;
pub(crate) use crate::streaming::panicked;

pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// The status for an answer that is HTTP but not gRPC, say, from a proxy.
///
/// See [the mapping of HTTP to gRPC
/// statuses](https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md).
pub(crate) fn from_http(status: StatusCode, headers: &HeaderMap) -> Status {
    let code = match status {
        StatusCode::BAD_REQUEST => Code::Internal,
        StatusCode::UNAUTHORIZED => Code::Unauthenticated,
        StatusCode::FORBIDDEN => Code::PermissionDenied,
        StatusCode::NOT_FOUND => Code::Unimplemented,
        // What gRPC calls it, although its list of HTTP statuses leaves it out.
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
        format!("the answer is not gRPC: HTTP status {status}, content type {content_type}"),
    )
}

/// The source of the status of a call that was sent none.
#[derive(Debug)]
struct MissingStatus;

impl std::fmt::Display for MissingStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the server ended the call without a grpc-status")
    }
}

impl Error for MissingStatus {}

/// The status of a call whose server ended the stream without one.
pub(crate) fn missing() -> Status {
    let mut status = Status::unknown(MissingStatus.to_string());
    status.set_source(Arc::new(MissingStatus));
    status
}

/// The status of a call on whose connection something has panicked that all of its calls need.
pub(crate) fn broken() -> Status {
    Status::unavailable("the connection is broken: something on its task has panicked")
}

/// Whether the server ended the stream without a status.
pub(crate) fn is_missing(status: &Status) -> bool {
    status.source().is_some_and(<dyn Error>::is::<MissingStatus>)
}

/// The status for an error of the transport: what the peer or HTTP/2 said, else `Unavailable`.
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
    /// A status that somebody chose, as an interceptor does: not tonic's guess at an error.
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

/// Whether the peer has reset the stream of the call with `CANCEL`, which says no more.
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

/// The error and its causes in one line.
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

/// The source of a status that is not to be told, but shown: its connection breaks.
#[derive(Debug)]
pub(crate) struct BrokenConnection;

impl std::fmt::Display for BrokenConnection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the connection broke before the call was answered")
    }
}

impl Error for BrokenConnection {}

/// The status of a call whose connection is to break.
#[cfg(feature = "mock")]
pub(crate) fn broken_connection() -> Status {
    let mut status = Status::unavailable(BrokenConnection.to_string());
    status.set_source(Arc::new(BrokenConnection));
    status
}

/// Whether the connection is to break.
pub(crate) fn breaks_connection(status: &Status) -> bool {
    status.source().is_some_and(<dyn Error>::is::<BrokenConnection>)
}
