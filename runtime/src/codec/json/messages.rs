//! [`JsonMessages`]: messages as JSON, for programs.

use prost::Message;
use tonic::Status;

use super::{JsonMethod, JsonMethods, JsonOptions};
use crate::{
    call::method::{MethodDescriptor, ServiceDescriptor},
    codec::descriptors::files_of,
};

/// The messages of a service as JSON, by [protobuf's mapping](https://protobuf.dev/programming-guides/json/): for a
/// command line, a fixture of a test, a log. Needs the feature `json`, and a service that is generated with the option
/// `file_descriptor_set`.
///
/// A client needs none of this to call, nor does a server, which reads and writes JSON by itself.
///
/// ```
/// use rust_scaffold::{JsonMessages, JsonOptions, ServiceDescriptor, Status, prost::Message};
///
/// fn to_json<M: Message>(service: &ServiceDescriptor, response: &M) -> Result<String, Status> {
///     let messages = JsonMessages::new(service, JsonOptions::new())?;
///     messages.write_response("Add", response)
/// }
/// ```
#[derive(Debug)]
pub struct JsonMessages {
    service: &'static str,
    names: Vec<&'static str>,
    methods: JsonMethods,
}

impl JsonMessages {
    /// Those of a service, which is in the module that is generated for its contract:
    /// `calculator_service::SERVICE`.
    ///
    /// # Errors
    /// `Internal`: the service has been generated without its descriptors.
    pub fn new(service: &ServiceDescriptor, options: JsonOptions) -> Result<Self, Status> {
        let set = service.file_descriptor_set.ok_or_else(|| {
            let name = service.name;
            Status::internal(format!("{name} is generated without `file_descriptor_set`"))
        })?;
        let files = files_of(set).map_err(|error| unreadable(service, &error))?;
        let files = files.iter().map(|file| &file[..]).collect::<Vec<_>>();
        let methods = JsonMethods::new(service, &files, options);
        let methods = methods.map_err(|error| unreadable(service, &error))?;
        let names = service.methods.iter().map(MethodDescriptor::name).collect();
        Ok(Self { service: service.name, names, methods })
    }

    /// Reads a request of `method`, which is named as in the proto: `Add`.
    ///
    /// # Errors
    /// `InvalidArgument`: the JSON is no such message; with the place in it. `Internal`: there is no such method, or
    /// `M` is not its request.
    pub fn read_request<M: Message + Default>(
        &self,
        method: &str,
        json: &str,
    ) -> Result<M, Status> {
        let encoded = self.method(method)?.read_request(json.as_bytes())?;
        M::decode(encoded)
            .map_err(|error| Status::internal(format!("it is no request of {method}: {error}")))
    }

    /// Writes a response of `method`, on one line.
    ///
    /// # Errors
    /// `Internal`: the message has no JSON, such as a timestamp out of range or an `Any` of an unknown type; or there
    /// is no such method.
    pub fn write_response<M: Message>(&self, method: &str, response: &M) -> Result<String, Status> {
        let json = self.method(method)?.write_response(&response.encode_to_vec())?;
        String::from_utf8(json.into()).map_err(|error| Status::internal(error.to_string()))
    }

    fn method(&self, name: &str) -> Result<&JsonMethod, Status> {
        let position = self.names.iter().position(|known| *known == name);
        position
            .and_then(|position| self.methods.get(position))
            .ok_or_else(|| Status::internal(format!("{} has no method {name}", self.service)))
    }
}

fn unreadable(service: &ServiceDescriptor, error: &dyn std::fmt::Display) -> Status {
    Status::internal(format!("the descriptors of {} cannot be read: {error}", service.name))
}
