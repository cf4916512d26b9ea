//! Messages without their types: the engine is compiled once, whatever the methods carry.

use std::{any::Any, fmt, fmt::Debug, sync::Arc};

use bytes::Bytes;
use tonic::Status;

use crate::call::streaming::Streaming;

/// What a mock asks of a message. prost derives all of it.
pub trait Message: prost::Message + Default + Clone + PartialEq + Debug + 'static {}

impl<M: prost::Message + Default + Clone + PartialEq + Debug + 'static> Message for M {}

/// A message of whatever type. Clones share it.
#[derive(Clone)]
pub struct AnyMessage(Arc<dyn Erased>);

trait Erased: Any + Debug + Send + Sync {
    fn to_proto(&self) -> Bytes;
}

impl<M: Message> Erased for M {
    fn to_proto(&self) -> Bytes {
        self.encode_to_vec().into()
    }
}

impl AnyMessage {
    pub(crate) fn new(message: impl Message) -> Self {
        Self(Arc::new(message))
    }

    /// The message as an `M`, which it is when it belongs to a method with that type.
    pub(crate) fn view<M: Message>(&self) -> Option<&M> {
        (&*self.0 as &dyn Any).downcast_ref()
    }

    /// The message in protobuf's binary format, as it is on tapes whatever the method's codec.
    pub(crate) fn to_proto(&self) -> Bytes {
        self.0.to_proto()
    }

    pub(crate) fn restore<M: Message>(self) -> Result<M, Status> {
        let message = (self.0 as Arc<dyn Any + Send + Sync>).downcast::<M>();
        message.map(Arc::unwrap_or_clone).map_err(|_| mixed_up())
    }
}

impl Debug for AnyMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
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
