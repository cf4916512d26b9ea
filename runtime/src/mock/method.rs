//! The way between a method's messages and none, for the doors of a mock that are not typed: its
//! server, spies and tapes.

use std::any::Any;

use bytes::Bytes;
use tonic::Status;

use super::{
    Carried, Kind, Message,
    message::{AnyMessage, Content},
    pattern::{Report, check_equal},
};
use crate::{server::Exchange, wire::frame};

/// What those doors need of a method.
#[derive(Clone, Copy, Debug)]
pub struct Method {
    pub(crate) decode_request: Decode,
    pub(crate) decode_response: Decode,
    pub(crate) compare_request: Compare,
    pub(crate) compare_response: Compare,
    /// Puts a request into a new exchange.
    pub(crate) exchange: fn(Content) -> Result<AnyExchange, Status>,
    /// Takes the request out of an exchange.
    pub(crate) request: fn(&mut (dyn Any + Send)) -> Result<Content, Status>,
    /// Puts the response into an exchange.
    pub(crate) answer: fn(&mut (dyn Any + Send), Content) -> Result<(), Status>,
    /// Takes the response out of an exchange.
    pub(crate) response: fn(AnyExchange) -> Result<Content, Status>,
}

type AnyExchange = Box<dyn Any + Send>;
type Decode = fn(Bytes) -> Result<AnyMessage, Status>;
/// Tells the report how the second message differs from the first.
pub(super) type Compare = fn(&AnyMessage, Option<&AnyMessage>, &mut Report);

impl Method {
    /// The method of this kind.
    pub const fn of<K: Kind>() -> Self {
        Self {
            decode_request: decode::<K::Request>,
            decode_response: decode::<K::Response>,
            compare_request: compare::<K::Request>,
            compare_response: compare::<K::Response>,
            exchange: exchange::<K>,
            request: request::<K>,
            answer: answer::<K>,
            response: response::<K>,
        }
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

type ExchangeOf<K> = Exchange<<K as Kind>::Requests, <K as Kind>::Responses>;

fn exchange<K: Kind>(request: Content) -> Result<AnyExchange, Status> {
    let request = Some(K::Requests::restore(request)?);
    Ok(Box::new(ExchangeOf::<K> { request, response: None }))
}

fn request<K: Kind>(exchange: &mut (dyn Any + Send)) -> Result<Content, Status> {
    let exchange = exchange.downcast_mut::<ExchangeOf<K>>();
    let request = exchange.and_then(|exchange| exchange.request.take());
    request.map(K::Requests::erase).ok_or_else(Exchange::<(), ()>::mismatch)
}

fn answer<K: Kind>(exchange: &mut (dyn Any + Send), response: Content) -> Result<(), Status> {
    let exchange = exchange.downcast_mut::<ExchangeOf<K>>();
    let exchange = exchange.ok_or_else(Exchange::<(), ()>::mismatch)?;
    exchange.response = Some(K::Responses::restore(response)?);
    Ok(())
}

fn response<K: Kind>(exchange: AnyExchange) -> Result<Content, Status> {
    let exchange = exchange.downcast::<ExchangeOf<K>>().ok();
    let response = exchange.and_then(|exchange| exchange.response);
    response.map(K::Responses::erase).ok_or_else(Exchange::<(), ()>::mismatch)
}
