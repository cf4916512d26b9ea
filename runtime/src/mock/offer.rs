//! A call on its way to the test that answers it, and what holds both ends together.

use std::{
    convert::Infallible,
    future::pending,
    pin::Pin,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker, ready},
    thread,
};

use tokio::sync::{mpsc, oneshot};
use tonic::{Extensions, Request, Response, Status, metadata::MetadataMap};

use super::{
    answer::Incoming,
    core::Core,
    explain,
    message::{AnyMessage, Content},
    pattern::shown,
    plan::Place,
    timer::{self, Patience, Waited},
    verdict::Asked,
};
use crate::call::{
    method::MethodDescriptor,
    panics::contain,
    streaming::{Closed, Source, Streaming},
};

/// What the test plays of a server: the calls of an expectation.
#[derive(Clone)]
pub(super) struct InteractiveRole {
    core: Weak<Core>,
    place: Place,
    /// Whether it is known that the test has panicked in it.
    has_panicked: Arc<AtomicBool>,
}

impl InteractiveRole {
    pub(super) fn new(core: &Arc<Core>, place: Place) -> Self {
        Self { core: Arc::downgrade(core), place, has_panicked: Arc::default() }
    }

    /// Panics when what the test waits for will not come any more; where only a task waits for it, this
    /// is printed, and the task waits on.
    pub(super) async fn in_vain(&self, asked: Asked, problem: &str) -> Infallible {
        let waited = timer::patience().await;
        if let Some(core) = self.core.upgrade() {
            let problem = format!("{problem} for {waited}\n- {}", self.place);
            match core.is_heard() {
                true => core.fail_waiting(asked, &problem),
                false => core.hint(format!("{asked}: {problem}")),
            }
        }
        pending().await
    }

    /// Remembers for the verdict that a panic ends the role, if one does.
    pub(super) fn note_panic(&self, problem: &str) {
        if thread::panicking() && !self.has_panicked.swap(true, Ordering::Relaxed) {
            self.problem(problem);
        }
    }

    fn problem(&self, problem: &str) {
        if let Some(core) = self.core.upgrade() {
            core.problem_of_test(format!("{}: {problem}", self.place));
        }
    }
}

/// What hands calls to the test.
#[derive(Clone)]
pub(crate) struct Offers {
    pub(super) calls: mpsc::UnboundedSender<Offer>,
    pub(super) role: InteractiveRole,
}

/// Lets the test answer a call.
pub(super) async fn offer(
    core: &Arc<Core>,
    offers: &Offers,
    place: &Place,
    incoming: Incoming,
) -> Result<Response<Content>, Status> {
    let (call, method) = (incoming.call, &core.service.methods[incoming.head.method]);
    let hold = Hold { role: offers.role.clone(), call, method };
    let caller = Caller { core: Arc::clone(core), call, method, place: place.clone() };
    let (offer, live) = Offer::new(hold, incoming.into_request()?, caller);
    core.note(call, |record| record.offered = Some(Box::new(place.clone())));
    if offers.calls.send(offer).is_err() {
        core.note(call, |record| record.offered = None);
        let problem = format!("{place}: a call came, but the test has dropped what accepts it");
        return Err(core.fail(problem));
    }
    live.response().await
}

/// Which call it is that the test plays the server of.
pub(super) struct Hold {
    pub(super) role: InteractiveRole,
    call: usize,
    method: &'static MethodDescriptor,
}

/// How far the test has got with a call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Offered,
    Accepted,
    /// It has ended well.
    Finished,
    Failed,
}

/// A call on its way to the test, and the test's hold on it.
pub(super) struct Offer {
    pub(super) hold: Hold,
    stage: Stage,
    pub(super) metadata: MetadataMap,
    pub(super) requests: Streaming<AnyMessage>,
    /// Whether the test knows that there are no further requests.
    pub(super) has_ended: bool,
    pub(super) header: MetadataMap,
    pub(super) trailers: MetadataMap,
    /// Until the response has begun.
    pub(super) begin: Option<oneshot::Sender<Result<MetadataMap, Status>>>,
    pub(super) responses: mpsc::UnboundedSender<Item>,
}

pub(super) enum Item {
    Message(AnyMessage),
    Failed(Status),
    Finished(MetadataMap),
}

impl Offer {
    fn new(hold: Hold, request: Request<Content>, caller: Caller) -> (Self, Live) {
        let (metadata, _, content) = request.into_parts();
        let (begin, begun) = oneshot::channel();
        let (responses, items) = mpsc::unbounded_channel();
        let offer = Self {
            hold,
            stage: Stage::Offered,
            metadata,
            requests: match content {
                Content::One(request) => Streaming::from_iter([request]),
                Content::Many(requests) => requests,
            },
            has_ended: false,
            header: MetadataMap::new(),
            trailers: MetadataMap::new(),
            begin: Some(begin),
            responses,
        };
        (offer, Live { caller, begun, items })
    }

    pub(super) fn accept(&mut self) {
        self.stage = Stage::Accepted;
        if let Some(core) = self.hold.role.core.upgrade() {
            core.note(self.hold.call, |record| record.offered = None);
        }
    }

    pub(super) fn begin(&mut self) {
        if let Some(begin) = self.begin.take() {
            // The caller may have gone away.
            let _ = begin.send(Ok(std::mem::take(&mut self.header)));
        }
    }

    pub(super) fn finish(&mut self) -> Result<(), Closed> {
        self.stage = Stage::Finished;
        let trailers = std::mem::take(&mut self.trailers);
        self.put(Item::Finished(trailers))
    }

