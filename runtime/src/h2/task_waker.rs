//! Wake-ups of a connection's task, coalesced while the task is running.

use std::{
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
};

use super::sync::{AtomicBool, AtomicU8, AtomicWaker, Ordering};

// Bits of the state. Zero means that the task is asleep.
const AT_WORK: u8 = 1;
/// h2 has work to do.
const H2: u8 = 2;
/// Something other than h2 has.
const OTHER: u8 = 4;

/// How many times the loop runs before it yields to other tasks.
const ROUNDS: usize = 64;

/// Coalesces wake-ups: a wake during `poll` re-runs the loop instead of rescheduling the task, which
/// could wake another worker thread only to steal it. It also records whether h2 was woken, because
/// polling h2 is expensive.
///
/// Answering a call wakes the connection's task, usually from within that very task.
#[derive(Debug)]
pub(crate) struct TaskWaker {
    state: AtomicU8,
    task: AtomicWaker,
    /// Whether the connection is to be aborted.
    broken: AtomicBool,
}

impl TaskWaker {
    pub(crate) fn new() -> Arc<Self> {
        let (task, broken) = (AtomicWaker::new(), AtomicBool::new(false));
        Arc::new(Self { state: AtomicU8::new(H2), task, broken })
    }

    /// The waker that h2 is polled with.
    pub(crate) fn h2_waker(self: &Arc<Self>) -> Waker {
        Waker::from(Arc::new(H2Waker(Arc::clone(self))))
    }

    /// Calls `work` until it is pending and nobody has woken it meanwhile, or until other tasks should
    /// run. `work` is polled with `waker`; h2 has a waker of its own.
    pub(crate) fn poll(
        &self,
        waker: &Waker,
        cx: &Context<'_>,
        mut work: impl FnMut(&mut Context<'_>) -> Poll<()>,
    ) -> Poll<()> {
        self.task.register(cx.waker());
        for _ in 0..ROUNDS {
            // From here on, a wake only sets a bit. Clearing `OTHER` before `work` keeps those set during it,
            // and acquires what the wakers wrote before them.
            self.state.fetch_or(AT_WORK, Ordering::AcqRel);
            self.state.fetch_and(!OTHER, Ordering::AcqRel);
            if self.is_broken() {
                return Poll::Ready(());
            }
            if work(&mut Context::from_waker(waker)).is_ready() {
                return Poll::Ready(());
            }
            // Fails if a bit was set in the meantime, so no wake is lost. If it succeeds, the next wake sees
            // zero and wakes the task, whose waker was registered above.
            let asleep = (Ordering::AcqRel, Ordering::Acquire);
            if self.state.compare_exchange(AT_WORK, 0, asleep.0, asleep.1).is_ok() {
                return Poll::Pending;
            }
        }
        // `AT_WORK` stays set: the task is scheduled already, so other wakes need not do it again.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Whether h2 was woken since the last call of this method.
    pub(crate) fn take_h2(&self) -> bool {
        // Acquire: h2 sees what was written before it was woken.
        self.state.fetch_and(!H2, Ordering::AcqRel) & H2 != 0
    }

    /// Makes the task poll h2.
    pub(crate) fn wake_h2(&self) {
        self.wake(H2);
    }

    pub(crate) fn wake_other(&self) {
        self.wake(OTHER);
    }

    pub(crate) fn is_broken(&self) -> bool {
        // Acquire, paired with `abort`: tasks of calls ask as well, and do not go through `state`.
        self.broken.load(Ordering::Acquire)
    }

    /// Aborts the connection: the task ends the next time it runs.
    pub(crate) fn abort(&self) {
        self.broken.store(true, Ordering::Release);
        self.wake(OTHER);
    }

    fn wake(&self, why: u8) {
        // Release: the task sees what the caller wrote. Any bit that is already set means that the task will
        // run `work` again.
        if self.state.fetch_or(why, Ordering::AcqRel) == 0 {
            self.task.wake();
        }
    }
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_other();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wake_other();
    }
}

struct H2Waker(Arc<TaskWaker>);

impl Wake for H2Waker {
    fn wake(self: Arc<Self>) {
        self.0.wake_h2();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.wake_h2();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Records whether it was woken.
    struct TestTask(AtomicBool);

    impl Wake for TestTask {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Release);
        }
    }

    /// Polls `task_waker` with work that wakes itself in the first `busy` rounds. Returns the number of
    /// rounds, and whether the task was woken.
    fn poll(task_waker: &Arc<TaskWaker>, busy: usize) -> (usize, bool) {
        let task = Arc::new(TestTask(AtomicBool::new(false)));
        let waker = Waker::from(Arc::clone(task_waker));
        let mut rounds = 0;
        let polled =
            task_waker.poll(&waker, &Context::from_waker(&Arc::clone(&task).into()), |cx| {
                rounds += 1;
                task_waker.take_h2();
                if rounds <= busy {
                    cx.waker().wake_by_ref();
                }
                Poll::Pending
            });
        assert!(polled.is_pending());
        (rounds, task.0.load(Ordering::Acquire))
    }

    #[test]
    fn a_task_that_wakes_itself_works_on_and_sleeps_when_it_does_not() {
        let task_waker = TaskWaker::new();
        assert_eq!(poll(&task_waker, 2), (3, false));
        assert_eq!(task_waker.state.load(Ordering::Acquire), 0);
        assert_eq!(poll(&task_waker, 0), (1, false));
    }

    #[test]
    fn a_task_that_always_wakes_itself_gives_way_and_comes_back() {
        assert_eq!(poll(&TaskWaker::new(), usize::MAX), (ROUNDS, true));
    }

    #[test]
    fn only_a_task_that_sleeps_is_woken() {
        let task_waker = TaskWaker::new();
        poll(&task_waker, 0);
        let task = Arc::new(TestTask(AtomicBool::new(false)));
        task_waker.task.register(&Arc::clone(&task).into());
        task_waker.wake_other();
        assert!(task.0.swap(false, Ordering::AcqRel));
        task_waker.h2_waker().wake();
        assert!(!task.0.load(Ordering::Acquire), "it is awake already");
    }

    #[test]
    fn http2_is_asked_when_it_was_woken() {
        let task_waker = TaskWaker::new();
        assert!(task_waker.take_h2(), "at the beginning, too");
        assert!(!task_waker.take_h2());
        task_waker.wake_other();
        assert!(!task_waker.take_h2());
        task_waker.h2_waker().wake_by_ref();
        assert!(task_waker.take_h2());
    }
}
