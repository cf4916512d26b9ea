//! [`OpenApi`]: what is called by REST, described for people and tools.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    future::ready,
};

use bytes::Bytes;
use http::{Method, Request};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use super::{
    method::{RestMethod, RestRouter},
    template::{PathTemplate, Segment},
};
use crate::{
    call::method::{MethodDescriptor, MethodKind},
    codec::json::schema::{Schemas, comment},
    connection::http_service::{HttpService, ServiceFuture},
    protocol::http_body::HttpBody,
    server::page::page,
};

/// The methods of HTTP for which OpenAPI 3.1 has a place.
const DESCRIBED_METHODS: [Method; 8] = [
    Method::GET,
    Method::PUT,
    Method::POST,
    Method::DELETE,
    Method::OPTIONS,
    Method::HEAD,
    Method::PATCH,
    Method::TRACE,
];
/// What is not written in a path as it is: all but the unreserved characters of RFC 3986.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// How many query parameters of an operation are listed. Nobody reads more, and with messages in messages there may be
/// thousands.
const MAX_QUERY_PARAMETERS: usize = 100;
/// The schema of what a failed call is answered with.
const STATUS: &str = "google.rpc.Status";

/// A description of what a [`Server`](crate::Server) serves by REST, as an
/// [OpenAPI 3.1](https://spec.openapis.org/oas/v3.1.1.html) document: see
/// [`Server::openapi`](crate::Server::openapi). Needs the feature `rest`.
///
/// ```
/// use rust_scaffold::{OpenApi, Server};
///
/// let server = Server::new().openapi("/openapi.json");
/// // With what the server does not know:
/// let api = OpenApi::at("/openapi.json").title("Calculator").version("1.0");
/// let server = Server::new().openapi(api.server("https://calculator.example.com"));
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct OpenApi {
    pub(super) path: String,
    title: Option<String>,
    version: String,
    servers: Vec<String>,
}

impl OpenApi {
    /// The document at this path, such as `/openapi.json`.
    pub fn at(path: impl Into<String>) -> Self {
        Self { path: path.into(), title: None, version: "0.0.0".into(), servers: Vec::new() }
    }

    /// Sets the title of the API. Default: the names of the services that are described.
    pub fn title(self, title: impl Into<String>) -> Self {
        Self { title: Some(title.into()), ..self }
    }

    /// Sets the version of the API. Default: `0.0.0`.
    pub fn version(self, version: impl Into<String>) -> Self {
        Self { version: version.into(), ..self }
    }

    /// Adds a URL at which the API is served. Without one, it is where the document is.
    pub fn server(mut self, url: impl Into<String>) -> Self {
        self.servers.push(url.into());
        self
    }

    /// The document for what these routes lead to.
    pub(super) fn document(&self, router: &RestRouter) -> ApiDocument {
        let mut paths = DescribedPaths::default();
        let mut services = BTreeSet::new();
        for (method, template, target) in router.routes() {
            // There is no place for other methods.
            if let Some(method) = method.filter(|method| DESCRIBED_METHODS.contains(method)) {
                paths.add(method, template, target);
                services.insert(target.descriptor.service());
            }
        }
        let mut schemas = paths.schemas.into_components();
        // The API may use it itself.
        schemas.entry(STATUS).or_insert_with(status_schema);
        let named = || services.into_iter().collect::<Vec<_>>().join(", ");
        let title = self.title.clone().unwrap_or_else(named);
        let mut document = json!({
            "openapi": "3.1.1",
            "info": { "title": title, "version": self.version },
            "paths": paths.items,
            "components": { "schemas": schemas },
        });
        if !self.servers.is_empty() {
            let servers = self.servers.iter().map(|url| json!({ "url": url }));
            document["servers"] = servers.collect();
        }
        ApiDocument(document.to_string().into())
    }
}

impl From<&str> for OpenApi {
    fn from(path: &str) -> Self {
        Self::at(path)
    }
}

impl From<String> for OpenApi {
    fn from(path: String) -> Self {
        Self::at(path)
    }
}

