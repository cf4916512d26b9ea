//! Conversions between a method's messages and type-erased ones, for the entry points of a mock that are
//! not typed: its server, spies and tapes.

use bytes::{Bytes, BytesMut};
use tonic::Status;

use super::{
    kind::{Carried, Kind},
    message::{AnyMessage, Content, Message, mixed_up},
    pattern::{Report, check_equal},
};
use crate::{
    call::direct_slot::{DirectSlot, ErasedSlot},
    codec::{Codec, Encode, ProstCodec},
    redact::Redact,
};

/// What those entry points need of a method.
#[derive(Clone, Copy, Debug)]
pub struct Method {
    pub(crate) wire: WireCodec,
    /// Messages on a tape are in protobuf's binary format, whatever the codec.
    pub(crate) decode_taped_request: Decode,
    pub(crate) decode_taped_response: Decode,
    pub(crate) compare_request: Comparison,
    pub(crate) compare_response: Comparison,
    /// Puts a request into a new slot.
    pub(crate) slot: fn(Content) -> Result<Box<dyn ErasedSlot>, Status>,
    /// Takes the request out of a slot.
    pub(crate) request: fn(&mut dyn ErasedSlot) -> Result<Content, Status>,
    /// Puts the response into a slot.
    pub(crate) answer: fn(&mut dyn ErasedSlot, Content) -> Result<(), Status>,
    /// Takes the response out of a slot.
    pub(crate) response: fn(&mut dyn ErasedSlot) -> Result<Content, Status>,
}

type Decode = fn(Bytes) -> Result<AnyMessage, Status>;

/// The codec of a method, type-erased.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WireCodec {
    pub(crate) decode_request: Decode,
    pub(crate) decode_response: Decode,
    response_len: fn(&AnyMessage) -> Option<usize>,
    encode_response: fn(&AnyMessage, &mut BytesMut) -> Result<(), Status>,
}

impl WireCodec {
    const fn of<K: Kind, C: Codec<K::Request> + Codec<K::Response>>() -> Self {
        Self {
            decode_request: decode::<C, K::Request>,
            decode_response: decode::<C, K::Response>,
            response_len: encoded_len::<C, K::Response>,
            encode_response: encode::<C, K::Response>,
        }
    }

    /// A response that can be encoded.
    pub(crate) fn response(&self, message: AnyMessage) -> WireResponse<'_> {
        WireResponse { message, codec: self }
    }
}

/// A response of a mock and the codec of its method.
pub(crate) struct WireResponse<'a> {
    message: AnyMessage,
    codec: &'a WireCodec,
}

impl Encode for WireResponse<'_> {
    fn encoded_len(&self) -> Option<usize> {
        (self.codec.response_len)(&self.message)
    }

    fn encode_to(&self, into: &mut BytesMut) -> Result<(), Status> {
        (self.codec.encode_response)(&self.message, into)
    }
}

/// Takes the secrets out of a message.
pub(crate) type RedactFn = fn(&AnyMessage) -> AnyMessage;

/// How two messages of a type are compared: without their secrets, which no tape has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Comparison {
    compare: fn(&AnyMessage, Option<&AnyMessage>, &mut Report),
    pub(crate) redact: RedactFn,
}

impl Comparison {
    const fn of<M: Message>() -> Self {
        Self { compare: compare::<M>, redact: AnyMessage::clone }
    }

    /// Tells `report` how `got` differs from what is expected.
    pub(super) fn check(
        &self,
        expected: &AnyMessage,
        got: Option<&AnyMessage>,
        report: &mut Report,
    ) {
        (self.compare)(&(self.redact)(expected), got.map(self.redact).as_ref(), report);
    }
}

impl Method {
    /// The method of this kind.
    pub const fn of<K: Kind>() -> Self {
        Self::with_codec::<K, ProstCodec>()
    }

    /// The method of this kind, with a user-defined codec.
    pub const fn with_codec<K: Kind, C: Codec<K::Request> + Codec<K::Response>>() -> Self {
        Self {
            wire: WireCodec::of::<K, C>(),
            decode_taped_request: decode::<ProstCodec, K::Request>,
            decode_taped_response: decode::<ProstCodec, K::Response>,
            compare_request: Comparison::of::<K::Request>(),
            compare_response: Comparison::of::<K::Response>(),
            slot: slot::<K>,
            request: request::<K>,
            answer: answer::<K>,
            response: response::<K>,
        }
    }

    /// The method, whose requests have secrets: tapes are without them, and not compared by them.
    #[must_use]
    pub const fn redact_requests(mut self, redact: RedactFn) -> Self {
        self.compare_request.redact = redact;
        self
    }

    /// The same for its responses.
    #[must_use]
    pub const fn redact_responses(mut self, redact: RedactFn) -> Self {
        self.compare_response.redact = redact;
        self
    }
}

/// The message without its secrets.
pub fn redact<M: Message + Redact>(message: &AnyMessage) -> AnyMessage {
    redact_by::<M>(message, M::redact)
}

/// The message without what `redact` takes out of it.
pub fn redact_by<M: Message>(message: &AnyMessage, redact: fn(&mut M)) -> AnyMessage {
    let Some(mut message) = message.view::<M>().cloned() else { return message.clone() };
    redact(&mut message);
    AnyMessage::new(message)
}

fn decode<C: Codec<M>, M: Message>(encoded: Bytes) -> Result<AnyMessage, Status> {
    C::decode(encoded).map(AnyMessage::new)
}

fn encoded_len<C: Codec<M>, M: Message>(message: &AnyMessage) -> Option<usize> {
    message.view().and_then(C::encoded_len)
}

fn encode<C: Codec<M>, M: Message>(
    message: &AnyMessage,
    into: &mut BytesMut,
) -> Result<(), Status> {
    C::encode(message.view().ok_or_else(mixed_up)?, into)
}

fn compare<M: Message>(expected: &AnyMessage, got: Option<&AnyMessage>, report: &mut Report) {
    let Some(expected) = expected.view::<M>() else { return };
    let got = got.and_then(AnyMessage::view::<M>);
    // A message with a NaN is not equal to itself, but encoded as it was.
    if got.is_none_or(|got| got.encode_to_vec() != expected.encode_to_vec()) {
        check_equal(expected, got, report);
    }
}

type SlotOf<K> = DirectSlot<<K as Kind>::Requests, <K as Kind>::Responses>;

fn slot<K: Kind>(request: Content) -> Result<Box<dyn ErasedSlot>, Status> {
    let request = K::Requests::restore(request)?;
    Ok(Box::new(SlotOf::<K>::Request(request, K::Requests::instrument)))
}

fn request<K: Kind>(slot: &mut dyn ErasedSlot) -> Result<Content, Status> {
    let (_, request) = SlotOf::<K>::open(slot)?;
    Ok(K::Requests::erase(request))
}

fn answer<K: Kind>(slot: &mut dyn ErasedSlot, response: Content) -> Result<(), Status> {
    *SlotOf::<K>::downcast(slot)? = DirectSlot::Response(K::Responses::restore(response)?);
    Ok(())
}

fn response<K: Kind>(slot: &mut dyn ErasedSlot) -> Result<Content, Status> {
    Ok(K::Responses::erase(SlotOf::<K>::downcast(slot)?.take_response()?))
}
