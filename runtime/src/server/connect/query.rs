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
use http::{HeaderValue, Method, Request, header};
use percent_encoding::percent_decode_str;
use tonic::Status;

use crate::protocol::{connect::ConnectCodec, http_body::HttpBody};

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The message of a call, and how it is written.
pub(super) struct QueryMessage {
    pub(super) codec: ConnectCodec,
    message: Bytes,
    compression: Option<HeaderValue>,
}

impl QueryMessage {
    /// None if there is no message in `query`: it is no call. An error comes with the codec of the call.
    pub(super) fn parse(query: &str) -> Option<Result<Self, (ConnectCodec, Status)>> {
        let parameter = |wanted: &str| {
            let parameters = query.split('&').filter_map(|parameter| parameter.split_once('='));
            let mut values = parameters.filter(|(name, _)| *name == wanted).map(|(_, value)| value);
            values.next().map(|value| decoded(value))
        };
        let codec = parameter("encoding")?;
        let codec = ConnectCodec::by_name(str::from_utf8(&codec).ok()?)?;
        let message = parameter("message")?;
        let refused = |problem: String| Some(Err((codec, Status::invalid_argument(problem))));
        if parameter("connect").is_some_and(|version| *version != *b"v1") {
            return refused("the server speaks version 1 of the Connect protocol alone".to_owned());
        }
        let message = match parameter("base64").as_deref() {
            Some(b"1") => match BASE64.decode(&message) {
                Ok(message) => message,
                Err(error) => {
                    return refused(format!("the message in the URL is not Base64: {error}"));
                }
            },
            _ => message.into_owned(),
        };
        let compression = parameter("compression");
        let compression = compression.and_then(|name| HeaderValue::from_bytes(&name).ok());
        Some(Ok(Self { codec, message: message.into(), compression }))
    }

    /// Makes a request with this message as its body.
    pub(super) fn put_into(self, request: &mut Request<HttpBody>) {
        *request.method_mut() = Method::POST;
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
