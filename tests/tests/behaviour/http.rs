//! What comes and goes as HTTP, byte by byte.

use std::convert::Infallible;

use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, combinators::UnsyncBoxBody};
use rust_scaffold::{Channel, Code, prost::Message};
use tokio::net::TcpStream;
use tower_service::Service as _;

use crate::{
    routes::{listen, serve_ours},
    station::{Station, query},
    telemetry::{Point, TelemetryClient, TelemetryServer},
};

pub(crate) type Body = UnsyncBoxBody<Bytes, Infallible>;

pub(crate) fn body(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).boxed_unsync()
}

/// A request with `messages` for a method of `telemetry.Telemetry`.
pub(crate) fn request<M: Message>(method: &str, messages: &[M]) -> Request<Body> {
    Request::post(format!("/telemetry.Telemetry/{method}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(body(frames(messages)))
        .unwrap()
}

pub(crate) fn frames<M: Message>(messages: &[M]) -> Bytes {
    let mut bytes = BytesMut::new();
    for message in messages {
        bytes.put_u8(0);
        bytes.put_u32(u32::try_from(message.encoded_len()).unwrap());
        message.encode(&mut bytes).unwrap();
    }
    bytes.freeze()
}

async fn status_of(request: Request<Body>) -> (StatusCode, String) {
    let server = &mut TelemetryServer::new(Station::default());
    let response = server.call(request).await.unwrap();
    let (head, body) = response.into_parts();
    let trailers = body.collect().await.unwrap().trailers().cloned().unwrap_or(head.headers);
    let status = trailers.get("grpc-status").map(|status| status.to_str().unwrap().to_owned());
    (head.status, status.unwrap_or_default())
}

#[tokio::test]
async fn a_request_that_is_not_grpc_gets_an_http_error() {
    let content_type = |value: &'static str| {
        let mut request = request("Latest", &[query("a", 1)]);
        request.headers_mut().insert("content-type", value.parse().unwrap());
        request
    };
    for accepted in ["application/grpc", "application/grpc+proto", "application/grpc;v=1"] {
        assert_eq!(status_of(content_type(accepted)).await, (StatusCode::OK, "0".into()));
    }
    for refused in
        ["text/html", "application/grpc-web+json", "application/grpc+json", "application/g"]
    {
        let (status, grpc) = status_of(content_type(refused)).await;
        assert_eq!((status, grpc.as_str()), (StatusCode::UNSUPPORTED_MEDIA_TYPE, ""), "{refused}");
    }
    let mut get = request("Latest", &[query("a", 1)]);
    *get.method_mut() = http::Method::GET;
    assert_eq!(status_of(get).await.0, StatusCode::METHOD_NOT_ALLOWED);
}

/// What our `Server` says to `request`, which it gets over a connection.
async fn served(request: Request<()>) -> Response<h2::RecvStream> {
    let (listener, address) = listen().await;
    let task = serve_ours(TelemetryServer::new(Station::default()), listener);
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let response = client.send_request(request, true).unwrap().0.await.unwrap();
    task.abort();
    response
}

#[tokio::test]
async fn a_request_that_is_not_grpc_gets_an_http_error_whether_its_service_is_there_or_not() {
    for path in ["/healthz", "/", "/no.Service/Method", "/telemetry.Telemetry/Latest"] {
        let get = Request::get(format!("http://localhost{path}")).body(()).unwrap();
        let response = served(get).await;
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
        assert_eq!(response.headers().get("allow").unwrap(), "POST", "{path}");
        assert_eq!(response.headers().get("content-type"), None, "{path}");

        let post = Request::post(format!("http://localhost{path}"));
        let response = served(post.header("content-type", "text/html").body(()).unwrap()).await;
        assert_eq!(response.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE, "{path}");
        assert_eq!(response.headers().get("accept").unwrap(), "application/grpc", "{path}");
    }
    let call = Request::post("http://localhost/no.Service/Method");
    let response = served(call.header("content-type", "application/grpc").body(()).unwrap()).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers().get("grpc-status").unwrap(), "12");
}

#[tokio::test]
async fn a_request_without_te_trailers_is_served_unless_the_server_insists() {
    let without = || {
        let mut request = request("Latest", &[query("a", 1)]);
        request.headers_mut().remove("te");
        request
    };
    assert_eq!(status_of(without()).await, (StatusCode::OK, "0".into()));
    let mut strict = TelemetryServer::new(Station::default()).require_te_trailers(true);
    for (request, status) in [(without(), Some("13")), (request("Latest", &[query("a", 1)]), None)]
    {
        let response = strict.call(request).await.unwrap();
        let grpc_status = response.headers().get("grpc-status").map(|it| it.to_str().unwrap());
        assert_eq!(grpc_status, status);
    }
}

