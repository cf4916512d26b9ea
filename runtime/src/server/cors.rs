//! [`Cors`]: which web pages may call a server.

use std::{sync::Arc, time::Duration};

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header,
};

use super::error::ServeError;
use crate::{
    connection::{
        connect_info::ConnectInfo,
        http_service::{HttpService, ServiceFuture},
    },
    protocol::{Protocol, http_body::HttpBody},
};

/// What no page is of.
const NO_ORIGIN: HeaderValue = HeaderValue::from_static("null");
/// Chromium remembers answers for two hours at most.
const MAX_AGE: Duration = Duration::from_secs(2 * 60 * 60);

/// Which web pages may call a [`Server`](crate::Server) from browsers, by gRPC-Web, Connect or REST: see
/// [`Server::cors`](crate::Server::cors). Needs the feature `web`.
///
/// Browsers ask for it before they let a page call a server of another origin, and then hide the headers of responses
/// that are not exposed; here all are, also those of requests that are refused before any service is called, and of calls
/// that the server ends. Pages may send any headers, and use any method: which ones are answered is up to the services.
/// What browsers do not send, such as calls by gRPC, is neither limited nor changed: this protects the users of browsers,
/// not the server.
///
/// See [the Fetch standard](https://fetch.spec.whatwg.org/#http-cors-protocol).
#[derive(Clone, Debug)]
#[must_use]
pub struct Cors {
    origins: AllowedOrigins,
    allows_credentials: bool,
    max_age: Duration,
}

#[derive(Clone, Debug)]
enum AllowedOrigins {
    Any,
    Listed(Vec<String>),
}

impl Cors {
    /// Allows pages of these origins, such as `https://app.example.com` or `http://localhost:3000`. If one is none, serving
    /// fails.
    pub fn allow_origins(origins: impl IntoIterator<Item: Into<String>>) -> Self {
        Self::of(AllowedOrigins::Listed(origins.into_iter().map(Into::into).collect()))
    }

    /// Allows pages of every origin: for services that everybody may call.
    pub const fn allow_any_origin() -> Self {
        Self::of(AllowedOrigins::Any)
    }

    const fn of(origins: AllowedOrigins) -> Self {
        Self { origins, allows_credentials: false, max_age: MAX_AGE }
    }

    /// Whether pages may have the browser send its cookies and client certificates. Default: false. It takes a list of
    /// origins: with every origin, serving fails.
    pub const fn allow_credentials(mut self, allow: bool) -> Self {
        self.allows_credentials = allow;
        self
    }

    /// How long browsers may remember what is allowed, in whole seconds. Default: two hours.
    pub const fn max_age(mut self, age: Duration) -> Self {
        self.max_age = age;
        self
    }

    fn check(&self) -> Result<(), ServeError> {
        let reason = match &self.origins {
            AllowedOrigins::Any if self.allows_credentials => {
                "allows credentials to every origin: list those that may have them".to_owned()
            }
            AllowedOrigins::Any => return Ok(()),
            AllowedOrigins::Listed(origins) => match origins.iter().find(|it| !is_origin(it)) {
                Some(origin) => format!(
                    "has {origin:?}, which is no origin: it is like \"https://app.example.com\" or \
                     \"http://localhost:3000\""
                ),
                None => return Ok(()),
            },
        };
        Err(ServeError::InvalidOption { option: "cors", reason })
    }

    /// `inner`, which pages may call that are allowed to.
    ///
    /// # Errors
    /// What is allowed is no origin, or too much.
    pub(super) fn wrap(
        self,
        inner: Arc<dyn HttpService>,
    ) -> Result<Arc<dyn HttpService>, ServeError> {
        self.check()?;
        Ok(Arc::new(CorsRoutes { inner, cors: Arc::new(self) }))
    }

    fn allows(&self, origin: &HeaderValue) -> bool {
        match &self.origins {
            AllowedOrigins::Any => true,
            AllowedOrigins::Listed(origins) => origins.iter().any(|allowed| origin == allowed),
        }
    }

