//! Protocols on HTTP: how a call is written as requests and responses, and read from them, on both sides.

pub(crate) mod binary;
pub(crate) mod compression;
#[cfg(any(feature = "deflate", feature = "gzip"))]
#[cfg_attr(
    not(all(feature = "deflate", feature = "gzip")),
    allow(dead_code, reason = "there is only one of the formats")
)]
mod deflate;
pub(crate) mod encoded_stream;
pub(crate) mod foreign;
mod grpc;
pub(crate) mod grpc_status;
#[cfg(feature = "web")]
mod grpc_web;
mod header_maps;
pub(crate) mod headers;
pub(crate) mod http_body;
pub(crate) mod http_reply;
pub(crate) mod length_prefixed;
pub(crate) mod memory;
pub(crate) mod message_counter;
pub(crate) mod messages;
pub(crate) mod names;
mod size_limit;
#[cfg(feature = "zstd")]
mod zstd;

use std::fmt;

use ::http_body::Frame;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, response};
use tonic::{Status, codec::EnabledCompressionEncodings, metadata::MetadataMap};

#[cfg(feature = "web")]
use self::headers::GrpcHeaders;
use self::{http_body::HttpBody, http_reply::HttpResponse};
use crate::call::{
    body::{Body, PrefetchedBody, RecvBody},
    head::CallHead,
    reply::Reply,
    status::BoxError,
};

/// A protocol on HTTP: how the head, the messages and the end of a call are written.
///
/// A server knows the protocol of a call by the `content-type` of its request. A client is told:
/// [`ChannelBuilder::protocol`](crate::ChannelBuilder::protocol).
// Above HTTP, calls are the same in all of them: a body is a stream of gRPC's length-prefixed messages, and
// ends with a status (`call/body`). A protocol translates between that and HTTP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// gRPC: the status is in HTTP trailers.
    ///
    /// See [gRPC over HTTP/2](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md).
    #[default]
    Grpc,
    /// gRPC-Web, for browsers, and for proxies that drop HTTP trailers: the status is the last part of the
    /// response's body.
    ///
    /// See [gRPC-Web](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md).
    #[cfg(feature = "web")]
    GrpcWeb,
    /// gRPC-Web with bodies in Base64, for clients that cannot read bytes while they arrive.
    #[cfg(feature = "web")]
    GrpcWebText,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Grpc => "gRPC",
            #[cfg(feature = "web")]
            Self::GrpcWeb | Self::GrpcWebText => "gRPC-Web",
        })
    }
}

impl Protocol {
    /// The protocol that `content-type` names, with messages in protobuf.
    pub(crate) fn of_content_type(value: &HeaderValue) -> Option<Self> {
        let format = value.as_bytes().strip_prefix(b"application/grpc")?;
        #[cfg(feature = "web")]
        let (protocol, format) =
            grpc_web::protocol_of_format(format).unwrap_or((Self::Grpc, format));
        #[cfg(not(feature = "web"))]
        let protocol = Self::Grpc;
        let rest = format.strip_prefix(b"+proto").unwrap_or(format);
        matches!(rest.first(), None | Some(b';')).then_some(protocol)
    }

    /// The protocol in which a request with these `headers` is answered, whatever it is.
    #[cfg_attr(not(feature = "web"), allow(unused_variables, reason = "there is only one"))]
    pub(crate) fn of_headers(headers: &HeaderMap) -> Self {
        #[cfg(feature = "web")]
        let protocol = headers.get(::http::header::CONTENT_TYPE).and_then(Self::of_content_type);
        #[cfg(feature = "web")]
        let protocol = protocol.unwrap_or_default();
        #[cfg(not(feature = "web"))]
        let protocol = Self::Grpc;
        protocol
    }

