//! Requests and responses as parts of HTTP messages: the path, the query and the body.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use prost::Message as _;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};
use serde_json::{Map, Value as Schema, value::RawValue};
use tonic::Status;

use super::{
    JsonMethod, encode_request,
    explain::{field, quoted},
    field_path::FieldPath,
    schema::{SchemaContext, Schemas},
};

/// A message that is a body of any type, with its content type.
const HTTP_BODY: &str = "google.api.HttpBody";

/// What the body of a request is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BodyRule {
    /// Nothing.
    None,
    /// All of the message that is not in the path.
    Message,
    /// A field of it.
    Field(String),
}

/// How the messages of a method are written as HTTP messages, by a rule of `google.api.http`.
#[derive(Debug)]
pub(crate) struct HttpMapping {
    method: JsonMethod,
    variables: Vec<(String, FieldPath)>,
    body: MappedBody,
    /// The field that is the body of the response. None for all of it.
    response_body: Option<FieldDescriptor>,
}

/// What a body is.
#[derive(Debug)]
enum MappedBody {
    None,
    Message,
    Field(FieldDescriptor),
}

/// What a request has beside its body.
#[derive(Debug, Default)]
pub(crate) struct RequestParts {
    /// In the order of the mapping's variables.
    pub(crate) variables: Vec<String>,
    /// Names and values.
    pub(crate) query: Vec<(String, String)>,
    /// Of a body that is not JSON.
    pub(crate) content_type: Option<String>,
}

/// A `google.api.HttpBody`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct RawBody {
    pub(crate) content_type: String,
    pub(crate) data: Bytes,
}

