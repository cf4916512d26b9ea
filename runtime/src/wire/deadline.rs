//! The time by which a call must be over, and how `grpc-timeout` spells it.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::{Instant, Sleep};
use tonic::Status;

const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
/// Timeouts beyond this are as good as none, and a timer cannot be set for all of them.
pub(crate) const FOREVER: Duration = Duration::from_secs(60 * 60 * 24 * 365);

/// What `grpc-timeout` in `headers` says.
///
/// See `Timeout` in [gRPC over
/// HTTP/2](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests).
pub(crate) fn timeout(headers: &HeaderMap) -> Result<Option<Duration>, Status> {
    if headers.is_empty() {
        return Ok(None);
    }
    headers.get(GRPC_TIMEOUT).map(from_header).transpose()
}

/// What `value`, that of `grpc-timeout`, says.
pub(crate) fn from_header(value: &HeaderValue) -> Result<Duration, Status> {
    let timeout = parse(value).ok_or_else(|| {
        Status::internal(format!(
            "malformed grpc-timeout {value:?}: not 1 to 8 digits and one of H, M, S, m, u, n"
        ))
    })?;
    Ok(timeout.min(FOREVER))
}

fn parse(value: &HeaderValue) -> Option<Duration> {
    let value = value.to_str().ok()?;
    let (digits, unit) = value.split_at_checked(value.len().checked_sub(1)?)?;
    let legal = (1..=8).contains(&digits.len()) && digits.bytes().all(|it| it.is_ascii_digit());
    if !legal {
        return None;
    }
    let amount: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(amount * 60 * 60)),
        "M" => Some(Duration::from_secs(amount * 60)),
        "S" => Some(Duration::from_secs(amount)),
        "m" => Some(Duration::from_millis(amount)),
        "u" => Some(Duration::from_micros(amount)),
        "n" => Some(Duration::from_nanos(amount)),
        _ => None,
    }
}

/// Tells when the time of a call is up. Without a deadline it never is, and no timer is made.
#[derive(Debug, Default)]
pub(crate) struct Deadline(Option<Pin<Box<Sleep>>>);

impl Deadline {
    pub(crate) fn at(instant: Option<Instant>) -> Self {
        Self(instant.map(|instant| Box::pin(tokio::time::sleep_until(instant))))
    }

    /// Fails once the deadline has passed; until then the task is woken when it does.
    #[inline]
    pub(crate) fn check(&mut self, cx: &mut Context<'_>) -> Result<(), Status> {
        let Some(timer) = &mut self.0 else {
            return Ok(());
        };
        match timer.as_mut().poll(cx) {
            Poll::Ready(()) => Err(exceeded()),
            Poll::Pending => Ok(()),
        }
    }

    /// Waits for `future`, but no longer than the deadline.
    pub(crate) async fn limit<T>(
        &mut self,
        mut future: Pin<&mut impl Future<Output = Result<T, Status>>>,
    ) -> Result<T, Status> {
        std::future::poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Pending => {
                self.check(cx).map_or_else(|late| Poll::Ready(Err(late)), |()| Poll::Pending)
            }
            ready => ready,
        })
        .await
    }
}

/// The status of every call whose time is up.
pub(crate) fn exceeded() -> Status {
    Status::deadline_exceeded("the deadline of the call has passed")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(value: &'static str) -> Option<Duration> {
        parse(&HeaderValue::from_static(value))
    }

    #[test]
    fn every_unit_is_understood() {
        assert_eq!(parsed("2H"), Some(Duration::from_secs(7200)));
        assert_eq!(parsed("3M"), Some(Duration::from_secs(180)));
        assert_eq!(parsed("42S"), Some(Duration::from_secs(42)));
        assert_eq!(parsed("13m"), Some(Duration::from_millis(13)));
        assert_eq!(parsed("2u"), Some(Duration::from_micros(2)));
        assert_eq!(parsed("99999999n"), Some(Duration::from_nanos(99_999_999)));
    }

    #[test]
    fn anything_else_is_malformed() {
        for value in ["", "S", "1", "1s", "-1S", "+1S", "123456789S", "1.5S", "1 S"] {
            assert_eq!(parsed(value), None, "{value:?}");
        }
    }

    #[test]
    fn absurd_timeouts_are_cut_to_what_a_timer_can_take() {
        let headers = [(GRPC_TIMEOUT, HeaderValue::from_static("99999999H"))];
        assert_eq!(timeout(&headers.into_iter().collect()).unwrap(), Some(FOREVER));
    }
}
