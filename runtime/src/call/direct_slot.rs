//! [`DirectSlot`]: where a client and a server in one process pass messages without a codec.

use std::any::Any;

use tonic::{Status, metadata::MetadataMap};

use super::observer::BoxObserver;

/// The message slot of a call without a codec. It holds what is requested first, then the response: each of
/// them a message or a stream of messages.
#[derive(Debug)]
pub(crate) enum DirectSlot<In, Out> {
    Request(In, ObserveFn<In>),
    Response(Out),
    Taken,
}

/// Shows a message or a stream of messages to an observer.
pub(crate) type ObserveFn<T> = fn(&mut T, BoxObserver);

/// A [`DirectSlot`], type-erased.
pub(crate) trait ErasedSlot: Any + Send {
    /// Shows what is requested to `observer`.
    fn observe_requests(&mut self, observer: BoxObserver);
}

impl<In: Send + 'static, Out: Send + 'static> ErasedSlot for DirectSlot<In, Out> {
    fn observe_requests(&mut self, observer: BoxObserver) {
        if let Self::Request(request, observe) = self {
            observe(request, observer);
        }
    }
}

/// Shows a single message to `observer`.
pub(crate) fn observe_one<M>(_message: &mut M, mut observer: BoxObserver) {
    observer.message();
    observer.end(Ok(&MetadataMap::new()));
}

impl<In: 'static, Out: 'static> DirectSlot<In, Out> {
    /// Downcasts `slot` to this slot type, and takes the request.
    pub(crate) fn open(slot: &mut dyn ErasedSlot) -> Result<(&mut Self, In), Status> {
        let slot = Self::downcast(slot)?;
        match std::mem::replace(slot, Self::Taken) {
            Self::Request(request, _) => Ok((slot, request)),
            _ => Err(mismatch()),
        }
    }

    /// Downcasts `slot` to this slot type.
    pub(crate) fn downcast(slot: &mut dyn ErasedSlot) -> Result<&mut Self, Status> {
        let slot: &mut dyn Any = slot;
        slot.downcast_mut().ok_or_else(mismatch)
    }

    /// Takes the response.
    pub(crate) fn take_response(&mut self) -> Result<Out, Status> {
        match std::mem::replace(self, Self::Taken) {
            Self::Response(response) => Ok(response),
            _ => Err(mismatch()),
        }
    }
}

/// The status of a call whose client and server were generated separately, with different message types.
pub(crate) fn mismatch() -> Status {
    Status::internal("client and server have been generated with different messages")
}
