//! Calls that the test answers itself, as if it were the server.

use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    panic::Location,
    pin::Pin,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker, ready},
    thread,
    time::Duration,
};

use tokio::sync::{mpsc, oneshot};
use tonic::{Extensions, Request, Response, Status, metadata::MetadataMap};

use super::{
    Carried, Kind,
    answer::Incoming,
    core::Core,
    entry::insert,
    explain,
    message::{AnyMessage, Content},
    pattern::shown,
    plan::Place,
};
use crate::{
    MethodDescriptor, Streaming,
    streaming::{Closed, Source},
    wire::{deadline, panics::contain},
};

/// Where the test accepts calls, in the order in which they come. Made by
/// [`Expectation::interactive`](super::Expectation::interactive).
pub struct Interactive<K> {
    offers: mpsc::UnboundedReceiver<Offer>,
    role: Role,
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind> Interactive<K> {
    /// What hands calls to the test, and where the test accepts them.
    pub(crate) fn new(core: &Arc<Core>, place: Place) -> (Offers, Self) {
        let (calls, offers) = mpsc::unbounded_channel();
        let role = Role { core: Arc::downgrade(core), place, has_panicked: Arc::default() };
        (Offers { calls, role: role.clone() }, Self { offers, role, kind: PhantomData })
    }

    /// Waits for the next call.
    ///
    /// # Panics
    /// When the mock is gone, so that none can come.
    pub async fn accept(&mut self) -> LiveCall<K> {
        match self.offers.recv().await {
            Some(mut offer) => {
                offer.accept();
                LiveCall { offer, kind: PhantomData }
            }
            None => panic!("no call can come any more: the mock is gone"),
        }
    }
}

impl<K> Drop for Interactive<K> {
    fn drop(&mut self) {
        self.role.note_panic("a panic has dropped what accepts its calls");
    }
}

/// What the test plays of a server: the calls of an expectation.
#[derive(Clone)]
struct Role {
    core: Weak<Core>,
    place: Place,
    /// Whether it is known that the test has panicked in it.
    has_panicked: Arc<AtomicBool>,
}

impl Role {
    /// Remembers for the verdict that a panic ends the role, if one does.
    fn note_panic(&self, problem: &str) {
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
    calls: mpsc::UnboundedSender<Offer>,
    role: Role,
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
    let (offer, live) = Offer::new(hold, incoming.into_request()?);
    core.note(call, |record| record.offered = Some(place.clone()));
    if offers.calls.send(offer).is_err() {
        core.note(call, |record| record.offered = None);
        let problem = format!("{place}: a call came, but the test has dropped what accepts it");
        return Err(core.fail(problem));
    }
    live.response().await
}

impl<K> fmt::Debug for Interactive<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interactive").field("waiting", &self.offers.len()).finish_non_exhaustive()
    }
}

/// A call that the test answers.
///
/// ```
/// # use rust_scaffold::{Status, mock::{BidiStreaming, Interactive}};
/// # async fn play(mut calls: Interactive<BidiStreaming<i32, i32>>) {
/// let mut call = calls.accept().await;
/// assert_eq!(call.recv().await, Some(5));
/// call.send(8).await.unwrap();
/// call.finish();
/// # }
/// ```
///
/// The response begins when the test first receives or sends: set the [`header`](Self::header)
/// before. Dropping the call unfinished fails it with `Internal`, and the verification, unless its
/// caller has gone away; so does one that is never accepted, and one that is finished with requests
/// in its stream that were not received.
pub struct LiveCall<K> {
    offer: Offer,
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind> LiveCall<K> {
    /// The metadata of the request.
    pub fn metadata(&self) -> &MetadataMap {
        &self.offer.metadata
    }

    /// The time that the caller has given the call.
    pub fn deadline(&self) -> Option<Duration> {
        deadline::timeout(self.offer.metadata.as_ref()).ok().flatten()
    }

    /// Adds to the metadata that the response begins with.
    ///
    /// # Panics
    /// When the response has begun; or for what is no metadata.
    #[track_caller]
    pub fn header(&mut self, key: &'static str, value: &str) {
        assert!(self.offer.begin.is_some(), "the response has begun already");
        insert(&mut self.offer.header, key, value);
    }

    /// Adds to the trailers that the call ends with, when it ends well.
    ///
    /// # Panics
    /// For what is no metadata.
    #[track_caller]
    pub fn trailer(&mut self, key: &'static str, value: &str) {
        insert(&mut self.offer.trailers, key, value);
    }

    /// Waits for the next request. There is none when the requests have ended or failed, or when
    /// the caller has gone away.
    pub async fn recv(&mut self) -> Option<K::Request> {
        self.offer.begin();
        let Offer { requests, responses, has_ended, .. } = &mut self.offer;
        let request = tokio::select! {
            biased;
            request = requests.message() => request.ok()?,
            () = responses.closed() => None,
        };
        *has_ended |= request.is_none() || !K::Requests::IS_STREAM;
        request?.restore().ok()
    }

    /// Sends a response; in a method with one response that finishes the call.
    ///
    /// # Errors
    /// [`Closed`] when the caller has gone away.
    pub async fn send(&mut self, response: K::Response) -> Result<(), Closed> {
        self.offer.begin();
        self.offer.put(Item::Message(AnyMessage::new(response)))?;
        match K::Responses::IS_STREAM {
            true => Ok(()),
            false => self.offer.finish(),
        }
    }

    /// Ends the call with `status`.
    pub fn fail(mut self, status: Status) {
        self.offer.fail(status);
    }

    /// Ends the call well.
    pub fn finish(mut self) {
        self.offer.begin();
        // Whether the caller still wants to know makes no difference.
        let _ = self.offer.finish();
    }

    /// Waits until the caller has gone away.
    pub async fn cancelled(&mut self) {
        self.offer.begin();
        self.offer.responses.closed().await;
    }

    /// Checks that for `time` no request comes, and that a stream of requests does not end.
    ///
    /// # Panics
    /// When one comes.
    #[track_caller]
    pub fn expect_quiet(&mut self, time: Duration) -> impl Future<Output = ()> + Send + '_ {
        let place = Location::caller();
        self.offer.begin();
        let offer = &mut self.offer;
        async move {
            if let Err(problem) = deadline::clock("`expect_quiet`") {
                offer.panic(&format!("{place}: {problem}"));
            }
            let problem = tokio::select! {
                biased;
                request = offer.requests.message(), if !offer.has_ended => match request {
                    Ok(Some(request)) => {
                        format!("expected no request for {time:?}, got {}", shown(&request))
                    }
                    Ok(None) => format!("expected no end of the requests for {time:?}"),
                    Err(status) => format!("the requests failed: {}", status.message()),
                },
                () = tokio::time::sleep(time) => return,
            };
            offer.panic(&format!("{place}: {problem}"))
        }
    }
}