    pub(crate) fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Grpc => "application/grpc",
            #[cfg(feature = "web")]
            Self::GrpcWeb => "application/grpc-web+proto",
            #[cfg(feature = "web")]
            Self::GrpcWebText => "application/grpc-web-text+proto",
        })
    }

    /// Whether the response ends with HTTP trailers.
    pub(crate) fn has_http_trailers(self) -> bool {
        match self {
            Self::Grpc => true,
            #[cfg(feature = "web")]
            Self::GrpcWeb | Self::GrpcWebText => false,
        }
    }

    /// The protocol of the response to a request in this protocol with these `headers`.
    #[cfg_attr(not(feature = "web"), allow(unused_variables, reason = "there is only one"))]
    pub(crate) fn of_response(self, headers: &HeaderMap) -> Self {
        match self {
            Self::Grpc => self,
            #[cfg(feature = "web")]
            Self::GrpcWeb | Self::GrpcWebText => grpc_web::accepted(headers).unwrap_or(self),
        }
    }

    /// The headers of a client's request.
    pub(crate) fn request_headers(
        self,
        call: &CallHead,
        user_agent: Option<&HeaderValue>,
    ) -> HeaderMap {
        grpc::request_headers(self, call, user_agent)
    }

    /// The messages of the request with this `body`, as a server reads them. A single request is read ahead.
    /// `explain` turns an error of another library's body into a status.
    pub(crate) fn decode_requests(
        self,
        body: HttpBody,
        has_single_request: bool,
        explain: fn(BoxError) -> Status,
    ) -> Body {
        match self {
            Self::Grpc => body.into_requests(has_single_request, explain),
            #[cfg(feature = "web")]
            Self::GrpcWeb => body.into_requests(has_single_request, explain),
            #[cfg(feature = "web")]
            Self::GrpcWebText => grpc_web::text_requests(body.into_stream(explain)),
        }
    }

    /// The reply that starts with `head`, as a client reads it. `body` is the rest.
    pub(crate) fn decode_reply(
        self,
        head: response::Parts,
        accepted: EnabledCompressionEncodings,
        body: PrefetchedBody<impl RecvBody + 'static>,
    ) -> Result<Reply, Status> {
        match self {
            Self::Grpc => grpc::reply(self, head, accepted, body),
            #[cfg(feature = "web")]
            Self::GrpcWeb | Self::GrpcWebText => {
                // In the format that the server has chosen.
                let format = Self::of_headers(&head.headers);
                let encoding = GrpcHeaders::parse(&head.headers).encoding(accepted).ok().flatten();
                let body = grpc_web::without_trailers(format, body, encoding);
                grpc::reply(format, head, accepted, body)
            }
        }
    }

    /// A server's response.
    pub(crate) fn encode_reply(self, reply: Reply) -> HttpResponse {
        grpc::response(self, reply)
    }

    /// A server's response that is nothing but a status: gRPC calls it trailers-only.
    pub(crate) fn trailers_only(self, status: &Status) -> HttpResponse {
        grpc::trailers_only(self, status)
    }

    /// A part of a body, as it is sent.
    #[inline]
    pub(crate) fn encode_data(self, data: Bytes) -> Bytes {
        match self {
            Self::Grpc => data,
            #[cfg(feature = "web")]
            Self::GrpcWeb => data,
            #[cfg(feature = "web")]
            Self::GrpcWebText => grpc_web::to_base64(&data),
        }
    }

    /// The last frame of a response, as it is sent: its trailers, or the status with which it failed.
    pub(crate) fn end_of_response(self, end: Result<Option<MetadataMap>, &Status>) -> Frame<Bytes> {
        let trailers = match end {
            Ok(trailers) => headers::ok_trailers(trailers),
            Err(status) => grpc_status::to_headers(status),
        };
        match self {
            Self::Grpc => Frame::trailers(trailers),
            #[cfg(feature = "web")]
            Self::GrpcWeb | Self::GrpcWebText => {
                Frame::data(self.encode_data(grpc_web::trailers_frame(&trailers)))
            }
        }
    }
}
