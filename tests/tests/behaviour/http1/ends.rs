//! How a server shuts down its connections of HTTP/1.1.

use std::{convert::Infallible, future::pending, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use rust_scaffold::{HttpBody, Server};
use tokio::time::{Instant, sleep};
use tower::service_fn;

use super::{SECOND, Serving, call, latest, settle};

#[tokio::test(start_paused = true)]
async fn a_connection_without_a_call_is_closed_at_once() {
    let mut serving = Serving::start(Server::new());
    let mut client = serving.connect();
    client.send(latest()).await;
    client.web_response().await.has_status("0");
    let start = Instant::now();
    serving.stop();
    assert_eq!(client.closed().await, b"");
    serving.ended().await;
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_call_in_progress_is_answered_and_the_client_told_to_leave() {
    let mut serving = Serving::start(Server::new().shutdown_timeout(None));
    let (mut unary, mut stream) = (serving.connect(), serving.connect());
    unary.send(call("Latest", "hangs", 1, "")).await;
    stream.send(call("Watch", "hangs", 1, "")).await;
    serving.station.busy().await;
    assert_eq!(stream.head().await.get("connection"), "");
    stream.chunk().await;
    serving.stop();
    let (head, _) = unary.response().await;
    assert_eq!((head.status.as_u16(), head.get("connection")), (200, "close"));
    assert_eq!(unary.closed().await, b"");
    let rest = String::from_utf8_lossy(&stream.closed().await).into_owned();
    assert!(rest.contains("grpc-status: 0") && rest.ends_with("0\r\n\r\n"), "{rest}");
    serving.ended().await;
}

/// Its client cannot know that it was not begun.
#[tokio::test(start_paused = true)]
async fn a_request_that_has_been_sent_is_served() {
    let mut serving = Serving::start(Server::new());
    let mut client = serving.connect();
    client.send(latest()).await;
    client.web_response().await.has_status("0");
    serving.stop();
    client.send(latest()).await;
    client.web_response().await.has_status("0");
    assert_eq!(client.closed().await, b"");
    serving.ended().await;
}

#[tokio::test(start_paused = true)]
async fn calls_that_take_longer_than_shutdown_may_are_ended() {
    let server = Server::new().shutdown_timeout(Some(5 * SECOND));
    let mut serving = Serving::start(server.fallback(service_fn(|_: Request<HttpBody>| {
        pending::<Result<Response<HttpBody>, Infallible>>()
    })));
    let mut clients = [(); 3].map(|()| serving.connect());
    let [unary, stream, plain] = &mut clients;
    unary.send(call("Latest", "hangs", 1, "")).await;
    stream.send(call("Watch", "hangs", 1, "")).await;
    plain.send("GET / HTTP/1.1\r\nhost: station\r\n\r\n").await;
    settle().await;
    let start = Instant::now();
    serving.stop();
    let (head, _) = unary.response().await;
    assert_eq!((head.status.as_u16(), head.get("grpc-status")), (200, "14"));
    let body = stream.web_response().await;
    body.has_status("14");
    assert!(body.trailers.contains("shut%20down"), "{}", body.trailers);
    assert_eq!(plain.head().await.status, 503);
    for client in clients {
        assert_eq!(client.closed().await, b"");
    }
    serving.station.idle().await;
    serving.ended().await;
    assert_eq!(start.elapsed().as_secs(), 5);
}

/// More than the client's pipe has room for is written when there is nothing more to be done for the call.
#[tokio::test(start_paused = true)]
async fn a_response_that_is_read_slowly_arrives_as_a_whole() {
    const SIZE: usize = 200_000;
    for request in [
        "GET / HTTP/1.1\r\nhost: station\r\nconnection: close\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        // Which nobody reads.
        "POST / HTTP/1.1\r\nhost: station\r\ncontent-length: 100000\r\n\r\nbegins",
    ] {
        for stops in [true, false] {
            let server = Server::new().shutdown_timeout(None);
            let mut serving =
                Serving::start(server.fallback(service_fn(async |_: Request<HttpBody>| {
                    let page = Full::new(Bytes::from(vec![b'x'; SIZE]));
                    Ok::<_, Infallible>(Response::new(page))
                })));
            let mut client = serving.connect();
            client.send(request).await;
            settle().await;
            if stops {
                serving.stop();
                settle().await;
            }
            let received = client.closed().await;
            let size = received.iter().filter(|byte| **byte == b'x').count();
            assert!(size >= SIZE, "{size} of {SIZE} after {request:?}, stopped: {stops}");
            if !stops {
                serving.stop();
            }
            serving.ended().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_that_has_begun_has_a_second() {
    for (sent, completed) in [("P", false), ("POST / HTTP/1.1\r\n", false), ("GE", true)] {
        let mut serving = Serving::start(Server::new());
        let mut client = serving.connect();
        client.send(sent).await;
        settle().await;
        serving.stop();
        let start = Instant::now();
        if completed {
            sleep(SECOND / 2).await;
            client.send("T / HTTP/1.1\r\nhost: station\r\n\r\n").await;
            let (head, _) = client.response().await;
            assert_eq!((head.status.as_u16(), head.get("connection")), (405, "close"));
        }
        assert_eq!(client.closed().await, b"");
        serving.ended().await;
        assert!(start.elapsed() < SECOND * 11 / 10, "{sent}: {:?}", start.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_delays_no_shutdown_for_ever() {
    let mut serving = Serving::start(Server::new().shutdown_timeout(Some(5 * SECOND)));
    let mut client = serving.connect();
    client.send(call("Watch", "a", 100_000, "")).await;
    serving.station.busy().await;
    settle().await;
    let start = Instant::now();
    serving.stop();
    serving.station.idle().await;
    serving.ended().await;
    // Its end gets a second, and so does the end of the connection.
    assert!((6..=7).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    client.closed().await;
}
