//! A call by REST, which is one of gRPC for its service.

use std::sync::Arc;

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header,
    uri::{Authority, PathAndQuery},
};
use tonic::{Code, Status};

use super::{
    method::RestMethod,
    response::{self, EVENT_STREAM, JSON, JSON_LINES, JsonLines, RawChunks, ServerSentEvents},
};
use crate::{
    call::method::MethodKind,
    codec::json::http_mapping::{RawBody, RequestParts},
    h2::error::from_transport,
    protocol::{
        Protocol, connect, grpc_status,
        headers::{GRPC_ACCEPT_ENCODING, GRPC_ENCODING, GrpcHeaders, message_encoding},
        http_body::HttpBody,
    },
    server::translate::{
        streaming::StreamedResponse,
        transcoder::{self, Transcoder},
        unary::{self, UnaryRequest},
    },
};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// A call of a method, with what its request has beside the body.
pub(crate) struct RestCall {
    method: Arc<RestMethod>,
    parts: Arc<RequestParts>,
    /// Whether only the head of the response is asked for.
    is_head: bool,
    wants_events: bool,
}

impl RestCall {
    pub(super) fn new(
        method: Arc<RestMethod>,
        parts: RequestParts,
        request: &Request<HttpBody>,
    ) -> Self {
        let accepted = request.headers().get_all(header::ACCEPT).iter();
        let mut accepted = accepted.filter_map(|line| line.to_str().ok());
        let wants_events = accepted.any(|line| line.split(',').any(is_event_stream));
        let is_head = *request.method() == Method::HEAD;
        Self { method, parts: Arc::new(parts), is_head, wants_events }
    }

    /// The response to a request whose body is of another type than the method takes, or which the page of another site
    /// has sent without asking whether it may. None if it is a call.
    pub(super) fn media_refusal(
        &self,
        request: &Request<HttpBody>,
    ) -> Option<Box<Response<HttpBody>>> {
        let content_type = request.headers().get(header::CONTENT_TYPE);
        let is_other = content_type.is_some_and(|it| !is_json(it));
        let problem = if self.method.mapping.takes_json() && is_other {
            "the body is not JSON: send it with `content-type: application/json`"
        } else if is_unasked(request) {
            "a page of another site has to ask first: send it with `content-type: application/json`"
        } else {
            return None;
        };
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        let accept = [(header::ACCEPT, JSON)];
        Some(response::refusal(status, accept, &Status::invalid_argument(problem)))
    }

    /// Turns `request` into one of gRPC, also if it is to be refused.
    pub(super) fn request_into_grpc(&self, request: &mut Request<HttpBody>) {
        *request.method_mut() = Method::POST;
        set_path(request.uri_mut(), self.method.descriptor.path);
        let headers = request.headers_mut();
        if self.is_streamed() || self.method.mapping.gives_raw_body() {
            // The client accepts a body that is compressed as a whole.
            headers.remove(header::ACCEPT_ENCODING);
        }
        connect::head_into_grpc(headers, &[header::CONTENT_ENCODING, header::ACCEPT_ENCODING]);
        // One that is not accepted is refused by the service.
        if let Ok(encoding) = GrpcHeaders::parse(headers).encoding(self.method.accepted) {
            headers.remove(GRPC_ENCODING);
            let body = std::mem::take(request.body_mut()).into_stream(from_transport);
            let (limit, transcoder) = (self.method.limit, self.transcoder());
            let body = UnaryRequest::transcoded(body, encoding, limit, transcoder);
            *request.body_mut() = HttpBody::stream(Box::new(body));
        }
    }

    fn is_streamed(&self) -> bool {
        self.method.descriptor.kind == MethodKind::ServerStreaming
    }

    fn transcoder(&self) -> Transcoder {
        Transcoder::Http(Arc::clone(&self.method.mapping), Arc::clone(&self.parts))
    }

    /// The response to the call that is answered with `response` in gRPC.
    pub(super) async fn response(self, response: Response<HttpBody>) -> Response<HttpBody> {
        if Protocol::of_call(response.headers()).is_none() {
            // A layer has answered, in plain HTTP.
            return response;
        }
        let (mut head, body) = response.into_parts();
        let answered = match self.is_streamed() {
            true => self.stream(&mut head.headers, body).await,
            false => self.unary(&mut head.headers, body).await,
        };
        head.headers.remove(GRPC_ACCEPT_ENCODING);
        let mut response = match answered {
            Ok(body) => Response::from_parts(head, body),
            Err(status) => response::failure(head.headers, &status, &self.method.mapping),
        };
        if self.is_head {
            *response.body_mut() = HttpBody::default();
        }
        response
    }

