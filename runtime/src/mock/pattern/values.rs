//! Patterns for single values.

use std::fmt::Debug;

use bytes::Bytes;

use super::{
    debug::{differences, shown},
    matching::{IntoPattern, Match, Pattern},
    report::Report,
};

/// Expects a value that is equal to `value`. A value in place of a pattern means the same.
///
/// ```
/// # use rust_scaffold::mock::{Pattern, eq};
/// let pattern: Pattern<i32> = eq(3);
/// ```
pub fn eq<T: PartialEq + Debug + Send + Sync + 'static>(value: T) -> Pattern<T> {
    Pattern::new(Equal(value))
}

/// Expects a value that is not equal to `value`.
///
/// ```
/// # use rust_scaffold::mock::{Pattern, ne};
/// let pattern: Pattern<i32> = ne(3);
/// ```
pub fn ne<T: PartialEq + Debug + Send + Sync + 'static>(value: T) -> Pattern<T> {
    compare("not", value, |got, bound| got != bound)
}

/// Expects a value less than `bound`.
///
/// ```
/// # use rust_scaffold::mock::{Pattern, lt};
/// let pattern: Pattern<i32> = lt(3);
/// ```
pub fn lt<T: PartialOrd + Debug + Send + Sync + 'static>(bound: T) -> Pattern<T> {
    compare("<", bound, |got, bound| got < bound)
}

/// Expects a value of at most `bound`.
///
/// ```
/// # use rust_scaffold::mock::{Pattern, le};
/// let pattern: Pattern<i32> = le(3);
/// ```
pub fn le<T: PartialOrd + Debug + Send + Sync + 'static>(bound: T) -> Pattern<T> {
    compare("<=", bound, |got, bound| got <= bound)
}

/// Expects a value greater than `bound`.
///
/// ```
/// # use rust_scaffold::mock::{Pattern, gt};
/// let pattern: Pattern<i32> = gt(3);
/// ```
pub fn gt<T: PartialOrd + Debug + Send + Sync + 'static>(bound: T) -> Pattern<T> {
    compare(">", bound, |got, bound| got > bound)
}

/// Expects a value of at least `bound`.
///
/// ```
/// # use rust_scaffold::mock::{Pattern, ge};
/// let pattern: Pattern<i32> = ge(3);
/// ```
pub fn ge<T: PartialOrd + Debug + Send + Sync + 'static>(bound: T) -> Pattern<T> {
    compare(">=", bound, |got, bound| got >= bound)
}

/// Expects a number that is no further than `tolerance` from `value`.
///
/// ```
/// # use rust_scaffold::mock::{Pattern, approx};
/// let pattern: Pattern<f64> = approx(1.5, 0.01);
/// ```
pub fn approx<T: Float>(value: T, tolerance: T) -> Pattern<T> {
    let label = format!("{value:?} ± {tolerance:?}");
    holds(label, move |got: &T| {
        let (got, value, tolerance): (f64, f64, f64) =
            ((*got).into(), value.into(), tolerance.into());
        (got - value).abs() <= tolerance
    })
}

/// A number that [`approx`] can compare. The trait is sealed.
pub trait Float: sealed::SealedFloat + Into<f64> + Copy + Debug + Send + Sync + 'static {}

impl Float for f32 {}
impl Float for f64 {}

/// Expects what `predicate` is true of; `label` says what that is.
///
/// ```
/// # use rust_scaffold::mock::{Pattern, that};
/// let even: Pattern<i32> = that("an even number", |number: &i32| number % 2 == 0);
/// ```
pub fn that<T: ?Sized + Debug + 'static>(
    label: impl Into<String>,
    predicate: impl Fn(&T) -> bool + Send + Sync + 'static,
) -> Pattern<T> {
    holds(label.into(), predicate)
}

/// Expects a text or bytes that start with `start`.
///
/// ```
/// # use rust_scaffold::mock::{Pattern, starts_with};
/// let pattern: Pattern<String> = starts_with("room/");
/// ```
pub fn starts_with<T: Lengthy>(start: impl Into<T>) -> Pattern<T> {
    let start = start.into();
    let label = format!("something that starts with {}", shown(&start));
    holds(label, move |got: &T| got.as_ref().starts_with(start.as_ref()))
}

