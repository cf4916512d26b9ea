//! How long a connection waits for its client.

use rust_scaffold::Server;
use tokio::time::{Instant, sleep};

use super::{SECOND, Serving, call, latest};

const HEAD: &str = "POST /telemetry.Telemetry/Latest HTTP/1.1\r\n";

#[tokio::test(start_paused = true)]
async fn a_head_may_not_take_longer_than_a_handshake() {
    let serving = Serving::start(Server::new().handshake_timeout(5 * SECOND));
    for answered in [false, true] {
        let mut client = serving.connect();
        if answered {
            client.send(latest()).await;
            client.web_response().await.has_status("0");
            sleep(60 * SECOND).await;
        }
        let start = Instant::now();
        client.send(HEAD).await;
        for line in 0..4 {
            sleep(SECOND).await;
            client.send(format!("x-{line}: y\r\n")).await;
        }
        assert_eq!(client.closed().await, b"");
        assert_eq!(start.elapsed().as_secs(), 5, "{answered}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_head_has_its_own_time() {
    let serving = Serving::start(Server::new().handshake_timeout(5 * SECOND));
    let mut client = serving.connect();
    for _ in 0..4 {
        let (begin, end) = (latest(), latest());
        client.send(&begin[..20]).await;
        sleep(4 * SECOND).await;
        client.send(&end[20..]).await;
        client.web_response().await.has_status("0");
    }
}

/// Its deadline is up to the call.
#[tokio::test(start_paused = true)]
async fn a_call_may_take_longer_than_any_of_that() {
    let idle = Some(2 * SECOND);
    let server = Server::new().handshake_timeout(SECOND).max_connection_idle(idle);
    let serving = Serving::start(server);
    let mut client = serving.connect();
    let request = call("Latest", "hangs", 3, "");
    let (begin, end) = request.split_at(request.len() - 3);
    client.send(begin).await;
    sleep(60 * SECOND).await;
    client.send(end).await;
    client.web_response().await.has_status("0");
    // As long as the client takes to read it, also when all of it waits for that.
    client.send(call("Watch", "a", 100_000, "")).await;
    sleep(60 * SECOND).await;
    assert_eq!(client.web_response().await.messages.len(), 100_001);
    client.send(call("Latest", "a", 150_000, "")).await;
    sleep(60 * SECOND).await;
    assert_eq!(client.web_response().await.messages[0].len(), 150_004);
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_calls_is_closed_after_a_while() {
    let serving = Serving::start(Server::new().max_connection_idle(Some(20 * SECOND)));
    let mut client = serving.connect();
    for _ in 0..3 {
        client.send(latest()).await;
        client.web_response().await.has_status("0");
        sleep(15 * SECOND).await;
    }
    let start = Instant::now();
    assert_eq!(client.closed().await, b"");
    assert_eq!(start.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_connection_has_an_age() {
    let serving = Serving::start(Server::new().max_connection_age(Some(100 * SECOND)));
    let mut idle = serving.connect();
    let mut busy = serving.connect();
    let start = Instant::now();
    for client in [&mut idle, &mut busy] {
        client.send(latest()).await;
        client.web_response().await.has_status("0");
    }
    sleep(80 * SECOND).await;
    busy.send(call("Latest", "hangs", 3, "")).await;
    assert_eq!(idle.closed().await, b"");
    assert!((90..=110).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    let (head, _) = busy.response().await;
    assert_eq!((head.status.as_u16(), head.get("connection")), (200, "close"));
    assert_eq!(busy.closed().await, b"");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_outlives_its_connection_is_told_so() {
    let server = Server::new().max_connection_age(Some(100 * SECOND));
    let serving = Serving::start(server.max_connection_age_grace(Some(20 * SECOND)));
    let mut client = serving.connect();
    client.send(call("Watch", "hangs", 1, "")).await;
    let start = Instant::now();
    let body = client.web_response().await;
    body.has_status("14");
    assert!(body.trailers.contains("age"), "{}", body.trailers);
    assert!((110..=130).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    assert_eq!(client.closed().await, b"");
    serving.station.idle().await;
}
