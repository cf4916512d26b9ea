//! When our client connects again to a server that ends its connections.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use h2::Reason;
use rust_scaffold::{Channel, Code, Request, WaitForReady};
use tokio::{
    io::DuplexStream,
    task::JoinSet,
    time::{Instant, timeout},
};

use super::{
    client_connections::serve,
    frame::Frame,
    peer::{LONG, Peer},
};
use crate::{station::query, telemetry::TelemetryClient};

/// How a server behaves on one of its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manners {
    /// It greets and goes away, in one go.
    LeavesAtOnce,
    /// It greets, and goes away when it has a call, with which it has not begun.
    LeavesWithACall,
    /// It answers one call, and goes away.
    Answers,
    /// It answers one call with more headers than the client takes, and goes away.
    AnswersAtLength,
}

/// No test has more connections: without a pause between them, virtual time stands still.
const MOST: usize = 500;

/// A client whose connections behave as `manners` says of each, beginning with the first; and how many
/// there were.
fn client(
    manners: impl Fn(usize) -> Manners + Send + Sync + 'static,
) -> (TelemetryClient, Arc<AtomicUsize>) {
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    let channel = Channel::builder("http://station").connector(move |_| {
        let nth = count.fetch_add(1, Ordering::SeqCst);
        if nth >= MOST {
            return std::future::ready(Err(std::io::ErrorKind::ConnectionRefused.into()));
        }
        let (here, there) = tokio::io::duplex(64 * 1024);
        tokio::spawn(behave(there, manners(nth)));
        std::future::ready(Ok(here))
    });
    (TelemetryClient::new(channel.connect_lazy().unwrap()), connections)
}

async fn behave(io: DuplexStream, manners: Manners) {
    // Nobody else has a turn before this waits for something that is to come.
    let mut peer = Peer::server(io, &[]).await;
    match manners {
        Manners::LeavesAtOnce => {}
        Manners::LeavesWithACall => drop(peer.ended(1).await),
        Manners::Answers => serve(&mut peer, 1).await,
        Manners::AnswersAtLength => {
            peer.ended(1).await;
            let fields = [(":status", "200"), ("long", &*"x".repeat(17_000))];
            peer.send([Frame::headers(1, &fields).ends()]).await;
        }
    }
    let answers = [Manners::Answers, Manners::AnswersAtLength];
    let answered = u32::from(answers.contains(&manners));
    peer.send([Frame::goaway(answered, Reason::NO_ERROR)]).await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_greets_and_leaves_was_there_and_the_call_goes_on_to_the_next_connection() {
    for leaves in [Manners::LeavesAtOnce, Manners::LeavesWithACall] {
        for times in [1, 4] {
            let manners = move |nth| if nth < times { leaves } else { Manners::Answers };
            let (client, connections) = client(manners);
            let start = Instant::now();
            client.latest(query("a", 1)).await.unwrap();
            assert_eq!(connections.load(Ordering::SeqCst), times + 1, "{leaves:?}");
            // The second one is begun with at once, the others with a growing distance.
            assert!(start.elapsed().as_secs() < [1, 2, 4, 8][times - 1], "{:?}", start.elapsed());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_always_greets_and_leaves_is_dialled_ever_less_often() {
    for leaves in [Manners::LeavesAtOnce, Manners::LeavesWithACall] {
        let (client, connections) = client(move |_| leaves);
        let long = Duration::from_secs(10 * 60);
        let mut calls = JoinSet::new();
        for waits in [true, false] {
            let client = client.clone();
            calls.spawn(async move {
                let start = Instant::now();
                while start.elapsed() < long {
                    let mut request = Request::new(query("a", 1));
                    request.set_timeout(long);
                    request.extensions_mut().insert(WaitForReady(waits));
                    let failure = client.latest(request).await.unwrap_err();
                    let expected = [Code::Unavailable, Code::DeadlineExceeded];
                    assert!(expected.contains(&failure.code()), "{failure}");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            });
        }
        while let Some(call) = calls.join_next().await {
            call.unwrap();
        }
        let connections = connections.load(Ordering::SeqCst);
        assert!((10..40).contains(&connections), "{leaves:?}: {connections} in ten minutes");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_to_a_server_that_always_greets_and_leaves_fails_with_the_reason() {
    let (client, _) = client(|_| Manners::LeavesAtOnce);
    let failure =
        timeout(10 * LONG, client.latest(query("a", 1))).await.expect("an end").unwrap_err();
    assert_eq!(failure.code(), Code::Unavailable);
    assert!(failure.message().contains("before it answered a call"), "{failure}");
}

#[tokio::test(start_paused = true)]
async fn connections_that_answer_are_replaced_at_once_however_short_they_last() {
    for (answers, code) in
        [(Manners::Answers, Code::Ok), (Manners::AnswersAtLength, Code::ResourceExhausted)]
    {
        let (client, connections) = client(move |_| answers);
        let start = Instant::now();
        for calls in 1..=10 {
            let answer = client.latest(query("a", 1)).await;
            assert_eq!(answer.map_or_else(|status| status.code(), |_| Code::Ok), code);
            assert_eq!(connections.load(Ordering::SeqCst), calls);
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}
