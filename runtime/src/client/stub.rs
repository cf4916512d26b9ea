//! The untyped client that generated clients forward to.
//!
//! The generic methods only encode, call and decode; everything else is compiled once.

use std::{future::Future, pin::pin, sync::Arc};

use bytes::Bytes;
use http::Uri;
use tonic::{
    IntoRequest, Request, Response, Status,
    codec::{CompressionEncoding, EnabledCompressionEncodings},
    metadata::MetadataMap,
};

use super::{
    bidi::BidiCall,
    channel::{Channel, ChannelCall, ChannelKind, TransportKind},
    direct::{Direct, DirectServer},
    target::Origin,
};
use crate::{
    call::{
        body::{Body, Direction},
        deadline::Deadline,
        direct_slot::instrument_one,
        head::{CallHead, OutgoingCall},
        method::MethodDescriptor,
        reply::Reply,
        status,
        streaming::{IntoStreamingRequest, Streaming},
        trailers::merge,
    },
    codec::{Codec, CodecMessage, method::CodecMethod},
    intercept::{
        Interceptor,
        tonic::{TonicAdapter, TonicInterceptor},
    },
    protocol::{
        encoded_stream::EncodedStream,
        length_prefixed::{DEFAULT_DECODING_LIMIT, MessageDecoder, MessageEncoder},
        messages::Messages,
    },
};

/// A [`Channel`] with per-client size limits and compression.
#[derive(Clone, Debug)]
pub struct Client {
    channel: Channel,
    /// How many of the channel's interceptors are this client's. They come first.
    interceptors: usize,
    /// Replaces the channel's address in requests.
    origin: Option<Origin>,
    encoder: MessageEncoder,
    decoding_limit: usize,
    accepted: EnabledCompressionEncodings,
}

impl Client {
    /// Calls through `channel`, with the defaults: responses of up to 4 MiB, requests of up to 2 GiB, no
    /// compression.
    pub fn new(channel: impl Into<Channel>) -> Self {
        Self {
            channel: channel.into(),
            interceptors: 0,
            origin: None,
            encoder: MessageEncoder { encoding: None, limit: usize::MAX },
            decoding_limit: DEFAULT_DECODING_LIMIT,
            accepted: EnabledCompressionEncodings::default(),
        }
    }

    /// Calls through `channel`, behind a tonic interceptor.
    pub fn with_interceptor(
        channel: impl Into<Channel>,
        interceptor: impl TonicInterceptor,
    ) -> Self {
        let mut client = Self::new(channel);
        client.intercept(TonicAdapter(interceptor));
        client
    }

    /// Calls through `channel`, with the scheme and the authority of `origin` in the requests.
    pub fn with_origin(channel: impl Into<Channel>, origin: Uri) -> Self {
        Self { origin: Some(Origin::new(origin)), ..Self::new(channel) }
    }

    /// The size limit for response messages, in bytes.
    pub fn max_decoding_message_size(&mut self, limit: usize) {
        self.decoding_limit = limit;
    }

    /// The size limit for request messages, in bytes.
    pub fn max_encoding_message_size(&mut self, limit: usize) {
        self.encoder.limit = limit;
    }

    /// Accepts `encoding` for responses, besides those accepted before.
    pub fn accept_compressed(&mut self, encoding: CompressionEncoding) {
        self.accepted.enable(encoding);
    }

    /// Compresses requests with `encoding`.
    pub fn send_compressed(&mut self, encoding: CompressionEncoding) {
        self.encoder.encoding = Some(encoding);
    }

    /// Adds an interceptor, to be called after those that were added before, and before the channel's.
    pub fn intercept(&mut self, interceptor: impl Interceptor) {
        self.channel.interceptors.insert(self.interceptors, interceptor);
        self.interceptors += 1;
    }

    /// Makes a unary call.
    pub async fn unary<M, Req, Res>(
        &self,
        method: M,
        request: impl IntoRequest<Req>,
    ) -> Result<Response<Res>, Status>
    where
        M: CodecMethod,
        M::MessageCodec: Codec<Req> + Codec<Res>,
        Req: Send + 'static,
        Res: Send + 'static,
    {
        let (method, mut request) = (method.descriptor(), request.into_request());
        match &self.channel.kind {
            ChannelKind::Direct(server) => {
                let call = self.direct(server, method, request.metadata_mut())?;
                call.message(request, instrument_one, M::MessageCodec::decode).await
            }
            ChannelKind::Encoded(transport) => {
                let call = self.with_message::<M::MessageCodec, _>(method, request)?;
                let (decode, mut message) = (M::MessageCodec::decode, None);
                let response =
                    self.single(transport, call, &mut decode_into(&mut message, decode)).await?;
                with_decoded(response, message)
            }
        }
    }

