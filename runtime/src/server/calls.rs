//! The calls of a connection: those that have come together are started together.

use std::{
    future::{Future as _, poll_fn},
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Instant,
};

use bytes::Bytes;
use h2::{RecvStream, server::SendResponse};
use http::Request;
use tokio::sync::Notify;

use super::{
    connection::{ConnectInfo, ServerShared},
    http::too_long,
    routes::ServiceFuture,
    serve::before,
    slow_methods::MethodSlot,
    stream::{Outcome, ServerStream},
};
use crate::wire::{
    credit::{CreditedStream, UnreadStreams},
    h2::AwaitingHalfClose,
    header_list::Limit,
    http_body::HttpBody,
    panics::drop_quietly,
    task_waker::TaskWaker,
};

/// Runs calls until they have to wait, if their methods are quick, and on tasks of their own from
/// then on.
pub(super) struct Calls {
    arrived: Vec<AcceptedStream>,
    /// Those of which a part is still to come, most often in the next packet.
    partial: Vec<(ServerStream, MethodSlot)>,
    answered: Arc<AnsweredCalls>,
    /// Room for those that are taken from there.
    taken: Vec<ServerStream>,
    awaiting: AwaitingHalfClose,
    parts: Arc<PartialCalls>,
    waker: Waker,
    resets: EarlyResets,
    unread: Arc<UnreadStreams>,
    /// How long headers the client takes.
    pub(super) header_limit: Limit,
    info: Option<ConnectInfo>,
    shared: Arc<ServerShared>,
    task_waker: Arc<TaskWaker>,
}

/// A call as HTTP/2 gives it out.
pub(super) type AcceptedStream = (Request<RecvStream>, SendResponse<Bytes>);

impl Calls {
    pub(super) fn new(
        info: Option<ConnectInfo>,
        shared: Arc<ServerShared>,
        task_waker: Arc<TaskWaker>,
        unread: &Arc<UnreadStreams>,
    ) -> Self {
        let parts = Arc::new(PartialCalls {
            have_come: AtomicBool::new(false),
            task_waker: Arc::clone(&task_waker),
        });
        let answered = Arc::new(AnsweredCalls {
            calls: Mutex::default(),
            task_waker: Arc::clone(&task_waker),
            broken: Notify::new(),
        });
        Self {
            arrived: Vec::new(),
            partial: Vec::new(),
            answered,
            taken: Vec::new(),
            awaiting: AwaitingHalfClose::to_be_noted(),
            waker: Waker::from(Arc::clone(&parts)),
            parts,
            resets: EarlyResets::new(shared.options.max_pending_accept_reset_streams),
            unread: Arc::clone(unread),
            header_limit: Limit::Peers(u32::MAX),
            info,
            shared,
            task_waker,
        }
    }

    /// Whether the client resets so many calls at once that it must mean harm.
    pub(super) fn are_reset_too_often(&self) -> bool {
        self.resets.are_too_many()
    }

    /// Takes a call, to be started with others.
    pub(super) fn push(&mut self, call: AcceptedStream) {
        self.arrived.push(call);
    }

    /// Starts the calls that have arrived, and goes on with those whose missing parts have, or whose
    /// answers. Says when, if there were any.
    pub(super) fn run(&mut self) -> Option<Instant> {
        let has_answered = self.send_answered();
        let partial = match self.parts.have_come.swap(false, Ordering::AcqRel) {
            true => std::mem::take(&mut self.partial),
            false => Vec::new(),
        };
        if !has_answered && partial.is_empty() && self.arrived.is_empty() {
            return None;
        }
        let mut now = Instant::now();
        for (mut call, slot) in partial {
            // One that is still partial is not worth to be asked each time.
            if self.advance(&mut call, slot, &mut now) != Advance::Ended {
                self.spawn(call);
            }
        }
        let mut arrived = std::mem::take(&mut self.arrived);
        for call in arrived.drain(..) {
            self.start(call, &mut now);
        }
        self.arrived = arrived;
        Some(now)
    }

    fn start(&mut self, (request, stream): AcceptedStream, now: &mut Instant) {
        let mut request = request.map(|body| {
            let stream = CreditedStream::new(body, &self.unread);
            HttpBody::received(stream, self.awaiting.clone())
        });
        if let Some(info) = self.info {
            info.describe(request.extensions_mut());
        }
        let slot = MethodSlot::of(request.uri().path());
        let limit = Limit::Ours(self.shared.options.sizes.max_header_list_size);
        let service_future =
            match limit.check_request(request.method(), request.uri(), request.headers()) {
                Ok(()) => self.shared.routes.call(request),
                Err(refusal) => ServiceFuture::Refused(Some(too_long(&request, &refusal))),
            };
        let mut call = ServerStream::new(service_future, stream, self.header_limit);
        match self.advance(&mut call, slot, now) {
            Advance::Ended => {}
            Advance::Waiting => self.spawn(call),
            Advance::Partial => self.partial.push((call, slot)),
        }
    }

    /// Looks at `call` without running it.
    fn look(&mut self, call: &mut ServerStream) -> Advance {
        let is_reset = call.poll_reset(&mut Context::from_waker(&self.waker)).is_ready();
        self.resets.record(is_reset);
        if is_reset { Advance::Ended } else { Advance::Waiting }
    }

