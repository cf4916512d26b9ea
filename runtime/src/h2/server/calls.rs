//! The calls of a connection. Calls that arrive together are started together.

use std::{
    future::{Future as _, poll_fn},
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::{Duration, Instant},
};

use bytes::Bytes;
use h2::{RecvStream, server::SendResponse};
use http::Request;
use tokio::sync::Notify;
use tonic::Status;

use super::{
    options::ServerConnectionOptions,
    run_until,
    slow_methods::{MethodSlot, SlowMethods},
    stream::{CallOutcome, ServerStream},
};
use crate::{
    call::panics::{catch_panic, drop_catching_panics},
    channelz::{ServerNode, SocketNode},
    connection::{
        connect_info::ConnectInfo,
        connected::Connected,
        http_service::{HttpService, ServiceFuture},
    },
    h2::{
        counted::{CountedMessages, CountedStream},
        credit::{CreditedStream, UnreadStreams},
        stream::{AwaitingHalfClose, ReceivedStream},
        task_waker::TaskWaker,
    },
    protocol::{header_list::HeaderLimit, http_body::HttpBody, http_reply::too_long},
};

/// Shared by all connections of a server.
pub(crate) struct ServerShared {
    pub(crate) services: Arc<dyn HttpService>,
    pub(crate) options: ServerConnectionOptions,
    pub(super) slow_methods: SlowMethods,
    node: ServerNode,
}

impl ServerShared {
    /// What is shared by the connections of a server that is counted as `node`.
    pub(crate) fn new(
        services: Arc<dyn HttpService>,
        options: ServerConnectionOptions,
        node: ServerNode,
    ) -> Self {
        Self { services, options, slow_methods: SlowMethods::new(), node }
    }

    /// What is known about the connection on `io`, if somebody wants to know, and the connection as it is counted.
    pub(crate) fn open_socket(&self, io: &impl Connected) -> (Option<ConnectInfo>, SocketNode) {
        let wants_info =
            self.options.connect_info || self.services.wants_info() || self.node.is_counted();
        let info = wants_info.then(|| io.connect_info());
        let facts = || info.as_ref().map(ConnectInfo::socket_facts).unwrap_or_default();
        let socket = self.node.open_socket(facts);
        (info, socket)
    }

    /// Calls the services for `request`, unless its headers are too long. Inlined, as each call's request would be
    /// copied once more otherwise.
    #[inline(always)]
    pub(crate) fn call(
        &self,
        mut request: Request<HttpBody>,
        info: Option<&ConnectInfo>,
    ) -> ServiceFuture {
        if let Some(info) = info.filter(|_| self.options.connect_info) {
            info.insert_into(request.extensions_mut());
        }
        let limit = HeaderLimit::Local(self.options.limits.max_header_list_size);
        match limit.check_request(request.method(), request.uri(), request.headers()) {
            #[cfg(feature = "_observed")]
            Ok(()) => self.services.call_from(request, info),
            // Without a copy of the request.
            #[cfg(not(feature = "_observed"))]
            Ok(()) => self.services.call(request),
            Err(refusal) => {
                let response = too_long(&request, &refusal);
                self.services.refuse(request, response, info)
            }
        }
    }

    /// No more connections are accepted.
    pub(crate) fn listens_no_more(&self) {
        self.node.close_listeners();
    }

    /// How long calls may continue while connections are drained.
    pub(crate) fn shutdown_timeout(&self) -> Option<Duration> {
        self.options.shutdown_timeout
    }
}

/// Runs handlers on the connection's task until they first wait, unless their methods are slow, and on
/// tasks of their own after that.
pub(crate) struct Calls {
    arrived: Vec<AcceptedStream>,
    /// Calls still waiting for `END_STREAM`, which usually comes with the next packet.
    partial: Vec<(ServerStream, Option<MethodSlot>)>,
    answered: Arc<AnsweredCalls>,
    /// An empty list, kept for its capacity, to take finished calls into.
    taken: Vec<ServerStream>,
    awaiting: AwaitingHalfClose,
    partial_waker: Arc<PartialCalls>,
    waker: Waker,
    resets: EarlyResets,
    unread: Arc<UnreadStreams>,
    /// The client's size limit for headers.
    pub(crate) header_limit: HeaderLimit,
    /// None if nobody wants to know.
    info: Option<ConnectInfo>,
    shared: Arc<ServerShared>,
    task_waker: Arc<TaskWaker>,
    /// The connection, as it is counted.
    pub(super) socket: SocketNode,
}

/// A call as h2 accepts it.
pub(crate) type AcceptedStream = (Request<RecvStream>, SendResponse<Bytes>);

