//! Patterns for repeated fields and maps.

use std::fmt::Debug;

use bytes::Bytes;

use super::{
    debug::shown,
    matching::{IntoPattern, Match, Pattern},
    report::Report,
    values::{descriptions, differ, holds},
    views::Map,
};

/// Expects a repeated field, map, text or bytes of this length. A text's is in bytes.
///
/// ```
/// # use rust_scaffold::mock::{Pattern, ge, len};
/// let two: Pattern<[i32]> = len(2);
/// let some: Pattern<String> = len(ge(1));
/// ```
pub fn len<T: Collection + ?Sized>(expected: impl IntoPattern<usize>) -> Pattern<T> {
    let expected = expected.into_pattern();
    let label = format!("length {}", expected.describe());
    holds(label, move |got: &T| expected.matches(Some(&got.length())))
}

/// Expects a repeated field, map, text or bytes with nothing in it.
///
/// ```
/// # use rust_scaffold::mock::{Pattern, empty};
/// let pattern: Pattern<[i32]> = empty();
/// ```
pub fn empty<T: Collection + ?Sized>() -> Pattern<T> {
    holds("empty".to_owned(), |got: &T| got.length() == 0)
}

/// What has a length. The trait is sealed.
pub trait Collection: sealed::SealedCollection + Debug + 'static {
    /// The number of elements, entries or bytes.
    fn length(&self) -> usize;
}

impl<T: Debug + 'static> Collection for [T] {
    fn length(&self) -> usize {
        self.len()
    }
}

impl<K: Debug + 'static, V: Debug + 'static> Collection for Map<K, V> {
    fn length(&self) -> usize {
        self.entries().len()
    }
}

impl Collection for String {
    fn length(&self) -> usize {
        self.len()
    }
}

impl Collection for Bytes {
    fn length(&self) -> usize {
        self.len()
    }
}

/// Expects a repeated field with such an element, a map with such a key, or a text with such a
/// part.
///
/// ```
/// # use rust_scaffold::mock::{Pattern, contains, ge, Map};
/// let element: Pattern<[i32]> = contains(ge(5));
/// let key: Pattern<Map<String, i32>> = contains("room");
/// let part: Pattern<String> = contains("temperature");
/// ```
pub fn contains<T: ?Sized>(expected: impl Contained<T>) -> Pattern<T> {
    expected.contained()
}

/// What can be looked for in a `T`. The trait is sealed.
pub trait Contained<T: ?Sized>: sealed::SealedContained<T> {
    /// Makes the pattern for the whole.
    fn contained(self) -> Pattern<T>;
}

impl<T: Debug + 'static, P: IntoPattern<T>> Contained<[T]> for P {
    fn contained(self) -> Pattern<[T]> {
        let element = self.into_pattern();
        let label = format!("an element {}", element.describe());
        holds(label, move |got: &[T]| got.iter().any(|it| element.matches(Some(it))))
    }
}

impl<K: Debug + 'static, V: Debug + 'static, P: IntoPattern<K>> Contained<Map<K, V>> for P {
    fn contained(self) -> Pattern<Map<K, V>> {
        let key = self.into_pattern();
        let label = format!("a key {}", key.describe());
        holds(label, move |got: &Map<K, V>| {
            got.entries().iter().any(|(it, _)| key.matches(Some(it)))
        })
    }
}

impl Contained<String> for &str {
    fn contained(self) -> Pattern<String> {
        let part = self.to_owned();
        holds(format!("a text with {part:?} in it"), move |got: &String| got.contains(&part))
    }
}

/// Expects a map whose entry `key` is like `value`.
///
/// ```
/// # use rust_scaffold::mock::{Pattern, entry, ge, Map};
/// let pattern: Pattern<Map<String, i32>> = entry("room", ge(5));
/// ```
pub fn entry<K, V>(key: impl Into<K>, value: impl IntoPattern<V>) -> Pattern<Map<K, V>>
where
    K: PartialEq + Debug + Send + Sync + 'static,
    V: Debug + 'static,
{
    Pattern::new(Entries { entries: vec![(key.into(), value.into_pattern())], are_all: false })
}

/// Expects a repeated field whose elements are all like `expected`, if there are any.
///
/// ```
/// # use rust_scaffold::mock::{Pattern, each, ge};
/// let pattern: Pattern<[i32]> = each(ge(3));
/// ```
pub fn each<T: Debug + 'static>(expected: impl IntoPattern<T>) -> Pattern<[T]> {
    Pattern::new(Each(expected.into_pattern()))
}

struct Each<T>(Pattern<T>);

impl<T: Debug> Match<[T]> for Each<T> {
    fn describe(&self) -> String {
        format!("each {}", self.0.describe())
    }

    fn check(&self, got: Option<&[T]>, report: &mut Report) {
        match got {
            None => differ(&self.describe(), got, report),
            Some(got) => {
                for (index, element) in got.iter().enumerate() {
                    report.element(index, |report| self.0.check(Some(element), report));
                }
            }
        }
    }
}

/// Expects a repeated field with these elements and no others, in any order.
///
/// ```
/// # use rust_scaffold::mock::{Pattern, eq, ge, unordered};
/// let pattern: Pattern<[i32]> = unordered([ge(3), eq(1)]);
/// ```
pub fn unordered<T: Debug + 'static, P: IntoPattern<T>>(
    expected: impl IntoIterator<Item = P>,
) -> Pattern<[T]> {
    Pattern::new(Unordered(expected.into_iter().map(P::into_pattern).collect()))
}

