//! What requests for pages are answered with.

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header};

use crate::protocol::http_body::HttpBody;

/// The response to a request by this method for a page with this text.
pub(crate) fn page(
    method: &Method,
    content_type: &'static str,
    text: impl Into<Bytes>,
) -> Response<HttpBody> {
    let text = text.into();
    let length = HeaderValue::from(text.len());
    let mut response = match *method {
        Method::GET => Response::new(HttpBody::plain(text)),
        Method::HEAD => Response::new(HttpBody::default()),
        _ => {
            let status = StatusCode::METHOD_NOT_ALLOWED;
            let mut refusal = refusal(status, "only GET and HEAD are answered\n");
            refusal.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            return refusal;
        }
    };
    let content_type = HeaderValue::from_static(content_type);
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response.headers_mut().insert(header::CONTENT_LENGTH, length);
    response
}

/// A response that says in `text` why there is no page.
pub(crate) fn refusal(status: StatusCode, text: impl Into<Bytes>) -> Response<HttpBody> {
    let mut refusal = Response::new(HttpBody::plain(text.into()));
    *refusal.status_mut() = status;
    let content_type = HeaderValue::from_static("text/plain; charset=utf-8");
    refusal.headers_mut().insert(header::CONTENT_TYPE, content_type);
    refusal
}
