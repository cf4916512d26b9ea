//! What a test says of the calls that it expects.

use std::{fmt, future::Future, marker::PhantomData, sync::Arc, time::Duration};

use bytes::Bytes;
use tonic::{Code, Request, Response, Status};

use super::{
    condition::{
        BinaryMetadataCondition, Condition, DeadlineCondition, MetadataCondition, RequestCondition,
    },
    core::Core,
    entry::{check_failure, check_key},
    interactive::Interactive,
    kind::{Carried, Kind, ResponseStream, SingleResponse},
    message::{AnyMessage, Message},
    pattern::{IntoPattern, that},
    place::Place,
    plan::{Behaviour, CannedResponse, IntoTimes, Plan, Times},
    script::Script,
    sequence::Sequence,
    setup::Setup,
};

/// What a test says of the calls of a method: which ones it means, how many there are, and how
/// they are answered.
///
/// ```
/// # use rust_scaffold::{Status, mock::{Expectation, Unary, ge}};
/// # fn set_up(expect_half: Expectation<Unary<i32, i32>>, on_half: Expectation<Unary<i32, i32>>) {
/// expect_half.with(8).once().returns(4);
/// on_half.with(ge(100)).fails(Status::out_of_range("too much"));
/// # }
/// ```
///
/// It holds from the end of the statement that makes it, and each of these functions adds to it. A
/// call is taken by the first expectation that it fits and that has not had all its calls yet, in
/// the order in which they were made; then by the first such stub. So a second expectation for the
/// same calls takes over where the first one has had enough. While this value lives, calls on other
/// threads than its own come to it only when nothing else takes them.
///
/// What cannot hold together panics where it is said: two answers, delays or numbers of calls, an answer
/// for calls that [`never`](Self::never) come, a number that a stub needs, and an answer that no
/// call gets to, because what was set up before takes all of them.
pub struct Expectation<K> {
    setup: Setup,
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind> Expectation<K> {
    pub(crate) fn new(core: &Arc<Core>, method: usize, place: Place, is_required: bool) -> Self {
        let setup = Setup::new(core, method, Plan::new(place, is_required));
        Self { setup, kind: PhantomData }
    }

    /// Means calls whose request is like `expected`: equal to a message, or fitting a pattern.
    ///
    /// Of a stream of requests, it is an array of all of them, and the call waits for the last one.
    /// If the responses are a stream, too, it is the first request, and the call waits for that
    /// one: a caller that waits for the response to begin before it sends anything waits forever.
    /// A [`script`](Self::script) can expect the first request without holding up the response.
    pub fn with(self, expected: impl IntoPattern<K::Matched>) -> Self {
        let requests = RequestCondition::<K> { word: "with", pattern: expected.into_pattern() };
        self.condition(requests)
    }

    /// Means calls of whose request `predicate` is true; `label` says in failures what that is.
    pub fn matching(
        self,
        label: impl Into<String>,
        predicate: impl Fn(&K::Matched) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.condition(RequestCondition::<K> { word: "matching", pattern: that(label, predicate) })
    }

    /// Means calls with such an entry in their metadata; among several of that name, one has to
    /// fit.
    ///
    /// # Panics
    /// When `key` is no name of metadata in ASCII.
    #[track_caller]
    pub fn metadata(self, key: &'static str, expected: impl IntoPattern<String>) -> Self {
        check_key(key, false);
        self.condition(MetadataCondition { key, pattern: expected.into_pattern() })
    }

    /// Means calls with such a binary entry in their metadata; among several of that name, one
    /// has to fit.
    ///
    /// # Panics
    /// When `key` is no name of binary metadata: they end in `-bin`.
    #[track_caller]
    pub fn metadata_bin(self, key: &'static str, expected: impl IntoPattern<Bytes>) -> Self {
        check_key(key, true);
        self.condition(BinaryMetadataCondition { key, pattern: expected.into_pattern() })
    }

    /// Means calls with such a deadline: the time that they have when they come in.
    ///
    /// [`within`](super::within) says at most how much, [`none`](super::none) that there is none.
    pub fn deadline(self, expected: impl IntoPattern<Duration>) -> Self {
        self.condition(DeadlineCondition(expected.into_pattern()))
    }

    /// Takes so many calls: a number, or a range.
    ///
    /// Where this is not said, an expectation needs one call and takes any number, in a sequence
    /// it takes one, and with [`returns_each`](Self::returns_each) one for each response. A stub
    /// needs no calls, and takes so many at most: `.times(..=2)`.
    ///
    /// # Panics
    /// When the range is empty, or needs calls of a stub.
    #[track_caller]
    pub fn times(self, calls: impl IntoTimes) -> Self {
        self.set_times(calls.into_times())
    }

    /// Takes one call.
    #[track_caller]
    pub fn once(self) -> Self {
        self.set_times(Times::exactly(1))
    }

    /// Takes no call: one that fits fails the verification, whatever else it could be taken by.
    #[track_caller]
    pub fn never(self) -> Self {
        self.set_times(Times::exactly(0))
    }

    /// Takes calls only when it is their turn in `sequence`, which expectations join in the order
    /// in which this is said. Said of several sequences, it has to be their turn in all of them.
    #[track_caller]
    pub fn in_sequence(mut self, sequence: &Sequence) -> Self {
        self.setup.sequence(sequence);
        self
    }

    /// Answers after `delay`: virtual time, where the test's runtime has it.
    ///
    /// # Panics
    /// When it was said already.
    #[track_caller]
    pub fn after(mut self, delay: Duration) -> Self {
        self.setup.delay(delay);
        self
    }

    /// Fails the first `failures` calls with `code`, then answers as it is said otherwise.
    ///
    /// These calls come on top: `once().flaky(2, …)` needs and takes three.
    ///
    /// # Panics
    /// When it was said already, or for `Ok`.
    #[track_caller]
    pub fn flaky(mut self, failures: usize, code: Code) -> Self {
        self.setup.flaky(failures, code);
        self
    }

    /// Fails at once.
    ///
    /// # Panics
    /// For a status with `Ok`.
    #[track_caller]
    pub fn fails(self, status: Status) -> Self {
        check_failure(status.code());
        self.behaviour(Behaviour::Fails(status))
    }

    /// Fails at once, with [details](Status::details): an encoded `google.rpc.Status`, say.
    ///
    /// # Panics
    /// For `Ok`.
    #[track_caller]
    pub fn fails_with(
        self,
        code: Code,
        message: impl Into<String>,
        details: impl Into<Bytes>,
    ) -> Self {
        check_failure(code);
        self.behaviour(Behaviour::Fails(Status::with_details(code, message, details.into())))
    }

    /// Never answers: the call ends when its deadline passes or its caller goes away.
    #[track_caller]
    pub fn hangs(self) -> Self {
        self.behaviour(Behaviour::Hangs)
    }

    /// Breaks off, as when the connection is lost: in this process with `Unavailable`; served on a
    /// port, or by a [`Server`](crate::Server), by closing the connection of the call.
    #[track_caller]
    pub fn drops_connection(self) -> Self {
        self.behaviour(Behaviour::DropsConnection)
    }

    /// Answers with what `handler` makes of the request, as a method of the contract would.
    ///
    /// ```
    /// # use rust_scaffold::{Request, mock::{Expectation, Unary}};
    /// # fn set_up(double: Expectation<Unary<i32, i32>>) {
    /// double.answers(async |request: Request<i32>| Ok(2 * request.into_inner()));
    /// # }
    /// ```
    ///
    /// A closure that uses something of the test owns it. Each call gets a clone of the closure, so
    /// what calls share is in an [`Arc`].
    ///
    /// ```
    /// # use std::sync::{Arc, atomic::{AtomicI32, Ordering}};
    /// # use rust_scaffold::{Request, mock::{Expectation, Unary}};
    /// # fn set_up(add: Expectation<Unary<i32, i32>>) {
    /// let sum = Arc::new(AtomicI32::new(0));
    /// let counted = Arc::clone(&sum);
    /// add.answers(async move |request: Request<i32>| {
    ///     Ok(counted.fetch_add(request.into_inner(), Ordering::Relaxed))
    /// });
    /// # }
    /// ```
    ///
    /// A panic in it fails the verification, whoever calls.
    #[track_caller]
    pub fn answers<H>(self, handler: H) -> Self
    where
        H: AnswerFn<
                Request<K::Requests>,
                Answer: IntoResponse<K::Responses>,
                Future: Send + 'static,
            >,
        H: AsyncFn(Request<K::Requests>) -> <H::Future as Future>::Output,
        H: Clone + Send + Sync + 'static,
    {
        // The future of a borrowed async closure cannot be asked to be `Send`; that of one that is
        // called once can, so each call has a clone. `AsyncFn` refuses closures that change what
        // they hold: in a clone, that would be lost.
        let handler = Arc::new(handler);
        self.behaviour(Behaviour::Handles(Arc::new(move |request| {
            let handler = Arc::clone(&handler);
            Box::pin(async move {
                let (metadata, extensions, content) = request.into_parts();
                let requests = K::Requests::restore(content)?;
                let request = Request::from_parts(metadata, extensions, requests);
                let response = H::clone(&handler).answer(request).await?;
                Ok(response.into_response().map(K::Responses::erase))
            })
        })))
    }

    /// Plays `script`.
    #[track_caller]
    pub fn script(self, script: Script<K::Request, K::Response>) -> Self {
        self.behaviour(Behaviour::Plays(Arc::new(script.into_steps())))
    }

    /// Hands the calls to the test, which plays the server.
    #[track_caller]
    pub fn interactive(self) -> Interactive<K> {
        let place = self.setup.plan.place.clone();
        let (offers, interactive) = Interactive::new(&self.setup.core, place);
        self.behaviour(Behaviour::Offers(offers));
        interactive
    }

    fn condition(mut self, condition: impl Condition + 'static) -> Self {
        self.setup.condition(Arc::new(condition));
        self
    }

    #[track_caller]
    fn behaviour(mut self, behaviour: Behaviour) -> Self {
        self.setup.behaviour(behaviour);
        self
    }

    #[track_caller]
    fn set_times(mut self, times: Times) -> Self {
        self.setup.times(times);
        self
    }
}

// Each says what it needs of a method: the compiler tells of a bound of a function in our words.
impl<K: Kind> Expectation<K> {
    /// Answers with a message, or a [`Response`] with metadata, every time; a stream of requests
    /// is read to its end before.
    #[track_caller]
    pub fn returns(self, response: impl IntoResponse<K::Response>) -> Self
    where
        K: SingleResponse,
    {
        let response = canned(response.into_response());
        self.behaviour(Behaviour::Returns(Arc::new(response)))
    }

