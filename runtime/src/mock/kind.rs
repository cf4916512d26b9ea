//! The four kinds of call, as types: they decide what an expectation can say.

use std::{fmt::Debug, marker::PhantomData};

use tokio::time::Instant;
use tonic::Status;

use super::message::{AnyMessage, Content, Message, mixed_up};
use crate::call::{direct_slot::instrument_one, observer::BoxObserver, streaming::Streaming};

/// A kind of call with its messages: [`Unary`], [`ClientStreaming`], [`ServerStreaming`] or
/// [`BidiStreaming`]. There are no others: the trait is sealed.
///
/// ```
/// # mod calculator {
/// #     include!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/unary/expected/calculator.rs"));
/// # }
/// # use calculator::*;
/// # use rust_scaffold::mock::{Expectation, Kind};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// /// What many of a test's expectations have in common.
/// fn of_tenant<K: Kind>(expectation: Expectation<K>) -> Expectation<K> {
///     expectation.metadata("x-tenant", "one").once()
/// }
///
/// let mock = MockCalculator::new();
/// of_tenant(mock.expect_add()).returns(AddResponse { result: 8 });
/// # let mut request = rust_scaffold::Request::new(AddRequest { a: 5, b: 3 });
/// # request.metadata_mut().insert("x-tenant", "one".parse()?);
/// # mock.client().add(request).await?;
/// # Ok(())
/// # }
/// ```
pub trait Kind: sealed::SealedKind + 'static {
    /// The type of a request message.
    type Request: Message;
    /// The type of a response message.
    type Response: Message;
    /// What the requests of the method carry: a message, or a [`Streaming`].
    type Requests: Carried;
    /// What the responses of the method carry: a message, or a [`Streaming`].
    type Responses: Carried;
    /// What `with` and `matching` look at: the request; of a stream of requests all of them, or
    /// the first one when the responses are a stream, too.
    type Matched: ?Sized + Debug + 'static;

    #[doc(hidden)]
    const PEEK: Peek;

    /// Looks at what has been peeked of the requests.
    #[doc(hidden)]
    fn look(requests: &[AnyMessage], look: &mut dyn FnMut(Option<&Self::Matched>));
}

/// A [`Kind`] whose calls have one response. The trait is sealed.
#[diagnostic::on_unimplemented(
    message = "this method has a stream of responses, not one",
    label = "for methods with one response",
    note = "say `.streams([…])` with all of its messages, or `.script(script().send(…))`"
)]
pub trait SingleResponse: Kind {}

/// A [`Kind`] whose calls have a stream of responses. The trait is sealed.
#[diagnostic::on_unimplemented(
    message = "this method has one response, not a stream",
    label = "for methods with a stream of responses",
    note = "say `.returns(message)`, or `.returns_each([…])` with one for each call"
)]
pub trait ResponseStream: Kind {}

/// One request, one response.
///
/// ```
/// # mod calculator {
/// #     include!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/unary/expected/calculator.rs"));
/// # }
/// # use calculator::*;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mock = MockCalculator::new();
/// // `expect_add` gives an `Expectation<Unary<AddRequest, AddResponse>>`.
/// mock.expect_add().with(AddRequest { a: 5, b: 3 }).returns(AddResponse { result: 8 });
///
/// let sum = mock.client().add(AddRequest { a: 5, b: 3 }).await?;
/// assert_eq!(sum.into_inner().result, 8);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Unary<Req, Res>(PhantomData<fn(Req) -> Res>);

impl<Req: Message, Res: Message> Kind for Unary<Req, Res> {
    type Request = Req;
    type Response = Res;
    type Requests = Req;
    type Responses = Res;
    type Matched = Req;

    const PEEK: Peek = Peek::First;

    fn look(requests: &[AnyMessage], look: &mut dyn FnMut(Option<&Req>)) {
        look(requests.first().and_then(AnyMessage::view));
    }
}

impl<Req: Message, Res: Message> SingleResponse for Unary<Req, Res> {}

/// A stream of requests, one response.
///
/// ```
/// # mod telemetry {
/// #     include!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/streaming/expected/telemetry.rs"));
/// # }
/// # use telemetry::*;
/// # use rust_scaffold::{Streaming, mock::len};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mock = MockTelemetry::new();
/// // All of the requests are looked at.
/// mock.expect_upload().with(len(2)).returns(Summary { accepted: 2, ..Summary::default() });
///
/// let points = Streaming::from_iter([Point::default(), Point::default()]);
/// let summary = mock.client().upload(points).await?;
/// assert_eq!(summary.into_inner().accepted, 2);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct ClientStreaming<Req, Res>(PhantomData<fn(Req) -> Res>);

impl<Req: Message, Res: Message> Kind for ClientStreaming<Req, Res> {
    type Request = Req;
    type Response = Res;
    type Requests = Streaming<Req>;
    type Responses = Res;
    type Matched = [Req];

    const PEEK: Peek = Peek::All;

    fn look(requests: &[AnyMessage], look: &mut dyn FnMut(Option<&[Req]>)) {
        let requests =
            requests.iter().filter_map(AnyMessage::view::<Req>).cloned().collect::<Vec<_>>();
        look(Some(&requests));
    }
}

impl<Req: Message, Res: Message> SingleResponse for ClientStreaming<Req, Res> {}

