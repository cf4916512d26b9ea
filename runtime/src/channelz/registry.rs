//! The records of this process by their ids.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicI64, Ordering},
    },
};

/// Records of one kind. They remove themselves when they are dropped.
///
/// Locked when something begins or ends that takes far longer, such as a connection, and when somebody looks; never
/// while a record may be dropped, which takes the lock as well.
#[derive(Debug)]
pub(crate) struct Registry<T>(Mutex<BTreeMap<i64, Weak<T>>>);

/// Some records, in the order of their ids.
#[derive(Debug)]
pub(crate) struct Page<T> {
    pub(crate) records: Vec<Arc<T>>,
    /// Whether there are none after them.
    pub(crate) is_last: bool,
}

/// An id that no other record of this process has, of whatever kind, nor will have.
pub(super) fn next_id() -> i64 {
    static NEXT: AtomicI64 = AtomicI64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl<T> Registry<T> {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    pub(super) fn add(&self, id: i64, record: &Arc<T>) {
        self.records().insert(id, Arc::downgrade(record));
    }

    pub(super) fn remove(&self, id: i64) {
        self.records().remove(&id);
    }

    pub(crate) fn get(&self, id: i64) -> Option<Arc<T>> {
        self.records().get(&id)?.upgrade()
    }

    /// At most `limit` of those whose ids are `start` or higher.
    pub(crate) fn page(&self, start: i64, limit: usize) -> Page<T> {
        let mut page = Page { records: Vec::new(), is_last: true };
        for record in self.records().range(start..).map(|(_, record)| record) {
            if page.records.len() == limit {
                // Asked without a reference of our own, which might turn out to be the last one.
                page.is_last = record.strong_count() == 0;
                if page.is_last {
                    continue;
                }
                break;
            }
            page.records.extend(record.upgrade());
        }
        page
    }

    /// All of them.
    pub(crate) fn all(&self) -> Vec<Arc<T>> {
        self.page(0, usize::MAX).records
    }

    /// How many have been added and not removed.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.records().len()
    }

    fn records(&self) -> MutexGuard<'_, BTreeMap<i64, Weak<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(page: &Page<i64>) -> Vec<i64> {
        page.records.iter().map(|record| **record).collect()
    }

    #[test]
    fn pages_are_in_the_order_of_ids_and_the_last_one_says_so() {
        let registry = Registry::new();
        let mut records: Vec<_> = (1..=5).map(Arc::new).collect();
        records.iter().rev().for_each(|record| registry.add(**record, record));
        let first = registry.page(0, 2);
        assert_eq!((ids(&first), first.is_last), (vec![1, 2], false));
        let second = registry.page(3, 3);
        assert_eq!((ids(&second), second.is_last), (vec![3, 4, 5], true));
        let none = registry.page(6, 3);
        assert_eq!((ids(&none), none.is_last), (vec![], true));
        drop((first, second));

        // Those that are gone take no place in a page, and do not come after one.
        records.drain(2..);
        let all = registry.page(0, 2);
        assert_eq!((ids(&all), all.is_last), (vec![1, 2], true));
        assert!(registry.get(3).is_none());
        assert_eq!(registry.get(2).as_deref(), Some(&2));
        registry.remove(2);
        assert!(registry.get(2).is_none());
    }

    #[test]
    fn no_id_is_given_twice() {
        let ids: Vec<_> = (0..100).map(|_| next_id()).collect();
        assert!(ids.windows(2).all(|pair| 0 < pair[0] && pair[0] < pair[1]), "{ids:?}");
    }
}
