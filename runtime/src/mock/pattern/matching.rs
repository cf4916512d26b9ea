//! [`Pattern`], and what makes one: [`Match`], and [`IntoPattern`].

use std::{fmt, fmt::Debug, sync::Arc};

use super::report::Report;

/// What a value must be like. Made by this module's functions, such as [`ge`](super::ge) and [`len`](super::len), by the
/// generated matchers of a module `like`, or from a value that has to be equal.
///
/// ```
/// # mod calculator {
/// #     include!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/unary/expected/calculator.rs"));
/// # }
/// # use calculator::*;
/// # use rust_scaffold::mock::{Pattern, all_of, ge, le};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// /// What several expectations say of a field.
/// fn percent() -> Pattern<i32> {
///     all_of([ge(0), le(100)])
/// }
///
/// let mock = MockCalculator::new();
/// mock.on_add().with(like::AddRequest::new().a(percent()).b(percent())).returns(AddResponse { result: 8 });
/// assert!(mock.client().add(AddRequest { a: 5, b: 3 }).await.is_ok());
/// # Ok(())
/// # }
/// ```
pub struct Pattern<T: ?Sized>(Arc<dyn Match<T>>);

/// What can be said of a value.
pub(crate) trait Match<T: ?Sized>: Send + Sync {
    /// As it stands behind `expected`: `>= 3`.
    fn describe(&self) -> String;

    /// Tells `report` why `value`, or its absence, does not fit, unless it does.
    fn check(&self, value: Option<&T>, report: &mut Report);
}

impl<T: ?Sized> Pattern<T> {
    pub(crate) fn new(pattern: impl Match<T> + 'static) -> Self {
        Self(Arc::new(pattern))
    }

    pub(crate) fn describe(&self) -> String {
        self.0.describe()
    }

    pub(crate) fn check(&self, value: Option<&T>, report: &mut Report) {
        self.0.check(value, report);
    }

    pub(crate) fn matches(&self, value: Option<&T>) -> bool {
        let mut report = Report::quiet();
        self.check(value, &mut report);
        !report.has_failed()
    }
}

impl<T: ?Sized> Clone for Pattern<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: ?Sized> Debug for Pattern<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe())
    }
}

/// What can be expected of a `T`: a [`Pattern`], or a value to be equal to.
///
/// A text, bytes, or an array stand for a `String`, [`Bytes`](bytes::Bytes) or a repeated field; an
/// array holds values or patterns for its elements.
///
/// ```
/// # use rust_scaffold::mock::{Expectation, Unary, ge};
/// # fn set_up(first: Expectation<Unary<i32, i32>>, second: Expectation<Unary<i32, i32>>) {
/// first.with(5).returns(1);
/// second.with(ge(6)).returns(2);
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is nothing that a `{T}` can be expected with",
    label = "neither a value to be equal to nor a pattern",
    note = "a closure goes with its words into `.matching(\"a > b\", |request| …)`, and for a field, an \
            element or an entry into the pattern `that(\"even\", |value| …)`",
    note = "of a stream of requests, `.with([…])` takes an array of all of them",
    note = "some fields of a message are expected with its matcher in `like`"
)]
pub trait IntoPattern<T: ?Sized> {
    /// Makes the pattern.
    fn into_pattern(self) -> Pattern<T>;
}

impl<T: ?Sized> IntoPattern<T> for Pattern<T> {
    fn into_pattern(self) -> Pattern<T> {
        self
    }
}