    /// Makes a client-streaming call.
    pub async fn client_streaming<M, Req, Res>(
        &self,
        method: M,
        requests: impl IntoStreamingRequest<Req>,
    ) -> Result<Response<Res>, Status>
    where
        M: CodecMethod,
        M::MessageCodec: Codec<Req> + Codec<Res>,
        Req: Send + 'static,
        Res: Send + 'static,
    {
        let (method, mut requests) = (method.descriptor(), requests.into_streaming_request());
        match &self.channel.kind {
            ChannelKind::Direct(server) => {
                let call = self.direct(server, method, requests.metadata_mut())?;
                call.message(requests, Streaming::instrument, M::MessageCodec::decode).await
            }
            ChannelKind::Encoded(transport) => {
                let call = self.with_messages::<M::MessageCodec, _>(method, requests)?;
                let (decode, mut message) = (M::MessageCodec::decode, None);
                let response =
                    self.single(transport, call, &mut decode_into(&mut message, decode)).await?;
                with_decoded(response, message)
            }
        }
    }

    /// Makes a server-streaming call.
    pub async fn server_streaming<M, Req, Res>(
        &self,
        method: M,
        request: impl IntoRequest<Req>,
    ) -> Result<Response<Streaming<Res>>, Status>
    where
        M: CodecMethod,
        M::MessageCodec: Codec<Req> + Codec<Res>,
        Req: Send + 'static,
        Res: Send + 'static,
    {
        let (method, mut request) = (method.descriptor(), request.into_request());
        match &self.channel.kind {
            ChannelKind::Direct(server) => {
                let call = self.direct(server, method, request.metadata_mut())?;
                call.messages(request, instrument_one, M::MessageCodec::decode).await
            }
            ChannelKind::Encoded(transport) => {
                let call = self.with_message::<M::MessageCodec, _>(method, request)?;
                Ok(self.stream(transport, call).await?.map(decoded::<M::MessageCodec, _>))
            }
        }
    }

    /// Makes a bidirectional streaming call, which starts when it is awaited or opened.
    pub fn bidi_streaming<M, Req, Res>(
        &self,
        method: M,
        requests: impl IntoStreamingRequest<Req>,
    ) -> BidiCall<Res>
    where
        M: CodecMethod,
        M::MessageCodec: Codec<Req> + Codec<Res>,
        Req: Send + 'static,
        Res: Send + 'static,
    {
        let (client, method) = (self.clone(), method.descriptor());
        let mut requests = requests.into_streaming_request();
        BidiCall::new(async move {
            match &client.channel.kind {
                ChannelKind::Direct(server) => {
                    let call = client.direct(server, method, requests.metadata_mut())?;
                    call.messages(requests, Streaming::instrument, M::MessageCodec::decode).await
                }
                ChannelKind::Encoded(transport) => {
                    let call = client.with_messages::<M::MessageCodec, _>(method, requests)?;
                    Ok(client.stream(transport, call).await?.map(decoded::<M::MessageCodec, _>))
                }
            }
        })
    }