#[tokio::test]
async fn the_wrong_number_of_messages_is_unimplemented() {
    let unimplemented = (StatusCode::OK, "12".to_owned());
    for method in ["Latest", "Watch"] {
        assert_eq!(status_of(request::<Point>(method, &[])).await, unimplemented);
        let two = [query("a", 1), query("a", 1)];
        assert_eq!(status_of(request(method, &two)).await, unimplemented);
    }
    assert_eq!(status_of(request("Nothing", &[query("a", 1)])).await, unimplemented);
    assert_eq!(status_of(request::<Point>("Upload", &[])).await, (StatusCode::OK, "0".into()));
}

#[tokio::test]
async fn bytes_that_are_no_messages_are_internal() {
    let garbage: [&'static [u8]; 4] =
        [&[0, 0, 0, 0, 1, 0xff], &[0, 0, 0, 0, 9, 1], &[0, 0, 0], &[7, 0, 0, 0, 0]];
    for bytes in garbage {
        for method in ["Latest", "Upload"] {
            let request = request::<Point>(method, &[]).map(|_| body(bytes));
            assert_eq!(status_of(request).await, (StatusCode::OK, "13".into()), "{bytes:?}");
        }
    }
}

#[tokio::test]
async fn any_malformed_timeout_is_refused() {
    for value in ["", "1", "S", "-1S", "123456789m", "1x"] {
        let mut request = request("Latest", &[query("a", 1)]);
        request.headers_mut().insert("grpc-timeout", value.parse().unwrap());
        assert_eq!(status_of(request).await, (StatusCode::OK, "13".into()), "{value:?}");
    }
}

/// What a client makes of an HTTP answer.
async fn code_of(response: Response<Body>) -> Code {
    let response = std::sync::Arc::new(std::sync::Mutex::new(Some(response)));
    let service = Answer(response);
    let client = TelemetryClient::new(Channel::new(service));
    client.latest(query("a", 1)).await.map_or_else(|status| status.code(), |_| Code::Ok)
}

/// A server that gives one answer.
#[derive(Clone)]
struct Answer(std::sync::Arc<std::sync::Mutex<Option<Response<Body>>>>);

impl tower_service::Service<Request<rust_scaffold::tonic::body::Body>> for Answer {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(
        &mut self,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<rust_scaffold::tonic::body::Body>) -> Self::Future {
        std::future::ready(Ok(self.0.lock().unwrap().take().unwrap()))
    }
}

#[tokio::test]
async fn an_answer_that_is_not_grpc_has_the_code_of_its_http_status() {
    for (status, code) in [
        (200, Code::Unknown),
        (400, Code::Internal),
        (401, Code::Unauthenticated),
        (403, Code::PermissionDenied),
        (404, Code::Unimplemented),
        (429, Code::Unavailable),
        (431, Code::ResourceExhausted),
        (500, Code::Unknown),
        (502, Code::Unavailable),
        (503, Code::Unavailable),
        (504, Code::Unavailable),
    ] {
        let page = Response::builder().status(status).header("content-type", "text/html");
        assert_eq!(code_of(page.body(body("<h1>no</h1>")).unwrap()).await, code, "{status}");
    }
}

fn answer(messages: &[Point], trailers: Option<HeaderMap>) -> Response<Body> {
    let body = Full::new(frames(messages)).with_trailers(async move { trailers.map(Ok) });
    Response::builder()
        .header("content-type", "application/grpc")
        .body(body.boxed_unsync())
        .unwrap()
}

fn trailers(status: &'static str) -> Option<HeaderMap> {
    Some(HeaderMap::from_iter([("grpc-status".parse().unwrap(), status.parse().unwrap())]))
}

#[tokio::test]
async fn a_client_wants_one_response_and_a_status() {
    let one = [Point::default()];
    let two = [Point::default(), Point::default()];
    assert_eq!(code_of(answer(&one, trailers("0"))).await, Code::Ok);
    assert_eq!(code_of(answer(&two, trailers("0"))).await, Code::Unimplemented);
    assert_eq!(code_of(answer(&[], trailers("0"))).await, Code::Unimplemented);
    assert_eq!(code_of(answer(&one, trailers("9"))).await, Code::FailedPrecondition);
    assert_eq!(code_of(answer(&[], trailers("99"))).await, Code::Unknown);
    assert_eq!(code_of(answer(&one, None)).await, Code::Unknown);
    assert_eq!(code_of(answer(&one, Some(HeaderMap::new()))).await, Code::Unknown);
}

#[tokio::test]
async fn an_unasked_compression_is_internal() {
    let mut response = answer(&[Point::default()], trailers("0"));
    response.headers_mut().insert("grpc-encoding", "gzip".parse().unwrap());
    assert_eq!(code_of(response).await, Code::Internal);
}