impl HttpMapping {
    /// The mapping by a rule: what the variables of its path are, and which fields are bodies.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) fn new<'a>(
        method: &JsonMethod,
        variables: impl Iterator<Item = &'a str>,
        body: &BodyRule,
        response_body: Option<&str>,
    ) -> Result<Self, String> {
        // In a rule, the names are those of the proto. In JSON, one of them may be that of another field.
        let by_name = MessageDescriptor::get_field_by_name;
        let variable = |name: &str| {
            let path = FieldPath::find(&method.request, name, by_name)?;
            match path.is_repeated() {
                true => Err(format!("{name} is repeated, and cannot be in a path")),
                false => Ok((name.to_owned(), path)),
            }
        };
        let named = |message: &MessageDescriptor, name: &str| {
            let found = by_name(message, name);
            found.ok_or_else(|| format!("{} has no field {name:?}", message.full_name()))
        };
        Ok(Self {
            variables: variables.map(variable).collect::<Result<_, _>>()?,
            body: match body {
                BodyRule::None => MappedBody::None,
                BodyRule::Message => MappedBody::Message,
                BodyRule::Field(name) => MappedBody::Field(named(&method.request, name)?),
            },
            response_body: response_body.map(|name| named(&method.response, name)).transpose()?,
            method: method.clone(),
        })
    }

    /// Whether the body of a request is JSON.
    pub(crate) fn takes_json(&self) -> bool {
        !matches!(self.body, MappedBody::None) && !self.takes_raw_body()
    }

    /// Whether the body of a request is a `google.api.HttpBody`.
    fn takes_raw_body(&self) -> bool {
        match &self.body {
            MappedBody::None => false,
            MappedBody::Message => self.method.request.full_name() == HTTP_BODY,
            MappedBody::Field(field) => is_raw(field),
        }
    }

    /// Whether the body of a response is a `google.api.HttpBody`.
    pub(crate) fn gives_raw_body(&self) -> bool {
        match &self.response_body {
            None => self.method.response.full_name() == HTTP_BODY,
            Some(field) => is_raw(field),
        }
    }

    /// The encoded request that `parts` and `body` are.
    ///
    /// # Errors
    /// `InvalidArgument`, with the field and the problem.
    pub(crate) fn read_request(&self, parts: &RequestParts, body: Bytes) -> Result<Bytes, Status> {
        let mut message = self.read_body(parts, body)?;
        for (name, text) in &parts.query {
            match self.query_field(name) {
                Ok(path) => self.set(&mut message, (name, &path), text)?,
                Err(_) if self.method.options.ignores_unknown_fields => {}
                Err(problem) => return Err(Status::invalid_argument(problem)),
            }
        }
        // Last: what the path says counts.
        for ((name, path), text) in self.variables.iter().zip(&parts.variables) {
            self.set(&mut message, (name, path), text)?;
        }
        encode_request(&message)
    }

    /// The field that a query parameter sets.
    fn query_field(&self, name: &str) -> Result<FieldPath, String> {
        if let MappedBody::Message = self.body {
            return Err(format!("unknown parameter {}: the fields are in the body", quoted(name)));
        }
        FieldPath::find(&self.method.request, name, field)
            .map_err(|problem| format!("unknown parameter {}: {problem}", quoted(name)))
    }

    /// Sets the field at `path`, which the request calls `name`.
    fn set(
        &self,
        message: &mut DynamicMessage,
        (name, path): (&str, &FieldPath),
        text: &str,
    ) -> Result<(), Status> {
        path.set(message, text).map_err(|expected| {
            let got = match path.is_redacted(&self.method.redacted) {
                true => String::new(),
                false => format!(", got {}", quoted(text)),
            };
            Status::invalid_argument(format!("{name}: expected {expected}{got}"))
        })
    }

    fn read_body(&self, parts: &RequestParts, body: Bytes) -> Result<DynamicMessage, Status> {
        let mut request = DynamicMessage::new(self.method.request.clone());
        if body.is_empty() {
            return Ok(request);
        }
        match &self.body {
            // A body of such a request means nothing.
            MappedBody::None => {}
            MappedBody::Message if self.takes_raw_body() => put_raw(&mut request, parts, body),
            MappedBody::Message => return self.method.parse_request(&body),
            MappedBody::Field(field) if is_raw(field) => {
                if let Some(raw) = request.get_field_mut(field).as_message_mut() {
                    put_raw(raw, parts, body);
                }
            }
            MappedBody::Field(field) => {
                let value: &RawValue = serde_json::from_slice(&body).map_err(|error| {
                    Status::invalid_argument(format!("the body is not JSON: {error}"))
                })?;
                // It is one value, so that it cannot bring other fields along.
                let name = serde_json::Value::from(field.json_name());
                let object = format!("{{{name}:{}}}", value.get());
                return self.method.parse_request(object.as_bytes());
            }
        }
        Ok(request)
    }

    /// The body of an encoded response, as JSON.
    ///
    /// # Errors
    /// `Internal`: it cannot be written as JSON.
    pub(crate) fn write_response(&self, message: Bytes) -> Result<Bytes, Status> {
        let Some(field) = &self.response_body else { return self.method.write_response(message) };
        let response = self.method.decode_response(message)?;
        let mut only = DynamicMessage::new(self.method.response.clone());
        let is_set = response.has_field(field);
        if is_set {
            only.set_field(field, response.get_field(field).into_owned());
        }
        let options = self.method.options;
        // Otherwise its default value, if it has one, which is left out of objects.
        let writing = options.write_default_values(options.writes_defaults || !is_set);
        let json = JsonMethod { options: writing, ..self.method.clone() }.write_json(&only)?;
        let object: BTreeMap<String, &RawValue> =
            serde_json::from_slice(&json).map_err(|error| Status::internal(error.to_string()))?;
        let value = object.get(options.name_of(field)).map_or("null", |value| value.get());
        Ok(Bytes::copy_from_slice(value.as_bytes()))
    }

    /// A detail of a status as JSON, or in Base64 if its type is not known.
    pub(crate) fn write_any(&self, any: &prost_types::Any) -> String {
        let pool = self.method.response.parent_pool();
        let known = pool.get_message_by_name("google.protobuf.Any").and_then(|descriptor| {
            let any = DynamicMessage::decode(descriptor, &*any.encode_to_vec()).ok()?;
            String::from_utf8(self.method.write_json(&any).ok()?).ok()
        });
        known.unwrap_or_else(|| {
            let name = serde_json::Value::from(&*any.type_url);
            let value = STANDARD.encode(&any.value);
            format!("{{\"@type\":{name},\"value\":\"{value}\"}}")
        })
    }

    /// The body of an encoded response that is a `google.api.HttpBody`.
    ///
    /// # Errors
    /// `Internal`: it cannot be decoded.
    pub(crate) fn raw_response(&self, message: Bytes) -> Result<RawBody, Status> {
        let response = self.method.decode_response(message)?;
        let body = match &self.response_body {
            None => RawBody::of(&response),
            Some(field) => {
                response.get_field(field).as_message().map(RawBody::of).unwrap_or_default()
            }
        };
        Ok(body)
    }
}