/// A document, as it is served.
#[derive(Debug)]
pub(crate) struct ApiDocument(Bytes);

impl HttpService for ApiDocument {
    fn call(&self, request: Request<HttpBody>) -> ServiceFuture {
        let response = page(request.method(), "application/json", self.0.clone());
        ServiceFuture::Other(None, Box::pin(ready(response)))
    }
}

/// The paths of a document, and the schemas that they need.
#[derive(Default)]
struct DescribedPaths {
    items: BTreeMap<String, Map<String, Value>>,
    schemas: Schemas,
    /// The names of the parameters of each path, by its form.
    names: HashMap<String, Vec<String>>,
    /// How often each method has been described.
    operations: HashMap<&'static str, usize>,
}

impl DescribedPaths {
    fn add(&mut self, http_method: &Method, template: &PathTemplate, method: &RestMethod) {
        let mut path = DescribedPath::of(template);
        // Paths that differ in the names of their parameters are the same.
        let own = path.parameters.iter().map(|parameter| parameter.name.clone()).collect();
        let names: &Vec<_> = self.names.entry(path.written(|_| String::new())).or_insert(own);
        for (parameter, name) in path.parameters.iter_mut().zip(names) {
            parameter.name.clone_from(name);
        }
        let operation = self.operation(method, &path.parameters);
        let text = path.written(|position| path.parameters[position].name.clone());
        let item = self.items.entry(text).or_default();
        item.insert(http_method.as_str().to_ascii_lowercase(), operation);
    }

    fn operation(&mut self, method: &RestMethod, path: &[PathParameter]) -> Value {
        let RestMethod { descriptor, mapping, comments, .. } = method;
        let mut operation = Map::new();
        operation.insert("operationId".into(), self.operation_id(descriptor).into());
        operation.insert("tags".into(), json!([descriptor.service()]));
        let name = descriptor.path.trim_start_matches('/').replace('/', ".");
        let (parameters, omitted) = self.parameters(method, path);
        let text = comment(comments, &name).map(Into::into);
        let note =
            (omitted > 0).then(|| format!("{omitted} more query parameters are not listed."));
        let description: Vec<String> = text.into_iter().chain(note).collect();
        if !description.is_empty() {
            operation.insert("description".into(), description.join("\n\n").into());
        }
        if descriptor.deprecated {
            operation.insert("deprecated".into(), true.into());
        }
        if !parameters.is_empty() {
            operation.insert("parameters".into(), parameters.into());
        }
        if let Some((content_type, schema)) = mapping.body_schema(&mut self.schemas, comments) {
            let body = json!({ "content": { content_type: { "schema": schema } } });
            operation.insert("requestBody".into(), body);
        }
        operation.insert("responses".into(), self.responses(method));
        operation.into()
    }

    /// Unique in the document, also if there are several ways to call the method.
    fn operation_id(&mut self, descriptor: &MethodDescriptor) -> String {
        let count = self.operations.entry(descriptor.path).or_default();
        *count += 1;
        let (service, name) = (descriptor.service().replace('.', "_"), descriptor.name());
        match count {
            1 => format!("{service}_{name}"),
            count => format!("{service}_{name}_{count}"),
        }
    }

    /// The parameters that are listed, and how many are not.
    fn parameters(&mut self, method: &RestMethod, path: &[PathParameter]) -> (Vec<Value>, usize) {
        let RestMethod { mapping, comments, .. } = method;
        let fields = mapping.path_schemas(&mut self.schemas, comments);
        let in_path = path.iter().map(|PathParameter { name, variable, part_of }| {
            let schema = match (variable.and_then(|at| fields.get(at)), part_of) {
                (Some(schema), None) => schema.clone(),
                _ => json!({ "type": "string" }),
            };
            let mut parameter =
                json!({ "name": name, "in": "path", "required": true, "schema": schema });
            if let Some(whole) = part_of {
                parameter["description"] = format!("A part of {whole}.").into();
            }
            parameter
        });
        let mut parameters: Vec<_> = in_path.collect();
        let mut query = mapping.query_schemas(&mut self.schemas, comments);
        let omitted = query.len().saturating_sub(MAX_QUERY_PARAMETERS);
        if omitted > 0 {
            // The fields of the request itself come first.
            query.sort_by_key(|(name, _)| name.matches('.').count());
            query.truncate(MAX_QUERY_PARAMETERS);
        }
        let in_query = query
            .into_iter()
            .map(|(name, schema)| json!({ "name": name, "in": "query", "schema": schema }));
        parameters.extend(in_query);
        (parameters, omitted)
    }

