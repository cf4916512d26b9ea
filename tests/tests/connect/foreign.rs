//! Services of other libraries, which may answer as they like.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::StreamBody;
use rust_scaffold::{HttpBody, Routes, Server};
use tonic::server::NamedService;
use tower_service::Service;

use crate::mirror::{Body, answer, seen};

/// Answers each call with what this function returns.
#[derive(Clone)]
struct Foreign(fn() -> Response<HttpBody>);

impl NamedService for Foreign {
    const NAME: &'static str = "foreign.Service";
}

impl Service<Request<HttpBody>> for Foreign {
    type Response = Response<HttpBody>;
    type Error = Infallible;
    type Future = Ready<Result<Response<HttpBody>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<HttpBody>) -> Self::Future {
        ready(Ok((self.0)()))
    }
}

fn routes(answer: fn() -> Response<HttpBody>) -> Routes {
    Server::new().add_tower_service(Foreign(answer)).into_service().unwrap()
}

fn call(content_type: &str) -> Request<Body> {
    Request::post("/foreign.Service/Method")
        .header("content-type", content_type)
        .body(Body::default())
        .unwrap()
}

/// A response in gRPC.
fn grpc(frames: impl Iterator<Item = Frame<Bytes>> + Send + 'static) -> Response<HttpBody> {
    let frames = tokio_stream::iter(frames.map(Ok::<_, Infallible>));
    Response::builder()
        .header("content-type", "application/grpc")
        .header("x-initial", "yes")
        .body(HttpBody::new(StreamBody::new(frames)))
        .unwrap()
}

fn message() -> Frame<Bytes> {
    Frame::data(Bytes::from_static(b"\0\0\0\0\x02hi"))
}

fn status(code: &'static str) -> Frame<Bytes> {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static(code));
    trailers.insert("x-last", HeaderValue::from_static("end"));
    Frame::trailers(trailers)
}

#[tokio::test]
async fn a_unary_call_gets_their_message() {
    let routes = routes(|| grpc([message(), status("0")].into_iter()));
    let response = answer(&routes, call("application/proto")).await;
    assert_eq!(seen(&response), (StatusCode::OK, "application/proto", "hi"));
    assert_eq!(response.headers()["x-initial"], "yes");
    assert_eq!(response.headers()["trailer-x-last"], "end");
}

#[tokio::test]
async fn a_stream_without_an_end_is_not_read_for_a_unary_call() {
    let routes = routes(|| grpc(std::iter::repeat_with(message)));
    let response = answer(&routes, call("application/proto")).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(seen(&response).2.starts_with(r#"{"code":"internal","#));
}

#[tokio::test]
async fn success_without_a_message_is_a_failure_of_a_unary_call() {
    for answer_of in [
        || grpc([status("0")].into_iter()),
        || {
            let mut response = grpc(std::iter::empty());
            response.headers_mut().insert("grpc-status", HeaderValue::from_static("0"));
            response
        },
    ] {
        let response = answer(&routes(answer_of), call("application/proto")).await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(seen(&response).2.starts_with(r#"{"code":"internal","#));
    }
}

#[tokio::test]
async fn headers_that_were_sent_before_a_failure_stay() {
    let routes = routes(|| grpc([status("5")].into_iter()));
    let response = answer(&routes, call("application/proto")).await;
    assert_eq!(
        seen(&response),
        (StatusCode::NOT_FOUND, "application/json", r#"{"code":"not_found"}"#)
    );
    assert_eq!(response.headers()["x-initial"], "yes");
    assert_eq!(response.headers()["x-last"], "end");
}
