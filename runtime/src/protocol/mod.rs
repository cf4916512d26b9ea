//! Protocols on HTTP: how a call is written as requests and responses, and read from them, on both sides.

pub(crate) mod binary;
pub(crate) mod compression;
#[cfg(feature = "web")]
pub(crate) mod connect;
mod content_type;
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
pub(crate) mod header_list;
mod header_maps;
pub(crate) mod headers;
pub(crate) mod http_body;
pub(crate) mod http_reply;
#[cfg(any(feature = "admin", feature = "log", feature = "web"))]
pub(crate) mod json_text;
pub(crate) mod length_prefixed;
pub(crate) mod memory;
pub(crate) mod message_counter;
pub(crate) mod messages;
pub(crate) mod observed_body;
#[cfg(feature = "web")]
pub(crate) mod passing_web;
pub(crate) mod size_limit;
#[cfg(feature = "zstd")]
mod zstd;

use ::http_body::Frame;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, response};
use tonic::{Status, codec::EnabledCompressionEncodings, metadata::MetadataMap};

pub use self::content_type::Protocol;
#[cfg(feature = "web")]
use self::headers::GrpcHeaders;
use self::{http_body::HttpBody, http_reply::HttpResponse};
use crate::call::{
    body::{Body, PrefetchedBody, RecvBody},
    head::CallHead,
    reply::Reply,
    status::BoxError,
};

/// Calls on HTTP. Above it, they are the same in all protocols: a body is a stream of gRPC's length-prefixed
/// messages, and ends with a status (`call/body`).
impl Protocol {
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
                let format = Self::of_call(&head.headers).unwrap_or_default();
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