    /// Answers each call with the next one of `responses`.
    ///
    /// # Panics
    /// When there are none.
    #[track_caller]
    pub fn returns_each<R>(self, responses: impl IntoIterator<Item = R>) -> Self
    where
        K: SingleResponse,
        R: IntoResponse<K::Response>,
    {
        let responses = responses.into_iter().map(|it| Arc::new(canned(it.into_response())));
        let responses = responses.collect::<Arc<[_]>>();
        assert!(!responses.is_empty(), "there are no responses to return");
        self.behaviour(Behaviour::ReturnsEach(responses))
    }

    /// Answers with a stream of these messages.
    #[track_caller]
    pub fn streams(self, responses: impl IntoIterator<Item = K::Response>) -> Self
    where
        K: ResponseStream,
    {
        self.behaviour(Behaviour::Streams(responses.into_iter().map(AnyMessage::new).collect()))
    }
}

impl<K> fmt::Debug for Expectation<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.setup.plan.place, self.setup.plan.describe())
    }
}

/// What [`Expectation::answers`] takes: an async closure, or a function. The trait is sealed.
#[diagnostic::on_unimplemented(
    message = "`.answers(…)` takes an async closure that gives back `Result<_, Status>`",
    label = "this is none",
    note = "a closure is `async |request| Ok(response)`, or `async move |request| Ok(response)` if it \
            uses something of the test",
    note = "an answer that does not depend on the request is `.returns(message)`, `.fails(status)` or \
            `.streams([…])`"
)]
pub trait AnswerFn<R>: sealed::SealedAnswer<R> {
    /// What the call is answered with when it goes well.
    type Answer;
    /// Waits for the answer.
    type Future: Future<Output = Result<Self::Answer, Status>>;