/// What has a beginning: a text, or bytes. The trait is sealed.
pub trait Lengthy: sealed::SealedLengthy + AsRef<[u8]> + Debug + Send + Sync + 'static {}

impl Lengthy for String {}
impl Lengthy for Bytes {}

/// Expects nothing: an optional field, message, oneof, metadata entry or deadline that is not set.
///
/// ```
/// # use rust_scaffold::mock::{Pattern, none};
/// let pattern: Pattern<String> = none();
/// ```
pub fn none<T: ?Sized + Debug + 'static>() -> Pattern<T> {
    Pattern::new(Presence { expected: false })
}

/// Expects anything, but not nothing.
///
/// ```
/// # use rust_scaffold::mock::{Pattern, some};
/// let pattern: Pattern<String> = some();
/// ```
pub fn some<T: ?Sized + Debug + 'static>() -> Pattern<T> {
    Pattern::new(Presence { expected: true })
}

/// Expects what `pattern` does not.
///
/// ```
/// # use rust_scaffold::mock::{Pattern, ge, not};
/// let pattern: Pattern<i32> = not(ge(3));
/// ```
pub fn not<T: ?Sized + Debug + 'static>(pattern: impl IntoPattern<T>) -> Pattern<T> {
    Pattern::new(Not(pattern.into_pattern()))
}

/// Expects what one of `patterns` does, at least.
///
/// ```
/// # use rust_scaffold::mock::{Pattern, any_of, eq, ge};
/// let pattern: Pattern<i32> = any_of([ge(10), eq(3)]);
/// ```
pub fn any_of<T: ?Sized + Debug + 'static, P: IntoPattern<T>>(
    patterns: impl IntoIterator<Item = P>,
) -> Pattern<T> {
    Pattern::new(AnyOf(patterns.into_iter().map(P::into_pattern).collect()))
}

/// Expects what every one of `patterns` does.
///
/// ```
/// # use rust_scaffold::mock::{Pattern, all_of, ge, le};
/// let pattern: Pattern<i32> = all_of([ge(3), le(10)]);
/// ```
pub fn all_of<T: ?Sized + 'static, P: IntoPattern<T>>(
    patterns: impl IntoIterator<Item = P>,
) -> Pattern<T> {
    Pattern::new(AllOf(patterns.into_iter().map(P::into_pattern).collect()))
}

/// Tells `report` that `value` is not as described.
pub(super) fn differ<T: ?Sized + Debug>(description: &str, got: Option<&T>, report: &mut Report) {
    match got {
        Some(got) => unlike(description, Some(&got), report),
        None => unlike(description, None, report),
    }
}

fn unlike(description: &str, got: Option<&dyn Debug>, report: &mut Report) {
    report.mismatch(|| match got {
        Some(got) => format!("expected {description}, got {}", shown(got)),
        None => format!("expected {description}, got nothing"),
    });
}

struct Equal<T>(T);

impl<T: PartialEq + Debug + Send + Sync> Match<T> for Equal<T> {
    fn describe(&self) -> String {
        shown(&self.0)
    }

    fn check(&self, got: Option<&T>, report: &mut Report) {
        check_equal(&self.0, got, report);
    }
}

/// Tells `report` how `got` differs from `expected`.
pub(crate) fn check_equal<T>(expected: &T, got: Option<&T>, report: &mut Report)
where
    T: PartialEq + Debug,
{
    match got {
        Some(got) if got == expected => {}
        Some(got) => unequal(expected, got, report),
        None => unlike(&shown(expected), None, report),
    }
}

fn unequal(expected: &dyn Debug, got: &dyn Debug, report: &mut Report) {
    report.mismatches(|| differences(expected, got));
}

fn compare<T: Debug + Send + Sync + 'static>(
    symbol: &str,
    bound: T,
    holds: fn(&T, &T) -> bool,
) -> Pattern<T> {
    let label = format!("{symbol} {}", shown(&bound));
    self::holds(label, move |got| holds(got, &bound))
}