impl Calls {
    pub(crate) fn new(
        info: Option<ConnectInfo>,
        shared: Arc<ServerShared>,
        task_waker: Arc<TaskWaker>,
        unread: &Arc<UnreadStreams>,
    ) -> Self {
        let partial_waker = Arc::new(PartialCalls {
            is_woken: AtomicBool::new(false),
            task_waker: Arc::clone(&task_waker),
        });
        let answered = Arc::new(AnsweredCalls {
            calls: Mutex::default(),
            task_waker: Arc::clone(&task_waker),
            end: OnceLock::new(),
            ended: Notify::new(),
        });
        Self {
            arrived: Vec::new(),
            partial: Vec::new(),
            answered,
            taken: Vec::new(),
            awaiting: AwaitingHalfClose::enabled(),
            waker: Waker::from(Arc::clone(&partial_waker)),
            partial_waker,
            resets: EarlyResets::new(shared.options.max_pending_accept_reset_streams),
            unread: Arc::clone(unread),
            header_limit: HeaderLimit::Remote(u32::MAX),
            info,
            shared,
            task_waker,
            socket: SocketNode::default(),
        }
    }

    /// Whether the client has reset so many unprocessed calls that it must be an attack.
    pub(crate) fn are_reset_too_often(&self) -> bool {
        self.resets.are_too_many()
    }

    /// Queues a call, to be started with the next [`run`](Self::run).
    pub(crate) fn push(&mut self, call: AcceptedStream) {
        self.arrived.push(call);
    }

    /// Starts the calls that have arrived, resumes partial ones whose rest has arrived, and sends
    /// buffered responses. Returns when it was done, or `None` if there was nothing to do.
    pub(crate) fn run(&mut self) -> Option<Instant> {
        let has_answered = self.send_answered();
        // Cleared before the calls are polled, so that a wake during the polls is kept for the next run.
        let partial = match self.partial_waker.is_woken.swap(false, Ordering::AcqRel) {
            true => std::mem::take(&mut self.partial),
            false => Vec::new(),
        };
        if !has_answered && partial.is_empty() && self.arrived.is_empty() {
            return None;
        }
        let mut now = Instant::now();
        for (mut call, slot) in partial {
            // A call that is still partial gets its own task: polling it on each wake-up costs more. So
            // does one whose method has become slow in the meantime.
            if !self.runs_inline(slot) || self.advance(&mut call, slot, &mut now) != Advance::Ended
            {
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
        let counted = CountedStream::start(&self.socket);
        let messages = CountedMessages::received(&self.socket, request.headers());
        let request = request.map(|body| {
            let stream = CreditedStream::new(body, &self.unread);
            let stream = ReceivedStream::request(stream, self.awaiting.clone())
                .counted(CountedStream::default(), messages);
            HttpBody::received(stream.arrived())
        });
        let slot = Some(MethodSlot::of(request.uri().path()));
        let method = request.method().clone();
        let service_future = self.shared.call(request, self.info.as_ref());
        // What is refused says nothing of how quick its method is.
        let slot = slot.filter(|_| !service_future.is_refusal());
        let call = ServerStream::new(service_future, stream, self.header_limit);
        let mut call = call.answering(&method).counted(counted);
        if !self.runs_inline(slot) {
            return self.spawn_unless_reset(call);
        }
        match self.advance(&mut call, slot, now) {
            Advance::Ended => {}
            Advance::Waiting => self.spawn(call),
            Advance::Partial => self.partial.push((call, slot)),
        }
    }

    /// Whether a call is run on the connection's task: its method is quick, or not called.
    fn runs_inline(&self, slot: Option<MethodSlot>) -> bool {
        slot.is_none_or(|slot| {
            let is_off = self.shared.options.inline_limit.is_zero();
            !is_off && !self.shared.slow_methods.of(slot).is_slow()
        })
    }

    /// Gives a call that has not been polled yet its own task.
    fn spawn_unless_reset(&mut self, mut call: ServerStream) {
        let is_reset = call.poll_reset(&mut Context::from_waker(&self.waker)).is_ready();
        self.resets.record(is_reset);
        if !is_reset {
            self.spawn(call);
        }
    }

    /// Polls `call`. `now` is when that starts, and is set to when it stops.
    fn advance(
        &mut self,
        call: &mut ServerStream,
        slot: Option<MethodSlot>,
        now: &mut Instant,
    ) -> Advance {
        // Clears notes that other calls' tasks have made in the meantime.
        self.awaiting.take();
        let polled = Pin::new(call).poll(&mut Context::from_waker(&self.waker));
        let start = std::mem::replace(now, Instant::now());
        if polled.is_pending() && self.awaiting.take() {
            return Advance::Partial;
        }
        if let Some(slot) = slot {
            let limit = self.shared.options.inline_limit;
            self.shared.slow_methods.of(slot).record(*now - start, limit);
        }
        self.resets.record(polled == Poll::Ready(CallOutcome::Reset));
        let Poll::Ready(outcome) = polled else { return Advance::Waiting };
        if outcome == CallOutcome::AbortConnection {
            self.task_waker.abort();
        }
        Advance::Ended
    }

    /// Sends the responses of calls that were answered on their own tasks. Returns whether there were
    /// any.
    pub(crate) fn send_answered(&mut self) -> bool {
        let mut calls = std::mem::take(&mut self.taken);
        self.answered.swap(&mut calls);
        let were_any = !calls.is_empty();
        for mut call in calls.drain(..) {
            match Pin::new(&mut call).poll(&mut Context::from_waker(&self.waker)) {
                Poll::Ready(CallOutcome::AbortConnection) => self.task_waker.abort(),
                Poll::Ready(CallOutcome::Done | CallOutcome::Reset) => {}
                Poll::Pending => self.spawn(call),
            }
        }
        self.taken = calls;
        were_any
    }

    /// Continues `call` on its own task. If its whole response is buffered then, it is sent from here
    /// instead, together with others.
    fn spawn(&self, call: ServerStream) {
        let answered = Arc::clone(&self.answered);
        tokio::spawn(async move {
            let mut call = call;
            let ended = pin!(answered.until_ended());
            let work = async {
                poll_fn(|cx| call.poll_service(cx)).await;
                match call.is_buffered() {
                    true => None,
                    false => Some((&mut call).await),
                }
            };
            match run_until(ended, work).await {
                Some(None) => answered.push(call),
                Some(Some(CallOutcome::AbortConnection)) => answered.task_waker.abort(),
                Some(Some(CallOutcome::Done | CallOutcome::Reset)) => {}
                None => match answered.end.get() {
                    Some(CallsEnd::GivenUp(status)) => {
                        // If h2 is broken, it panics; the client is unreachable then.
                        let _ = catch_panic(|| call.give_up(status));
                        answered.push(call);
                    }
                    Some(CallsEnd::Broken) | None => drop_catching_panics(call),
                },
            }
        });
    }

    /// Ends all calls with `status`, to be sent by [`send_answered`](Self::send_answered). No more are to be
    /// started.
    pub(crate) fn give_up(&mut self, status: &Status) {
        self.answered.end_all(CallsEnd::GivenUp(status.clone()));
        for (mut call, _) in self.partial.drain(..) {
            call.give_up(status);
            self.answered.push(call);
        }
    }

    /// Drops all calls, after a panic has broken h2.
    pub(crate) fn abort(&mut self) {
        self.arrived.drain(..).for_each(drop_catching_panics);
        self.partial.drain(..).for_each(drop_catching_panics);
        self.taken.drain(..).for_each(drop_catching_panics);
        self.answered.swap(&mut self.taken);
        self.taken.drain(..).for_each(drop_catching_panics);
        self.answered.end_all(CallsEnd::Broken);
    }
}

/// How far a call has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Advance {
    /// It is waiting for `END_STREAM`.
    Partial,
    /// It is waiting for something else.
    Waiting,
    Ended,
}

/// Counts calls that the client reset before any work was done for them, to detect the "rapid reset"
/// attack (CVE-2023-44487).
///
/// Clients with short deadlines reset calls, too, when the server is slow. But then the server still
/// reaches some of their calls in time, which makes up for the others.
#[derive(Debug)]
struct EarlyResets {
    count: usize,
    limit: usize,
}

impl EarlyResets {
    /// How many resets one processed call makes up for.
    const FORGIVEN: usize = 10;

