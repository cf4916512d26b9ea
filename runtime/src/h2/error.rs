//! Statuses for the errors of HTTP/2, and of what is below it.

use std::{error::Error, sync::Arc};

use h2::Reason;
use tonic::{Code, Status, TimeoutExpired};

use super::credit::Unreadable;
use crate::call::{
    deadline,
    status::{self, BoxError, CancelledByPeer, describe},
};

/// The error of a body that hyper sends.
pub(crate) type BodyError = h2::Error;

/// A body's error with which hyper resets the body's stream with `CANCEL`.
pub(crate) fn cancel() -> BodyError {
    Reason::CANCEL.into()
}

/// The status for a transport error: from the peer's or HTTP/2's error code if there is one, else
/// `Unavailable`.
///
/// See [the mapping of HTTP/2
/// errors](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#errors).
pub(crate) fn from_transport(error: BoxError) -> Status {
    let cause = find(&*error);
    let is_cancelled = matches!(cause, Some(Cause::Reset(reset)) if is_cancel(reset));
    let mut status = match cause {
        Some(Cause::Timeout) => return deadline::exceeded(),
        // Whoever has chosen it has said all there is to say: what carries it is no cause.
        Some(Cause::Status(status)) => return status.clone(),
        Some(Cause::Reset(reset)) => Status::new(from_reset(reset.reason()), describe(&*error)),
        None => Status::unavailable(describe(&*error)),
    };
    status.set_source(match is_cancelled {
        true => Arc::new(CancelledByPeer(error)),
        false => error.into(),
    });
    status
}

/// The status for an error of an HTTP/2 stream.
pub(crate) fn from_stream(error: h2::Error) -> Status {
    from_transport(error.into())
}

/// The status for a request that cannot be read to its end. A client that resets its stream has cancelled the call, with
/// whatever code: proxies give others than `CANCEL`.
pub(super) fn from_request(error: Unreadable) -> Status {
    match error {
        Unreadable::Stream(error) if error.is_reset() && error.is_remote() => {
            let mut status = Status::cancelled(describe(&error));
            status.set_source(Arc::new(CancelledByPeer(error.into())));
            status
        }
        error => from_unreadable(error),
    }
}

/// The status for a response that cannot be read to its end.
pub(super) fn from_unreadable(error: Unreadable) -> Status {
    match error {
        Unreadable::Stream(error) => from_stream(error),
        Unreadable::Broken => status::broken(),
    }
}

enum Cause<'a> {
    Timeout,
    Reset(&'a h2::Error),
    /// A status chosen by user code, such as an interceptor, as opposed to one that tonic made from an
    /// error.
    Status(&'a Status),
}

fn find<'a>(error: &'a (dyn Error + 'static)) -> Option<Cause<'a>> {
    if error.is::<TimeoutExpired>() {
        return Some(Cause::Timeout);
    }
    if let Some(error) = error.downcast_ref::<h2::Error>() {
        let is_reset = error.reason().is_some() && !error.is_go_away();
        return is_reset.then_some(Cause::Reset(error));
    }
    let deeper = error.source().and_then(find);
    match error.downcast_ref::<Status>() {
        Some(status) if deeper.is_none() && error.source().is_none() => Some(Cause::Status(status)),
        _ => deeper,
    }
}

fn is_cancel(error: &h2::Error) -> bool {
    error.reason() == Some(Reason::CANCEL) && error.is_reset() && error.is_remote()
}

fn from_reset(reason: Option<Reason>) -> Code {
    match reason {
        Some(Reason::REFUSED_STREAM) => Code::Unavailable,
        Some(Reason::CANCEL) => Code::Cancelled,
        Some(Reason::ENHANCE_YOUR_CALM) => Code::ResourceExhausted,
        Some(Reason::INADEQUATE_SECURITY) => Code::PermissionDenied,
        _ => Code::Internal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_that_somebody_has_chosen_has_no_cause_but_its_own() {
        let status = from_transport(Status::unavailable("there is no place").into());
        assert_eq!((status.code(), status.message()), (Code::Unavailable, "there is no place"));
        assert!(status.source().is_none(), "{status:?}");
        let lost = from_transport(std::io::Error::other("lost").into());
        assert_eq!(lost.code(), Code::Unavailable);
        assert!(lost.source().is_some());
    }
}
