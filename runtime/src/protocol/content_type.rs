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
    #[inline]
    pub(crate) fn of_content_type(value: &HeaderValue) -> Option<Self> {
        match value.as_bytes().strip_prefix(b"application/grpc")? {
            [] => Some(Self::Grpc),
            format => Self::of_format(format),
        }
    }

    /// The protocol whose content type continues with `format` after `application/grpc`.
    fn of_format(format: &[u8]) -> Option<Self> {
        #[cfg(feature = "web")]
        let (protocol, format) = web_format(format).unwrap_or((Self::Grpc, format));
        #[cfg(not(feature = "web"))]
        let protocol = Self::Grpc;
        let rest = format.strip_prefix(b"+proto").unwrap_or(format);
        matches!(rest.first(), None | Some(b';')).then_some(protocol)
    }

    /// The protocol of a request or a response with these `headers`. None if it is no call but plain HTTP. Codecs and
    /// formats that are not known here do not make it that.
    #[inline]
    pub(crate) fn of_call(headers: &HeaderMap) -> Option<Self> {
        let value = content_type(headers)?;
        let is_call = value.as_bytes().starts_with(b"application/grpc");
        is_call.then(|| Self::of_content_type(value).unwrap_or_default())
    }

    /// Constants, as `from_static` would look at each byte again with each call.
    pub(crate) fn content_type(self) -> HeaderValue {
        const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
        #[cfg(feature = "web")]
        const GRPC_WEB: HeaderValue = HeaderValue::from_static("application/grpc-web+proto");
        #[cfg(feature = "web")]
        const GRPC_WEB_TEXT: HeaderValue =
            HeaderValue::from_static("application/grpc-web-text+proto");
        match self {
            Self::Grpc => GRPC,
            #[cfg(feature = "web")]
            Self::GrpcWeb => GRPC_WEB,
            #[cfg(feature = "web")]
            Self::GrpcWebText => GRPC_WEB_TEXT,
        }
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

/// The `content-type` among `headers`. There are few of them in a call, so that a search is faster than a look-up.
#[inline]
fn content_type(headers: &HeaderMap) -> Option<&HeaderValue> {
    headers.iter().find_map(|(name, value)| (name == header::CONTENT_TYPE).then_some(value))
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
