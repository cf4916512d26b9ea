//! Messages to bytes, and back.

#[cfg(feature = "_descriptors")]
pub(crate) mod descriptors;
#[cfg(feature = "json")]
pub(crate) mod json;
#[cfg(feature = "client")]
pub(crate) mod method;

use std::marker::PhantomData;

use bytes::{BufMut, Bytes, BytesMut};
use prost::Message;
use tonic::Status;

/// Encodes and decodes messages of type `M`. The generator's option `codec_path` has methods use a codec of your
/// own instead of [`ProstCodec`].
///
/// There are no instances of a codec; both functions are called by its type. Clients, servers and mocks call
/// them, in process as well. Calls without a codec (`in_process_direct`) do not, unless an interceptor has
/// answered.
///
/// What a codec encodes is one gRPC message: framing, compression and size limits apply to it as to any other.
/// The content type remains `application/grpc`, which does not name the encoding, so both sides must have agreed
/// on the codec.
///
/// Generated messages are prost's. This codec appends a checksum to what prost encodes:
///
/// ```
/// use rust_scaffold::{
///     Codec, ProstCodec, Status,
///     prost::{Message, bytes::{BufMut, Bytes}},
/// };
///
/// pub enum Checked {}
///
/// impl<M: Message + Default> Codec<M> for Checked {
///     fn encode(message: &M, into: &mut impl BufMut) -> Result<(), Status> {
///         let encoded = message.encode_to_vec();
///         into.put_slice(&encoded);
///         into.put_u8(sum(&encoded));
///         Ok(())
///     }
///
///     fn decode(mut encoded: Bytes) -> Result<M, Status> {
///         let last = encoded.len().checked_sub(1).ok_or_else(|| Status::internal("no checksum"))?;
///         let checksum = encoded.split_off(last);
///         match checksum[0] == sum(&encoded) {
///             true => ProstCodec::decode(encoded),
///             false => Err(Status::internal("wrong checksum")),
///         }
///     }
/// }
///
/// fn sum(bytes: &[u8]) -> u8 {
///     bytes.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
/// }
///
/// let mut encoded = Vec::new();
/// Checked::encode(&300_u32, &mut encoded)?;
/// let decoded: u32 = Checked::decode(encoded.into())?;
/// assert_eq!(decoded, 300);
/// # Ok::<_, Status>(())
/// ```
pub trait Codec<M>: 'static {
    /// Appends the encoded message to `into`.
    ///
    /// # Errors
    /// The status with which the call fails. For messages that cannot be encoded, gRPC uses `Internal`.
    fn encode(message: &M, into: &mut impl BufMut) -> Result<(), Status>;

    /// Decodes a message from all of `encoded`, which has been decompressed.
    ///
    /// # Errors
    /// The status with which the call fails. For bytes that cannot be decoded, gRPC uses `Internal`.
    fn decode(encoded: Bytes) -> Result<M, Status>;

    /// The encoded size in bytes, where it is known beforehand. It must be exact, because it is written into the
    /// header of the message, so that only the codec of this crate has it.
    #[doc(hidden)]
    fn encoded_len(message: &M) -> Option<usize> {
        let _ = message;
        None
    }
}

/// The default [`Codec`]: protobuf's binary format, by prost.
///
/// Bytes that cannot be decoded are `Internal`.
#[derive(Clone, Copy, Debug)]
pub enum ProstCodec {}

impl<M: Message + Default> Codec<M> for ProstCodec {
    #[inline]
    fn encode(message: &M, into: &mut impl BufMut) -> Result<(), Status> {
        message.encode_raw(into);
        Ok(())
    }

    #[inline]
    fn decode(encoded: Bytes) -> Result<M, Status> {
        M::decode(encoded).map_err(|error| undecodable(&error))
    }

    #[inline]
    fn encoded_len(message: &M) -> Option<usize> {
        Some(message.encoded_len())
    }
}

#[cold]
fn undecodable(error: &prost::DecodeError) -> Status {
    Status::internal(format!("cannot decode a message: {error}"))
}

/// A message that can be encoded, its type and its codec erased.
pub(crate) trait Encode {
    /// The encoded size in bytes, where it is known beforehand. Encoding cannot fail then.
    fn encoded_len(&self) -> Option<usize>;

    fn encode_to(&self, into: &mut BytesMut) -> Result<(), Status>;
}

/// A message and its codec.
pub(crate) struct CodecMessage<C, M>(M, PhantomData<fn() -> C>);

impl<C: Codec<M>, M> CodecMessage<C, M> {
    pub(crate) fn new(message: M) -> Self {
        Self(message, PhantomData)
    }
}

impl<C: Codec<M>, M> Encode for CodecMessage<C, M> {
    fn encoded_len(&self) -> Option<usize> {
        C::encoded_len(&self.0)
    }

    fn encode_to(&self, into: &mut BytesMut) -> Result<(), Status> {
        C::encode(&self.0, into)
    }
}
