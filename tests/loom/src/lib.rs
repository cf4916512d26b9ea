//! Sources of the runtime on loom's atomics instead of the standard library's, and what is tried with
//! them in every order that the memory model allows,
//! up to a bound.

mod wire;

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

use self::wire::wakes::Wakes;

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
fn run(wakes: &Arc<Wakes>, events: &Events) {
    let waker = Waker::from(Arc::clone(wakes));
    let mut frames = 0;
    block_on(poll_fn(|cx| {
        wakes.poll(&waker, cx, |_| {
            if wakes.take_h2() {
                frames = events.frames.load(Ordering::Acquire);
            }
            match (events.calls.load(Ordering::Acquire), frames) {
                (1, 1) => Poll::Ready(()),
                _ => Poll::Pending,
            }
        })
    }));
}

/// Tries all orders in which a thread is interrupted no more than twice: more take minutes, and two are
/// enough for the errors that such code has.
fn explore(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(model);
}

/// A caller and HTTP/2 wake the task of a connection, each for something of its own.
///
/// # Panics
/// When one of them is missed in some order.
pub fn nothing_is_missed() {
    explore(|| {
        let (wakes, events) = (Wakes::new(), Events::new());
        let (other, h2) = (Arc::clone(&wakes), wakes.h2_waker());
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
        run(&wakes, &events);
    });
}

/// The connection is to break while its task is at work.
///
/// # Panics
/// When that is missed in some order.
pub fn a_break_is_not_missed() {
    explore(|| {
        let (wakes, events) = (Wakes::new(), Events::new());
        let breaking = Arc::clone(&wakes);
        thread::spawn(move || breaking.break_off());
        run(&wakes, &events);
    });
}
