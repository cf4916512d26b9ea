//! [`Protocol`]: which protocols there are, and how content types name them.

use std::fmt;

use http::{HeaderMap, HeaderValue, header};

/// A protocol on HTTP: how the head, the messages and the end of a call are written.
///
/// A server knows the protocol of a call by the `content-type` of its request. A client is told:
/// [`ChannelBuilder::protocol`](crate::ChannelBuilder::protocol).
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
        let (protocol, format) = web_format(format).unwrap_or((Self::Grpc, format));
        #[cfg(not(feature = "web"))]
        let protocol = Self::Grpc;
        let rest = format.strip_prefix(b"+proto").unwrap_or(format);
        matches!(rest.first(), None | Some(b';')).then_some(protocol)
    }

    /// The protocol in which a request with these `headers` is answered, whatever it is.
    #[cfg_attr(not(feature = "web"), allow(unused_variables, reason = "there is only one"))]
    pub(crate) fn of_headers(headers: &HeaderMap) -> Self {
        #[cfg(feature = "web")]
        let protocol = headers.get(header::CONTENT_TYPE).and_then(Self::of_content_type);
        #[cfg(feature = "web")]
        let protocol = protocol.unwrap_or_default();
        #[cfg(not(feature = "web"))]
        let protocol = Self::Grpc;
        protocol
    }

    /// Like [`of_headers`](Self::of_headers), for a request or a response; None if it is no call but plain HTTP. Codecs
    /// and formats that are not known here do not make it that.
    pub(crate) fn of_call(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get(header::CONTENT_TYPE)?;
        let is_call = value.as_bytes().starts_with(b"application/grpc");
        is_call.then(|| Self::of_content_type(value).unwrap_or_default())
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

    /// Whether bodies are text, not the bytes of messages.
    #[cfg(feature = "_observed")]
    pub(crate) fn is_text(self) -> bool {
        match self {
            Self::Grpc => false,
            #[cfg(feature = "web")]
            Self::GrpcWeb => false,
            #[cfg(feature = "web")]
            Self::GrpcWebText => true,
        }
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
            Self::GrpcWeb | Self::GrpcWebText => accepted_web_format(headers).unwrap_or(self),
        }
    }
}

/// Strips the name of gRPC-Web from `format`, the part of a content type after `application/grpc`. Returns the
/// protocol and the rest.
#[cfg(feature = "web")]
fn web_format(format: &[u8]) -> Option<(Protocol, &[u8])> {
    let format = format.strip_prefix(b"-web")?;
    Some(match format.strip_prefix(b"-text") {
        Some(rest) => (Protocol::GrpcWebText, rest),
        None => (Protocol::GrpcWeb, format),
    })
}

/// The format of gRPC-Web that `accept` names first.
#[cfg(feature = "web")]
fn accepted_web_format(headers: &HeaderMap) -> Option<Protocol> {
    let values = headers.get_all(header::ACCEPT).iter();
    let names = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let protocols = names.filter_map(|name| {
        Protocol::of_content_type(&HeaderValue::from_bytes(name.trim_ascii()).ok()?)
    });
    protocols.into_iter().find(|protocol| !protocol.has_http_trailers())
}