impl<K> fmt::Debug for LiveCall<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveCall")
            .field("metadata", &self.offer.metadata)
            .field("begun", &self.offer.begin.is_none())
            .finish_non_exhaustive()
    }
}

/// Which call it is that the test plays the server of.
struct Hold {
    role: Role,
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
struct Offer {
    hold: Hold,
    stage: Stage,
    metadata: MetadataMap,
    requests: Streaming<AnyMessage>,
    /// Whether the test knows that there are no further requests.
    has_ended: bool,
    header: MetadataMap,
    trailers: MetadataMap,
    /// Until the response has begun.
    begin: Option<oneshot::Sender<Result<MetadataMap, Status>>>,
    responses: mpsc::UnboundedSender<Item>,
}

enum Item {
    Message(AnyMessage),
    Failed(Status),
    Finished(MetadataMap),
}

impl Offer {
    fn new(hold: Hold, request: Request<Content>) -> (Self, Live) {
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
        (offer, Live { begun, items })
    }

    fn accept(&mut self) {
        self.stage = Stage::Accepted;
        if let Some(core) = self.hold.role.core.upgrade() {
            core.note(self.hold.call, |record| record.offered = None);
        }
    }

    fn begin(&mut self) {
        if let Some(begin) = self.begin.take() {
            // The caller may have gone away.
            let _ = begin.send(Ok(std::mem::take(&mut self.header)));
        }
    }

    fn finish(&mut self) -> Result<(), Closed> {
        self.stage = Stage::Finished;
        let trailers = std::mem::take(&mut self.trailers);
        self.put(Item::Finished(trailers))
    }

    fn fail(&mut self, status: Status) {
        self.stage = Stage::Failed;
        // Whether the caller still wants to know makes no difference.
        let _ = match self.begin.take() {
            Some(begin) => begin.send(Err(status)).map_err(|_| Closed),
            None => self.put(Item::Failed(status)),
        };
    }

    fn put(&mut self, item: Item) -> Result<(), Closed> {
        self.responses.send(item).map_err(|_| Closed)
    }

    /// Panics with a problem, which is part of the verdict if nobody else may hear it.
    fn panic(&mut self, problem: &str) -> ! {
        let role = &self.hold.role;
        if let Some(core) = role.core.upgrade().filter(|core| !core.is_heard()) {
            role.has_panicked.store(true, Ordering::Relaxed);
            core.problem_of_test(problem.to_owned());
        }
        panic!("{problem}")
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

/// The caller's side of an [`Offer`].
struct Live {
    begun: oneshot::Receiver<Result<MetadataMap, Status>>,
    items: mpsc::UnboundedReceiver<Item>,
}

impl Live {
    async fn response(self) -> Result<Response<Content>, Status> {
        let begun = self.begun.await;
        let header = begun.unwrap_or_else(|_| Err(Status::internal("the test is gone")))?;
        let played = Played { items: self.items, trailers: MetadataMap::new() };
        let content = Content::Many(Streaming::from_source(played));
        Ok(Response::from_parts(header, content, Extensions::new()))
    }
}

struct Played {
    items: mpsc::UnboundedReceiver<Item>,
    trailers: MetadataMap,
}

impl Source<AnyMessage> for Played {
    fn poll_message(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<AnyMessage, Status>>> {
        Poll::Ready(match ready!(self.items.poll_recv(cx)) {
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