    /// Runs `call` from `now` on, which it moves, if its method is quick.
    fn advance(&mut self, call: &mut ServerStream, slot: MethodSlot, now: &mut Instant) -> Advance {
        let limit = self.shared.options.inline_limit;
        let slow_methods = self.shared.slow_methods.of(slot);
        if limit.is_zero() || slow_methods.is_slow() {
            return self.look(call);
        }
        // The task of another call may have noted something.
        self.awaiting.take();
        let polled = Pin::new(call).poll(&mut Context::from_waker(&self.waker));
        let begin = std::mem::replace(now, Instant::now());
        if polled.is_pending() && self.awaiting.take() {
            return Advance::Partial;
        }
        slow_methods.record(*now - begin, limit);
        self.resets.record(polled == Poll::Ready(Outcome::Reset));
        let Poll::Ready(outcome) = polled else { return Advance::Waiting };
        if outcome == Outcome::AbortConnection {
            self.task_waker.break_off();
        }
        Advance::Ended
    }

    /// Sends the answers of calls that were answered on tasks of their own. Says whether there were
    /// any.
    fn send_answered(&mut self) -> bool {
        let mut calls = std::mem::take(&mut self.taken);
        self.answered.swap(&mut calls);
        let were_any = !calls.is_empty();
        for mut call in calls.drain(..) {
            match Pin::new(&mut call).poll(&mut Context::from_waker(&self.waker)) {
                Poll::Ready(Outcome::AbortConnection) => self.task_waker.break_off(),
                Poll::Ready(Outcome::Done | Outcome::Reset) => {}
                Poll::Pending => self.spawn(call),
            }
        }
        self.taken = calls;
        were_any
    }

    /// Goes on with `call` on a task of its own, up to its answer if that is all at hand then: it is
    /// sent from here, together with others.
    fn spawn(&self, call: ServerStream) {
        let answered = Arc::clone(&self.answered);
        tokio::spawn(async move {
            let mut call = call;
            let broken = pin!(answered.until_broken());
            let work = async {
                poll_fn(|cx| call.poll_service(cx)).await;
                match call.is_buffered() {
                    true => None,
                    false => Some((&mut call).await),
                }
            };
            match before(broken, work).await {
                Some(None) => answered.push(call),
                Some(Some(Outcome::AbortConnection)) => answered.task_waker.break_off(),
                Some(Some(Outcome::Done | Outcome::Reset)) => {}
                None => drop_quietly(call),
            }
        });
    }

    /// Drops all calls, wherever they are: HTTP/2 is broken.
    pub(super) fn break_off(&mut self) {
        self.arrived.drain(..).for_each(drop_quietly);
        self.partial.drain(..).for_each(drop_quietly);
        self.taken.drain(..).for_each(drop_quietly);
        self.answered.swap(&mut self.taken);
        self.taken.drain(..).for_each(drop_quietly);
        self.answered.broken.notify_waiters();
    }
}

/// How far a call has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Advance {
    /// It waits for the rest of its request.
    Partial,
    /// It waits for something else, or for its turn.
    Waiting,
    Ended,
}

/// How many more calls the client has reset before anything was done for them than it should: the
/// "rapid reset" attack, CVE-2023-44487.
///
/// Clients with short deadlines do so, too, when the server is late. But then it comes to some of their
/// calls in time.
#[derive(Debug)]
struct EarlyResets {
    count: usize,
    limit: usize,
}

impl EarlyResets {
    /// How many resets a call makes up for that was not reset.
    const FORGIVEN: usize = 10;

    fn new(limit: usize) -> Self {
        Self { count: 0, limit }
    }

    /// Takes into account a call that was looked at for the first time.
    fn record(&mut self, is_reset: bool) {
        self.count = match is_reset {
            true => self.count + 1,
            false => self.count.saturating_sub(Self::FORGIVEN),
        };
    }

    fn are_too_many(&self) -> bool {
        self.count > self.limit
    }
}

/// Wakes a connection to go on with its partial calls.
struct PartialCalls {
    have_come: AtomicBool,
    task_waker: Arc<TaskWaker>,
}

impl Wake for PartialCalls {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.have_come.store(true, Ordering::Release);
        self.task_waker.wake_other();
    }
}

/// Calls that have been answered on tasks of their own.
struct AnsweredCalls {
    calls: Mutex<Vec<ServerStream>>,
    task_waker: Arc<TaskWaker>,
    /// Told when the connection is broken, after its wakes.
    broken: Notify,
}

impl AnsweredCalls {
    /// Waits until the connection is broken. HTTP/2 tells calls of any other end.
    async fn until_broken(&self) {
        let broken = self.broken.notified();
        if !self.task_waker.is_broken() {
            broken.await;
        }
    }

    fn push(&self, call: ServerStream) {
        self.calls().push(call);
        self.task_waker.wake_other();
    }

    fn swap(&self, calls: &mut Vec<ServerStream>) {
        std::mem::swap(&mut *self.calls(), calls);
    }

    fn calls(&self) -> MutexGuard<'_, Vec<ServerStream>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
