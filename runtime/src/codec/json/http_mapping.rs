//! Requests and responses as parts of HTTP messages: the path, the query and the body.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use prost::{DecodeError, Message};
use serde_json::{Map, Value as Schema};
use tonic::Status;

use super::{
    JsonMethod,
    field_path::FieldPath,
    read::JsonReader,
    schema::{Comments, SchemaContext, Schemas},
    types::{FieldId, FieldKind, FieldType, MessageId, MessageType},
    wire::{WireValue, next_field},
};
use crate::call::excerpt::quoted;

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
    response_body: Option<FieldId>,
}

/// What a body is.
#[derive(Debug)]
enum MappedBody {
    None,
    Message,
    Field(FieldId),
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
#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct RawBody {
    #[prost(string, tag = "1")]
    pub(crate) content_type: String,
    #[prost(bytes = "bytes", tag = "2")]
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
        let types = &method.types;
        // In a rule, the names are those of the proto. In JSON, one of them may be that of another field.
        let variable = |name: &str| {
            let find = MessageType::proto_position;
            let path = FieldPath::find(types, method.request, name, find)?;
            match path.last(types).is_some_and(FieldType::is_list) {
                true => Err(format!("{name} is repeated, and cannot be in a path")),
                false => Ok((name.to_owned(), path)),
            }
        };
        let named = |message: MessageId, name: &str| {
            let within = types.message(message);
            let position = within.proto_position(name);
            let position =
                position.ok_or_else(|| format!("{} has no field {name:?}", within.full_name))?;
            Ok::<_, String>(FieldId { message, position })
        };
        Ok(Self {
            variables: variables.map(variable).collect::<Result<_, _>>()?,
            body: match body {
                BodyRule::None => MappedBody::None,
                BodyRule::Message => MappedBody::Message,
                BodyRule::Field(name) => MappedBody::Field(named(method.request, name)?),
            },
            response_body: response_body.map(|name| named(method.response, name)).transpose()?,
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
            MappedBody::Message => self.is_raw(self.method.request),
            MappedBody::Field(field) => self.is_raw_field(*field),
        }
    }

    /// Whether the body of a response is a `google.api.HttpBody`.
    pub(crate) fn gives_raw_body(&self) -> bool {
        match self.response_body {
            None => self.is_raw(self.method.response),
            Some(field) => self.is_raw_field(field),
        }
    }

    fn is_raw(&self, message: MessageId) -> bool {
        self.method.types.message(message).full_name == HTTP_BODY
    }

    fn is_raw_field(&self, field: FieldId) -> bool {
        let field = self.method.types.field(field);
        field.is_single()
            && matches!(field.kind, FieldKind::Message(message) if self.is_raw(message))
    }

    /// The encoded request that `parts` and `body` are.
    ///
    /// # Errors
    /// `InvalidArgument`, with the field and the problem.
    pub(crate) fn read_request(&self, parts: &RequestParts, body: Bytes) -> Result<Bytes, Status> {
        let mut reader = self.method.reader();
        self.read_body(&mut reader, parts, body)?;
        for (name, text) in &parts.query {
            match self.query_field(name) {
                Ok(path) => reader.read_text(name, path.fields(), text)?,
                Err(_) if self.method.options.ignores_unknown_fields => {}
                Err(problem) => return Err(Status::invalid_argument(problem)),
            }
        }
        // Last: of several values of a field, protobuf takes the last one.
        for ((name, path), text) in self.variables.iter().zip(&parts.variables) {
            reader.read_text(name, path.fields(), text)?;
        }
        Ok(reader.into_encoded().into())
    }

    /// The field that a query parameter sets.
    fn query_field(&self, name: &str) -> Result<FieldPath, String> {
        if let MappedBody::Message = self.body {
            return Err(format!("unknown parameter {}: the fields are in the body", quoted(name)));
        }
        let unknown = |problem: String| format!("unknown parameter {}: {problem}", quoted(name));
        let types = &self.method.types;
        let path = FieldPath::find(types, self.method.request, name, MessageType::position);
        let path = path.map_err(unknown)?;
        match self.body {
            MappedBody::Field(body) if path.is_in(body) => {
                Err(unknown(format!("{} is the body", types.field(body).name)))
            }
            _ => Ok(path),
        }
    }

    fn read_body(
        &self,
        reader: &mut JsonReader<'_>,
        parts: &RequestParts,
        body: Bytes,
    ) -> Result<(), Status> {
        if body.is_empty() {
            return Ok(());
        }
        let raw = |data| {
            let content_type = parts.content_type.clone().unwrap_or_default();
            RawBody { content_type, data }.encode_to_vec()
        };
        match self.body {
            // A body of such a request means nothing.
            MappedBody::None => {}
            MappedBody::Message if self.takes_raw_body() => reader.put_encoded(&raw(body)),
            MappedBody::Message => reader.read_message(self.method.request, &body)?,
            MappedBody::Field(field) if self.takes_raw_body() => {
                reader.put_encoded_field(field, &raw(body));
            }
            MappedBody::Field(field) => reader.read_field(field, &body)?,
        }
        Ok(())
    }

