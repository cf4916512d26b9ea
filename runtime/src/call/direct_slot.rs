//! [`DirectSlot`]: where a client and a server in one process pass messages without a codec.

use std::any::Any;

use tokio::time::Instant;
use tonic::{Status, metadata::MetadataMap};

use super::observer::BoxObserver;

/// The message slot of a call without a codec. It holds what is requested first, then the response: each of
/// them a message or a stream of messages.
#[derive(Debug)]
pub(crate) enum DirectSlot<In, Out> {
    Request(In, InstrumentFn<In>),
    Response(Out),
    Taken,
}

/// Ends a message or a stream of messages at a deadline, and shows it to an observer.
pub(crate) type InstrumentFn<T> = fn(&mut T, Option<Instant>, Option<BoxObserver>);

/// A [`DirectSlot`], type-erased.
pub(crate) trait ErasedSlot: Any + Send {
    /// Shows what is requested to `observer`.
    fn observe_requests(&mut self, observer: BoxObserver);

    /// Ends what is requested at `deadline`, if it is a stream.
    fn limit_requests(&mut self, deadline: Option<Instant>);
}

impl<In: Send + 'static, Out: Send + 'static> ErasedSlot for DirectSlot<In, Out> {
    fn observe_requests(&mut self, observer: BoxObserver) {
        if let Self::Request(request, pass) = self {
            pass(request, None, Some(observer));
        }
    }

    fn limit_requests(&mut self, deadline: Option<Instant>) {
        if let Self::Request(request, pass) = self {
            pass(request, deadline, None);
        }
    }
}

/// The [`InstrumentFn`] of a single message, which no deadline ends.
pub(crate) fn instrument_one<M>(
    _message: &mut M,
    _deadline: Option<Instant>,
    observer: Option<BoxObserver>,
) {
    if let Some(mut observer) = observer {
        observer.on_message();
        observer.on_end(Ok(&MetadataMap::new()));
    }
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