/// Something that is there, and that `predicate` is true of.
pub(super) fn holds<T: ?Sized + Debug + 'static>(
    label: String,
    predicate: impl Fn(&T) -> bool + Send + Sync + 'static,
) -> Pattern<T> {
    Pattern::new(Holds { label, predicate })
}

struct Holds<F> {
    label: String,
    predicate: F,
}

impl<T: ?Sized + Debug, F: Fn(&T) -> bool + Send + Sync> Match<T> for Holds<F> {
    fn describe(&self) -> String {
        self.label.clone()
    }

    fn check(&self, got: Option<&T>, report: &mut Report) {
        if !got.is_some_and(&self.predicate) {
            differ(&self.label, got, report);
        }
    }
}

struct Presence {
    expected: bool,
}

impl<T: ?Sized + Debug> Match<T> for Presence {
    fn describe(&self) -> String {
        if self.expected { "something" } else { "nothing" }.to_owned()
    }

    fn check(&self, got: Option<&T>, report: &mut Report) {
        if got.is_some() != self.expected {
            differ(&Match::<T>::describe(self), got, report);
        }
    }
}

struct Not<T: ?Sized>(Pattern<T>);

impl<T: ?Sized + Debug> Match<T> for Not<T> {
    fn describe(&self) -> String {
        format!("not {}", self.0.describe())
    }

    fn check(&self, got: Option<&T>, report: &mut Report) {
        if self.0.matches(got) {
            differ(&self.describe(), got, report);
        }
    }
}

struct AnyOf<T: ?Sized>(Vec<Pattern<T>>);

impl<T: ?Sized + Debug> Match<T> for AnyOf<T> {
    fn describe(&self) -> String {
        format!("any of [{}]", descriptions(&self.0))
    }

    fn check(&self, got: Option<&T>, report: &mut Report) {
        if !self.0.iter().any(|pattern| pattern.matches(got)) {
            differ(&self.describe(), got, report);
        }
    }
}

struct AllOf<T: ?Sized>(Vec<Pattern<T>>);

impl<T: ?Sized> Match<T> for AllOf<T> {
    fn describe(&self) -> String {
        format!("all of [{}]", descriptions(&self.0))
    }

    fn check(&self, got: Option<&T>, report: &mut Report) {
        for pattern in &self.0 {
            pattern.check(got, report);
        }
    }
}

pub(super) fn descriptions<T: ?Sized>(patterns: &[Pattern<T>]) -> String {
    patterns.iter().map(Pattern::describe).collect::<Vec<_>>().join(", ")
}

impl<T: PartialEq + Debug + Send + Sync + 'static> IntoPattern<T> for T {
    fn into_pattern(self) -> Pattern<T> {
        eq(self)
    }
}

impl IntoPattern<String> for &str {
    fn into_pattern(self) -> Pattern<String> {
        eq(self.to_owned())
    }
}

impl IntoPattern<String> for &String {
    fn into_pattern(self) -> Pattern<String> {
        eq(self.clone())
    }
}

impl IntoPattern<Bytes> for &[u8] {
    fn into_pattern(self) -> Pattern<Bytes> {
        eq(Bytes::copy_from_slice(self))
    }
}

impl<const N: usize> IntoPattern<Bytes> for &[u8; N] {
    fn into_pattern(self) -> Pattern<Bytes> {
        eq(Bytes::copy_from_slice(self))
    }
}

impl<const N: usize> IntoPattern<Bytes> for [u8; N] {
    fn into_pattern(self) -> Pattern<Bytes> {
        eq(Bytes::copy_from_slice(&self))
    }
}

impl IntoPattern<Bytes> for Vec<u8> {
    fn into_pattern(self) -> Pattern<Bytes> {
        eq(self.into())
    }
}

/// Keeps the traits from being implemented elsewhere, so that they can grow.
mod sealed {
    use super::Bytes;

    pub trait SealedFloat {}

    impl SealedFloat for f32 {}

    impl SealedFloat for f64 {}

    pub trait SealedLengthy {}

    impl SealedLengthy for String {}

    impl SealedLengthy for Bytes {}
}