    fn responses(&mut self, method: &RestMethod) -> Value {
        let RestMethod { mapping, comments, descriptor, .. } = method;
        let schema = mapping.response_schema(&mut self.schemas, comments);
        let is_stream = descriptor.kind == MethodKind::ServerStreaming;
        let content = match (schema, is_stream) {
            (None, _) => json!({ "*/*": {} }),
            (Some(schema), false) => json!({ "application/json": { "schema": schema } }),
            (Some(schema), true) => json!({
                "application/x-ndjson": { "schema": schema },
                "text/event-stream": { "schema": { "type": "string" } },
            }),
        };
        let success = if is_stream { "The messages, one after the other." } else { "The message." };
        json!({
            "200": { "description": success, "content": content },
            "default": {
                "description": "Why the call has failed.",
                "content": { "application/json": {
                    "schema": { "$ref": format!("#/components/schemas/{STATUS}") }
                } },
            },
        })
    }
}

/// A path, as OpenAPI has it.
struct DescribedPath<'a> {
    template: &'a PathTemplate,
    parameters: Vec<PathParameter>,
}

/// A whole segment.
struct PathParameter {
    name: String,
    /// The position of its variable among those of the template, if it is one or a part of one.
    variable: Option<usize>,
    /// What it is a part of, if it is not all of it: a field and its pattern.
    part_of: Option<String>,
}

impl<'a> DescribedPath<'a> {
    fn of(template: &'a PathTemplate) -> Self {
        let mut parameters = Vec::new();
        for (position, segment) in template.segments.iter().enumerate() {
            if matches!(segment, Segment::Literal(_)) {
                continue;
            }
            let variable = template.variables.iter().position(|it| it.segments.contains(&position));
            let (name, part_of) = match variable.map(|at| &template.variables[at]) {
                None => (format!("segment.{}", position + 1), None),
                Some(variable) if variable.is_multiple => {
                    let (field, segments) = (&variable.field, &variable.segments);
                    let part = position - segments.start + 1;
                    let pattern = template.pattern(segments.clone());
                    (format!("{field}.{part}"), Some(format!("`{field}`: {pattern}")))
                }
                Some(variable) => (variable.field.clone(), None),
            };
            parameters.push(PathParameter { name, variable, part_of });
        }
        Self { template, parameters }
    }

    /// The path with these names for its parameters.
    fn written(&self, mut name: impl FnMut(usize) -> String) -> String {
        let (mut path, mut position) = (String::new(), 0);
        for segment in &self.template.segments {
            path.push('/');
            if let Segment::Literal(literal) = segment {
                path.extend(utf8_percent_encode(literal, ENCODED));
            } else {
                path += &format!("{{{}}}", name(position));
                position += 1;
            }
        }
        if let Some(verb) = &self.template.verb {
            path.push(':');
            path.extend(utf8_percent_encode(verb, ENCODED));
        }
        path
    }
}

fn status_schema() -> Value {
    json!({
        "type": "object",
        "description": "Why a call has failed.",
        "properties": {
            "code": { "type": "integer", "format": "int32", "description": "A google.rpc.Code." },
            "message": { "type": "string" },
            "details": { "type": "array", "items": {
                "type": "object",
                "properties": { "@type": { "type": "string" } },
                "required": ["@type"],
            } },
        },
        "required": ["code", "message", "details"],
    })
}
