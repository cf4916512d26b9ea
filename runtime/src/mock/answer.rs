//! One call of a mock, from what came in to what goes out.

use std::{
    future::{Future, pending, poll_fn},
    pin::{Pin, pin},
    slice,
    sync::Arc,
    task::{Context, Poll},
};

use tonic::{Request, Response, Status, metadata::MetadataMap};

use super::{
    choose::{MatchedPlan, Responder},
    core::{Core, SpyTarget},
    explain,
    inbound::{Inbound, Incoming, TooLong},
    interactive_response,
    kind::Carried,
    message::{AnyMessage, Content},
    place::Place,
    plan::{Behaviour, CannedResponse, ErasedFuture, PlannedResponse},
    record::{Head, Outcome, Record},
    running::Running,
    script_player, timer,
};
use crate::{
    call::{
        deadline,
        panics::{self, catch_panic},
        status::{self, AbortRequested},
        streaming::{Source, Streaming},
    },
    client::direct::Direct,
};

/// A call that has begun: most are answered at once.
pub(crate) enum Started<'a> {
    Answered(Result<Arc<CannedResponse>, Status>),
    Going(Pin<Box<dyn Future<Output = Result<Response<Content>, Status>> + Send + 'a>>),
}

impl Core {
    /// Begins to answer a call of `method`.
    pub(crate) fn call<'a>(
        self: &'a Arc<Self>,
        method: usize,
        request: Request<Content>,
    ) -> Started<'a> {
        let (metadata, extensions, content) = request.into_parts();
        // One that cannot be read never gets here through a codec, and limits nothing elsewhere.
        let deadline = deadline::timeout(metadata.as_ref()).ok().flatten();
        let head = Head { method, metadata, extensions, deadline };
        match content {
            Content::One(message) => {
                let view = head.view(slice::from_ref(&message));
                let responder = self.choose(method, view);
                self.take(responder, head, message)
            }
            Content::Many(messages) => Started::Going(Box::pin(async move {
                let (running, mut incoming) = self.begin(head, Content::Many(messages));
                let peek = self.peek(method);
                let responder = match incoming.requests.peek(peek).await {
                    Ok(()) => self.choose_for(method, &mut incoming),
                    Err(TooLong) => Err(self.fail_stuck(method, peek)),
                };
                self.go_on(responder, incoming, running).await
            })),
        }
    }

    /// Finds what takes a call of which is known what has to be.
    fn choose_for(&self, method: usize, incoming: &mut Incoming) -> Result<Responder, Status> {
        if let Some(status) = incoming.requests.panicked() {
            return Err(status);
        }
        self.choose(method, incoming.head.view(incoming.requests.peeked()))
    }

    /// Answers a call with one request, if that can be done at once.
    fn take<'a>(
        self: &'a Arc<Self>,
        responder: Result<Responder, Status>,
        head: Head,
        message: AnyMessage,
    ) -> Started<'a> {
        let at_once = match &responder {
            Err(refusal) => Some(Err(refusal.clone())),
            Ok(Responder::Plan(matched)) if matched.delay().is_zero() => matched.ready(),
            Ok(_) => None,
        };
        if let Some(response) = at_once.filter(|_| !self.is_recorded()) {
            let outcome =
                response.as_ref().map_or_else(|it| Outcome::Failed(it.clone()), |_| Outcome::Ok);
            self.remember(Record::over(head, message, outcome));
            return Started::Answered(response);
        }
        Started::Going(Box::pin(async move {
            let (running, incoming) = self.begin(head, Content::One(message));
            self.go_on(responder, incoming, running).await
        }))
    }

    /// Remembers a call that is not over yet.
    fn begin(self: &Arc<Self>, head: Head, content: Content) -> (Running, Incoming) {
        let first = match &content {
            Content::One(message) => Some(message.clone()),
            Content::Many(_) => None,
        };
        let call = self.remember(Record::new(&head, first));
        let requests = Inbound::new(self, call, content);
        (Running::new(Arc::clone(self), call), Incoming { call, head, requests })
    }

    async fn go_on(
        self: &Arc<Self>,
        responder: Result<Responder, Status>,
        incoming: Incoming,
        mut running: Running,
    ) -> Result<Response<Content>, Status> {
        let method = incoming.head.method;
        let answered = match responder {
            Ok(responder) => self.answer(responder, incoming).await,
            Err(refusal) => Err(refusal),
        };
        match answered {
            Ok(response) => running.respond(method, response).await,
            Err(status) => {
                running.finish(Outcome::Failed(status.clone()));
                Err(status)
            }
        }
    }

    async fn answer(
        self: &Arc<Self>,
        responder: Responder,
        incoming: Incoming,
    ) -> Result<Response<Content>, Status> {
        match responder {
            Responder::Plan(matched) => self.answer_as_planned(matched, incoming).await,
            Responder::Spy(SpyTarget { server, methods }) => {
                let method = incoming.head.method;
                let mut request = incoming.into_request()?;
                let descriptor = &self.service.methods[method];
                let metadata = request.metadata_mut();
                let call = Direct::without_interceptors(&*server, descriptor, metadata)?;
                let mut response = pin!(call.erased(&methods[method], request));
                poll_fn(|cx| self.noting(|| response.as_mut().poll(cx))).await
            }
        }
    }

    /// Does what the real service of a spy does: if it panics, the verdict says so.
    fn noting<R>(&self, work: impl FnOnce() -> R) -> R {
        let (result, panic) = panics::note(work);
        if let Some(panic) = panic {
            self.problem(format!("the real service of the spy panicked: {panic}"));
        }
        result
    }

    async fn answer_as_planned(
        self: &Arc<Self>,
        matched: MatchedPlan,
        mut incoming: Incoming,
    ) -> Result<Response<Content>, Status> {
        if !matched.delay().is_zero() {
            let delay = timer::sleep("`after`", matched.delay());
            delay.map_err(|problem| self.fail(format!("{}: {problem}", matched.place)))?.await;
        }
        if let Some(response) = matched.ready() {
            if response.is_ok() {
                let drained = incoming.requests.drain().await;
                drained.unwrap_or_else(|TooLong| {
                    Err(self.fail_unended(incoming.head.method, &matched))
                })?;
            }
            return response?.content();
        }
        match &matched.behaviour {
            Some(Behaviour::Handles(handler)) => {
                let request = incoming.into_request()?;
                let handle = || handler(request);
                let handling = catch_panic(handle);
                Caught { core: self, place: &matched.place, handling }.await
            }
            Some(Behaviour::Offers(offers)) => {
                interactive_response::offer(self, offers, &matched.place, incoming).await
            }
            Some(Behaviour::Streams(messages)) => {
                let messages = Arc::clone(messages);
                let listed = Listed { messages, next: 0, requests: incoming.requests };
                Ok(Response::new(Content::Many(Streaming::from_source(listed))))
            }
            Some(Behaviour::Plays(script)) => script_player::play(self, script, incoming),
            Some(Behaviour::Hangs) => self.hang(incoming.head.method, &matched.place).await,
            _ => Err(self.fail(format!(
                "{}: a call came for which no answer was set up: say what it `.returns(…)`, \
                 `.fails(…)`, `.streams(…)`, `.answers(…)` or plays as a `.script(…)`",
                matched.place
            ))),
        }
    }
}

