//! Requests for the heads of responses, which have no bodies.

use http::{HeaderMap, Request, StatusCode};
use http_body_util::Full;
use rust_scaffold::{HttpBody, Server};
use tokio::io;

use crate::{contracts::rest::RestServer, rest::Echo};

/// The head of the response of `server` over HTTP/2, whose client takes a body for an error.
async fn head(server: Server, path: &str) -> (StatusCode, HeaderMap) {
    let (near, far) = io::duplex(64 * 1024);
    let incoming = tokio_stream::once(Ok(far));
    let incoming = tokio_stream::StreamExt::chain(incoming, tokio_stream::pending());
    tokio::spawn(server.serve_incoming(incoming));
    let (client, connection) = h2::client::handshake(near).await.unwrap();
    tokio::spawn(connection);
    let mut client = client.ready().await.unwrap();
    let request = Request::head(format!("http://localhost{path}")).body(()).unwrap();
    let (head, mut body) =
        client.send_request(request, true).unwrap().0.await.unwrap().into_parts();
    assert!(body.data().await.is_none(), "{path}");
    (head.status, head.headers)
}

fn server() -> Server {
    Server::new().openapi("/openapi.json").add_service(RestServer::new(Echo))
}

#[tokio::test]
async fn no_response_to_a_request_for_its_head_has_a_body() {
    for (path, status) in [
        ("/v1/things/a", 200),
        ("/v1/watch/3", 200),
        ("/v1/files/xyz/bytes", 200),
        ("/openapi.json", 200),
        ("/v1/things/fail", 404),
        ("/v1/unknown", 404),
        ("/v1/things", 405),
    ] {
        let (found, headers) = head(server(), path).await;
        assert_eq!(found, status, "{path}");
        assert!(headers.contains_key("content-type"), "{path}");
    }
}

#[tokio::test]
async fn nor_has_one_of_a_fallback_that_does_not_care() {
    let fallback = tower::service_fn(async |_: Request<HttpBody>| {
        Ok::<_, std::convert::Infallible>(http::Response::new(Full::from("mine")))
    });
    let server = Server::new().fallback(fallback).add_service(RestServer::new(Echo));
    assert_eq!(head(server, "/v1/unknown").await.0, StatusCode::OK);
}
