//! Clients of HTTP/1.1 that mean harm, as those of HTTP/2 in `abuse`.

use crate::abuse::{Attacker, Victim, message};

const HEAD: &str = "POST /telemetry.Telemetry/Latest HTTP/1.1\r\nhost: a\r\n";

/// A call of gRPC-Web.
fn call(method: &str) -> Vec<u8> {
    let message = message();
    let head = format!(
        "POST /telemetry.Telemetry/{method} HTTP/1.1\r\nhost: a\r\n\
         content-type: application/grpc-web\r\ncontent-length: {}\r\n\r\n",
        message.len()
    );
    [head.as_bytes(), &message].concat()
}

/// Sends `begin`, and then `more` until the server closes the connection.
async fn flood(victim: &Victim, begin: &str, more: &str) -> Attacker {
    let mut attacker = victim.connect().await;
    attacker.send(begin.as_bytes()).await;
    let more = more.repeat(1000);
    for _ in 0..10_000 {
        if !attacker.send(more.as_bytes()).await {
            break;
        }
    }
    attacker
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parts_without_an_end() {
    let victim = Victim::new().await;
    let chunked =
        format!("{HEAD}content-type: application/grpc-web\r\ntransfer-encoding: chunked\r\n\r\n");
    for (name, begin, more) in [
        ("a head without an end", HEAD.to_owned(), "x: y\r\n"),
        ("a header without an end", format!("{HEAD}x: "), "xxxxxxxx"),
        ("an address without an end", "GET /".to_owned(), "xxxxxxxx"),
        ("a chunk's extension without an end", format!("{chunked}1;x="), "xxxxxxxx"),
        ("a chunk's size without an end", chunked.clone(), "11111111"),
        ("trailers without an end", format!("{chunked}0\r\n"), "x: y\r\n"),
    ] {
        assert!(flood(&victim, &begin, more).await.is_closed().await, "{name}");
        victim.is_well(name).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heads_that_stay_unfinished() {
    let victim = Victim::new().await;
    let mut attackers = Vec::new();
    for _ in 0..100 {
        let mut attacker = victim.connect().await;
        attacker.send(format!("{HEAD}x: {}", "x".repeat(200 * 1024)).as_bytes()).await;
        attackers.push(attacker);
    }
    victim.is_well("100 heads of 200 KiB that do not end").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_whose_answers_nobody_reads() {
    let victim = Victim::new().await;
    for method in ["Latest", "Watch"] {
        let mut attackers = Vec::new();
        let calls = call(method).repeat(1000);
        for _ in 0..20 {
            let mut attacker = victim.connect().await;
            // In the end, the server stops listening.
            for _ in 0..100 {
                if !attacker.send(&calls).await {
                    break;
                }
            }
            attackers.push(attacker);
        }
        victim.is_well(&format!("calls of {method} that are not read")).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_that_stay_unfinished() {
    let victim = Victim::new().await;
    let mut attackers = Vec::new();
    for _ in 0..1000 {
        let mut attacker = victim.connect().await;
        let head = format!(
            "{HEAD}content-type: application/grpc-web\r\n\
                            content-length: 4194309\r\n\r\n"
        );
        // The beginning of a message of 4 MiB.
        attacker.send(&[head.as_bytes(), &[0, 0, 0x40, 0, 0, 1]].concat()).await;
        attackers.push(attacker);
    }
    victim.is_well("1000 requests that do not end").await;
}
