//! Messages as JSON, by [protobuf's mapping](https://protobuf.dev/programming-guides/json/), and back: by the
//! descriptors that generated code has in it, without code for each message, and without a form in between.

#[cfg(feature = "rest")]
mod field_path;
#[cfg(feature = "rest")]
pub(crate) mod http_mapping;
pub(crate) mod messages;
mod options;
mod read;
mod scalar;
#[cfg(feature = "rest")]
pub(crate) mod schema;
#[cfg_attr(
    not(all(feature = "rest", feature = "explorer")),
    allow(dead_code, reason = "each of them needs a part of it")
)]
pub(crate) mod types;
mod well_known;
mod wire;
mod write;

use std::sync::Arc;

use bytes::Bytes;
use tonic::Status;

pub use self::options::JsonOptions;
use self::{
    read::JsonReader,
    types::{MessageId, TypeTable},
    write::{JsonWriter, WriteError},
};
use crate::call::{method::ServiceDescriptor, status::BoxError};

/// The messages of a service's methods, by the position of the method. None for one that is not in the files.
#[derive(Clone, Debug)]
pub(crate) struct JsonMethods(Vec<Option<JsonMethod>>);

/// The messages of a method, and how they are written as JSON.
#[derive(Clone, Debug)]
pub(crate) struct JsonMethod {
    types: Arc<TypeTable>,
    request: MessageId,
    response: MessageId,
    options: JsonOptions,
}

impl JsonMethods {
    /// Those of `service`, which is in one of the `files`. Each of them is an encoded `FileDescriptorProto`.
    ///
    /// # Errors
    /// The files are not what the generator writes.
    pub(crate) fn new(
        service: &ServiceDescriptor,
        files: &[&[u8]],
        options: JsonOptions,
    ) -> Result<Self, BoxError> {
        let types = Arc::new(TypeTable::new(files)?);
        let described = types.find_service(service.name);
        let method = |name: &str| {
            let mut methods = described?.proto.methods.iter();
            let method = methods.find(|method| method.name == name)?;
            Some(JsonMethod {
                request: types.find_message(&method.input_type)?,
                response: types.find_message(&method.output_type)?,
                types: Arc::clone(&types),
                options,
            })
        };
        Ok(Self(service.methods.iter().map(|declared| method(declared.name())).collect()))
    }

    pub(crate) fn get(&self, position: usize) -> Option<&JsonMethod> {
        self.0.get(position)?.as_ref()
    }
}

impl JsonMethod {
    /// Encodes the request that `json` is.
    ///
    /// # Errors
    /// `InvalidArgument`, with the place and the problem: `items[3].price: expected int32, got "x"`. What is in fields with
    /// `debug_redact` is left out.
    pub(crate) fn read_request(&self, json: &[u8]) -> Result<Bytes, Status> {
        let mut reader = self.reader();
        reader.read_message(self.request, json)?;
        Ok(reader.into_encoded().into())
    }

    /// The JSON of an encoded response.
    ///
    /// # Errors
    /// `Internal`: it cannot be decoded, or has no JSON: a timestamp out of range, an `Any` of an unknown type, or
    /// too deep a nesting.
    pub(crate) fn write_response(&self, message: &[u8]) -> Result<Bytes, Status> {
        self.write(message, |writer| writer.write_message(self.response, &[message]))
    }

    fn reader(&self) -> JsonReader<'_> {
        JsonReader::new(&self.types, self.options)
    }

    fn write<'m>(
        &self,
        encoded: &'m [u8],
        write: impl FnOnce(&mut JsonWriter<'_, 'm>) -> Result<(), WriteError>,
    ) -> Result<Bytes, Status> {
        let mut writer = JsonWriter::new(&self.types, self.options, encoded);
        write(&mut writer).map_err(|error| {
            let name = &self.types.message(self.response).full_name;
            Status::internal(format!("cannot write a {name} as JSON: {error}"))
        })?;
        Ok(writer.into_json().into())
    }
}
