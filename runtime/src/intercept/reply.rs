//! Making and inspecting replies in interceptors.

use http::Extensions;
use prost::Message;
use tonic::{Response, Status, metadata::MetadataMap};

use crate::{
    call::{body::Body, context::Context, deadline::Deadline, reply::Reply, streaming::Streaming},
    codec::{Codec, CodecMessage, ProstCodec},
    protocol::{encoded_stream::EncodedStream, length_prefixed::MessageEncoder},
};

impl Reply {
    /// A reply with one message, for an interceptor that answers a call by itself. The type must be that of the
    /// method's response; it is not checked.
    ///
    /// # Errors
    /// `ResourceExhausted` if the message is larger than protobuf allows, 2 GiB.
    pub fn with_message<M: Message + Default>(response: Response<M>) -> Result<Self, Status> {
        Self::with_message_and_codec::<ProstCodec, M>(response)
    }

    /// Like [`with_message`](Self::with_message), for a method with a codec of its own.
    ///
    /// # Errors
    /// Those of [`with_message`](Self::with_message), and of the codec.
    pub fn with_message_and_codec<C: Codec<M>, M>(response: Response<M>) -> Result<Self, Status> {
        let (metadata, message, extensions) = response.into_parts();
        let body = Body::once(PLAIN.encode_one(&CodecMessage::<C, M>::new(message))?);
        Ok(Self { metadata, extensions, encoding: None, body }.with_trailers())
    }

    /// A reply with a stream of messages. See [`with_message`](Self::with_message).
    pub fn with_messages<M: Message + Default + 'static>(response: Response<Streaming<M>>) -> Self {
        Self::with_messages_and_codec::<ProstCodec, M>(response)
    }

    /// Like [`with_messages`](Self::with_messages), for a method with a codec of its own.
    pub fn with_messages_and_codec<C: Codec<M>, M: 'static>(
        response: Response<Streaming<M>>,
    ) -> Self {
        let (metadata, messages, extensions) = response.into_parts();
        let wrap = CodecMessage::<C, M>::new;
        // Whoever polls it may serve another call, or be served by one.
        let encoded = EncodedStream::new(messages, wrap, PLAIN, Deadline::default())
            .in_context(Context::of_messages());
        let body = Body::outgoing(encoded);
        Self { metadata, extensions, encoding: None, body }.with_trailers()
    }

    /// The metadata in the headers of the response.
    pub fn metadata(&self) -> &MetadataMap {
        &self.metadata
    }

    /// Mutable access to the metadata in the headers of the response.
    pub fn metadata_mut(&mut self) -> &mut MetadataMap {
        &mut self.metadata
    }

    /// The extensions of the response.
    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// Mutable access to the extensions of the response.
    pub fn extensions_mut(&mut self) -> &mut Extensions {
        &mut self.extensions
    }
}

const PLAIN: MessageEncoder = MessageEncoder { encoding: None, limit: usize::MAX };
