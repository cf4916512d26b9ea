//! [`DirectSlot`]: where a client and a server in one process pass messages without a codec.

use std::any::Any;

use tonic::{Request, Response, Status};

/// The message slot of a call without a codec. It holds the request first, then the response.
#[derive(Debug)]
pub(crate) enum DirectSlot<In, Out> {
    Request(Request<In>),
    Response(Response<Out>),
    Taken,
}

impl<In: 'static, Out: 'static> DirectSlot<In, Out> {
    /// Downcasts `any` to this slot type, and takes the request.
    pub(crate) fn open(any: &mut (dyn Any + Send)) -> Result<(&mut Self, Request<In>), Status> {
        let slot = any.downcast_mut::<Self>().ok_or_else(mismatch)?;
        match std::mem::replace(slot, Self::Taken) {
            Self::Request(request) => Ok((slot, request)),
            _ => Err(mismatch()),
        }
    }

    /// Puts the response in, or returns its error.
    pub(crate) fn answer(&mut self, response: Result<Response<Out>, Status>) -> Result<(), Status> {
        *self = Self::Response(response?);
        Ok(())
    }

    /// Takes the response.
    pub(crate) fn take_response(&mut self) -> Result<Response<Out>, Status> {
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
