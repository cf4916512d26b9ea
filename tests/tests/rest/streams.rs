//! Methods that stream their responses.

use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use tower_service::Service as _;

use bytes::Bytes;

use crate::rest::{answer, get, ok, routes, send};

async fn events(path: &str) -> Response<Bytes> {
    let request = Request::get(path).header("accept", "text/html, text/event-stream");
    answer(request.body(Full::default()).unwrap()).await
}

#[tokio::test]
async fn messages_are_lines_of_json() {
    let response = answer(Request::get("/v1/watch/2").body(Full::default()).unwrap()).await;
    assert_eq!(response.headers()["content-type"], "application/x-ndjson");
    assert_eq!(response.body(), "{\"int32\":1}\n{\"int32\":2}\n");
    assert_eq!(send("POST", "/v1/watch", r#"{"int32":1}"#).await, ok("{\"int32\":1}\n"));
    assert_eq!(get("/v1/watch/0").await, ok(""));
    assert_eq!(get("/v1/watch/2/items").await, ok("[]\n[]\n"));
}

#[tokio::test]
async fn messages_are_events_if_they_are_asked_for() {
    let response = events("/v1/watch/2?text=a%0Ab").await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert_eq!(response.headers()["cache-control"], "no-cache");
    assert_eq!(
        response.body(),
        "data: {\"int32\":1,\"text\":\"a\\nb\"}\n\n\
         data: {\"int32\":2,\"text\":\"a\\nb\"}\n\n\
         event: end\ndata: {}\n\n"
    );
}

#[tokio::test]
async fn a_failure_is_the_last_line_or_event() {
    let status = r#"{"code":5,"message":"there is no \"fail\"","details":[]}"#;
    let lines = get("/v1/watch/1?string=fail").await;
    assert_eq!(lines, ok(&format!("{{\"error\":{status}}}\n")));
    let response = events("/v1/watch/1?string=fail").await;
    assert_eq!(response.body(), &format!("event: error\ndata: {status}\n\n"));
}

/// It cannot say that it is not whole.
#[tokio::test]
async fn a_body_of_any_type_breaks_off_if_the_call_fails() {
    let request = Request::get("/v1/files/ab!/bytes").body(Full::default()).unwrap();
    let body = routes().call(request).await.unwrap().into_body();
    assert!(body.collect().await.is_err());
}
