//! The deadline of a call, and its form in `grpc-timeout`.

use std::{
    fmt,
    future::Future,
    io::Write as _,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::{
    runtime::Handle,
    time::{Instant, Sleep},
};
use tonic::Status;

use super::{excerpt::quoted, parent::ParentCall, status};

pub(crate) const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
/// Longer timeouts are treated as this one: timers cannot represent all of them.
pub(crate) const FOREVER: Duration = Duration::from_secs(60 * 60 * 24 * 365);

/// The timeout in the `grpc-timeout` header of `headers`.
///
/// See `Timeout` in [gRPC over
/// HTTP/2](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests).
pub(crate) fn timeout(headers: &HeaderMap) -> Result<Option<Duration>, Status> {
    if headers.is_empty() {
        return Ok(None);
    }
    headers.get(GRPC_TIMEOUT).map(from_header).transpose()
}

/// The deadline of a call that starts now with `headers`. Fails if it has already passed.
pub(crate) fn of_headers(headers: &HeaderMap) -> Result<Option<Instant>, Status> {
    let Some(timeout) = timeout(headers)? else { return Ok(None) };
    let deadline = Instant::now() + timeout;
    if has_passed(deadline) { Err(exceeded()) } else { Ok(Some(deadline)) }
}

/// Parses the value of `grpc-timeout`.
pub(crate) fn from_header(value: &HeaderValue) -> Result<Duration, Status> {
    let timeout = parse(value).ok_or_else(|| {
        Status::internal(format!(
            "malformed grpc-timeout {}: not 1 to 8 digits and one of H, M, S, m, u, n",
            quoted(value)
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

/// The units of `grpc-timeout` in nanoseconds, largest first.
const UNITS: [(char, u64); 6] = [
    ('H', 3_600_000_000_000),
    ('M', 60_000_000_000),
    ('S', 1_000_000_000),
    ('m', 1_000_000),
    ('u', 1_000),
    ('n', 1),
];

/// An extension of requests to services of ours: the longest time that the call may take, whatever its client says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimeoutLimit(pub(crate) Duration);

/// Sets `grpc-timeout` to the time left until `deadline`.
pub(crate) fn insert_timeout(headers: &mut HeaderMap, deadline: Instant) {
    set_timeout(headers, deadline.saturating_duration_since(Instant::now()));
}

/// Sets `grpc-timeout` to `timeout`.
pub(crate) fn set_timeout(headers: &mut HeaderMap, timeout: Duration) {
    // Always `Some`: the digits and the unit are legal in a header.
    if let Some(timeout) = encode(timeout) {
        headers.insert(GRPC_TIMEOUT, timeout);
    }
}

/// `left` with three significant digits, or in milliseconds if that is more, rounded up by less than a millisecond.
/// More than 99,999,999 ms, almost 28 hours, are cut down to seconds. A call that is sent at once thus carries exactly
/// the timeout that was asked for, and calls with the same timeout share an entry of the HPACK table. Servers take off
/// more than rounding adds, so a call that inherits its deadline is never given more time.
fn encode(left: Duration) -> Option<HeaderValue> {
    /// Milliseconds of more than this need more than eight digits.
    const LONG: u64 = 99_999_999 * MILLISECOND;
    const MILLISECOND: u64 = 1_000_000;

    let nanos = u64::try_from(left.min(FOREVER).as_nanos()).ok()?;
    let three_digits = 10u64.pow(nanos.checked_ilog10().unwrap_or(0).saturating_sub(2));
    let step = match nanos {
        0..=LONG => three_digits.min(MILLISECOND),
        _ => 1_000 * MILLISECOND,
    };
    let nanos = (nanos + step.min(MILLISECOND) - 1) / step * step;
    let (unit, size) = UNITS.iter().find(|(_, size)| nanos.is_multiple_of(*size))?;
    let mut encoded = [0; 9];
    let mut unused = &mut encoded[..];
    write!(unused, "{}{unit}", nanos / size).ok()?;
    let length = 9 - unused.len();
    HeaderValue::from_bytes(&encoded[..length]).ok()
}

/// Less time than this counts as none: clocks differ in resolution, and no call completes that fast.
const MIN_TIME_LEFT: Duration = Duration::from_micros(1);

/// Whether there is nothing left until `deadline`.
pub(crate) fn has_passed(deadline: Instant) -> bool {
    deadline.saturating_duration_since(Instant::now()) < MIN_TIME_LEFT
}

/// Whether a cancellation now counts as caused by this deadline: the peer's clock and timers differ from ours.
pub(crate) fn is_near(deadline: Instant) -> bool {
    deadline <= Instant::now() + RESET_MARGIN
}

/// How long before the deadline a reset from the peer is still taken for an expired deadline: its clock
/// and timers differ from the client's.
const RESET_MARGIN: Duration = Duration::from_millis(10);

/// Creates a timer for `what` with `make`, or fails with an explanation if no tokio runtime provides one.
pub(crate) fn timer(
    what: impl fmt::Display,
    make: impl FnOnce() -> Sleep,
) -> Result<Sleep, String> {
    let found = match Handle::try_current() {
        // tokio offers no way to ask whether timers are enabled; it panics if they are not.
        Ok(_) => match catch_unwind(AssertUnwindSafe(make)) {
            Ok(timer) => return Ok(timer),
            Err(_) => "the one here has none: build it with `enable_time` or `enable_all`",
        },
        Err(_) => {
            "there is none here: run it in one, with `#[tokio::main]`, `#[tokio::test]` or \
             `Runtime::block_on`"
        }
    };
    Err(format!("{what} needs the clock of a tokio runtime, and {found}"))
}

/// A call's deadline and its timer, and the end of the call that it was made for. Without them it never expires.
#[derive(Default)]
pub(crate) struct Deadline {
    instant: Option<Instant>,
    /// Created on the first wait. Most calls complete without one.
    timer: Option<Pin<Box<Sleep>>>,
    /// Completes when the call is over that this one was made for.
    parent: Option<Box<ParentEnd>>,
}

type ParentEnd = Pin<Box<dyn Future<Output = ()> + Send + Sync>>;

impl Deadline {
    pub(crate) fn at(instant: Option<Instant>) -> Self {
        Self { instant, ..Self::default() }
    }

    /// Ends the call together with the one that it was made for, too.
    pub(crate) fn within(mut self, parent: Option<ParentCall>) -> Self {
        if let Some(parent) = parent {
            self.parent = Some(Box::new(Box::pin(parent.cancelled())));
        }
        self
    }

    /// The deadline itself.
    pub(crate) fn instant(&self) -> Option<Instant> {
        self.instant
    }

    /// Whether the call may go on for ever.
    pub(crate) fn is_never(&self) -> bool {
        self.instant.is_none() && self.parent.is_none()
    }

    /// The same, but at another time.
    pub(crate) fn moved_to(self, instant: Option<Instant>) -> Self {
        Self { instant, timer: None, ..self }
    }

    /// Fails once the deadline has passed. Until then, registers the task to be woken at the deadline.
    #[inline]
    pub(crate) fn check(&mut self, cx: &mut Context<'_>) -> Result<(), Status> {
        self.check_parent(cx)?;
        let Some(instant) = self.instant else {
            return Ok(());
        };
        let timer = match &mut self.timer {
            Some(timer) => timer,
            None => {
                let until = || tokio::time::sleep_until(instant);
                let timer = timer("a call with a deadline", until).map_err(Status::internal)?;
                self.timer.insert(Box::pin(timer))
            }
        };
        match timer.as_mut().poll(cx) {
            Poll::Ready(()) => Err(exceeded()),
            Poll::Pending => Ok(()),
        }
    }

    /// Fails once the call is over that this one was made for.
    #[inline]
    fn check_parent(&mut self, cx: &mut Context<'_>) -> Result<(), Status> {
        if let Some(parent) = &mut self.parent
            && parent.as_mut().as_mut().poll(cx).is_ready()
        {
            // It must not be polled again.
            self.parent = None;
            // They have the same deadline, mostly, and either may be seen first.
            return Err(match self.instant {
                Some(instant) if is_near(instant) => exceeded(),
                _ => parent_is_over(),
            });
        }
        Ok(())
    }

    /// Like [`check`](Self::check), as a poll that is pending until the deadline.
    #[inline]
    pub(crate) fn wait<T>(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, Status>> {
        self.check(cx).map_or_else(|late| Poll::Ready(Err(late)), |()| Poll::Pending)
    }

    /// Sets the deadline, unless there is one.
    pub(crate) fn limit_to(&mut self, deadline: Instant) {
        self.instant.get_or_insert(deadline);
    }

    pub(crate) fn has_passed(&self) -> bool {
        self.instant.is_some_and(has_passed)
    }

    /// Maps a reset of the peer near the deadline to `DeadlineExceeded`: a peer may cancel an expired
    /// call without a status, and slightly before the deadline passes here.
    pub(crate) fn explain(&self, status: Status) -> Status {
        match self.instant {
            Some(instant) if is_near(instant) && status::is_cancelled_by_peer(&status) => {
                exceeded()
            }
            _ => status,
        }
    }

    /// Runs `future` until it completes or the deadline passes.
    pub(crate) async fn limit<T>(
        &mut self,
        mut future: Pin<&mut impl Future<Output = Result<T, Status>>>,
    ) -> Result<T, Status> {
        std::future::poll_fn(|cx| {
            let polled = future.as_mut().poll(cx);
            self.limit_poll(polled, cx)
        })
        .await
    }

    /// Runs `future`, which keeps to the deadline itself, until it completes or the call is over that it was made for.
    pub(crate) async fn limit_by_parent<T>(
        &mut self,
        mut future: Pin<&mut impl Future<Output = Result<T, Status>>>,
    ) -> Result<T, Status> {
        std::future::poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Pending => match self.check_parent(cx) {
                Ok(()) => Poll::Pending,
                Err(over) => Poll::Ready(Err(over)),
            },
            ready => ready,
        })
        .await
    }

    /// What a call that was `polled` has come to, at the deadline at the latest.
    #[inline]
    pub(crate) fn limit_poll<T>(
        &mut self,
        polled: Poll<Result<T, Status>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<T, Status>> {
        match polled {
            Poll::Pending => self.wait(cx),
            ready => ready.map_err(|status| self.explain(status)),
        }
    }
}

impl fmt::Debug for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Deadline").field(&self.instant).finish()
    }
}

/// The status of a call that has less time than any other has lately taken.
pub(crate) fn cannot_be_met(left: Duration, fastest: Duration) -> Status {
    Status::deadline_exceeded(format!(
        "the deadline leaves {left:?}, and the fastest call of this method has lately taken {fastest:?}"
    ))
}

/// The status of a call that was made for another one, which is over.
pub(crate) fn parent_is_over() -> Status {
    Status::cancelled("the call that this one was made for is over")
}

/// The status of a call whose deadline has passed.
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
    fn what_is_left_is_encoded_with_three_digits_or_in_milliseconds_and_rounded_up() {
        for (left, encoded) in [
            (Duration::ZERO, "0H"),
            (Duration::from_nanos(1), "1n"),
            (Duration::from_nanos(999), "999n"),
            (Duration::from_nanos(1_001), "1010n"),
            (Duration::from_micros(49_951), "50m"),
            (Duration::from_micros(299_950), "300m"),
            (Duration::from_nanos(4_999_970_123), "5S"),
            (Duration::from_millis(4_251), "4251m"),
            (Duration::from_micros(59_949_001), "59950m"),
            (Duration::from_nanos(99_999_999_000_000), "99999999m"),
            (Duration::from_nanos(99_999_999_000_001), "100000S"),
            (Duration::from_millis(100_000_999), "100000S"),
            (Duration::from_secs(90), "90S"),
            (Duration::from_secs(7_200), "2H"),
            (FOREVER, "8760H"),
            (Duration::MAX, "8760H"),
        ] {
            assert_eq!(encode(left).unwrap(), encoded, "{left:?}");
        }
    }

    #[test]
    fn what_is_encoded_is_parsed_as_hardly_more_than_what_was_left() {
        let mut nanos = 1u64;
        while nanos < 30_000_000_000_000_000 {
            let left = Duration::from_nanos(nanos);
            let read = parse(&encode(left).unwrap()).unwrap();
            let more = Duration::from_millis(1).min(left / 100);
            // More than eight digits of milliseconds are cut to seconds.
            let less = Duration::from_secs(u64::from(left > Duration::from_millis(99_999_999)));
            assert!(left <= read + less && read <= left + more, "{left:?} became {read:?}");
            nanos = nanos * 13 / 7 + 1;
        }
    }

    #[test]
    fn absurd_timeouts_are_cut_to_what_a_timer_can_take() {
        let headers = [(GRPC_TIMEOUT, HeaderValue::from_static("99999999H"))];
        assert_eq!(timeout(&headers.into_iter().collect()).unwrap(), Some(FOREVER));
    }
}
