//! What there is with the feature `admin` alone.

#[cfg(not(all(feature = "admin", not(target_family = "wasm"))))]
use super::absent::Absent;

/// A `T` with the feature `admin`. Without it, there is none, and an `Option` of it takes no room.
#[cfg(all(feature = "admin", not(target_family = "wasm")))]
pub(crate) type Present<T> = T;
#[cfg(not(all(feature = "admin", not(target_family = "wasm"))))]
pub(crate) type Present<T> = Absent<T>;

/// Whether anything is counted.
pub(crate) const IS_COUNTED: bool = cfg!(all(feature = "admin", not(target_family = "wasm")));

/// What `make` makes, if there is to be one.
#[cfg(all(feature = "admin", not(target_family = "wasm")))]
#[inline]
pub(crate) fn present<T>(make: impl FnOnce() -> T) -> Option<Present<T>> {
    Some(make())
}

#[cfg(not(all(feature = "admin", not(target_family = "wasm"))))]
#[inline]
pub(crate) fn present<T>(_: impl FnOnce() -> T) -> Option<Present<T>> {
    None
}
