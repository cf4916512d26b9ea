//! REST, for the methods of a server that have rules of `google.api.http`.

mod call;
mod method;
mod openapi;
mod response;
mod router;
mod rules;
mod template;

use std::sync::Arc;

use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use percent_encoding::percent_decode_str;
use tonic::Status;

pub use self::openapi::OpenApi;
use self::{
    call::RestCall,
    method::{RestMethod, RestRouter},
    response::UnknownPaths,
    router::{Captures, RouteMatch},
    rules::HttpBinding,
    template::PathTemplate,
};
use super::{error::ServeError, pages::Pages, registered::RegisteredService, translate::ServeGrpc};
use crate::{
    call::{deadline, excerpt::quoted, method::MethodKind},
    codec::json::{
        JsonMethod,
        http_mapping::{HttpMapping, RequestParts},
    },
    connection::http_service::{HttpService, ServiceFuture},
    protocol::{Protocol, http_body::HttpBody},
};

/// What is called by REST, by the methods and the paths of requests.
#[derive(Clone, Default)]
pub(super) struct RestRoutes {
    router: Arc<RestRouter>,
    /// Whose paths come before rules.
    pages: Vec<Pages>,
    /// Whether something else answers requests for other paths.
    has_fallback: bool,
}

/// What a request leads to.
pub(super) enum RestTarget {
    Call(RestCall),
    /// A call that fails with this status.
    Refused(RestCall, Status),
    /// It is no call, and is answered with this.
    NoCall(Box<Response<HttpBody>>),
}

impl RestRoutes {
    /// The routes to the methods of `services`.
    ///
    /// # Errors
    /// A rule is broken, or leads where another one does.
    pub(super) fn new<'a>(
        services: impl Iterator<Item = &'a Arc<RegisteredService>>,
    ) -> Result<Self, ServeError> {
        let mut router = RestRouter::default();
        for service in services {
            add_service(&mut router, service)?;
        }
        Ok(Self { router: Arc::new(router), ..Self::default() })
    }

    /// These routes beside `pages`, and beside a fallback or not.
    pub(super) fn beside(self, pages: &[Pages], has_fallback: bool) -> Self {
        Self { pages: pages.to_vec(), has_fallback, ..self }
    }

    /// What answers requests for other paths, if nothing else does. None if there are no routes: the server speaks RPC
    /// alone.
    pub(super) fn unknown_paths(&self) -> Option<Arc<dyn HttpService>> {
        let is_used = self.router.routes().next().is_some();
        is_used.then(|| Arc::new(UnknownPaths) as Arc<dyn HttpService>)
    }

    /// The page that describes them.
    ///
    /// # Errors
    /// Its path is none.
    pub(super) fn described_by(&self, api: &OpenApi) -> Result<Pages, ServeError> {
        Pages::at(&api.path, Arc::new(api.document(&self.router)), "openapi")
    }

    /// None if `request` is for none of the rules.
    pub(super) fn target(&self, request: &Request<HttpBody>) -> Option<RestTarget> {
        let path = request.uri().path();
        if self.pages.iter().any(|page| page.are_at(path)) {
            return None;
        }
        let (found, captures) = match self.router.find(request.method(), path) {
            RouteMatch::Found(found, captures) => (Arc::clone(found), captures),
            RouteMatch::OtherMethod(_) if self.has_fallback => return None,
            RouteMatch::OtherMethod(methods) => {
                return Some(RestTarget::NoCall(other_method(&methods)));
            }
            RouteMatch::Unknown => return None,
        };
        let (parts, refusal) = match parts(&captures, request) {
            Ok(parts) => (parts, None),
            Err(status) => (RequestParts::default(), Some(status)),
        };
        let call = RestCall::new(found, parts, request);
        Some(match (refusal, call.media_refusal(request)) {
            (Some(status), _) => RestTarget::Refused(call, status),
            (None, Some(refusal)) => RestTarget::NoCall(refusal),
            (None, None) => RestTarget::Call(call),
        })
    }
}