/// One request, a stream of responses.
///
/// ```
/// # mod telemetry {
/// #     include!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/streaming/expected/telemetry.rs"));
/// # }
/// # use telemetry::*;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mock = MockTelemetry::new();
/// mock.expect_watch().streams([Point { series: "room".into(), ..Point::default() }]);
///
/// let mut points = mock.client().watch(Query::default()).await?.into_inner();
/// assert_eq!(points.message().await?.unwrap().series, "room");
/// assert_eq!(points.message().await?, None);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct ServerStreaming<Req, Res>(PhantomData<fn(Req) -> Res>);

impl<Req: Message, Res: Message> Kind for ServerStreaming<Req, Res> {
    type Request = Req;
    type Response = Res;
    type Requests = Req;
    type Responses = Streaming<Res>;
    type Matched = Req;

    const PEEK: Peek = Peek::First;

    fn look(requests: &[AnyMessage], look: &mut dyn FnMut(Option<&Req>)) {
        look(requests.first().and_then(AnyMessage::view));
    }
}

impl<Req: Message, Res: Message> ResponseStream for ServerStreaming<Req, Res> {}

/// A stream each way.
///
/// ```
/// # mod telemetry {
/// #     include!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/streaming/expected/telemetry.rs"));
/// # }
/// # use telemetry::*;
/// # use rust_scaffold::{Streaming, mock::script};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mock = MockTelemetry::new();
/// let room = || Query { series: "room".into(), ..Query::default() };
/// mock.expect_tail().script(script().expect(room()).send(Point::default()).expect_end());
///
/// let mut points = mock.client().tail(Streaming::from_iter([room()])).await?.into_inner();
/// assert_eq!(points.message().await?, Some(Point::default()));
/// assert_eq!(points.message().await?, None);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct BidiStreaming<Req, Res>(PhantomData<fn(Req) -> Res>);

impl<Req: Message, Res: Message> Kind for BidiStreaming<Req, Res> {
    type Request = Req;
    type Response = Res;
    type Requests = Streaming<Req>;
    type Responses = Streaming<Res>;
    type Matched = Req;

    const PEEK: Peek = Peek::First;

    fn look(requests: &[AnyMessage], look: &mut dyn FnMut(Option<&Req>)) {
        look(requests.first().and_then(AnyMessage::view));
    }
}

impl<Req: Message, Res: Message> ResponseStream for BidiStreaming<Req, Res> {}

/// How many of its requests a call has to show before an expectation can be chosen for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Peek {
    Nothing,
    First,
    All,
}

/// What a request or response carries: a message, or a [`Streaming`] of messages. The trait is sealed.
pub trait Carried: sealed::SealedCarried + Sized + Send + 'static {
    #[doc(hidden)]
    const IS_STREAM: bool;

    #[doc(hidden)]
    fn erase(self) -> Content;

    #[doc(hidden)]
    fn restore(content: Content) -> Result<Self, Status>;

    #[doc(hidden)]
    fn copy(message: &AnyMessage) -> Result<Self, Status>;

    #[doc(hidden)]
    #[allow(private_interfaces, reason = "nobody else implements or calls it")]
    fn instrument(&mut self, deadline: Option<Instant>, observer: Option<BoxObserver>);
}

impl<M: Message> Carried for M {
    const IS_STREAM: bool = false;

    fn erase(self) -> Content {
        Content::One(AnyMessage::new(self))
    }

    fn restore(content: Content) -> Result<Self, Status> {
        match content {
            Content::One(message) => message.restore(),
            Content::Many(_) => Err(mixed_up()),
        }
    }

    fn copy(message: &AnyMessage) -> Result<Self, Status> {
        message.view().cloned().ok_or_else(mixed_up)
    }

    #[allow(private_interfaces, reason = "nobody else implements or calls it")]
    fn instrument(&mut self, deadline: Option<Instant>, observer: Option<BoxObserver>) {
        instrument_one(self, deadline, observer);
    }
}

impl<M: Message> Carried for Streaming<M> {
    const IS_STREAM: bool = true;

    fn erase(self) -> Content {
        Content::Many(self.convert(|message| Ok(AnyMessage::new(message))))
    }

    fn restore(content: Content) -> Result<Self, Status> {
        match content {
            Content::One(_) => Err(mixed_up()),
            Content::Many(messages) => Ok(messages.convert(AnyMessage::restore)),
        }
    }

    fn copy(_: &AnyMessage) -> Result<Self, Status> {
        Err(mixed_up())
    }

    #[allow(private_interfaces, reason = "nobody else implements or calls it")]
    fn instrument(&mut self, deadline: Option<Instant>, observer: Option<BoxObserver>) {
        Streaming::instrument(self, deadline, observer);
    }
}

/// Keeps the traits from being implemented elsewhere, so that they can grow.
mod sealed {
    use super::{BidiStreaming, ClientStreaming, Message, ServerStreaming, Streaming, Unary};

    pub trait SealedKind {}

    impl<Req, Res> SealedKind for Unary<Req, Res> {}

    impl<Req, Res> SealedKind for ClientStreaming<Req, Res> {}

    impl<Req, Res> SealedKind for ServerStreaming<Req, Res> {}

    impl<Req, Res> SealedKind for BidiStreaming<Req, Res> {}

    pub trait SealedCarried {}

    impl<M: Message> SealedCarried for M {}

    impl<M: Message> SealedCarried for Streaming<M> {}
}
