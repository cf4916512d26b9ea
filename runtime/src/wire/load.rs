//! How many calls a connection carries, and whether it takes more.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use tokio::sync::Notify;

/// How many calls a connection carries until its server has told how many it may: a number that no
/// server tells.
pub(crate) const UNTOLD: usize = 101;

/// The load of one connection.
#[derive(Debug)]
pub(crate) struct Load {
    calls: AtomicUsize,
    /// How many calls the server lets it carry.
    limit: AtomicUsize,
    closed: AtomicBool,
    /// Whether the server has ever spoken.
    proved: AtomicBool,
    /// Told when a call may find room that found none before.
    changed: Arc<Notify>,
}

impl Load {
    pub(crate) fn new(changed: Arc<Notify>) -> Self {
        Self {
            calls: AtomicUsize::new(0),
            limit: AtomicUsize::new(UNTOLD),
            closed: AtomicBool::new(false),
            proved: AtomicBool::new(false),
            changed,
        }
    }

    /// Takes one call more, if there is room for it.
    pub(crate) fn take(self: &Arc<Self>) -> Option<Busy> {
        if self.is_closed() {
            return None;
        }
        let busy = Busy(Arc::clone(self));
        let before = self.calls.fetch_add(1, Ordering::AcqRel);
        // Dropping the excess call again tells nobody of room that there is not.
        (before < self.limit.load(Ordering::Acquire)).then_some(busy)
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.calls.load(Ordering::Acquire) == 0
    }

    /// Takes the limit from the server.
    pub(crate) fn set_limit(&self, limit: usize) {
        if limit != UNTOLD {
            self.proved.store(true, Ordering::Release);
        }
        if self.limit.swap(limit, Ordering::AcqRel) < limit {
            self.changed.notify_waiters();
        }
    }

    /// Takes no more calls.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.changed.notify_waiters();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Whether there is a server that speaks HTTP/2, which a connection alone does not show.
    pub(crate) fn is_proved(&self) -> bool {
        self.proved.load(Ordering::Acquire)
    }
}

/// A call that a connection carries, until this is dropped.
#[derive(Debug)]
pub(crate) struct Busy(Arc<Load>);

impl Drop for Busy {
    fn drop(&mut self) {
        let before = self.0.calls.fetch_sub(1, Ordering::AcqRel);
        if before == self.0.limit.load(Ordering::Acquire) {
            self.0.changed.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_up_to_the_limit_until_it_is_closed() {
        let load = Arc::new(Load::new(Arc::default()));
        load.set_limit(2);
        let (first, second) = (load.take().unwrap(), load.take().unwrap());
        assert!(load.take().is_none());
        drop(first);
        let third = load.take().unwrap();
        drop((second, third));
        assert!(load.is_idle());
        load.close();
        assert!(load.take().is_none());
    }
}