    fn new(limit: usize) -> Self {
        Self { count: 0, limit }
    }

    /// Records whether a call was reset before it was first polled.
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

/// The waker of partial calls: makes the connection's task poll them again.
struct PartialCalls {
    is_woken: AtomicBool,
    task_waker: Arc<TaskWaker>,
}

impl Wake for PartialCalls {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Before the wake, so that the task sees it.
        self.is_woken.store(true, Ordering::Release);
        self.task_waker.wake_other();
    }
}

/// Calls that were answered on their own tasks, and whose responses are to be sent together.
///
/// The lock is held only to push and to swap, so a task never waits for a response to be sent.
struct AnsweredCalls {
    calls: Mutex<Vec<ServerStream>>,
    task_waker: Arc<TaskWaker>,
    /// Set once calls may not go on.
    end: OnceLock<CallsEnd>,
    /// Notified after `end` was set.
    ended: Notify,
}

/// Why calls that have their own tasks are ended.
enum CallsEnd {
    /// A panic has broken the connection: they are dropped.
    Broken,
    /// Their server gives them up with this status.
    GivenUp(Status),
}

impl AnsweredCalls {
    /// Waits until calls may not go on. h2 itself notifies them if the connection is closed.
    async fn until_ended(&self) {
        // Created before `end` is checked: if that is set after it, the notification, which follows, reaches
        // this future.
        let ended = self.ended.notified();
        if self.end.get().is_none() {
            ended.await;
        }
    }

    /// Ends all calls that have their own tasks, and those that get them later. The first reason stays: calls
    /// that were given up go no further.
    fn end_all(&self, end: CallsEnd) {
        let _ = self.end.set(end);
        self.ended.notify_waiters();
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
