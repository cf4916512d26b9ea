//! The rules of `google.api.http`, as they are in the options of methods.
//!
//! See [`google/api/http.proto`](https://github.com/googleapis/googleapis/blob/master/google/api/http.proto).

use std::str::FromStr as _;

use http::Method;
use prost::Message as _;

use crate::{call::status::BoxError, codec::json::http_mapping::BodyRule};

/// A way to call a method by HTTP.
#[derive(Clone, Debug)]
pub(super) struct HttpBinding {
    /// None for all.
    pub(super) method: Option<Method>,
    pub(super) template: String,
    pub(super) body: BodyRule,
    /// The field of the response that is the body. None for all of the response.
    pub(super) response_body: Option<String>,
}

/// `google.protobuf.MethodOptions`, as far as rules need it.
#[derive(Clone, PartialEq, prost::Message)]
struct RuledOptions {
    #[prost(message, optional, tag = "72295728")]
    http: Option<HttpRule>,
}

/// `google.api.HttpRule`
#[derive(Clone, PartialEq, prost::Message)]
struct HttpRule {
    #[prost(string, optional, tag = "2")]
    get: Option<String>,
    #[prost(string, optional, tag = "3")]
    put: Option<String>,
    #[prost(string, optional, tag = "4")]
    post: Option<String>,
    #[prost(string, optional, tag = "5")]
    delete: Option<String>,
    #[prost(string, optional, tag = "6")]
    patch: Option<String>,
    #[prost(string, tag = "7")]
    body: String,
    #[prost(message, optional, tag = "8")]
    custom: Option<CustomPattern>,
    #[prost(message, repeated, tag = "11")]
    additional_bindings: Vec<HttpRule>,
    #[prost(string, tag = "12")]
    response_body: String,
}

/// `google.api.CustomHttpPattern`
#[derive(Clone, PartialEq, prost::Message)]
struct CustomPattern {
    #[prost(string, tag = "1")]
    kind: String,
    #[prost(string, tag = "2")]
    path: String,
}

/// The bindings of a method with these encoded options.
///
/// # Errors
/// They are not what the generator writes.
pub(super) fn bindings(options: &[u8]) -> Result<Vec<HttpBinding>, BoxError> {
    let Some(rule) = RuledOptions::decode(options)?.http else { return Ok(Vec::new()) };
    // There are no rules in the additional ones.
    let rules = std::iter::once(&rule).chain(&rule.additional_bindings);
    rules.filter_map(|rule| rule.binding().transpose()).collect()
}

impl HttpRule {
    /// None if there is no pattern.
    fn binding(&self) -> Result<Option<HttpBinding>, BoxError> {
        let pattern = [
            (Method::GET, &self.get),
            (Method::PUT, &self.put),
            (Method::POST, &self.post),
            (Method::DELETE, &self.delete),
            (Method::PATCH, &self.patch),
        ];
        let pattern = pattern.into_iter().find_map(|(method, path)| Some((method, path.clone()?)));
        let (method, template) = match (pattern, &self.custom) {
            (Some((method, template)), _) => (Some(method), template),
            (None, Some(CustomPattern { kind, path })) if kind == "*" => (None, path.clone()),
            (None, Some(CustomPattern { kind, path })) => {
                (Some(Method::from_str(kind)?), path.clone())
            }
            (None, None) => return Ok(None),
        };
        let body = match self.body.as_str() {
            "" => BodyRule::None,
            "*" => BodyRule::Message,
            field => BodyRule::Field(field.to_owned()),
        };
        let response_body = Some(self.response_body.clone()).filter(|field| !field.is_empty());
        Ok(Some(HttpBinding { method, template, body, response_body }))
    }
}