    fn direct<'a>(
        &'a self,
        server: &'a Arc<dyn DirectServer>,
        method: &'static MethodDescriptor,
        metadata: &mut MetadataMap,
    ) -> Result<Direct<'a>, Status> {
        let deadline = self.channel.inherit(metadata.as_mut())?;
        let Channel { interceptors, node, .. } = &self.channel;
        Ok(Direct { server: &**server, interceptors, method, deadline, node })
    }

    fn with_message<C: Codec<M>, M>(
        &self,
        method: &'static MethodDescriptor,
        request: Request<M>,
    ) -> Result<(OutgoingCall, Deadline), Status> {
        let (metadata, extensions, message) = request.into_parts();
        let body = Body::once(self.encoder.encode_one(&CodecMessage::<C, M>::new(message))?);
        self.prepare(method, Request::from_parts(metadata, extensions, body))
    }

    fn with_messages<C: Codec<M>, M: 'static>(
        &self,
        method: &'static MethodDescriptor,
        request: Request<Streaming<M>>,
    ) -> Result<(OutgoingCall, Deadline), Status> {
        let (metadata, extensions, messages) = request.into_parts();
        let wrap = CodecMessage::<C, M>::new;
        let encoded = EncodedStream::new(messages, wrap, self.encoder, Deadline::default())
            .in_context(self.channel.context_of_requests());
        let body = Body::outgoing(encoded);
        self.prepare(method, Request::from_parts(metadata, extensions, body))
    }

    fn prepare(
        &self,
        method: &'static MethodDescriptor,
        mut request: Request<Body>,
    ) -> Result<(OutgoingCall, Deadline), Status> {
        let deadline = self.channel.inherit(request.metadata_mut().as_mut())?;
        let (metadata, mut extensions, body) = request.into_parts();
        if let Some(origin) = &self.origin {
            extensions.insert(origin.clone());
        }
        let head = CallHead {
            method,
            metadata,
            extensions,
            deadline: deadline.instant(),
            encoding: self.encoder.encoding,
            accepted: self.accepted,
        };
        Ok((OutgoingCall { head, body }, deadline))
    }

    /// Waits for the single response message, which `decode` decodes, and for the end of the response.
    ///
    /// Not an `async fn`, so that the call starts at once: a future that held the unsent call would be
    /// large and get copied.
    fn single<'a>(
        &'a self,
        transport: &'a TransportKind,
        (call, deadline): (OutgoingCall, Deadline),
        decode: &'a mut (dyn FnMut(Bytes) -> Result<(), Status> + Send),
    ) -> impl Future<Output = Result<Response<()>, Status>> + Send + 'a {
        let mut call = ChannelCall::new(&self.channel, transport, call, deadline);
        async move {
            let Reply { mut metadata, extensions, encoding, body } = call.reply().await?;
            let mut messages = self.messages(body, encoding);
            if let Err(status) = call.deadline.limit(pin!(messages.single(decode))).await {
                return Err(with_headers(status, metadata));
            }
            if let Some(trailers) = messages.take_trailers() {
                merge(&mut metadata, trailers);
            }
            Ok(Response::from_parts(metadata, (), extensions))
        }
    }

    /// Waits for the headers of a stream of responses. The call starts at once, as in
    /// [`single`](Self::single).
    fn stream<'a>(
        &'a self,
        transport: &'a TransportKind,
        (call, deadline): (OutgoingCall, Deadline),
    ) -> impl Future<Output = Result<Response<Messages>, Status>> + Send + 'a {
        let mut call = ChannelCall::new(&self.channel, transport, call, deadline);
        async move {
            let Reply { metadata, extensions, encoding, body } = call.reply().await?;
            let messages = self.messages(body, encoding).with_deadline(call.deadline);
            Ok(Response::from_parts(metadata, messages, extensions))
        }
    }

    fn messages(&self, body: Body, encoding: Option<CompressionEncoding>) -> Messages {
        Messages::new(body, MessageDecoder::new(encoding, self.decoding_limit), Direction::Response)
    }
}

/// Adds the response headers to the status of a call that failed after them: there is no response to
/// carry them.
fn with_headers(mut status: Status, mut headers: MetadataMap) -> Status {
    merge(&mut headers, std::mem::take(status.metadata_mut()));
    *status.metadata_mut() = headers;
    status
}

fn decoded<C: Codec<M>, M: 'static>(messages: Messages) -> Streaming<M> {
    Streaming::decoding(messages, C::decode)
}

/// Decodes into `message`. A function pointer, because a codec in the type of a future would hide that it is `Send`.
fn decode_into<M>(
    message: &mut Option<M>,
    decode: fn(Bytes) -> Result<M, Status>,
) -> impl FnMut(Bytes) -> Result<(), Status> {
    move |encoded| {
        *message = Some(decode(encoded)?);
        Ok(())
    }
}

/// `response` with its `message`, which was decoded while it was waited for.
fn with_decoded<M>(response: Response<()>, message: Option<M>) -> Result<Response<M>, Status> {
    let message = message.ok_or_else(status::missing)?;
    Ok(response.map(|()| message))
}
