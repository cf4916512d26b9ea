//! The pages of an administrators' listener: what runs there, and since when.

use std::{
    future::ready,
    sync::{Arc, OnceLock},
    time::{Instant, SystemTime},
};

use http::{HeaderValue, Request, Response, StatusCode, header};
use prost_types::Timestamp;

use crate::{
    call::excerpt,
    connection::http_service::{HttpService, ServiceFuture},
    protocol::{Protocol, http_body::HttpBody, http_reply::no_service, json_text::JsonText},
    server::{
        observer::{BuildInfo, ServerObserver, ServiceEntry},
        page::{page, refusal},
    },
};

/// The build, the services and the uptime of a server, in plain HTTP.
pub(super) struct StatusPages {
    started: SystemTime,
    /// Unlike the time of day, it does not jump.
    clock: Instant,
    build: OnceLock<BuildInfo>,
    services: OnceLock<Vec<&'static str>>,
}

/// How a page is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PageFormat {
    Text,
    Json,
}

impl StatusPages {
    /// The pages of a server that starts now.
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            started: SystemTime::now(),
            clock: Instant::now(),
            build: OnceLock::new(),
            services: OnceLock::new(),
        })
    }

    fn answer(&self, request: &Request<HttpBody>) -> Response<HttpBody> {
        let (format, content_type) = match request.uri().path() {
            "/" | "/status" => (PageFormat::Text, "text/plain; charset=utf-8"),
            "/status.json" => (PageFormat::Json, "application/json"),
            path => {
                let path = excerpt::name(path);
                let text = format!("there is no {path}, only /status and /status.json\n");
                return refusal(StatusCode::NOT_FOUND, text);
            }
        };
        let mut response = page(request.method(), content_type, self.write(format));
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }

    fn write(&self, format: PageFormat) -> String {
        let (name, version) = match self.build.get() {
            Some(build) => (&*build.name, &*build.version),
            None => ("", ""),
        };
        let library = env!("CARGO_PKG_VERSION");
        let started = Timestamp::from(self.started);
        let uptime = self.clock.elapsed().as_secs();
        let services = self.services.get().map(Vec::as_slice).unwrap_or_default();
        match format {
            PageFormat::Text => format!(
                "name:          {name}\n\
                 version:       {version}\n\
                 rust-scaffold: {library}\n\
                 started:       {started}\n\
                 uptime:        {uptime} s\n\
                 services:      {}\n",
                services.join(", ")
            ),
            PageFormat::Json => {
                let services: Vec<_> = services.iter().map(|name| format!("\"{name}\"")).collect();
                format!(
                    "{{\"name\":{},\"version\":{},\"rust_scaffold\":\"{library}\",\
                     \"started\":\"{started}\",\"uptime_seconds\":{uptime},\"services\":[{}]}}\n",
                    JsonText(name),
                    JsonText(version),
                    services.join(",")
                )
            }
        }
    }
}

impl HttpService for StatusPages {
    fn call(&self, request: Request<HttpBody>) -> ServiceFuture {
        // A call of a service that is not here.
        if Protocol::of_call(request.headers()).is_some() {
            return ServiceFuture::Refused(Some(no_service(&request)));
        }
        ServiceFuture::Other(None, Box::pin(ready(self.answer(&request))))
    }
}

impl ServerObserver for StatusPages {
    fn starts(&self, services: &[ServiceEntry]) {
        // A server starts once.
        let _ = self.services.set(services.iter().map(|service| service.name).collect());
    }

    fn is_build(&self, info: &BuildInfo) {
        let _ = self.build.set(info.clone());
    }
}
