//! Messages between the codec of a call and protobuf.

#[cfg(feature = "rest")]
use std::sync::Arc;
#[cfg(feature = "json")]
use std::sync::OnceLock;

use bytes::Bytes;
use tonic::Status;

#[cfg(feature = "rest")]
use crate::codec::json::http_mapping::{HttpMapping, RequestParts};
#[cfg(feature = "json")]
use crate::codec::json::{JsonMethod, JsonMethods};
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

/// The transcoders of a service.
#[derive(Default)]
pub(crate) struct ServiceTranscoder {
    /// Made when the first message is in JSON. An error says why there are none.
    #[cfg(feature = "json")]
    json: OnceLock<Result<JsonMethods, String>>,
}

impl ServiceTranscoder {
    /// The transcoder of the method at this position of `service`.
    #[cfg_attr(
        not(feature = "json"),
        allow(unused_variables, clippy::unused_self, reason = "there is one codec")
    )]
    pub(crate) fn of_method(
        &self,
        service: &RegisteredService,
        position: usize,
        codec: ConnectCodec,
    ) -> Result<Transcoder, Status> {
        match codec {
            ConnectCodec::Proto => Ok(Transcoder::Proto),
            #[cfg(feature = "json")]
            ConnectCodec::Json => {
                let name = service.descriptor.name;
                let methods = self.json.get_or_init(|| {
                    JsonMethods::new(service.descriptor, service.files, service.options.json)
                        .map_err(|error| error.to_string())
                });
                let method = match methods {
                    Ok(methods) => methods.get(position).cloned(),
                    Err(problem) => {
                        return Err(Status::unimplemented(format!(
                            "the messages of {name} cannot be written as JSON: {problem}"
                        )));
                    }
                };
                let method = method.ok_or_else(|| no_json(name))?;
                Ok(Transcoder::Json(method))
            }
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
