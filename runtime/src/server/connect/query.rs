//! Calls of methods without side effects as HTTP `GET`, which caches and browsers like: the message is in the URL.
//!
//! See [unary get requests](https://connectrpc.com/docs/protocol/#unary-get-request).

use std::borrow::Cow;

use base64::{
    Engine as _,
    alphabet::URL_SAFE,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use bytes::Bytes;
use http::{HeaderValue, Request, header};
use percent_encoding::percent_decode_str;
use tonic::Status;

use crate::protocol::{connect::ConnectCodec, http_body::HttpBody};

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The message of a call.
pub(crate) struct QueryMessage {
    message: Bytes,
    compression: Option<HeaderValue>,
}

impl QueryMessage {
    /// The codec of the call in `query`, and its message or why there is none. None if it is no call.
    pub(super) fn parse(query: &str) -> Option<(ConnectCodec, Result<Self, Status>)> {
        let parameter = |wanted: &str| {
            let parameters = query.split('&').filter_map(|parameter| parameter.split_once('='));
            let mut values = parameters.filter(|(name, _)| *name == wanted).map(|(_, value)| value);
            values.next().map(decoded)
        };
        let codec = parameter("encoding")?;
        let codec = ConnectCodec::by_name(str::from_utf8(&codec).ok()?)?;
        let message = parameter("message")?;
        if parameter("connect").is_some_and(|version| *version != *b"v1") {
            let problem = "the server speaks version 1 of the Connect protocol alone";
            return Some((codec, Err(Status::invalid_argument(problem))));
        }
        let message = match parameter("base64").as_deref() {
            Some(b"1") => BASE64.decode(&message),
            _ => Ok(message.into_owned()),
        };
        let message = message.map_err(|error| {
            Status::invalid_argument(format!("the message in the URL is not Base64: {error}"))
        });
        let compression = parameter("compression");
        let compression = compression.and_then(|name| HeaderValue::from_bytes(&name).ok());
        Some((codec, message.map(|message| Self { message: message.into(), compression })))
    }

    /// Makes the message the body of `request`.
    pub(super) fn put_into(self, request: &mut Request<HttpBody>) {
        request.headers_mut().remove(header::CONTENT_ENCODING);
        if let Some(compression) = self.compression {
            request.headers_mut().insert(header::CONTENT_ENCODING, compression);
        }
        *request.body_mut() = HttpBody::plain(self.message);
    }
}

/// A value in a URL.
fn decoded(value: &str) -> Cow<'_, [u8]> {
    match value.contains('+') {
        true => percent_decode_str(&value.replace('+', " ")).collect::<Vec<u8>>().into(),
        false => percent_decode_str(value).into(),
    }
}
