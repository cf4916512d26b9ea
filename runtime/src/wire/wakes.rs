//! Wakes of a connection's task, of which it does not need those that it causes itself.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use atomic_waker::AtomicWaker;

/// Nobody has woken it since it was last at work.
const ASLEEP: u8 = 0;
const AT_WORK: u8 = 1;
const WOKEN: u8 = 2;

/// How often it works on without giving way to other tasks.
const ROUNDS: usize = 64;

/// Remembers that a task was woken while it is at work, instead of having it scheduled once more,
/// which would also wake up another thread to look for it.
///
/// Answering a call wakes the task that sends the answers: most often the one that answers.
#[derive(Debug, Default)]
pub(crate) struct Wakes {
    state: AtomicU8,
    task: AtomicWaker,
    /// Whether the connection is to break.
    broken: AtomicBool,
}

impl Wakes {
    /// Calls `work` until it is pending and nobody has woken it meanwhile, or other tasks should
    /// have their turn.
    pub(crate) fn poll(
        self: &Arc<Self>,
        waker: &Waker,
        cx: &Context<'_>,
        mut work: impl FnMut(&mut Context<'_>) -> Poll<()>,
    ) -> Poll<()> {
        self.task.register(cx.waker());
        for _ in 0..ROUNDS {
            self.state.store(AT_WORK, Ordering::Release);
            if self.is_broken() {
                return Poll::Ready(());
            }
            if work(&mut Context::from_waker(waker)).is_ready() {
                return Poll::Ready(());
            }
            let asleep = (Ordering::AcqRel, Ordering::Acquire);
            if self.state.compare_exchange(AT_WORK, ASLEEP, asleep.0, asleep.1).is_ok() {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Acquire)
    }

    /// Breaks the connection.
    pub(crate) fn break_off(self: &Arc<Self>) {
        self.broken.store(true, Ordering::Release);
        self.wake_by_ref();
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.state.swap(WOKEN, Ordering::AcqRel) == ASLEEP {
            self.task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_that_wakes_itself_works_on_and_sleeps_when_it_does_not() {
        let wakes = Arc::new(Wakes::default());
        let waker = Waker::from(Arc::clone(&wakes));
        let mut rounds = 0;
        let polled = wakes.poll(&waker, &Context::from_waker(Waker::noop()), |cx| {
            rounds += 1;
            if rounds < 3 {
                cx.waker().wake_by_ref();
            }
            Poll::Pending
        });
        assert!(polled.is_pending());
        assert_eq!(rounds, 3);
        assert_eq!(wakes.state.load(Ordering::Acquire), ASLEEP);
    }

    #[test]
    fn a_task_that_always_wakes_itself_gives_way_and_comes_back() {
        struct Told(AtomicBool);
        impl Wake for Told {
            fn wake(self: Arc<Self>) {
                self.0.store(true, Ordering::Release);
            }
        }
        let told = Arc::new(Told(AtomicBool::new(false)));
        let task = Waker::from(Arc::clone(&told));
        let wakes = Arc::new(Wakes::default());
        let waker = Waker::from(Arc::clone(&wakes));
        let mut rounds = 0;
        let polled = wakes.poll(&waker, &Context::from_waker(&task), |cx| {
            rounds += 1;
            cx.waker().wake_by_ref();
            Poll::Pending
        });
        assert!(polled.is_pending());
        assert_eq!(rounds, ROUNDS);
        assert!(told.0.load(Ordering::Acquire));
    }
}
