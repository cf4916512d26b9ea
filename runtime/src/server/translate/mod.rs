//! What protocols have in common that are translated to gRPC, and back.

pub(super) mod routes;
pub(super) mod streaming;
pub(super) mod transcoder;
pub(super) mod unary;

use http::{Request, Response};

use crate::{connection::http_service::ServiceFuture, protocol::http_body::HttpBody};

/// Answers a request in gRPC, or refuses it with a response.
pub(super) type ServeGrpc<'a> =
    &'a dyn Fn(Request<HttpBody>, Option<Box<Response<HttpBody>>>) -> ServiceFuture;