    /// The body of the response to a unary call. The headers become those of HTTP.
    async fn unary(&self, headers: &mut HeaderMap, body: HttpBody) -> Result<HttpBody, Status> {
        let mapping = &self.method.mapping;
        let (content_type, body) = match mapping.gives_raw_body() {
            true => {
                let message = unary::message(headers, body, &Transcoder::Proto).await?;
                let raw = mapping.raw_response(message).inspect_err(transcoder::no_response);
                let RawBody { content_type, data } = raw?;
                (response::content_type(&content_type), data)
            }
            false => {
                // A cache may keep the response, which is compressed if its client accepts that.
                headers.append(header::VARY, HeaderValue::from_static("accept-encoding"));
                (JSON, unary::message(headers, body, &self.transcoder()).await?)
            }
        };
        headers.insert(header::CONTENT_TYPE, content_type);
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        Ok(HttpBody::plain(body))
    }

    /// The body of a stream. The headers become those of HTTP.
    async fn stream(&self, headers: &mut HeaderMap, body: HttpBody) -> Result<HttpBody, Status> {
        let grpc = GrpcHeaders::parse(headers);
        let code = grpc_status::code(&grpc).filter(|code| *code != Code::Ok);
        if let Some(code) = code {
            return Err(grpc_status::from_headers(code, std::mem::take(headers)));
        }
        let encoding = grpc.encoding.map(message_encoding).transpose()?.flatten();
        headers.remove(GRPC_ENCODING);
        headers.remove(header::CONTENT_LENGTH);
        let mapping = &self.method.mapping;
        if mapping.gives_raw_body() {
            let chunks = RawChunks::new(Arc::clone(mapping));
            let mut chunks = StreamedResponse::new(body, encoding, chunks);
            chunks.read_ahead().await?;
            let named = chunks.format.content_type.as_deref().unwrap_or_default();
            headers.insert(header::CONTENT_TYPE, response::content_type(named));
            return Ok(HttpBody::translated(chunks));
        }
        headers.append(header::VARY, HeaderValue::from_static("accept"));
        let (transcoder, mapping) = (self.transcoder(), Arc::clone(mapping));
        if !self.wants_events {
            headers.insert(header::CONTENT_TYPE, JSON_LINES);
            let lines = JsonLines(transcoder, mapping);
            return Ok(HttpBody::translated(StreamedResponse::new(body, encoding, lines)));
        }
        headers.insert(header::CONTENT_TYPE, EVENT_STREAM);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        let events = ServerSentEvents(transcoder, mapping);
        Ok(HttpBody::translated(StreamedResponse::new(body, encoding, events)))
    }
}

/// Whether a content type is `application/json`, or one of those that are made of it (`+json`).
fn is_json(content_type: &HeaderValue) -> bool {
    let name = media_type(content_type.to_str().unwrap_or_default());
    name == "application/json" || name.ends_with("+json")
}

/// Whether a part of `accept` asks for events.
fn is_event_stream(accepted: &str) -> bool {
    let is_refused = accepted.split(';').skip(1).any(|parameter| {
        let weight = parameter.trim().strip_prefix("q=").map(str::parse::<f32>);
        weight == Some(Ok(0.0))
    });
    media_type(accepted) == EVENT_STREAM && !is_refused
}

/// A media type without its parameters.
fn media_type(value: &str) -> String {
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Whether a page of another site may have sent `request` without its browser asking the server first, as forms do. The
/// browser adds the cookies that it has for the server, and what the call changes is changed, though the page does not
/// see the response.
///
/// See [the Fetch standard](https://fetch.spec.whatwg.org/#cors-safelisted-request-header), and
/// [Fetch Metadata](https://www.w3.org/TR/fetch-metadata/).
fn is_unasked(request: &Request<HttpBody>) -> bool {
    let headers = request.headers();
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    // Browsers ask before they send any other content type, and any other method.
    let is_simple = text(header::CONTENT_TYPE).is_none_or(|content_type| {
        let name = media_type(content_type);
        ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"].contains(&&*name)
    });
    let is_of_other_site = match text(SEC_FETCH_SITE) {
        Some(site) => site == "cross-site",
        None => text(header::ORIGIN).is_some_and(|origin| {
            let host = request.uri().authority().map(Authority::as_str).or(text(header::HOST));
            origin.split_once("://").map(|(_scheme, host)| host) != host
        }),
    };
    *request.method() == Method::POST && is_simple && is_of_other_site
}

fn set_path(uri: &mut Uri, path: &'static str) {
    let mut parts = std::mem::take(uri).into_parts();
    parts.path_and_query = Some(PathAndQuery::from_static(path));
    // They were those of a URI, and the path of a method is one.
    *uri = Uri::from_parts(parts).unwrap_or_default();
}
