//! The place where a client and a server in one process hand messages to each other.

use std::any::Any;

use tonic::{Request, Response, Status};

/// What lies between a client and a server in one process that move their messages: first the
/// request, then the response.
#[derive(Debug)]
pub(crate) enum DirectSlot<In, Out> {
    Request(Request<In>),
    Response(Response<Out>),
    Taken,
}

impl<In: 'static, Out: 'static> DirectSlot<In, Out> {
    /// Finds the exchange that `any` is, and takes the request out.
    pub(crate) fn open(any: &mut (dyn Any + Send)) -> Result<(&mut Self, Request<In>), Status> {
        let slot = any.downcast_mut::<Self>().ok_or_else(mismatch)?;
        match std::mem::replace(slot, Self::Taken) {
            Self::Request(request) => Ok((slot, request)),
            _ => Err(mismatch()),
        }
    }

    /// Puts a response in, or fails with the call.
    pub(crate) fn answer(&mut self, response: Result<Response<Out>, Status>) -> Result<(), Status> {
        *self = Self::Response(response?);
        Ok(())
    }

    /// Takes the response out.
    pub(crate) fn take_response(&mut self) -> Result<Response<Out>, Status> {
        match std::mem::replace(self, Self::Taken) {
            Self::Response(response) => Ok(response),
            _ => Err(mismatch()),
        }
    }
}

/// The status of a call between code that was generated twice.
pub(crate) fn mismatch() -> Status {
    Status::internal("client and server have been generated with different messages")
}
