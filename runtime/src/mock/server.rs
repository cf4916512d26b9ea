//! The server of a mock: the runtime's, without the types of messages, so that it is compiled once.

use std::{marker::PhantomData, sync::Arc};

use super::{Method, handle::Mock};
use crate::{
    call::{method::ServiceDescriptor, reply::ReplyFuture},
    server::{
        call::{Dispatch, ServerCall},
        service::ServiceServer,
    },
};

/// A generated mock.
pub trait Mocked: 'static {
    /// What it is called.
    const NAME: &'static str;
    /// The service that it mocks.
    const SERVICE: &'static ServiceDescriptor;
    /// What spies, tapes and servers need of the methods, in the order of the service.
    const METHODS: &'static [Method];
}

/// The server of the mock `M`: a tower service, for our [`Server`](crate::Server), tonic's, axum
/// and hyper, and in process.
pub type MockServer<M> = ServiceServer<MockDispatch<M>, Mock>;

/// Hands calls to a mock.
#[derive(Debug)]
pub struct MockDispatch<M>(PhantomData<M>);

impl<M: Mocked> Dispatch<Mock> for MockDispatch<M> {
    const SERVICE: &'static ServiceDescriptor = M::SERVICE;

    fn call(mock: Arc<Mock>, method: usize, call: ServerCall<'_>) -> ReplyFuture<'_> {
        match M::METHODS.get(method) {
            Some(types) => call.erased(mock, method, types),
            None => call.unimplemented(),
        }
    }
}
