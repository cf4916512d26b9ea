//! The page: put together once, when the server starts.

use std::{future::ready, sync::OnceLock};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use serde_json::Value;

use super::{Explorer, schema::schema};
use crate::{
    connection::http_service::{HttpService, ServiceFuture},
    protocol::{Protocol, http_body::HttpBody, http_reply::no_service},
    server::{
        ServeError,
        observer::{Exposure, ServerObserver, ServiceEntry},
        page::{page, refusal},
    },
};

const PAGE: &str = include_str!("web/page.html");
const STYLE: &str = include_str!("web/style.css");
/// In the order in which they need each other.
const SCRIPT: &str = concat!(
    include_str!("web/dom.js"),
    include_str!("web/schema.js"),
    include_str!("web/wire.js"),
    include_str!("web/connect.js"),
    include_str!("web/saved.js"),
    include_str!("web/example.js"),
    include_str!("web/form.js"),
    include_str!("web/snippets.js"),
    include_str!("web/rust.js"),
    include_str!("web/response.js"),
    include_str!("web/call.js"),
    include_str!("web/main.js"),
);

/// Nothing runs on the page but its own script, whose hash is here, and nothing is asked but its own server.
/// A test knows the hashes that belong here.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; \
     script-src 'sha256-qMX/C0IAE+2rEWJ3bpErwLfRDc7tYIT954UzIiFeBhc='; \
     style-src 'sha256-LFdIG3j4+WWetk2ll2ZZscBwsnDtwnErRmDGsmRb6EQ='; \
     img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// The page of a server, which is told of its services.
pub(super) struct ExplorerPage {
    explorer: Explorer,
    html: OnceLock<Bytes>,
}

impl ExplorerPage {
    pub(super) fn new(explorer: Explorer) -> Self {
        Self { explorer, html: OnceLock::new() }
    }

    fn answer(&self, method: &Method) -> Response<HttpBody> {
        let html = self.html.get().cloned().unwrap_or_default();
        let mut response = page(method, "text/html; charset=utf-8", html);
        response.headers_mut().extend([
            // The next build may have other services.
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
            (header::CONTENT_SECURITY_POLICY, POLICY),
            (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
            (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        ]);
        response
    }
}

impl HttpService for ExplorerPage {
    fn call(&self, request: Request<HttpBody>) -> ServiceFuture {
        // A call of a service that is not here.
        if Protocol::of_call(request.headers()).is_some() {
            return ServiceFuture::Refused(Some(no_service(&request)));
        }
        let response = match !self.explorer.is_public() && is_forwarded(request.headers()) {
            true => forwarded_refusal(),
            false => self.answer(request.method()),
        };
        ServiceFuture::Other(None, Box::pin(ready(response)))
    }
}

impl ServerObserver for ExplorerPage {
    fn may_serve(&self, exposure: Exposure<'_>) -> Result<(), ServeError> {
        self.explorer.check(exposure)
    }

    fn starts(&self, services: &[ServiceEntry]) {
        // A server starts once.
        let _ = self.html.set(html(&schema(self.explorer.path(), services)).into());
    }
}

/// Whether a proxy says that it passes on the request. Its own connection may well come from this machine, and to an
/// address of it.
fn is_forwarded(headers: &HeaderMap) -> bool {
    let of_proxies = ["forwarded", "via", "x-forwarded-for", "x-real-ip"];
    of_proxies.iter().any(|name| headers.contains_key(*name))
}

fn forwarded_refusal() -> Response<HttpBody> {
    let text =
        "this page is not shown through a proxy, unless `Explorer::on_public_addresses` is said\n";
    refusal(StatusCode::FORBIDDEN, text)
}

fn html(schema: &Value) -> String {
    // In JSON, it is in strings alone. As it is, a comment in a proto could end the element, and go on as HTML.
    let schema = schema.to_string().replace('<', "\\u003c");
    // Last: what is in the schema is not looked at.
    let page = PAGE.replace("/* style */", STYLE).replace("/* script */", SCRIPT);
    page.replacen("/* schema */", &schema, 1)
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, prelude::BASE64_STANDARD};
    use serde_json::json;
    use sha2::{Digest as _, Sha256};

    use super::*;

    fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
        text.split_once(start).unwrap().1.split_once(end).unwrap().0
    }

    #[test]
    fn the_policy_names_the_script_and_the_style() {
        let page = html(&json!({}));
        for (directive, start, end) in [
            ("script-src", "<script type=\"module\">", "</script>"),
            ("style-src", "<style>", "</style>"),
        ] {
            let hash = BASE64_STANDARD.encode(Sha256::digest(between(&page, start, end)));
            let expected = format!("{directive} 'sha256-{hash}';");
            assert!(POLICY.to_str().unwrap().contains(&expected), "it lacks {expected}");
        }
    }

    #[test]
    fn the_page_is_small_and_names_no_other_place() {
        let page = html(&json!({}));
        assert!(page.len() < 100_000, "{} bytes", page.len());
        for attribute in [" src=\"", "@import", "url("] {
            assert!(!page.contains(attribute), "{attribute}");
        }
    }

    #[test]
    fn no_comment_ends_the_schema() {
        let comment = "</script><script>alert(1)</script><!-- /* script */";
        let schema = json!({ "comment": comment });
        let page = html(&schema);
        let embedded =
            between(&page, "<script id=\"schema\" type=\"application/json\">", "</script>");
        assert_eq!(serde_json::from_str::<Value>(embedded).unwrap(), schema);
        assert_eq!(page.matches("<script").count(), 2);
    }
}
