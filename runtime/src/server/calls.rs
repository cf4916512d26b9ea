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
    connection::{ConnectInfo, Shared},
    http::too_long,
    pace::Slot,
    routes::Responding,
    serve::before,
    stream::{Call, Outcome},
};
use crate::wire::{
    credit::{CreditedStream, UnreadStreams},
    h2::Missing,
    header_list::Limit,
    http_body::HttpBody,
    panics::drop_quietly,
    wakes::Wakes,
};

/// Runs calls until they have to wait, if their methods are quick, and on tasks of their own from
/// then on.
pub(super) struct Calls {
    arrived: Vec<Arrived>,
    /// Those of which a part is still to come, most often in the next packet.
    partial: Vec<(Call, Slot)>,
    answered: Arc<Answered>,
    /// Room for those that are taken from there.
    taken: Vec<Call>,
    missing: Missing,
    parts: Arc<Parts>,
    waker: Waker,
    resets: EarlyResets,
    unread: Arc<UnreadStreams>,
    /// How long headers the client takes.
    pub(super) header_limit: Limit,
    info: Option<ConnectInfo>,
    shared: Arc<Shared>,
    wakes: Arc<Wakes>,
}

/// A call as HTTP/2 gives it out.
pub(super) type Arrived = (Request<RecvStream>, SendResponse<Bytes>);

impl Calls {
    pub(super) fn new(
        info: Option<ConnectInfo>,
        shared: Arc<Shared>,
        wakes: Arc<Wakes>,
        unread: &Arc<UnreadStreams>,
    ) -> Self {
        let parts =
            Arc::new(Parts { have_come: AtomicBool::new(false), wakes: Arc::clone(&wakes) });
        let answered = Arc::new(Answered {
            calls: Mutex::default(),
            wakes: Arc::clone(&wakes),
            broken: Notify::new(),
        });
        Self {
            arrived: Vec::new(),
            partial: Vec::new(),
            answered,
            taken: Vec::new(),
            missing: Missing::to_be_noted(),
            waker: Waker::from(Arc::clone(&parts)),
            parts,
            resets: EarlyResets::new(shared.options.max_pending_accept_reset_streams),
            unread: Arc::clone(unread),
            header_limit: Limit::Peers(u32::MAX),
            info,
            shared,
            wakes,
        }
    }

    /// Whether the client resets so many calls at once that it must mean harm.
    pub(super) fn are_reset_too_often(&self) -> bool {
        self.resets.are_too_many()
    }

    /// Takes a call, to be started with others.
    pub(super) fn push(&mut self, call: Arrived) {
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
            if self.advance(&mut call, slot, &mut now) != Progress::Ended {
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

    fn start(&mut self, (request, stream): Arrived, now: &mut Instant) {
        let mut request = request.map(|body| {
            let stream = CreditedStream::new(body, &self.unread);
            HttpBody::received(stream, self.missing.clone())
        });
        if let Some(info) = self.info {
            info.describe(request.extensions_mut());
        }
        let slot = Slot::of(request.uri().path());
        let limit = Limit::Ours(self.shared.options.sizes.max_header_list_size);
        let responding =
            match limit.check_request(request.method(), request.uri(), request.headers()) {
                Ok(()) => self.shared.routes.call(request),
                Err(refusal) => Responding::Refused(Some(too_long(&request, &refusal))),
            };
        let mut call = Call::new(responding, stream, self.header_limit);
        match self.advance(&mut call, slot, now) {
            Progress::Ended => {}
            Progress::Waiting => self.spawn(call),
            Progress::Partial => self.partial.push((call, slot)),
        }
    }

    /// Looks at `call` without running it.
    fn look(&mut self, call: &mut Call) -> Progress {
        let is_reset = call.poll_reset(&mut Context::from_waker(&self.waker)).is_ready();
        self.resets.record(is_reset);
        if is_reset { Progress::Ended } else { Progress::Waiting }
    }

    /// Runs `call` from `now` on, which it moves, if its method is quick.
    fn advance(&mut self, call: &mut Call, slot: Slot, now: &mut Instant) -> Progress {
        let limit = self.shared.options.inline_limit;
        let pace = self.shared.pace.of(slot);
        if limit.is_zero() || pace.is_slow() {
            return self.look(call);
        }
        // The task of another call may have noted something.
        self.missing.take();
        let polled = Pin::new(call).poll(&mut Context::from_waker(&self.waker));
        let begin = std::mem::replace(now, Instant::now());
        if polled.is_pending() && self.missing.take() {
            return Progress::Partial;
        }
        pace.took(*now - begin, limit);
        self.resets.record(polled == Poll::Ready(Outcome::Reset));
        let Poll::Ready(outcome) = polled else { return Progress::Waiting };
        if outcome == Outcome::AbortConnection {
            self.wakes.break_off();
        }
        Progress::Ended
    }

    /// Sends the answers of calls that were answered on tasks of their own. Says whether there were
    /// any.
    fn send_answered(&mut self) -> bool {
        let mut calls = std::mem::take(&mut self.taken);
        self.answered.swap(&mut calls);
        let were_any = !calls.is_empty();
        for mut call in calls.drain(..) {
            match Pin::new(&mut call).poll(&mut Context::from_waker(&self.waker)) {
                Poll::Ready(Outcome::AbortConnection) => self.wakes.break_off(),
                Poll::Ready(Outcome::Done | Outcome::Reset) => {}
                Poll::Pending => self.spawn(call),
            }
        }
        self.taken = calls;
        were_any
    }

    /// Goes on with `call` on a task of its own, up to its answer if that is all at hand then: it is
    /// sent from here, together with others.
    fn spawn(&self, call: Call) {
        let answered = Arc::clone(&self.answered);
        tokio::spawn(async move {
            let mut call = call;
            let broken = pin!(answered.until_broken());
            let work = async {
                poll_fn(|cx| call.poll_service(cx)).await;
                match call.is_at_hand() {
                    true => None,
                    false => Some((&mut call).await),
                }
            };
            match before(broken, work).await {
                Some(None) => answered.push(call),
                Some(Some(Outcome::AbortConnection)) => answered.wakes.break_off(),
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
enum Progress {
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
struct Parts {
    have_come: AtomicBool,
    wakes: Arc<Wakes>,
}

impl Wake for Parts {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.have_come.store(true, Ordering::Release);
        self.wakes.wake_other();
    }
}

/// Calls that have been answered on tasks of their own.
struct Answered {
    calls: Mutex<Vec<Call>>,
    wakes: Arc<Wakes>,
    /// Told when the connection is broken, after its wakes.
    broken: Notify,
}

impl Answered {
    /// Waits until the connection is broken. HTTP/2 tells calls of any other end.
    async fn until_broken(&self) {
        let broken = self.broken.notified();
        if !self.wakes.is_broken() {
            broken.await;
        }
    }

    fn push(&self, call: Call) {
        self.calls().push(call);
        self.wakes.wake_other();
    }

    fn swap(&self, calls: &mut Vec<Call>) {
        std::mem::swap(&mut *self.calls(), calls);
    }

    fn calls(&self) -> MutexGuard<'_, Vec<Call>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