    pub(super) fn fail(&mut self, status: Status) {
        self.stage = Stage::Failed;
        // Whether the caller still wants to know makes no difference.
        let _ = match self.begin.take() {
            Some(begin) => begin.send(Err(status)).map_err(|_| Closed),
            None => self.put(Item::Failed(status)),
        };
    }

    pub(super) fn put(&mut self, item: Item) -> Result<(), Closed> {
        self.responses.send(item).map_err(|_| Closed)
    }

    /// Panics with a problem, which is part of the verdict if nobody else may hear it.
    pub(super) fn panic(&mut self, asked: Asked, problem: &str) -> ! {
        let role = &self.hold.role;
        if let Some(core) = role.core.upgrade().filter(|core| !core.is_heard()) {
            role.has_panicked.store(true, Ordering::Relaxed);
            core.problem_of_test(format!("{asked}: {problem}"));
        }
        asked.panic(problem)
    }

    /// What is wrong when the test lets go of the call now.
    fn problem(&mut self) -> Option<String> {
        match self.stage {
            Stage::Accepted if !self.responses.is_closed() => Some(
                "the test has dropped it unfinished\n\
                 It has to finish or fail it, or to wait until its caller has gone away: `cancelled`."
                    .to_owned(),
            ),
            Stage::Finished if self.hold.method.kind.streams_requests() && !self.has_ended => {
                let request = self.next_request()?;
                Some(format!("the test has not received a request: got {}", shown(&request)))
            }
            _ => None,
        }
    }

    /// The next request, if it is there already.
    fn next_request(&mut self) -> Option<AnyMessage> {
        let mut cx = Context::from_waker(Waker::noop());
        match contain(|| self.requests.poll_message(&mut cx)) {
            Ok(Poll::Ready(Some(Ok(request)))) => Some(request),
            _ => None,
        }
    }
}

impl Drop for Offer {
    fn drop(&mut self) {
        let method = explain::full_name(self.hold.method);
        if thread::panicking() {
            self.hold
                .role
                .note_panic(&format!("interactive call of {method}: a panic has dropped it"));
        } else if let Some(problem) = self.problem() {
            self.hold.role.problem(&format!("interactive call of {method}: {problem}"));
        }
        // Behind the end, nobody reads it.
        self.fail(Status::internal("the test has dropped the call without finishing it"));
    }
}

/// Who has made the call that the test answers.
struct Caller {
    core: Arc<Core>,
    call: usize,
    method: &'static MethodDescriptor,
    place: Place,
}

impl Caller {
    /// What the call ends with when it was waited for in vain that the test does something for it, if that
    /// holds up the test itself. Where a task waits, it is printed.
    fn give_up(&self, done: &str, waited: Waited) -> Option<Status> {
        let Self { core, call, method, place } = self;
        let problem = core.unaccepted(*call).unwrap_or_else(|| {
            format!(
                "interactive call of {}: the test has not {done} it\n- {place}",
                explain::full_name(method)
            )
        });
        let problem = explain::unanswered(problem, waited);
        if !core.holds_up_test() {
            core.hint(problem);
            return None;
        }
        core.note(*call, |record| record.offered = None);
        Some(core.fail(problem))
    }

    /// Waits in vain for the test to answer.
    async fn give_up_waiting(&self) -> Status {
        let waited = timer::patience().await;
        match self.give_up("answered", waited) {
            Some(status) => status,
            None => pending().await,
        }
    }
}

/// The caller's side of an [`Offer`].
struct Live {
    caller: Caller,
    begun: oneshot::Receiver<Result<MetadataMap, Status>>,
    items: mpsc::UnboundedReceiver<Item>,
}

impl Live {
    async fn response(self) -> Result<Response<Content>, Status> {
        let Self { caller, begun, items } = self;
        let begun = tokio::select! {
            biased;
            begun = begun => begun,
            status = caller.give_up_waiting() => Ok(Err(status)),
        };
        let header = begun.unwrap_or_else(|_| Err(Status::internal("the test is gone")))?;
        let trailers = MetadataMap::new();
        let played = Played { caller, items, trailers, patience: Patience::default() };
        let content = Content::Many(Streaming::from_source(played));
        Ok(Response::from_parts(header, content, Extensions::new()))
    }
}

struct Played {
    caller: Caller,
    items: mpsc::UnboundedReceiver<Item>,
    trailers: MetadataMap,
    patience: Patience,
}

impl Source<AnyMessage> for Played {
    fn poll_message(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<AnyMessage, Status>>> {
        let Poll::Ready(item) = self.items.poll_recv(cx) else { return self.poll_patience(cx) };
        self.patience.renew();
        Poll::Ready(match item {
            Some(Item::Message(message)) => Some(Ok(message)),
            Some(Item::Failed(status)) => Some(Err(status)),
            Some(Item::Finished(trailers)) => {
                self.trailers = trailers;
                None
            }
            None => None,
        })
    }

    fn take_trailers(mut self: Pin<&mut Self>) -> MetadataMap {
        std::mem::take(&mut self.trailers)
    }
}

impl Played {
    fn poll_patience<T>(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, Status>>> {
        let waited = ready!(self.patience.poll(cx));
        let Some(status) = self.caller.give_up("gone on with", waited) else {
            return Poll::Pending;
        };
        // The test owes the call nothing any more.
        self.items.close();
        Poll::Ready(Some(Err(status)))
    }
}
