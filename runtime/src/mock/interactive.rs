//! Calls that the test answers itself, as if it were the server.

use std::{
    convert::Infallible,
    fmt,
    future::{Future, pending},
    marker::PhantomData,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use tokio::sync::mpsc;
use tonic::{Status, metadata::MetadataMap};

use super::{
    core::Core,
    entry::{check_failure, insert},
    explain,
    kind::{Carried, Kind},
    message::AnyMessage,
    offer::{Item, Offer, Offers},
    pattern::shown,
    place::Place,
    timer,
    verdict::Asked,
};
use crate::call::{deadline, streaming::Closed};

/// Where the test accepts calls, in the order in which they come. Made by
/// [`Expectation::interactive`](super::Expectation::interactive).
///
/// ```
/// # mod calculator {
/// #     include!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/unary/expected/calculator.rs"));
/// # }
/// # use calculator::*;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mock = MockCalculator::new();
/// let mut adds = mock.expect_add().interactive();
///
/// let calculator = mock.client();
/// let (sum, ()) = tokio::join!(calculator.add(AddRequest { a: 5, b: 3 }), async {
///     let mut call = adds.accept().await;
///     let AddRequest { a, b } = call.recv().await.unwrap();
///     call.send(AddResponse { result: a + b }).await.unwrap();
/// });
/// assert_eq!(sum?.into_inner().result, 8);
/// # Ok(())
/// # }
/// ```
pub struct Interactive<K> {
    offers: mpsc::UnboundedReceiver<Offer>,
    role: InteractiveRole,
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind> Interactive<K> {
    /// What hands calls to the test, and where the test accepts them.
    pub(crate) fn new(core: &Arc<Core>, place: Place) -> (Offers, Self) {
        let (calls, offers) = mpsc::unbounded_channel();
        let role = InteractiveRole::new(core, place);
        (calls, Self { offers, role, kind: PhantomData })
    }

    /// Waits for the next call.
    ///
    /// # Panics
    /// When the mock is gone, so that none can come; and when none has come for a minute, or a week of
    /// virtual time, in which the test has done nothing else. In a task, this waits on.
    #[track_caller]
    pub fn accept(&mut self) -> impl Future<Output = LiveCall<K>> + Send {
        let asked = Asked::here("accept");
        async move {
            let offer = tokio::select! {
                biased;
                offer = self.offers.recv() => offer,
                never = self.role.in_vain(asked, "no call has come") => match never {},
            };
            let Some(offer) = offer else {
                asked.panic("no call can come any more: the mock is gone")
            };
            LiveCall { held: Held::accept(self.role.clone(), offer), kind: PhantomData }
        }
    }
}

impl<K> Drop for Interactive<K> {
    fn drop(&mut self) {
        self.role.note_panic("a panic has dropped what accepts its calls");
    }
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
    held: Held,
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind> LiveCall<K> {
    /// The metadata of the request.
    pub fn metadata(&self) -> &MetadataMap {
        &self.held.offer.metadata
    }

    /// The time that the caller has given the call.
    pub fn deadline(&self) -> Option<Duration> {
        deadline::timeout(self.held.offer.metadata.as_ref()).ok().flatten()
    }

    /// Adds to the metadata that the response begins with.
    ///
    /// # Panics
    /// When the response has begun; or for what is no metadata.
    #[track_caller]
    pub fn header(&mut self, key: &'static str, value: &str) {
        assert!(self.held.offer.begin.is_some(), "the response has begun already");
        insert(&mut self.held.offer.header, key, value);
    }

    /// Adds to the trailers that the call ends with, when it ends well.
    ///
    /// # Panics
    /// For what is no metadata.
    #[track_caller]
    pub fn trailer(&mut self, key: &'static str, value: &str) {
        insert(&mut self.held.offer.trailers, key, value);
    }

    /// Waits for the next request. There is none when the requests have ended or failed, or when
    /// the caller has gone away.
    ///
    /// # Panics
    /// When neither has happened for a minute, or a week of virtual time, in which the test has done
    /// nothing else. In a task, this waits on.
    #[track_caller]
    pub fn recv(&mut self) -> impl Future<Output = Option<K::Request>> + Send {
        let asked = Asked::here("recv");
        self.held.offer.begin();
        async move {
            let Held { role, offer: Offer { requests, responses, has_ended, .. } } = &mut self.held;
            let request = tokio::select! {
                biased;
                request = requests.message() => request.ok()?,
                () = responses.closed() => None,
                never = role.in_vain(asked, "neither a request nor the end of them has come") => {
                    match never {}
                }
            };
            *has_ended |= request.is_none() || !K::Requests::IS_STREAM;
            request?.restore().ok()
        }
    }

    /// Sends a response; in a method with one response that finishes the call.
    ///
    /// # Errors
    /// [`Closed`] when the caller has gone away.
    pub async fn send(&mut self, response: K::Response) -> Result<(), Closed> {
        self.held.offer.begin();
        self.held.offer.put(Item::Message(AnyMessage::new(response)))?;
        match K::Responses::IS_STREAM {
            true => Ok(()),
            false => self.held.offer.finish(),
        }
    }

    /// Ends the call with `status`.
    ///
    /// # Panics
    /// For one with `Ok`: that is what [`finish`](Self::finish) does.
    #[track_caller]
    pub fn fail(mut self, status: Status) {
        check_failure(status.code());
        self.held.offer.fail(status);
    }

    /// Ends the call well.
    pub fn finish(mut self) {
        self.held.offer.begin();
        // Whether the caller still wants to know makes no difference.
        let _ = self.held.offer.finish();
    }

    /// Waits until the caller has gone away.
    ///
    /// # Panics
    /// When it has not for a minute, or a week of virtual time, in which the test has done nothing
    /// else. In a task, this waits on.
    #[track_caller]
    pub fn cancelled(&mut self) -> impl Future<Output = ()> + Send {
        let asked = Asked::here("cancelled");
        self.held.offer.begin();
        async move {
            let Held { role, offer: Offer { responses, .. } } = &self.held;
            tokio::select! {
                biased;
                () = responses.closed() => {}
                never = role.in_vain(asked, "the caller has not gone away") => match never {},
            }
        }
    }

    /// Checks that for `time` no request comes, and that a stream of requests does not end.
    ///
    /// # Panics
    /// When one comes.
    #[track_caller]
    pub fn expect_quiet(&mut self, time: Duration) -> impl Future<Output = ()> + Send {
        let asked = Asked::here("expect_quiet");
        let held = &mut self.held;
        held.offer.begin();
        async move {
            let timer = match asked.sleep(time) {
                Ok(timer) => timer,
                Err(problem) => held.panic(asked, &problem),
            };
            let offer = &mut held.offer;
            let problem = tokio::select! {
                biased;
                request = offer.requests.message(), if !offer.has_ended => match request {
                    Ok(Some(request)) => {
                        format!("expected no request for {time:?}, got {}", shown(&request))
                    }
                    Ok(None) => format!("expected no end of the requests for {time:?}"),
                    Err(status) => format!("the requests failed: {}", status.message()),
                },
                () = timer => return,
            };
            held.panic(asked, &problem)
        }
    }
}

impl<K> fmt::Debug for LiveCall<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveCall")
            .field("metadata", &self.held.offer.metadata)
            .field("begun", &self.held.offer.begin.is_none())
            .finish_non_exhaustive()
    }
}

/// What the test plays of a server: the calls of an expectation.
#[derive(Clone)]
struct InteractiveRole {
    core: Weak<Core>,
    place: Place,
    /// Whether it is known that the test has panicked in it.
    has_panicked: Arc<AtomicBool>,
}

impl InteractiveRole {
    fn new(core: &Arc<Core>, place: Place) -> Self {
        Self { core: Arc::downgrade(core), place, has_panicked: Arc::default() }
    }

    /// Panics when what the test waits for will not come any more; where only a task waits for it, this
    /// is printed, and the task waits on.
    async fn in_vain(&self, asked: Asked, problem: &str) -> Infallible {
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

/// A call that the test has accepted.
struct Held {
    role: InteractiveRole,
    offer: Offer,
}

impl Held {
    fn accept(role: InteractiveRole, mut offer: Offer) -> Self {
        offer.accept();
        if let Some(core) = role.core.upgrade() {
            core.note(offer.call, |record| record.offered = None);
        }
        Self { role, offer }
    }

    /// Panics with a problem, which is part of the verdict if nobody else may hear it.
    fn panic(&self, asked: Asked, problem: &str) -> ! {
        let Self { role, .. } = self;
        if let Some(core) = role.core.upgrade().filter(|core| !core.is_heard()) {
            role.has_panicked.store(true, Ordering::Relaxed);
            core.problem_of_test(format!("{asked}: {problem}"));
        }
        asked.panic(problem)
    }
}

impl Drop for Held {
    // This runs before the offer is dropped, which fails the call and makes it look finished.
    fn drop(&mut self) {
        let Self { role, offer } = self;
        let method = explain::full_name(offer.method);
        if thread::panicking() {
            role.note_panic(&format!("interactive call of {method}: a panic has dropped it"));
        } else if let Some(problem) = offer.problem() {
            role.problem(&format!("interactive call of {method}: {problem}"));
        }
    }
}
