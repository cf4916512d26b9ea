//! Header maps, reused by the threads that need them.

use std::cell::RefCell;

use http::HeaderMap;

/// How many header maps a thread caches, and how large they may be.
const MAX_SPARE: usize = 64;
const MAX_SPARE_CAPACITY: usize = 8;

thread_local! {
    /// Empty header maps of received messages, reused for sending.
    static SPARE: RefCell<Vec<HeaderMap>> = const { RefCell::new(Vec::new()) };
}

/// An empty header map, from the cache if possible.
pub(crate) fn empty() -> HeaderMap {
    SPARE.with_borrow_mut(Vec::pop).unwrap_or_default()
}

/// A map with capacity for `values`, or an empty one if that is more than a map can hold.
pub(crate) fn with_room(values: usize) -> HeaderMap {
    HeaderMap::try_with_capacity(values).unwrap_or_default()
}

/// Returns `headers` to the cache of [`empty`].
pub(crate) fn keep(mut headers: HeaderMap) {
    headers.clear();
    SPARE.with_borrow_mut(|spare| {
        if spare.len() < MAX_SPARE && headers.capacity() <= MAX_SPARE_CAPACITY {
            spare.push(headers);
        }
    });
}
