//! Messages without their types: the engine is compiled once, whatever the methods carry.

use std::{any::Any, fmt::Debug, sync::Arc};

use tonic::Status;

use crate::Streaming;

/// What a mock asks of a message. prost derives all of it.
pub trait Message: prost::Message + Default + Clone + PartialEq + Debug + 'static {}

impl<M: prost::Message + Default + Clone + PartialEq + Debug + 'static> Message for M {}

/// A message of whatever type.
pub(crate) type AnyMessage = Arc<dyn Erased>;

/// What is needed of a message whose type is not known.
pub trait Erased: Any + Debug + Send + Sync {
    /// Its encoded bytes.
    fn encode(&self) -> Vec<u8>;
}

impl<M: Message> Erased for M {
    fn encode(&self) -> Vec<u8> {
        self.encode_to_vec()
    }
}

/// The message as an `M`, which it is when it belongs to a method with that type.
pub(crate) fn view<M: Message>(message: &AnyMessage) -> Option<&M> {
    (&**message as &dyn Any).downcast_ref()
}

pub(crate) fn erase<M: Message>(message: M) -> AnyMessage {
    Arc::new(message)
}

pub(crate) fn restore<M: Message>(message: AnyMessage) -> Result<M, Status> {
    let message = (message as Arc<dyn Any + Send + Sync>).downcast::<M>();
    message.map(Arc::unwrap_or_clone).map_err(|_| mixed_up())
}

/// What a request or a response carries, without its type.
#[derive(Debug)]
pub enum Content {
    /// One message.
    One(AnyMessage),
    /// A stream of messages.
    Many(Streaming<AnyMessage>),
}

/// Only a mistake in the engine gets here.
pub(crate) fn mixed_up() -> Status {
    Status::internal("the mock has mixed up its messages")
}