    /// Adds what the browser wants to know before it shows a response to a page of this origin.
    fn allow(&self, origin: &HeaderValue, headers: &mut HeaderMap) {
        match self.origins {
            AllowedOrigins::Any => {
                let any = HeaderValue::from_static("*");
                headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, any);
            }
            AllowedOrigins::Listed(_) => {
                headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
                vary(headers);
            }
        }
        if self.allows_credentials {
            let allowed = HeaderValue::from_static("true");
            headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, allowed);
        }
    }

    /// The answer to a browser that asks whether a page may send a request.
    fn preflight(&self, request: &Request<HttpBody>, origin: &HeaderValue) -> Response<HttpBody> {
        let mut response = Response::new(HttpBody::default());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        if !self.allows(origin) {
            vary(headers);
            return response;
        }
        self.allow(origin, headers);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, self.max_age.as_secs().into());
        if let Some(wanted) = request.headers().get(header::ACCESS_CONTROL_REQUEST_METHOD) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, wanted.clone());
        }
        if let Some(wanted) = request.headers().get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
        }
        response
    }

    /// Shows a response to a page of this origin, with all of its headers.
    fn expose(&self, origin: &HeaderValue, headers: &mut HeaderMap) {
        let names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        if let Ok(names) = HeaderValue::try_from(names.join(", ")) {
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, names);
        }
        self.allow(origin, headers);
    }
}

/// Whether it is the scheme and the host of an address, and nothing more.
fn is_origin(text: &str) -> bool {
    let Ok(uri) = text.parse::<Uri>() else { return false };
    match (uri.scheme_str(), uri.authority()) {
        // As browsers write it: in lower case, and without the port that the scheme has anyway.
        (Some(scheme), Some(authority)) => {
            let is_default =
                matches!((scheme, authority.port_u16()), ("https", Some(443)) | ("http", Some(80)));
            !is_default
                && !text.contains('@')
                && text == format!("{scheme}://{authority}").to_lowercase()
        }
        _ => false,
    }
}

/// The response differs by origin: caches are told.
fn vary(headers: &mut HeaderMap) {
    headers.append(header::VARY, HeaderValue::from_static("origin"));
}

/// Routes that pages of some origins may call.
struct CorsRoutes {
    inner: Arc<dyn HttpService>,
    cors: Arc<Cors>,
}

impl CorsRoutes {
    fn answer(
        &self,
        request: Request<HttpBody>,
        serve: impl FnOnce(Request<HttpBody>) -> ServiceFuture,
    ) -> ServiceFuture {
        let Some(origin) = request.headers().get(header::ORIGIN).cloned() else {
            return match *request.method() {
                Method::GET | Method::HEAD => self.answer_for_caches(serve(request)),
                _ => serve(request),
            };
        };
        let is_preflight = request.method() == Method::OPTIONS
            && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        if is_preflight {
            let response = self.cors.preflight(&request, &origin);
            return ServiceFuture::Refused(Some(Box::new(response)));
        }
        let (cors, protocol) = (Arc::clone(&self.cors), Protocol::of_call(request.headers()));
        serve(request).then(protocol, async move |mut response| {
            match cors.allows(&origin) {
                true => cors.expose(&origin, response.headers_mut()),
                false => vary(response.headers_mut()),
            }
            response
        })
    }

    /// The response to a request that says no origin. A cache may have it for pages later on.
    fn answer_for_caches(&self, serving: ServiceFuture) -> ServiceFuture {
        let cors = Arc::clone(&self.cors);
        serving.then(None, async move |mut response| {
            match cors.origins {
                AllowedOrigins::Any => cors.expose(&NO_ORIGIN, response.headers_mut()),
                AllowedOrigins::Listed(_) => vary(response.headers_mut()),
            }
            response
        })
    }
}

impl HttpService for CorsRoutes {
    fn call(&self, request: Request<HttpBody>) -> ServiceFuture {
        self.answer(request, |request| self.inner.call(request))
    }

    #[cfg(feature = "_observed")]
    fn call_from(&self, request: Request<HttpBody>, info: Option<&ConnectInfo>) -> ServiceFuture {
        self.answer(request, |request| self.inner.call_from(request, info))
    }

    fn refuse(
        &self,
        request: Request<HttpBody>,
        refusal: Box<Response<HttpBody>>,
        info: Option<&ConnectInfo>,
    ) -> ServiceFuture {
        self.answer(request, |request| self.inner.refuse(request, refusal, info))
    }

    fn wants_info(&self) -> bool {
        self.inner.wants_info()
    }
}
