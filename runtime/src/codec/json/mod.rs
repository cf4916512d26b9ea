//! Messages as JSON, by [protobuf's mapping](https://protobuf.dev/programming-guides/json/), and back: by the
//! descriptors that generated code has in it, without code for each message.

mod depth;
pub(crate) mod explain;
mod features;
#[cfg(feature = "rest")]
mod field_path;
#[cfg(feature = "rest")]
pub(crate) mod http_mapping;
mod lowered;
pub(crate) mod redacted;
#[cfg(feature = "rest")]
pub(crate) mod schema;

use std::{fmt, sync::Arc};

use bytes::Bytes;
use prost::Message as _;
#[cfg(feature = "rest")]
use prost_reflect::FieldDescriptor;
use prost_reflect::{
    DescriptorPool, DeserializeOptions, DynamicMessage, MessageDescriptor, SerializeOptions,
};
use tonic::Status;

use self::{
    depth::{LimitedDepth, MAX_NESTED},
    redacted::RedactedFields,
};
use crate::{
    call::{method::ServiceDescriptor, status::BoxError},
    codec::descriptors::well_known_files,
};

/// How messages are written as JSON, and read from it: see [`ServiceServer::json`](crate::ServiceServer::json). Needs the
/// feature `json`.
///
/// ```
/// use rust_scaffold::JsonOptions;
///
/// const LENIENT: JsonOptions = JsonOptions::new().ignore_unknown_fields(true);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JsonOptions {
    ignores_unknown_fields: bool,
    writes_defaults: bool,
    writes_enum_numbers: bool,
    writes_proto_names: bool,
}

impl JsonOptions {
    /// As protobuf's mapping has it, with unknown fields refused.
    pub const fn new() -> Self {
        Self {
            ignores_unknown_fields: false,
            writes_defaults: false,
            writes_enum_numbers: false,
            writes_proto_names: false,
        }
    }

    /// Whether to ignore fields, and values of enums, that are not known, instead of refusing the message with
    /// `InvalidArgument`. Default: false.
    #[must_use]
    pub const fn ignore_unknown_fields(self, ignore: bool) -> Self {
        Self { ignores_unknown_fields: ignore, ..self }
    }

    /// Whether to write fields that have their default value and no presence, such as 0. Default: false.
    #[must_use]
    pub const fn write_default_values(self, write: bool) -> Self {
        Self { writes_defaults: write, ..self }
    }

    /// Whether to write the numbers of enums' values instead of their names. Default: false.
    #[must_use]
    pub const fn write_enum_numbers(self, write: bool) -> Self {
        Self { writes_enum_numbers: write, ..self }
    }

    /// Whether to write the names of fields as the proto has them, instead of `lowerCamelCase` or their `json_name`.
    /// Both are read in any case. Default: false.
    #[must_use]
    pub const fn write_proto_names(self, write: bool) -> Self {
        Self { writes_proto_names: write, ..self }
    }

    fn of_reading(self) -> DeserializeOptions {
        DeserializeOptions::new().deny_unknown_fields(!self.ignores_unknown_fields)
    }

    fn of_writing(self) -> SerializeOptions {
        SerializeOptions::new()
            .skip_default_fields(!self.writes_defaults)
            .use_enum_numbers(self.writes_enum_numbers)
            .use_proto_field_name(self.writes_proto_names)
    }

    /// The name with which a field is written.
    #[cfg(feature = "rest")]
    fn name_of(self, field: &FieldDescriptor) -> &str {
        match self.writes_proto_names {
            true => field.name(),
            false => field.json_name(),
        }
    }
}

/// What is in `files`, each of which is an encoded `FileDescriptorProto`, and in the well-known ones.
///
/// # Errors
/// The files are not what the generator writes.
pub(crate) fn descriptor_pool(files: &[&[u8]]) -> Result<DescriptorPool, BoxError> {
    let well_known = well_known_files();
    let encoded = well_known.iter().map(|file| &file[..]).chain(files.iter().copied());
    let decoded = encoded.map(lowered::decode).collect::<Result<Vec<_>, _>>()?;
    let mut pool = DescriptorPool::new();
    pool.add_file_descriptor_protos(decoded)?;
    Ok(pool)
}

/// The messages of a service's methods, by the position of the method. None for one that is not in the files.
#[derive(Debug)]
pub(crate) struct JsonMethods(Vec<Option<JsonMethod>>);

/// The messages of a method, and how they are written as JSON.
#[derive(Clone, Debug)]
pub(crate) struct JsonMethod {
    request: MessageDescriptor,
    response: MessageDescriptor,
    options: JsonOptions,
    /// Fields whose values no error shows: it is in logs.
    redacted: Arc<RedactedFields>,
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
        let described = descriptor_pool(files)?.get_service_by_name(service.name);
        let redacted = Arc::new(RedactedFields::of(files)?);
        let method = |name: &str| {
            let method = described.as_ref()?.methods().find(|method| method.name() == name)?;
            let [request, response] = [method.input(), method.output()];
            Some(JsonMethod { request, response, options, redacted: Arc::clone(&redacted) })
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
        encode_request(&self.parse_request(json)?)
    }

    fn parse_request(&self, json: &[u8]) -> Result<DynamicMessage, Status> {
        let mut parser = serde_json::Deserializer::from_slice(json);
        let mut track = serde_path_to_error::Track::new();
        let tracked = serde_path_to_error::Deserializer::new(&mut parser, &mut track);
        let read = DynamicMessage::deserialize_with_options(
            self.request.clone(),
            tracked,
            &self.options.of_reading(),
        );
        read.and_then(|message| parser.end().map(|()| message))
            .map_err(|error| explain::status(self, json, &track.path(), &error))
    }

    /// The JSON of an encoded response.
    ///
    /// # Errors
    /// `Internal`: it cannot be decoded, or has no JSON: a timestamp out of range, an `Any` of an unknown type, or
    /// too deep a nesting.
    pub(crate) fn write_response(&self, message: Bytes) -> Result<Bytes, Status> {
        let decoded = self.decode_response(message)?;
        Ok(self.write_json(&decoded)?.into())
    }

    fn decode_response(&self, message: Bytes) -> Result<DynamicMessage, Status> {
        let decoded = DynamicMessage::decode(self.response.clone(), message);
        decoded.map_err(|error| self.unwritable(&error))
    }

    fn write_json(&self, response: &DynamicMessage) -> Result<Vec<u8>, Status> {
        let mut json = Vec::new();
        let mut writer = serde_json::Serializer::with_formatter(&mut json, LimitedDepth::default());
        let written = response.serialize_with_options(&mut writer, &self.options.of_writing());
        written.map_err(|error| self.unwritable(&error))?;
        Ok(json)
    }

    fn unwritable(&self, error: &dyn fmt::Display) -> Status {
        let name = self.response.full_name();
        Status::internal(format!("cannot write a {name} as JSON: {error}"))
    }
}

fn encode_request(request: &DynamicMessage) -> Result<Bytes, Status> {
    match depth::is_within(request, MAX_NESTED) {
        true => Ok(request.encode_to_vec().into()),
        false => Err(Status::invalid_argument(format!(
            "the message has more than {MAX_NESTED} levels of messages in it"
        ))),
    }
}
