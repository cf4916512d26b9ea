//! As the runtime's module of this name: the calls of a connection.

mod call_state;
#[allow(dead_code, reason = "the runtime uses all of it")]
#[path = "../../../../../runtime/src/h2/client/pending_call.rs"]
mod pending_call;
#[allow(dead_code, reason = "the runtime uses all of it")]
#[path = "../../../../../runtime/src/h2/client/queue.rs"]
mod queue;

use std::{
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use loom::{future::block_on, thread};

use self::{
    call_state::{CallFailure, CallResult, Http2, OutboundRequest, RequestSender},
    pending_call::PendingResponse,
    queue::{Queue, Work},
};
use crate::{explore, h2::credit::UnreadStreams};

/// What callers have of a connection, which ends with its last call when they are gone.
struct Connection {
    queue: Arc<Queue>,
    http2: Http2,
}

impl Connection {
    fn new() -> Arc<Self> {
        let queue = Queue::new(Arc::new(UnreadStreams::default()));
        let http2 = Http2::new(queue.task_waker.h2_waker());
        Arc::new(Self { queue, http2 })
    }

    fn send(&self) -> PendingResponse {
        PendingResponse::new(OutboundRequest::new(&self.http2), &self.queue)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.queue.release();
    }
}

fn wait_for(mut response: PendingResponse) -> CallResult {
    block_on(poll_fn(|cx| response.poll(cx)))
}

/// Has `work` done on a thread which holds `connection`.
fn spawn(connection: &Arc<Connection>, work: impl FnOnce(&Connection) + 'static) {
    let connection = Arc::clone(connection);
    thread::spawn(move || work(&connection));
}

/// The task of a connection.
struct Driver {
    queue: Arc<Queue>,
    http2: Http2,
    requests: Option<RequestSender>,
    work: Work,
}

impl Driver {
    fn new(connection: &Connection) -> Self {
        let (queue, http2) = (Arc::clone(&connection.queue), connection.http2.clone());
        Self { queue, http2, requests: Some(RequestSender), work: Work::default() }
    }

    fn poll(&mut self) -> Poll<()> {
        if self.queue.task_waker.take_h2() {
            self.http2.poll();
            if self.requests.is_none() && self.http2.is_idle() {
                return Poll::Ready(());
            }
        }
        let had_requests = self.requests.is_some();
        self.queue.run(&mut self.work, &mut self.requests, self.http2.is_blocked());
        if had_requests && self.requests.is_none() {
            // As HTTP/2 does when nobody has more calls for it.
            self.queue.task_waker.wake_h2();
        }
        Poll::Pending
    }

    /// Until the last call is over.
    fn run(mut self) {
        let queue = Arc::clone(&self.queue);
        let waker = Waker::from(Arc::clone(&queue.task_waker));
        block_on(poll_fn(|cx| queue.task_waker.poll(&waker, cx, |_| self.poll())));
        self.end();
    }

    /// HTTP/2 tells its calls, and then there is no more for whoever comes.
    fn end(mut self) {
        self.http2.end();
        self.queue.close(&mut self.work);
    }
}

/// A call waits for its answer, which comes while another one is made.
///
/// # Panics
/// When one is not answered in some order.
pub fn calls_are_answered() {
    explore(|| {
        let connection = Connection::new();
        let driver = Driver::new(&connection);
        let first = connection.send();
        spawn(&connection, |it| assert_eq!(wait_for(it.send()), Ok(())));
        let http2 = connection.http2.clone();
        thread::spawn(move || http2.receive(2));
        drop(connection);
        driver.run();
        assert_eq!(wait_for(first), Ok(()));
    });
}

/// The requests of a call fail on another thread, while its connection looks at it for another reason.
///
/// # Panics
/// When the call is not told in some order.
pub fn calls_whose_requests_fail_are_told() {
    explore(|| {
        let connection = Connection::new();
        let mut driver = Driver::new(&connection);
        let request = OutboundRequest::new(&connection.http2);
        let response = PendingResponse::new(request.clone(), &connection.queue);
        let _ = driver.poll();
        connection.http2.receive(1);
        thread::spawn(move || request.fail());
        drop(connection);
        driver.run();
        assert_eq!(wait_for(response), Err(CallFailure::Requests));
    });
}

/// Callers hand over a call while the server cannot take any, and let go of the connection.
///
/// # Panics
/// When the call is not sent in some order.
pub fn blocked_calls_are_sent_later() {
    explore(|| {
        let connection = Connection::new();
        let (driver, http2) = (Driver::new(&connection), connection.http2.clone());
        http2.block();
        http2.receive(2);
        thread::spawn(move || {
            let response = connection.send();
            drop(connection);
            assert_eq!(wait_for(response), Ok(()));
        });
        thread::spawn(move || http2.unblock());
        driver.run();
    });
}

/// A call that is never answered is given up, whatever has become of it.
///
/// # Panics
/// When the connection does not end in some order.
pub fn calls_that_are_given_up_are_let_go() {
    explore(|| {
        let connection = Connection::new();
        let driver = Driver::new(&connection);
        spawn(&connection, |it| {
            let mut response = it.send();
            let _ = response.poll(&mut Context::from_waker(Waker::noop()));
        });
        drop(connection);
        driver.run();
    });
}

/// A connection ends while a call is handed over.
///
/// # Panics
/// When the call has no end in some order.
pub fn calls_for_a_connection_that_ends_are_answered() {
    explore(|| {
        let connection = Connection::new();
        let mut driver = Driver::new(&connection);
        spawn(&connection, |it| {
            let answer = wait_for(it.send());
            assert!(matches!(answer, Err(CallFailure::NotSent | CallFailure::Ended)), "{answer:?}");
        });
        let _ = driver.poll();
        driver.end();
    });
}

/// A connection ends while one of its calls fails on another thread, as it does with its requests.
///
/// # Panics
/// When the call has no end in some order.
pub fn calls_of_a_connection_that_ends_are_answered() {
    explore(|| {
        let connection = Connection::new();
        let mut driver = Driver::new(&connection);
        let request = OutboundRequest::new(&connection.http2);
        let response = PendingResponse::new(request.clone(), &connection.queue);
        let _ = driver.poll();
        thread::spawn(move || request.fail());
        driver.end();
        let answer = wait_for(response);
        assert!(matches!(answer, Err(CallFailure::Requests | CallFailure::Ended)), "{answer:?}");
    });
}
