//! A call in Connect, which is one of gRPC for its service.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, Request, Response, header};
use tonic::{
    Status,
    codec::{CompressionEncoding, EnabledCompressionEncodings},
};

use crate::{
    call::body::RecvBody,
    h2::error::from_transport,
    protocol::{
        Protocol,
        compression::compress,
        connect::{self, ConnectFormat},
        grpc_status,
        headers::{self, GRPC_ENCODING, GrpcHeaders},
        http_body::HttpBody,
        length_prefixed::prefixed,
    },
    server::translate::{
        streaming::{StreamFormat, StreamedRequest, StreamedResponse},
        transcoder::Transcoder,
        unary::{self, UnaryRequest},
    },
};

#[derive(Debug)]
pub(crate) struct ConnectCall {
    pub(super) format: ConnectFormat,
    /// The size limit for request messages, in bytes.
    pub(super) limit: usize,
    pub(super) transcoder: Transcoder,
    /// The compressions that the service accepts.
    pub(super) accepted: EnabledCompressionEncodings,
    pub(super) is_get: bool,
}

impl ConnectCall {
    /// Turns `request` into one of gRPC, also if it is to be refused.
    ///
    /// # Errors
    /// The status with which it is refused.
    pub(super) fn request_into_grpc(&self, request: &mut Request<HttpBody>) -> Result<(), Status> {
        *request.method_mut() = Method::POST;
        self.format.request_into_grpc(request.headers_mut())?;
        if self.format.is_stream && self.transcoder.is_proto() {
            // Its envelopes are those of gRPC.
            return Ok(());
        }
        let named = request.headers().get(GRPC_ENCODING);
        let is_compressed = named.is_some_and(|name| name != "identity");
        let body = std::mem::take(request.body_mut()).into_stream(from_transport);
        let body: Box<dyn RecvBody> = if self.transcoder.is_proto() {
            Box::new(UnaryRequest::new(body, is_compressed, self.limit))
        } else {
            let encoding = match GrpcHeaders::parse(request.headers()).encoding(self.accepted) {
                Ok(encoding) => {
                    // Transcoded messages are not compressed.
                    request.headers_mut().remove(GRPC_ENCODING);
                    encoding
                }
                // The service refuses the call.
                Err(_) => None,
            };
            let transcoder = self.transcoder.clone();
            match self.format.is_stream {
                true => Box::new(StreamedRequest::new(body, encoding, self.limit, transcoder)),
                false => Box::new(UnaryRequest::transcoded(body, encoding, self.limit, transcoder)),
            }
        };
        *request.body_mut() = HttpBody::stream(body);
        Ok(())
    }

    /// The response to the call that is answered with `response` in gRPC.
    pub(super) async fn response(self, response: Response<HttpBody>) -> Response<HttpBody> {
        if Protocol::of_call(response.headers()).is_none() {
            // A layer has answered, in plain HTTP.
            return response;
        }
        let mut response = match self.format.is_stream {
            true => self.stream(response),
            false => self.unary(response).await,
        };
        if self.is_get {
            // A cache may keep the response, which is compressed if its client accepts that.
            response
                .headers_mut()
                .append(header::VARY, HeaderValue::from_static("accept-encoding"));
        }
        response
    }

    async fn unary(&self, response: Response<HttpBody>) -> Response<HttpBody> {
        let (mut head, body) = response.into_parts();
        match unary::message(&mut head.headers, body, &self.transcoder).await {
            Ok(message) => {
                head.headers.insert(header::CONTENT_TYPE, self.format.content_type());
                head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(message.len()));
                Response::from_parts(head, HttpBody::plain(message))
            }
            // Layers may have added headers, of CORS for example, without which a browser shows no failure.
            Err(status) => self.format.failure(head.headers, &status),
        }
    }

    fn stream(&self, response: Response<HttpBody>) -> Response<HttpBody> {
        let (mut head, body) = response.into_parts();
        let grpc = GrpcHeaders::parse(&head.headers);
        if let Some(code) = grpc_status::code(&grpc) {
            // There is nothing else. If it is OK, the stream is empty.
            let status = grpc_status::from_headers(code, head.headers);
            return self.format.failure(HeaderMap::new(), &status);
        }
        let encoding = match grpc.encoding.map(headers::message_encoding).transpose() {
            Ok(encoding) => encoding.flatten(),
            Err(status) => return self.format.failure(head.headers, &status),
        };
        self.format.response_from_grpc(&mut head.headers);
        let envelopes = Envelopes { transcoder: self.transcoder.clone(), encoding };
        let body = StreamedResponse::new(body, encoding, envelopes);
        Response::from_parts(head, HttpBody::translated(body))
    }
}

/// Messages in the envelopes of gRPC, and after them one that says how the call has ended.
struct Envelopes {
    transcoder: Transcoder,
    encoding: Option<CompressionEncoding>,
}

impl StreamFormat for Envelopes {
    fn is_grpc(&self) -> bool {
        self.transcoder.is_proto()
    }

    fn message(&mut self, message: Bytes) -> Result<Bytes, Status> {
        let message = self.transcoder.write_response(message)?;
        let Some(encoding) = self.encoding else { return Ok(prefixed(false, &message)) };
        let mut compressed = BytesMut::new();
        compress(encoding, &message, &mut compressed)?;
        Ok(prefixed(true, &compressed))
    }

    fn end(&mut self, end: Result<HeaderMap, &Status>) -> Result<Bytes, Status> {
        Ok(match end {
            Ok(trailers) => connect::end_of_stream(&trailers, None),
            Err(status) => connect::end_of_failed_stream(status),
        })
    }
}
