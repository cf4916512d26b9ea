//! How fields are looked at: as what they mean, not as prost stores them.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    fmt,
    marker::PhantomData,
};

use bytes::Bytes;

use super::{
    matching::{IntoPattern, Pattern},
    values::eq,
};

/// The value of a field.
#[allow(missing_debug_implementations)]
pub enum View<'a, T: ?Sized + ToOwned> {
    /// The field is not set.
    Absent,
    /// The field's value, which may have had to be made from what prost stores.
    Is(Cow<'a, T>),
}

/// Looks at a field as a `T`, however prost stores it: in an `Option`, in a `Box`, as a number.
pub fn view<T, S, How>(field: &S) -> View<'_, T>
where
    T: ?Sized + ToOwned,
    S: Viewed<T, How>,
{
    field.viewed()
}

/// A field, or an element, that can be looked at as a `T`. `How` tells a value that is a `T` from
/// one that has it inside: the compiler finds it. The trait is sealed.
pub trait Viewed<T: ?Sized + ToOwned, How = Whole>: sealed::SealedViewed<T, How> {
    /// The value as a `T`.
    fn viewed(&self) -> View<'_, T>;
}

/// How a value is looked at that is what is wanted.
#[derive(Debug)]
pub enum Whole {}

/// How a value is looked at that has what is wanted inside.
#[derive(Debug)]
pub struct Inside<How>(PhantomData<How>);

impl<T: Clone> Viewed<T> for T {
    fn viewed(&self) -> View<'_, T> {
        View::Is(Cow::Borrowed(self))
    }
}

impl<T: Clone> Viewed<T> for Box<T> {
    fn viewed(&self) -> View<'_, T> {
        View::Is(Cow::Borrowed(self))
    }
}

impl<T: ?Sized + ToOwned, S: Viewed<T, How>, How> Viewed<T, Inside<How>> for Option<S> {
    fn viewed(&self) -> View<'_, T> {
        self.as_ref().map_or(View::Absent, S::viewed)
    }
}

impl Viewed<Bytes> for Vec<u8> {
    fn viewed(&self) -> View<'_, Bytes> {
        View::Is(Cow::Owned(Bytes::copy_from_slice(self)))
    }
}

impl<E> Viewed<Enum<E>> for i32 {
    fn viewed(&self) -> View<'_, Enum<E>> {
        View::Is(Cow::Owned(Enum::new(*self)))
    }
}

impl<T: Clone> Viewed<[T]> for Vec<T> {
    fn viewed(&self) -> View<'_, [T]> {
        View::Is(Cow::Borrowed(self))
    }
}

impl Viewed<[Bytes]> for Vec<Vec<u8>> {
    fn viewed(&self) -> View<'_, [Bytes]> {
        View::Is(Cow::Owned(self.iter().map(|it| Bytes::copy_from_slice(it)).collect()))
    }
}

impl<E> Viewed<[Enum<E>]> for Vec<i32> {
    fn viewed(&self) -> View<'_, [Enum<E>]> {
        View::Is(Cow::Owned(self.iter().map(|number| Enum::new(*number)).collect()))
    }
}

/// Both of prost's maps.
macro_rules! viewed_map {
    ($map:ident) => {
        impl<K, S, V, How> Viewed<Map<K, V>, Inside<How>> for $map<K, S>
        where
            K: Clone + Ord,
            V: Clone,
            S: Viewed<V, How>,
        {
            fn viewed(&self) -> View<'_, Map<K, V>> {
                let entries = self.iter().filter_map(|(key, value)| match value.viewed() {
                    View::Is(value) => Some((key.clone(), value.into_owned())),
                    View::Absent => None,
                });
                View::Is(Cow::Owned(Map::new(entries)))
            }
        }
    };
}

viewed_map!(BTreeMap);
viewed_map!(HashMap);

/// A map field, sorted by its keys.
#[derive(Clone, PartialEq)]
pub struct Map<K, V> {
    entries: Vec<(K, V)>,
}

impl<K: Ord, V> Map<K, V> {
    fn new(entries: impl Iterator<Item = (K, V)>) -> Self {
        let mut entries = entries.collect::<Vec<_>>();
        entries.sort_by(|(one, _), (other, _)| one.cmp(other));
        Self { entries }
    }
}

impl<K, V> Map<K, V> {
    /// The entries, sorted by key.
    pub fn entries(&self) -> &[(K, V)] {
        &self.entries
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for Map<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.entries.iter().map(|(key, value)| (key, value))).finish()
    }
}

/// A field of an enum type: one of its values, or a number that is none of them.
///
/// ```
/// # use rust_scaffold::mock::{Enum, Pattern, that};
/// # #[derive(Debug, PartialEq)] enum Colour { Red }
/// # impl TryFrom<i32> for Colour {
/// #     type Error = ();
/// #     fn try_from(number: i32) -> Result<Self, ()> { (number == 0).then_some(Self::Red).ok_or(()) }
/// # }
/// // A number that a newer client may send: of a generated matcher, `.colour(Enum::new(42))`.
/// let unknown: Enum<Colour> = Enum::new(42);
/// assert_eq!((unknown.number(), unknown.value()), (42, None));
/// assert_eq!(Enum::new(0).value(), Some(Colour::Red));
/// let known: Pattern<Enum<Colour>> = that("known", |colour: &Enum<Colour>| colour.value().is_some());
/// ```
pub struct Enum<E> {
    number: i32,
    values: PhantomData<fn() -> E>,
}

impl<E> Enum<E> {
    /// The field with this number in it, which may be none of the enum's.
    pub fn new(number: i32) -> Self {
        Self { number, values: PhantomData }
    }

    /// The number in the field.
    pub fn number(&self) -> i32 {
        self.number
    }
}

impl<E: TryFrom<i32>> Enum<E> {
    /// The value, unless the number is none of the enum's.
    pub fn value(&self) -> Option<E> {
        E::try_from(self.number).ok()
    }
}

impl<E> Clone for Enum<E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for Enum<E> {}

impl<E> PartialEq for Enum<E> {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl<E: TryFrom<i32> + fmt::Debug> fmt::Debug for Enum<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.value() {
            Some(value) => value.fmt(f),
            None => write!(f, "{} (no value of the enum)", self.number),
        }
    }
}

impl<E: Into<i32> + TryFrom<i32> + fmt::Debug + 'static> IntoPattern<Enum<E>> for E {
    fn into_pattern(self) -> Pattern<Enum<E>> {
        eq(Enum::new(self.into()))
    }
}

/// Keeps the trait from being implemented elsewhere, so that it can grow.
mod sealed {
    use super::{BTreeMap, Bytes, Enum, HashMap, Inside, Map, Whole};

    pub trait SealedViewed<T: ?Sized, How> {}

    impl<T> SealedViewed<T, Whole> for T {}

    impl<T> SealedViewed<T, Whole> for Box<T> {}

    impl<T: ?Sized, S, How> SealedViewed<T, Inside<How>> for Option<S> {}

    impl SealedViewed<Bytes, Whole> for Vec<u8> {}

    impl<E> SealedViewed<Enum<E>, Whole> for i32 {}

    impl<T> SealedViewed<[T], Whole> for Vec<T> {}

    impl SealedViewed<[Bytes], Whole> for Vec<Vec<u8>> {}

    impl<E> SealedViewed<[Enum<E>], Whole> for Vec<i32> {}

    impl<K, V, S, How> SealedViewed<Map<K, V>, Inside<How>> for BTreeMap<K, S> {}

    impl<K, V, S, How> SealedViewed<Map<K, V>, Inside<How>> for HashMap<K, S> {}
}
