//! How many calls a connection carries, and whether it takes more.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use tokio::sync::Notify;

/// The load of one connection.
#[derive(Debug)]
pub(crate) struct Load {
    calls: AtomicUsize,
    /// How many calls the server lets it carry: none until it has said how many.
    limit: AtomicUsize,
    closed: AtomicBool,
    /// Told when a call may find room that found none before.
    changed: Arc<Notify>,
}

impl Load {
    pub(crate) fn new(changed: Arc<Notify>) -> Self {
        Self {
            calls: AtomicUsize::new(0),
            limit: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
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

    /// Waits until the server has said how many calls it takes.
    ///
    /// # Errors
    /// When the connection is closed before.
    pub(crate) async fn opened(&self) -> io::Result<()> {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            // From here on, no change is missed.
            changed.as_mut().enable();
            if self.is_closed() {
                return Err(io::Error::other("the server closed the connection at once"));
            }
            if self.limit.load(Ordering::Acquire) > 0 {
                return Ok(());
            }
            changed.await;
        }
    }
}

/// A call that a connection carries, until this is dropped.
#[derive(Debug)]
pub(crate) struct Busy(Arc<Load>);

impl Busy {
    /// Has the connection take no more calls.
    pub(crate) fn close(&self) {
        self.0.close();
    }
}

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