impl Core {
    /// Hangs, as the test said at `place`, and says so where that holds up the test.
    async fn hang<T>(&self, method: usize, place: &Place) -> T {
        if self.holds_up_test() {
            let waited = timer::patience().await;
            self.hint(explain::hangs(&self.service.methods[method], place, waited));
        }
        pending().await
    }
}

impl MatchedPlan {
    /// The answer, where it is one that does not have to be waited for.
    fn ready(&self) -> Option<Result<Arc<CannedResponse>, Status>> {
        let failures = self.flaky.map_or(0, |(failures, _)| failures);
        if let Some((_, code)) = self.flaky.filter(|_| self.before < failures) {
            let number = self.before + 1;
            return Some(Err(Status::new(code, format!("flaky: failure {number} of {failures}"))));
        }
        match self.behaviour.as_ref()? {
            Behaviour::Returns(response) => Some(Ok(Arc::clone(response))),
            Behaviour::ReturnsEach(responses) => {
                let response = responses.get(self.before - failures).or(responses.last());
                response.cloned().map(Ok)
            }
            Behaviour::Fails(status) => Some(Err(status.clone())),
            Behaviour::DropsConnection => Some(Err(broken_connection())),
            _ => None,
        }
    }
}

impl PlannedResponse {
    pub(crate) fn response<Out: Carried>(self) -> Result<Response<Out>, Status> {
        match self {
            Self::Shared(response) => response.response(Out::copy),
            Self::Made(response) => {
                let (metadata, content, extensions) = response.into_parts();
                Ok(Response::from_parts(metadata, Out::restore(content)?, extensions))
            }
        }
    }
}

impl CannedResponse {
    pub(crate) fn content(&self) -> Result<Response<Content>, Status> {
        self.response(|message| Ok(Content::One(message.clone())))
    }

    fn response<Out>(
        &self,
        copy: fn(&AnyMessage) -> Result<Out, Status>,
    ) -> Result<Response<Out>, Status> {
        // An empty map is cheaper to make than to copy.
        let metadata = match self.metadata.is_empty() {
            true => MetadataMap::new(),
            false => self.metadata.clone(),
        };
        Ok(Response::from_parts(metadata, copy(&self.message)?, self.extensions.clone()))
    }
}

/// An answer that is the user's code: if it panics, the verdict says so.
struct Caught<'a> {
    core: &'a Arc<Core>,
    place: &'a Place,
    handling: std::thread::Result<ErasedFuture>,
}

impl Future for Caught<'_> {
    type Output = Result<Response<Content>, Status>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let panic = match &mut this.handling {
            Ok(handling) => match catch_panic(|| handling.as_mut().poll(cx)) {
                Ok(polled) => return polled,
                Err(panic) => panics::text(&*panic),
            },
            Err(panic) => panics::text(&**panic),
        };
        this.core.problem(format!("{}: the answer panicked: {panic}", this.place));
        Poll::Ready(Err(status::panicked()))
    }
}

/// Requests that are read for each response.
const READ_AHEAD: usize = 1024;

/// Messages that were at hand. Requests are read, so that they are remembered, but not waited for.
struct Listed {
    messages: Arc<[AnyMessage]>,
    next: usize,
    requests: Inbound,
}

impl Source<AnyMessage> for Listed {
    fn poll_message(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<AnyMessage, Status>>> {
        for _ in 0..READ_AHEAD {
            let Poll::Ready(Some(Ok(_))) = self.requests.poll_next(cx) else { break };
        }
        let message = self.messages.get(self.next).cloned();
        self.next += 1;
        Poll::Ready(message.map(Ok))
    }
}

/// The status of a call whose connection the server is to close abruptly.
fn broken_connection() -> Status {
    let mut status = Status::unavailable(AbortRequested.to_string());
    status.set_source(Arc::new(AbortRequested));
    status
}
