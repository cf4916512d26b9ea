//! The way between a method's messages and none, for the doors of a mock that are not typed: its
//! server, spies and tapes.

use std::any::Any;

use bytes::Bytes;
use tonic::{Request, Response, Status};

use super::{
    Carried, Kind, Message,
    message::{AnyMessage, Content},
    pattern::{Report, check_equal},
};
use crate::{
    Redact,
    server::{Exchange, mismatch},
    wire::frame,
};

/// What those doors need of a method.
#[derive(Clone, Copy, Debug)]
pub struct Method {
    pub(crate) decode_request: Decode,
    pub(crate) decode_response: Decode,
    pub(crate) compare_request: Compare,
    pub(crate) compare_response: Compare,
    /// Takes the secrets out of a request.
    pub(crate) redact_request: Redaction,
    /// Takes the secrets out of a response.
    pub(crate) redact_response: Redaction,
    /// Puts a request into a new exchange.
    pub(crate) exchange: fn(Request<Content>) -> Result<AnyExchange, Status>,
    /// Takes the request out of an exchange.
    pub(crate) request: fn(&mut (dyn Any + Send)) -> Result<Request<Content>, Status>,
    /// Puts the response into an exchange.
    pub(crate) answer: fn(&mut (dyn Any + Send), Response<Content>) -> Result<(), Status>,
    /// Takes the response out of an exchange.
    pub(crate) response: fn(AnyExchange) -> Result<Response<Content>, Status>,
}

type AnyExchange = Box<dyn Any + Send>;
type Decode = fn(Bytes) -> Result<AnyMessage, Status>;
/// Tells the report how the second message differs from the first.
pub(super) type Compare = fn(&AnyMessage, Option<&AnyMessage>, &mut Report);
pub(crate) type Redaction = fn(&AnyMessage) -> AnyMessage;

impl Method {
    /// The method of this kind.
    pub const fn of<K: Kind>() -> Self {
        Self {
            decode_request: decode::<K::Request>,
            decode_response: decode::<K::Response>,
            compare_request: compare::<K::Request>,
            compare_response: compare::<K::Response>,
            redact_request: unchanged,
            redact_response: unchanged,
            exchange: exchange::<K>,
            request: request::<K>,
            answer: answer::<K>,
            response: response::<K>,
        }
    }

    /// The method, whose requests have secrets: tapes are without them, and not compared by them.
    #[must_use]
    pub const fn redact_requests<M: Message + Redact>(mut self) -> Self {
        self.compare_request = compare_redacted::<M>;
        self.redact_request = redact::<M>;
        self
    }

    /// The same for its responses.
    #[must_use]
    pub const fn redact_responses<M: Message + Redact>(mut self) -> Self {
        self.compare_response = compare_redacted::<M>;
        self.redact_response = redact::<M>;
        self
    }
}

fn decode<M: Message>(bytes: Bytes) -> Result<AnyMessage, Status> {
    frame::decode::<M>(bytes).map(AnyMessage::new)
}

fn compare<M: Message>(expected: &AnyMessage, got: Option<&AnyMessage>, report: &mut Report) {
    if let Some(expected) = expected.view::<M>() {
        check_equal(expected, got.and_then(AnyMessage::view), report);
    }
}

fn compare_redacted<M: Message + Redact>(
    expected: &AnyMessage,
    got: Option<&AnyMessage>,
    report: &mut Report,
) {
    compare::<M>(&redact::<M>(expected), got.map(redact::<M>).as_ref(), report);
}

fn unchanged(message: &AnyMessage) -> AnyMessage {
    message.clone()
}

fn redact<M: Message + Redact>(message: &AnyMessage) -> AnyMessage {
    let Some(mut message) = message.view::<M>().cloned() else { return message.clone() };
    message.redact();
    AnyMessage::new(message)
}

type ExchangeOf<K> = Exchange<<K as Kind>::Requests, <K as Kind>::Responses>;

fn exchange<K: Kind>(request: Request<Content>) -> Result<AnyExchange, Status> {
    let (metadata, extensions, content) = request.into_parts();
    let requests = K::Requests::restore(content)?;
    let request = Request::from_parts(metadata, extensions, requests);
    Ok(Box::new(ExchangeOf::<K>::Request(request)))
}

fn request<K: Kind>(exchange: &mut (dyn Any + Send)) -> Result<Request<Content>, Status> {
    let (_, request) = ExchangeOf::<K>::open(exchange)?;
    Ok(request.map(K::Requests::erase))
}

fn answer<K: Kind>(
    exchange: &mut (dyn Any + Send),
    response: Response<Content>,
) -> Result<(), Status> {
    let exchange = exchange.downcast_mut::<ExchangeOf<K>>().ok_or_else(mismatch)?;
    let (metadata, content, extensions) = response.into_parts();
    let responses = K::Responses::restore(content)?;
    *exchange = Exchange::Response(Response::from_parts(metadata, responses, extensions));
    Ok(())
}

fn response<K: Kind>(exchange: AnyExchange) -> Result<Response<Content>, Status> {
    let mut exchange = exchange.downcast::<ExchangeOf<K>>().map_err(|_| mismatch())?;
    Ok(exchange.take_response()?.map(K::Responses::erase))
}
