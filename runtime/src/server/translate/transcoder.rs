//! Messages between the codec of a call and protobuf.

#[cfg(feature = "rest")]
use std::sync::Arc;

use bytes::Bytes;
use tonic::Status;

#[cfg(feature = "json")]
use crate::codec::json::JsonMethod;
#[cfg(feature = "rest")]
use crate::codec::json::http_mapping::{HttpMapping, RequestParts};
use crate::{protocol::connect::ConnectCodec, server::registered::RegisteredService};

/// Turns messages of a method into protobuf and back.
#[derive(Clone, Debug)]
pub(crate) enum Transcoder {
    /// They are protobuf already.
    Proto,
    #[cfg(feature = "json")]
    Json(JsonMethod),
    /// The parts of HTTP messages.
    #[cfg(feature = "rest")]
    Http(Arc<HttpMapping>, Arc<RequestParts>),
}

/// The transcoder of the method at this position of `service`.
#[cfg_attr(
    not(feature = "json"),
    allow(unused_variables, clippy::unnecessary_wraps, reason = "there is one codec")
)]
pub(crate) fn of_method(
    service: &RegisteredService,
    position: usize,
    codec: ConnectCodec,
) -> Result<Transcoder, Status> {
    match codec {
        ConnectCodec::Proto => Ok(Transcoder::Proto),
        #[cfg(feature = "json")]
        ConnectCodec::Json => {
            let name = service.descriptor.name;
            let methods = service.json().map_err(|problem| {
                Status::unimplemented(format!(
                    "the messages of {name} cannot be written as JSON: {problem}"
                ))
            })?;
            let method = methods.get(position).cloned().ok_or_else(|| no_json(name))?;
            Ok(Transcoder::Json(method))
        }
    }
}

/// The transcoder of a service of another library.
pub(crate) fn foreign(codec: ConnectCodec) -> Result<Transcoder, Status> {
    match codec {
        ConnectCodec::Proto => Ok(Transcoder::Proto),
        #[cfg(feature = "json")]
        ConnectCodec::Json => Err(no_json("the service")),
    }
}

/// Tells the log: for observers, the service has answered.
#[cfg(feature = "json")]
pub(crate) fn no_response(status: &Status) {
    tracing::error!(problem = status.message(), "a response has no JSON");
}

#[cfg(feature = "json")]
fn no_json(service: &str) -> Status {
    Status::unimplemented(format!(
        "the server has no descriptors of {service}, and cannot write its messages as JSON"
    ))
}

impl Transcoder {
    pub(crate) fn is_proto(&self) -> bool {
        matches!(self, Self::Proto)
    }

    /// A request in protobuf.
    pub(crate) fn read_request(&self, message: Bytes) -> Result<Bytes, Status> {
        match self {
            Self::Proto => Ok(message),
            #[cfg(feature = "json")]
            Self::Json(method) => method.read_request(&message),
            #[cfg(feature = "rest")]
            Self::Http(mapping, parts) => mapping.read_request(parts, message),
        }
    }

    /// A response in the codec of the call.
    pub(crate) fn write_response(&self, message: Bytes) -> Result<Bytes, Status> {
        match self {
            Self::Proto => Ok(message),
            #[cfg(feature = "json")]
            Self::Json(method) => method.write_response(&message).inspect_err(no_response),
            #[cfg(feature = "rest")]
            Self::Http(mapping, _) => mapping.write_response(&message).inspect_err(no_response),
        }
    }
}
