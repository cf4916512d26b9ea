//! Messages to bytes, and back.

use bytes::{Bytes, BytesMut};
use prost::Message;
use tonic::Status;

/// A message that can be encoded.
pub(crate) trait Encode {
    /// The encoded size in bytes.
    fn encoded_len(&self) -> usize;

    fn encode_to(&self, into: &mut BytesMut);
}

impl<M: Message> Encode for M {
    fn encoded_len(&self) -> usize {
        Message::encoded_len(self)
    }

    fn encode_to(&self, into: &mut BytesMut) {
        self.encode_raw(into);
    }
}

/// Decodes a message.
pub(crate) fn decode<M: Message + Default>(message: Bytes) -> Result<M, Status> {
    M::decode(message).map_err(|error| undecodable(&error))
}

#[cold]
fn undecodable(error: &prost::DecodeError) -> Status {
    Status::internal(format!("cannot decode a message: {error}"))
}
