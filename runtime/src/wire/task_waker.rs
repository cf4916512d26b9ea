//! Wakes of a connection's task, of which it does not need those that it causes itself.

use std::{
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
};

use super::sync::{AtomicBool, AtomicU8, AtomicWaker, Ordering};

// What the state is made of; nothing of it when the task is asleep.
const AT_WORK: u8 = 1;
/// HTTP/2 has something to do.
const H2: u8 = 2;
/// Something else has.
const OTHER: u8 = 4;

/// How often it works on without giving way to other tasks.
const ROUNDS: usize = 64;

/// Remembers that a task was woken while it is at work, instead of having it scheduled once more,
/// which would also wake up another thread to look for it; and whether it was for HTTP/2, which
/// does a lot whenever it is asked.
///
/// Answering a call wakes the task that sends the answers: most often the one that answers.
#[derive(Debug)]
pub(crate) struct TaskWaker {
    state: AtomicU8,
    task: AtomicWaker,
    /// Whether the connection is to break.
    broken: AtomicBool,
}

impl TaskWaker {
    pub(crate) fn new() -> Arc<Self> {
        let (task, broken) = (AtomicWaker::new(), AtomicBool::new(false));
        Arc::new(Self { state: AtomicU8::new(H2), task, broken })
    }

    /// What HTTP/2 wakes the task by.
    pub(crate) fn h2_waker(self: &Arc<Self>) -> Waker {
        Waker::from(Arc::new(H2Waker(Arc::clone(self))))
    }

    /// Calls `work` until it is pending and nobody has woken it meanwhile, or other tasks should
    /// have their turn. Everything else than HTTP/2 wakes it by `waker`.
    pub(crate) fn poll(
        &self,
        waker: &Waker,
        cx: &Context<'_>,
        mut work: impl FnMut(&mut Context<'_>) -> Poll<()>,
    ) -> Poll<()> {
        self.task.register(cx.waker());
        for _ in 0..ROUNDS {
            self.state.fetch_or(AT_WORK, Ordering::AcqRel);
            self.state.fetch_and(!OTHER, Ordering::AcqRel);
            if self.is_broken() {
                return Poll::Ready(());
            }
            if work(&mut Context::from_waker(waker)).is_ready() {
                return Poll::Ready(());
            }
            let asleep = (Ordering::AcqRel, Ordering::Acquire);
            if self.state.compare_exchange(AT_WORK, 0, asleep.0, asleep.1).is_ok() {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Whether HTTP/2 has had something to do since this was asked last.
    pub(crate) fn take_h2(&self) -> bool {
        self.state.fetch_and(!H2, Ordering::AcqRel) & H2 != 0
    }

    /// Has HTTP/2 asked whether it has something to do.
    pub(crate) fn wake_h2(&self) {
        self.wake(H2);
    }

    pub(crate) fn wake_other(&self) {
        self.wake(OTHER);
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Acquire)
    }

    /// Breaks the connection.
    pub(crate) fn break_off(&self) {
        self.broken.store(true, Ordering::Release);
        self.wake(OTHER);
    }

    fn wake(&self, why: u8) {
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

    /// Knows whether it was woken.
    struct TestTask(AtomicBool);

    impl Wake for TestTask {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Release);
        }
    }

    /// Polls `task_waker`, whose work wakes itself in the first `busy` rounds; says how many there were,
    /// and whether the task was woken.
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
