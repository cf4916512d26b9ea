//! Calls that the test answers itself, as if it were the server.

use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    panic::Location,
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::sync::{mpsc, oneshot};
use tonic::{Extensions, Request, Response, Status, metadata::MetadataMap};

use super::{
    Carried, Kind,
    core::Core,
    entry::insert,
    message::{AnyMessage, Content},
    pattern::shown,
    plan::{Handler, Place},
};
use crate::{
    Streaming,
    streaming::{Closed, Source},
    wire::deadline,
};

/// Where the test accepts calls, in the order in which they come. Made by
/// [`Expectation::interactive`](super::Expectation::interactive).
pub struct Interactive<K> {
    offers: mpsc::UnboundedReceiver<Offer>,
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind> Interactive<K> {
    /// What hands calls to the test, and where the test accepts them.
    pub(crate) fn new(core: &Arc<Core>, place: Place) -> (Handler, Self) {
        let (calls, offers) = mpsc::unbounded_channel();
        let core = Arc::downgrade(core);
        let handler = move |request| {
            let (offer, live) = Offer::new(request);
            let accepted = calls.send(offer).map_err(|_| nobody_accepts(&core, &place));
            Box::pin(async move {
                accepted?;
                live.response().await
            }) as _
        };
        (Arc::new(handler), Self { offers, kind: PhantomData })
    }

    /// Waits for the next call.
    ///
    /// # Panics
    /// When the mock is gone, so that none can come.
    pub async fn accept(&mut self) -> LiveCall<K> {
        match self.offers.recv().await {
            Some(offer) => LiveCall { offer, kind: PhantomData },
            None => panic!("no call can come any more: the mock is gone"),
        }
    }
}

fn nobody_accepts(core: &Weak<Core>, place: &Place) -> Status {
    let problem = format!("{place}: a call came, but the test has dropped what accepts it");
    match core.upgrade() {
        Some(core) => core.fail(problem),
        None => Status::unimplemented(problem),
    }
}

impl<K> fmt::Debug for Interactive<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interactive").field("waiting", &self.offers.len()).finish_non_exhaustive()
    }
}

/// A call that the test answers.
///
/// The response begins when the test first receives or sends: set the [`header`](Self::header)
/// before. Dropping the call unfinished fails it with `Internal`.
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
        let Offer { requests, has_ended, .. } = &mut self.offer;
        async move {
            if let Err(problem) = deadline::clock("`expect_quiet`") {
                panic!("{place}: {problem}");
            }
            tokio::select! {
                biased;
                request = requests.message(), if !*has_ended => match request {
                    Ok(Some(request)) => {
                        panic!("{place}: expected no request for {time:?}, got {}", shown(&request))
                    }
                    Ok(None) => panic!("{place}: expected no end of the requests for {time:?}"),
                    Err(status) => panic!("{place}: the requests failed: {}", status.message()),
                },
                () = tokio::time::sleep(time) => {}
            }
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

/// A call on its way to the test, and the test's hold on it.
struct Offer {
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
    fn new(request: Request<Content>) -> (Self, Live) {
        let (metadata, _, content) = request.into_parts();
        let (begin, begun) = oneshot::channel();
        let (responses, items) = mpsc::unbounded_channel();
        let offer = Self {
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

    fn begin(&mut self) {
        if let Some(begin) = self.begin.take() {
            // The caller may have gone away.
            let _ = begin.send(Ok(std::mem::take(&mut self.header)));
        }
    }

    fn finish(&mut self) -> Result<(), Closed> {
        let trailers = std::mem::take(&mut self.trailers);
        self.put(Item::Finished(trailers))
    }

    fn fail(&mut self, status: Status) {
        // Whether the caller still wants to know makes no difference.
        let _ = match self.begin.take() {
            Some(begin) => begin.send(Err(status)).map_err(|_| Closed),
            None => self.put(Item::Failed(status)),
        };
    }

    fn put(&mut self, item: Item) -> Result<(), Closed> {
        self.responses.send(item).map_err(|_| Closed)
    }
}

impl Drop for Offer {
    fn drop(&mut self) {
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