fn add_service(
    router: &mut RestRouter,
    service: &Arc<RegisteredService>,
) -> Result<(), ServeError> {
    for (position, descriptor) in service.descriptor.methods.iter().enumerate() {
        // What streams requests is not REST.
        if !matches!(descriptor.kind, MethodKind::Unary | MethodKind::ServerStreaming) {
            continue;
        }
        let broken = |problem| ServeError::HttpRule { method: descriptor.path, problem };
        let bindings = rules::bindings(descriptor.options);
        for binding in bindings.map_err(|error| broken(error.to_string()))? {
            let json = service.json().map_err(|problem| broken(problem.to_owned()))?;
            let json = json.get(position).ok_or_else(|| broken("it has no descriptors".into()))?;
            let method = RuledMethod { service, position, json };
            method.add_to(router, &binding).map_err(broken)?;
        }
    }
    Ok(())
}

/// A method of a service that has rules.
struct RuledMethod<'a> {
    service: &'a RegisteredService,
    /// Among the methods of the service.
    position: usize,
    json: &'a JsonMethod,
}

impl RuledMethod<'_> {
    fn add_to(&self, router: &mut RestRouter, binding: &HttpBinding) -> Result<(), String> {
        let Self { service, position, json } = *self;
        let written = &binding.template;
        let in_template = |problem| format!("the template {written:?} is malformed: {problem}");
        let template = PathTemplate::parse(written).map_err(in_template)?;
        let variables = template.variables.iter().map(|variable| &*variable.field);
        let response_body = binding.response_body.as_deref();
        let mapping = HttpMapping::new(json, variables, &binding.body, response_body)?;
        let method = Arc::new(RestMethod {
            descriptor: &service.descriptor.methods[position],
            mapping: Arc::new(mapping),
            comments: service.comments,
            limit: service.decoding_limit(position),
            accepted: service.options.accepted,
        });
        router.add(binding.method.clone(), template, method).map_err(|taken| {
            let other = taken.descriptor.path;
            format!("{written:?} leads to {other} already, by the same HTTP method")
        })
    }
}

/// The response to a request with another method than these.
fn other_method(methods: &[&Method]) -> Box<Response<HttpBody>> {
    let mut names: Vec<_> = methods.iter().map(|method| method.as_str()).collect();
    if names.contains(&"GET") {
        names.push("HEAD");
    }
    names.sort_unstable();
    names.dedup();
    let names = names.join(", ");
    let status = Status::unimplemented(format!("this path takes {names}"));
    // Methods are tokens, as headers have them.
    let allow = HeaderValue::try_from(names).unwrap_or_else(|_| HeaderValue::from_static(""));
    response::refusal(StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, allow)], &status)
}

/// What `request` has beside its body.
fn parts(captures: &Captures<'_>, request: &Request<HttpBody>) -> Result<RequestParts, Status> {
    let not_utf8 = |field| Status::invalid_argument(format!("{field}: the path is not UTF-8"));
    // In gRPC, it would be the client library that is at fault.
    deadline::timeout(request.headers())
        .map_err(|status| Status::invalid_argument(status.message()))?;
    let content_type = request.headers().get(header::CONTENT_TYPE);
    Ok(RequestParts {
        variables: captures.values().map_err(not_utf8)?,
        query: request.uri().query().map(parameters).transpose()?.unwrap_or_default(),
        content_type: content_type.and_then(|it| it.to_str().ok()).map(str::to_owned),
    })
}

/// The names and values of a query.
fn parameters(query: &str) -> Result<Vec<(String, String)>, Status> {
    let parameters = query.split('&').filter(|parameter| !parameter.is_empty());
    parameters
        .map(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let name = decoded(name).ok_or_else(|| not_utf8(name))?;
            // Its value may be secret.
            let value = decoded(value).ok_or_else(|| not_utf8(&name))?;
            Ok((name, value))
        })
        .collect()
}

/// None if it is not UTF-8.
fn decoded(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8();
    decoded.map(Into::into).ok()
}

fn not_utf8(name: &str) -> Status {
    Status::invalid_argument(format!("the parameter {} is not UTF-8", quoted(name)))
}

impl RestTarget {
    /// The response to `request`, which `serve` answers in gRPC.
    pub(super) fn serve(
        self,
        mut request: Request<HttpBody>,
        serve: ServeGrpc<'_>,
    ) -> ServiceFuture {
        let (call, refusal) = match self {
            Self::NoCall(refusal) => return serve(request, Some(refusal)),
            Self::Refused(call, status) => (call, Some(Protocol::Grpc.trailers_only(&status))),
            Self::Call(call) => (call, None),
        };
        call.request_into_grpc(&mut request);
        serve(request, refusal.map(Box::new)).then(None, |response| call.response(response))
    }
}
