//! `google.api.http`, the option by which methods are called with HTTP and JSON.
//!
//! See [`google/api/http.proto`](https://github.com/googleapis/googleapis/blob/master/google/api/http.proto).

/// The number of the option in `google.protobuf.MethodOptions`.
pub(super) const NUMBER: i32 = 72_295_728;

/// `google.protobuf.MethodOptions`, with this option alone.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct HttpOption {
    #[prost(message, optional, tag = "72295728")]
    pub(super) http: Option<HttpRule>,
}

/// `google.api.HttpRule`, one of whose HTTP methods is set.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct HttpRule {
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
    pub(super) body: String,
    #[prost(message, optional, tag = "8")]
    custom: Option<CustomHttpPattern>,
    #[prost(message, repeated, tag = "11")]
    pub(super) additional_bindings: Vec<HttpRule>,
    #[prost(string, tag = "12")]
    pub(super) response_body: String,
}

/// `google.api.CustomHttpPattern`
#[derive(Clone, PartialEq, prost::Message)]
struct CustomHttpPattern {
    #[prost(string, tag = "1")]
    kind: String,
    #[prost(string, tag = "2")]
    path: String,
}

impl HttpRule {
    /// The HTTP method, and the template of paths.
    pub(super) fn pattern(&self) -> Option<(&str, &str)> {
        let methods = [
            ("GET", &self.get),
            ("PUT", &self.put),
            ("POST", &self.post),
            ("DELETE", &self.delete),
            ("PATCH", &self.patch),
        ];
        let custom = self.custom.as_ref().map(|custom| (&*custom.kind, &*custom.path));
        methods.into_iter().find_map(|(method, path)| Some((method, path.as_deref()?))).or(custom)
    }
}
