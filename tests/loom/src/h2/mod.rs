//! As the runtime's module of this name: wake-ups and credit.

mod client;
#[allow(dead_code, reason = "the runtime uses all of it")]
#[path = "../../../../runtime/src/h2/credit.rs"]
pub(crate) mod credit;
mod streams;
pub(crate) mod sync;
#[allow(dead_code, reason = "the runtime uses all of it")]
#[path = "../../../../runtime/src/h2/task_waker.rs"]
pub(crate) mod task_waker;

use std::{
    future::poll_fn,
    sync::Arc,
    task::{Poll, Waker},
};

use loom::{
    future::block_on,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

pub use self::client::{
    blocked_calls_are_sent_later, calls_are_answered,
    calls_for_a_connection_that_ends_are_answered, calls_of_a_connection_that_ends_are_answered,
    calls_that_are_given_up_are_let_go, calls_whose_requests_fail_are_told,
};
use self::{
    credit::{CreditedStream, UnreadStreams},
    streams::Http2,
    task_waker::TaskWaker,
};
use crate::explore;

/// What the task of a connection is woken for.
#[derive(Debug)]
struct Events {
    calls: AtomicUsize,
    frames: AtomicUsize,
}

impl Events {
    fn new() -> Arc<Self> {
        Arc::new(Self { calls: AtomicUsize::new(0), frames: AtomicUsize::new(0) })
    }
}

/// The task of a connection: it looks for calls and, when it was woken for that, for frames, until it
/// has seen one of each.
fn run(task_waker: &Arc<TaskWaker>, events: &Events) {
    let waker = Waker::from(Arc::clone(task_waker));
    let mut frames = 0;
    block_on(poll_fn(|cx| {
        task_waker.poll(&waker, cx, |_| {
            if task_waker.take_h2() {
                frames = events.frames.load(Ordering::Acquire);
            }
            match (events.calls.load(Ordering::Acquire), frames) {
                (1, 1) => Poll::Ready(()),
                _ => Poll::Pending,
            }
        })
    }));
}

/// A caller and HTTP/2 wake the task of a connection, each for something of its own.
///
/// # Panics
/// When one of them is missed in some order.
pub fn nothing_is_missed() {
    explore(|| {
        let (task_waker, events) = (TaskWaker::new(), Events::new());
        let (other, h2) = (Arc::clone(&task_waker), task_waker.h2_waker());
        let calls = Arc::clone(&events);
        let frames = Arc::clone(&events);
        thread::spawn(move || {
            calls.calls.fetch_add(1, Ordering::Release);
            other.wake_other();
        });
        thread::spawn(move || {
            frames.frames.fetch_add(1, Ordering::Release);
            h2.wake();
        });
        run(&task_waker, &events);
    });
}

/// The connection is to break while its task is at work.
///
/// # Panics
/// When that is missed in some order.
pub fn a_break_is_not_missed() {
    explore(|| {
        let (task_waker, events) = (TaskWaker::new(), Events::new());
        let breaking = Arc::clone(&task_waker);
        thread::spawn(move || breaking.abort());
        run(&task_waker, &events);
    });
}

/// A stream is read on one thread, and given up half-way, or kept when there is nothing more to read;
/// meanwhile the connection receives data, and adds up what nobody has read. Somebody still sends on the
/// stream.
///
/// # Panics
/// When not all of the credit has come back, or some of it twice, or the stream is not let go.
pub fn credit_comes_back_once() {
    /// More than is returned at once, and less.
    const PIECES: [usize; 4] = [20_000, 0, 13_000, 5];
    for read in 0..=PIECES.len() {
        explore(move || {
            let (http2, unread) = (Http2::new(), Arc::new(UnreadStreams::default()));
            let (sender, receiver) = http2.open();
            let mut stream = CreditedStream::new(receiver, &unread);
            stream.track();
            let reader = thread::spawn(move || {
                for _ in 0..read {
                    if block_on(poll_fn(|cx| stream.poll_data(cx))).is_none() {
                        return Some(stream);
                    }
                }
                None
            });
            for size in PIECES {
                http2.receive(size);
                // For which it takes one lock after the other.
                let _ = unread.bytes();
            }
            http2.end();
            let kept = reader.join().unwrap();
            assert_eq!(http2.credit(), http2.received(), "while the call goes on");
            drop(kept);
            assert_eq!(unread.bytes(), 0);
            drop(sender);
            assert_eq!(http2.handles(), 0);
        });
    }
}