    /// The body of an encoded response, as JSON.
    ///
    /// # Errors
    /// `Internal`: it cannot be written as JSON.
    pub(crate) fn write_response(&self, message: &[u8]) -> Result<Bytes, Status> {
        match self.response_body {
            None => self.method.write_response(message),
            Some(field) => self.method.write(message, |writer| writer.write_field(field)),
        }
    }

    /// A detail of a status as JSON, or in Base64 if its type is not known.
    pub(crate) fn write_any(&self, any: &prost_types::Any) -> String {
        let value = &any.value;
        let known = self.method.write(value, |writer| writer.write_any(&any.type_url, value));
        let text = known.ok().and_then(|json| String::from_utf8(json.into()).ok());
        text.unwrap_or_else(|| {
            let name = Schema::from(&*any.type_url);
            let value = STANDARD.encode(value);
            format!("{{\"@type\":{name},\"value\":\"{value}\"}}")
        })
    }

    /// The body of an encoded response that is a `google.api.HttpBody`.
    ///
    /// # Errors
    /// `Internal`: it cannot be decoded.
    pub(crate) fn raw_response(&self, message: Bytes) -> Result<RawBody, Status> {
        let body = match self.response_body {
            None => RawBody::decode(message),
            Some(field) => self.raw_field(field, &message),
        };
        body.map_err(|error| Status::internal(format!("cannot read a {HTTP_BODY}: {error}")))
    }

    /// The field of an encoded response that is a `google.api.HttpBody`.
    fn raw_field(&self, field: FieldId, message: &Bytes) -> Result<RawBody, DecodeError> {
        let number = self.method.types.field(field).number;
        let (mut body, mut rest) = (RawBody::default(), &message[..]);
        while let Some((found, value)) = next_field(&mut rest)? {
            if let (true, WireValue::Bytes(part)) = (found == number, value) {
                body.merge(message.slice_ref(part))?;
            }
        }
        Ok(body)
    }
}

/// What its parts look like.
impl HttpMapping {
    /// The schemas of the fields in the path, in the order of its variables.
    pub(crate) fn path_schemas(&self, schemas: &mut Schemas, comments: Comments) -> Vec<Schema> {
        let context = self.context(comments);
        let fields = self.variables.iter().filter_map(|(_, path)| path.last(context.types));
        fields.map(|field| schemas.of_field(field, context)).collect()
    }

    /// The parameters that a query may have, with their schemas. Of a message that contains itself, those outside of it.
    pub(crate) fn query_schemas(
        &self,
        schemas: &mut Schemas,
        comments: Comments,
    ) -> Vec<(String, Schema)> {
        let context = self.context(comments);
        let bound = match self.body {
            MappedBody::Message => return Vec::new(),
            MappedBody::None => None,
            MappedBody::Field(field) => Some(field),
        };
        let mut paths = FieldPath::all(context.types, self.method.request);
        paths.retain(|path| {
            let is_in_path = self.variables.iter().any(|(_, variable)| variable == path);
            !is_in_path && bound.is_none_or(|body| !path.is_in(body))
        });
        let parameter = |path: &FieldPath| {
            let schema = schemas.of_field(path.last(context.types)?, context);
            Some((path.name(context.types, context.options), schema))
        };
        paths.iter().filter_map(parameter).collect()
    }

    /// The content type of the body of a request, and its schema. None if there is no body.
    pub(crate) fn body_schema(
        &self,
        schemas: &mut Schemas,
        comments: Comments,
    ) -> Option<(&'static str, Schema)> {
        if self.takes_raw_body() {
            return Some(("*/*", Schema::Object(Map::new())));
        }
        let context = self.context(comments);
        let schema = match self.body {
            MappedBody::None => return None,
            MappedBody::Message => schemas.of_message(self.method.request, context),
            MappedBody::Field(field) => schemas.of_field(context.types.field(field), context),
        };
        Some(("application/json", schema))
    }

    /// The schema of the body of a response, or of each message of a stream. None if it may be anything.
    pub(crate) fn response_schema(
        &self,
        schemas: &mut Schemas,
        comments: Comments,
    ) -> Option<Schema> {
        if self.gives_raw_body() {
            return None;
        }
        let context = self.context(comments);
        Some(match self.response_body {
            None => schemas.of_message(self.method.response, context),
            Some(field) => schemas.of_field(context.types.field(field), context),
        })
    }

    fn context(&self, comments: Comments) -> SchemaContext<'_> {
        SchemaContext { types: &self.method.types, comments, options: self.method.options }
    }
}