    /// Answers one call.
    fn answer(self, request: R) -> Self::Future;
}

#[diagnostic::do_not_recommend]
impl<H, R, F, T> AnswerFn<R> for H
where
    H: FnOnce(R) -> F,
    F: Future<Output = Result<T, Status>>,
{
    type Answer = T;
    type Future = F;

    fn answer(self, request: R) -> F {
        self(request)
    }
}

/// What an answer can be: what the response carries, or the whole [`Response`]. The trait is sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no response of `{T}`",
    label = "neither a `{T}` nor a `Response` of it",
    note = "a failure is told with `.fails(status)`; a message goes in as it is, without `Ok`",
    note = "`.answers(async |request| …)` decides for each request, and gives back a `Result`"
)]
///
/// ```
/// # mod calculator {
/// #     include!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/unary/expected/calculator.rs"));
/// # }
/// # use calculator::*;
/// # use rust_scaffold::Response;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mock = MockCalculator::new();
/// mock.expect_add().once().returns(AddResponse { result: 8 });
/// let mut response = Response::new(AddResponse { result: 9 });
/// response.metadata_mut().insert("x-cache", "hit".parse()?);
/// mock.expect_add().once().returns(response);
///
/// let calculator = mock.client();
/// assert_eq!(calculator.add(AddRequest { a: 5, b: 3 }).await?.into_inner().result, 8);
/// let second = calculator.add(AddRequest { a: 5, b: 3 }).await?;
/// assert_eq!(second.metadata().get("x-cache").unwrap(), "hit");
/// # Ok(())
/// # }
/// ```
pub trait IntoResponse<T>: sealed::SealedResponse<T> {
    /// Makes the response.
    fn into_response(self) -> Response<T>;
}

impl<T> IntoResponse<T> for T {
    fn into_response(self) -> Response<T> {
        Response::new(self)
    }
}

impl<T> IntoResponse<T> for Response<T> {
    fn into_response(self) -> Response<T> {
        self
    }
}

fn canned<M: Message>(response: Response<M>) -> CannedResponse {
    let (metadata, message, extensions) = response.into_parts();
    CannedResponse { metadata, message: AnyMessage::new(message), extensions }
}

/// Keeps the traits from being implemented elsewhere, so that they can grow.
///
/// ```compile_fail,E0277
/// use rust_scaffold::{Response, mock::IntoResponse};
///
/// struct Mine;
///
/// impl IntoResponse<i32> for Mine {
///     fn into_response(self) -> Response<i32> {
///         Response::new(8)
///     }
/// }
/// ```
mod sealed {
    use super::Response;

    pub trait SealedAnswer<R> {}

    impl<H: FnOnce(R) -> F, R, F> SealedAnswer<R> for H {}

    pub trait SealedResponse<T> {}

    impl<T> SealedResponse<T> for T {}

    impl<T> SealedResponse<T> for Response<T> {}
}
