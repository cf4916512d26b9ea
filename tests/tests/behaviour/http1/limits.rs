//! What a client may send.

use rust_scaffold::Server;

use super::{Serving, call, latest};

/// So many bytes of a header.
fn long(size: usize) -> String {
    format!("x: {}\r\n", "x".repeat(size))
}

#[tokio::test(start_paused = true)]
async fn a_head_that_is_too_long_fails_its_call_and_a_longer_one_its_connection() {
    let serving = Serving::start(Server::new());
    let mut client = serving.connect();
    client.send(call("Latest", "a", 1, &long(17 * 1024))).await;
    let (head, _) = client.response().await;
    assert_eq!((head.status.as_u16(), head.get("grpc-status")), (200, "8"));
    assert!(head.get("grpc-message").contains("max_header_list_size"));
    client.send(latest()).await;
    client.web_response().await.has_status("0");

    // Not all of it is read.
    let head = call("Latest", "a", 1, &long(300 * 1024));
    client.send(&head[..270 * 1024]).await;
    let (head, _) = client.response().await;
    assert_eq!((head.status.as_u16(), head.get("connection")), (431, "close"));
    client.closed().await;
}

#[tokio::test(start_paused = true)]
async fn there_may_be_a_hundred_headers() {
    let serving = Serving::start(Server::new());
    for (count, expected) in [(97, 200), (98, 431)] {
        let mut client = serving.connect();
        client.send(call("Latest", "a", 1, &"x: y\r\n".repeat(count))).await;
        assert_eq!(client.head().await.status, expected, "{count}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_too_long_is_not_read() {
    let serving = Serving::start(Server::new());
    let mut client = serving.connect();
    let head = "POST /telemetry.Telemetry/Latest HTTP/1.1\r\nhost: station\r\n\
                content-type: application/grpc-web\r\ncontent-length: 1000000000\r\n\r\n";
    client.send([head.as_bytes(), &[0, 59, 154, 201, 251]].concat()).await;
    let (head, _) = client.response().await;
    assert_eq!(head.get("grpc-status"), "8");
    client.closed().await;
}

#[tokio::test(start_paused = true)]
async fn connections_are_counted_whatever_is_spoken_on_them() {
    let serving = Serving::start(Server::new().max_connections(1));
    let mut first = serving.connect();
    first.send(latest()).await;
    first.web_response().await.has_status("0");
    let mut second = serving.connect();
    second.send(latest()).await;
    super::settle().await;
    drop(first);
    second.web_response().await.has_status("0");
}