/// What its parts look like.
impl HttpMapping {
    /// The schemas of the fields in the path, in the order of its variables.
    pub(crate) fn path_schemas(
        &self,
        schemas: &mut Schemas,
        context: SchemaContext,
    ) -> Vec<Schema> {
        self.variables.iter().map(|(_, path)| schemas.of_field(path.last(), context)).collect()
    }

    /// The parameters that a query may have, with their schemas. Of a message that contains itself, those outside of it.
    pub(crate) fn query_schemas(
        &self,
        schemas: &mut Schemas,
        context: SchemaContext,
    ) -> Vec<(String, Schema)> {
        let bound = match &self.body {
            MappedBody::Message => return Vec::new(),
            MappedBody::None => None,
            MappedBody::Field(field) => Some(field),
        };
        let mut fields = FieldPath::all(&self.method.request);
        fields.retain(|path| {
            let is_in_path = self.variables.iter().any(|(_, variable)| variable == path);
            !is_in_path && bound.is_none_or(|body| !path.is_in(body))
        });
        let schema =
            |path: &FieldPath| (path.name(context.options), schemas.of_field(path.last(), context));
        fields.iter().map(schema).collect()
    }

    /// The content type of the body of a request, and its schema. None if there is no body.
    pub(crate) fn body_schema(
        &self,
        schemas: &mut Schemas,
        context: SchemaContext,
    ) -> Option<(&'static str, Schema)> {
        if self.takes_raw_body() {
            return Some(("*/*", Schema::Object(Map::new())));
        }
        let schema = match &self.body {
            MappedBody::None => return None,
            MappedBody::Message => schemas.of_message(&self.method.request, context),
            MappedBody::Field(field) => schemas.of_field(field, context),
        };
        Some(("application/json", schema))
    }

    /// The schema of the body of a response, or of each message of a stream. None if it may be anything.
    pub(crate) fn response_schema(
        &self,
        schemas: &mut Schemas,
        context: SchemaContext,
    ) -> Option<Schema> {
        if self.gives_raw_body() {
            return None;
        }
        Some(match &self.response_body {
            None => schemas.of_message(&self.method.response, context),
            Some(field) => schemas.of_field(field, context),
        })
    }
}

impl RawBody {
    fn of(message: &DynamicMessage) -> Self {
        let content_type = message.get_field_by_name("content_type");
        let content_type = content_type.as_deref().and_then(Value::as_str).map(str::to_owned);
        let data = message.get_field_by_name("data");
        let data = data.as_deref().and_then(Value::as_bytes).cloned();
        Self { content_type: content_type.unwrap_or_default(), data: data.unwrap_or_default() }
    }
}

fn is_raw(field: &FieldDescriptor) -> bool {
    let is_body = |kind| matches!(kind, Kind::Message(message) if message.full_name() == HTTP_BODY);
    !field.is_list() && !field.is_map() && is_body(field.kind())
}

/// Puts a body into a `google.api.HttpBody`.
fn put_raw(message: &mut DynamicMessage, parts: &RequestParts, body: Bytes) {
    if let Some(content_type) = &parts.content_type {
        message.set_field_by_name("content_type", Value::String(content_type.clone()));
    }
    message.set_field_by_name("data", Value::Bytes(body));
}