struct Unordered<T>(Vec<Pattern<T>>);

impl<T: Debug> Match<[T]> for Unordered<T> {
    fn describe(&self) -> String {
        format!("in any order [{}]", descriptions(&self.0))
    }

    fn check(&self, got: Option<&[T]>, report: &mut Report) {
        let fits = got.is_some_and(|got| got.len() == self.0.len() && self.pairs(got));
        if !fits {
            differ(&self.describe(), got, report);
        }
    }
}

impl<T> Unordered<T> {
    /// Whether every element can be paired with a pattern of its own.
    fn pairs(&self, got: &[T]) -> bool {
        let fits = self.0.iter().map(|pattern| {
            let elements = got.iter().enumerate();
            elements.filter(|(_, it)| pattern.matches(Some(it))).map(|(index, _)| index).collect()
        });
        let mut pairing = Pairing { fits: fits.collect(), partner: vec![None; got.len()] };
        (0..self.0.len()).all(|pattern| pairing.pair(pattern, &mut vec![false; got.len()]))
    }
}

/// Which pattern an element is paired with.
struct Pairing {
    /// The elements that each pattern fits.
    fits: Vec<Vec<usize>>,
    /// The pattern of each element.
    partner: Vec<Option<usize>>,
}

impl Pairing {
    /// Finds an element for `pattern`, for which others may have to take another.
    fn pair(&mut self, pattern: usize, seen: &mut [bool]) -> bool {
        for element in self.fits[pattern].clone() {
            if std::mem::replace(&mut seen[element], true) {
                continue;
            }
            if self.partner[element].is_none_or(|holder| self.pair(holder, seen)) {
                self.partner[element] = Some(pattern);
                return true;
            }
        }
        false
    }
}

struct Elements<T>(Vec<Pattern<T>>);

impl<T: Debug> Match<[T]> for Elements<T> {
    fn describe(&self) -> String {
        format!("[{}]", descriptions(&self.0))
    }

    fn check(&self, got: Option<&[T]>, report: &mut Report) {
        let Some(got) = got else { return differ(&self.describe(), got, report) };
        for (index, pattern) in self.0.iter().enumerate() {
            report.element(index, |report| pattern.check(got.get(index), report));
        }
        for (index, extra) in got.iter().enumerate().skip(self.0.len()) {
            report.element(index, |report| differ("nothing", Some(extra), report));
        }
    }
}

impl<T: Debug + 'static, P: IntoPattern<T>, const N: usize> IntoPattern<[T]> for [P; N] {
    fn into_pattern(self) -> Pattern<[T]> {
        self.into_iter().collect::<Vec<_>>().into_pattern()
    }
}

impl<T: Debug + 'static, P: IntoPattern<T>> IntoPattern<[T]> for Vec<P> {
    fn into_pattern(self) -> Pattern<[T]> {
        Pattern::new(Elements(self.into_iter().map(P::into_pattern).collect()))
    }
}

struct Entries<K, V> {
    entries: Vec<(K, Pattern<V>)>,
    /// Whether there may be no others.
    are_all: bool,
}

impl<K, V> Match<Map<K, V>> for Entries<K, V>
where
    K: PartialEq + Debug + Send + Sync,
    V: Debug,
{
    fn describe(&self) -> String {
        let entries = self.entries.iter();
        let entries = entries.map(|(key, value)| format!("{}: {}", shown(key), value.describe()));
        let rest = if self.are_all { None } else { Some("..".to_owned()) };
        format!("{{{}}}", entries.chain(rest).collect::<Vec<_>>().join(", "))
    }

    fn check(&self, got: Option<&Map<K, V>>, report: &mut Report) {
        let Some(map) = got else { return differ(&self.describe(), got, report) };
        for (key, value) in &self.entries {
            let got = map.entries().iter().find(|(other, _)| other == key);
            report.element(shown(key), |report| value.check(got.map(|(_, it)| it), report));
        }
        let is_extra = |key: &K| self.are_all && self.entries.iter().all(|(known, _)| known != key);
        for (key, value) in map.entries().iter().filter(|(key, _)| is_extra(key)) {
            report.element(shown(key), |report| differ("nothing", Some(value), report));
        }
    }
}

impl<K, V, L, P, const N: usize> IntoPattern<Map<K, V>> for [(L, P); N]
where
    K: PartialEq + Debug + Send + Sync + 'static,
    V: Debug + 'static,
    L: Into<K>,
    P: IntoPattern<V>,
{
    fn into_pattern(self) -> Pattern<Map<K, V>> {
        let entries = self.into_iter().map(|(key, value)| (key.into(), value.into_pattern()));
        Pattern::new(Entries { entries: entries.collect(), are_all: true })
    }
}

/// Keeps the traits from being implemented elsewhere, so that they can grow.
mod sealed {
    use super::{Bytes, IntoPattern, Map};

    pub trait SealedCollection {}

    impl<T> SealedCollection for [T] {}

    impl<K, V> SealedCollection for Map<K, V> {}

    impl SealedCollection for String {}

    impl SealedCollection for Bytes {}

    pub trait SealedContained<T: ?Sized> {}

    impl<T, P: IntoPattern<T>> SealedContained<[T]> for P {}

    impl<K, V, P: IntoPattern<K>> SealedContained<Map<K, V>> for P {}

    impl SealedContained<String> for &str {}
}
