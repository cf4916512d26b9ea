//! [`Streaming`] by itself, and long streams through every route.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
        mpsc,
    },
    time::Duration,
};

use futures_util::StreamExt as _;
use rust_scaffold::{
    Code, Request, Status, Streaming,
    metadata::MetadataMap,
    streaming::{Closed, SendError, TrySendError},
};

use crate::{
    routes,
    station::{Station, point, query},
    telemetry::{Query, TelemetryServer},
};

#[tokio::test]
async fn a_stream_ends_once() {
    let items = [Ok(1), Err(Status::aborted("enough")), Ok(2)];
    let mut stream = Streaming::new(tokio_stream::iter(items));
    assert_eq!(stream.message().await.unwrap(), Some(1));
    assert_eq!(stream.message().await.unwrap_err().code(), Code::Aborted);
    assert_eq!(stream.message().await.unwrap(), None);
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn a_stream_is_filled_piece_by_piece() {
    let (sender, mut stream) = Streaming::channel(1);
    let writer = tokio::spawn(async move {
        for number in 0..100 {
            sender.send(number).await.unwrap();
        }
        let mut trailers = MetadataMap::new();
        trailers.insert("count", 100.into());
        sender.finish(trailers).await.unwrap();
    });
    let mut sum = 0;
    while let Some(number) = stream.message().await.unwrap() {
        sum += number;
    }
    assert_eq!(sum, 4950);
    assert_eq!(stream.skip_to_trailers().await.unwrap().get("count").unwrap(), "100");
    writer.await.unwrap();
}

#[tokio::test]
async fn a_sender_learns_that_nobody_reads() {
    let (sender, stream) = Streaming::channel(1);
    drop(stream);
    sender.closed().await;
    assert!(sender.is_closed());
    assert_eq!(sender.send(1).await, Err(SendError(1)), "it is given back");
    assert_eq!(sender.try_send(2), Err(TrySendError::Closed(2)));
    for status in [Closed.into(), SendError(1).into(), Status::from(TrySendError::Closed(2))] {
        assert_eq!(status.code(), Code::Cancelled);
    }
}

#[tokio::test]
async fn a_sender_that_does_not_wait_gets_back_what_there_is_no_room_for() {
    let (sender, mut stream) = Streaming::channel(1);
    sender.try_send(1).unwrap();
    let full = sender.try_send(2).unwrap_err();
    assert_eq!(full, TrySendError::Full(2));
    assert_eq!(Status::from(full).code(), Code::ResourceExhausted);
    assert!(!sender.is_closed());
    assert_eq!(stream.message().await.unwrap(), Some(1));
    sender.try_send(3).unwrap();
    drop(sender);
    assert_eq!(stream.message().await.unwrap(), Some(3));
    assert_eq!(stream.message().await.unwrap(), None);
}

#[tokio::test]
async fn a_panicking_sender_does_not_end_the_stream_well() {
    let (sender, mut stream) = Streaming::channel(1);
    let panicked = tokio::spawn(async move {
        sender.send(1).await.unwrap();
        panic!("half way");
    });
    assert_eq!(stream.message().await.unwrap(), Some(1));
    assert_eq!(stream.message().await.unwrap_err().code(), Code::Internal);
    assert!(panicked.await.is_err());
}

#[tokio::test]
async fn requests_are_any_stream_of_messages_or_results() {
    use rust_scaffold::IntoStreamingRequest;
    async fn count(requests: impl IntoStreamingRequest<i32>) -> usize {
        requests
            .into_streaming_request()
            .into_inner()
            .filter_map(async |item| item.ok())
            .collect::<Vec<_>>()
            .await
            .len()
    }
    assert_eq!(count(tokio_stream::iter([1, 2])).await, 2);
    assert_eq!(count(tokio_stream::iter([Ok(1), Err(Status::aborted("")), Ok(2)])).await, 1);
    assert_eq!(count(Streaming::from_iter([1, 2, 3])).await, 3);
    assert_eq!(count(Request::new(Streaming::from_iter([1]))).await, 1);
    assert_eq!(count(Request::new(tokio_stream::iter([1]))).await, 1);
    assert_eq!(count(Streaming::default()).await, 0);
}

#[tokio::test]
async fn long_streams_of_small_messages_pass_every_route() {
    const COUNT: u32 = 20_000;
    for route in routes::all(TelemetryServer::new(Station::default())).await {
        let points = tokio_stream::iter((0..COUNT).map(|_| point("0123456789")));
        let summary = route.client.upload(points).await.unwrap().into_inner();
        assert_eq!(summary.accepted, u64::from(COUNT), "{}", route.name);

        let queries = tokio_stream::iter((0..COUNT).map(|_| query("0123456789", 1)));
        let mut points = route.client.tail(queries).await.unwrap().into_inner();
        let mut count = 0;
        while points.message().await.unwrap().is_some() {
            count += 1;
        }
        assert_eq!(count, COUNT, "{}", route.name);
    }
}

#[tokio::test]
async fn large_messages_pass_every_route() {
    const SIZE: u32 = 3 * 1024 * 1024;
    for route in routes::all(TelemetryServer::new(Station::default())).await {
        let latest = route.client.latest(query("a", SIZE)).await.unwrap().into_inner();
        assert_eq!(latest.series.len(), SIZE as usize, "{}", route.name);
        let large = point(&"y".repeat(SIZE as usize));
        let summary = route.client.upload(tokio_stream::iter([large.clone(), large])).await;
        assert_eq!(summary.unwrap().into_inner().accepted, 2, "{}", route.name);
    }
}

/// Two queries. Whoever asks for the second is blocked until there is word from `answered`; if none
/// comes, `stuck` is set.
fn blocking(answered: mpsc::Receiver<()>, stuck: &Arc<AtomicBool>) -> Streaming<Query> {
    let stuck = Arc::clone(stuck);
    let queries = (0..2).map(move |number| {
        let wait = || answered.recv_timeout(Duration::from_secs(20));
        if number > 0 && tokio::task::block_in_place(wait).is_err() {
            stuck.store(true, Ordering::SeqCst);
        }
        query("a", 1)
    });
    Streaming::new(tokio_stream::iter(queries.map(Ok)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_stream_of_requests_that_blocks_does_not_hold_up_the_response() {
    for route in routes::over_sockets(TelemetryServer::new(Station::default())).await {
        // Their transports ask for requests on the task that reads responses.
        if route.name == "tonic's client" || route.name.contains("HTTP/1.1") {
            continue;
        }
        let (seen, answered) = mpsc::channel();
        let stuck = Arc::default();
        let response = route.client.tail(blocking(answered, &stuck)).await.unwrap();
        seen.send(()).expect(route.name);
        assert_eq!(response.into_inner().count().await, 2, "{}", route.name);
        assert!(!stuck.load(Ordering::SeqCst), "{}", route.name);
    }
}

/// As many as would fill every buffer, were one of them without bounds.
const MANY: u32 = 1_000_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_million_messages_pass_each_way() {
    for route in routes::over_sockets(TelemetryServer::new(Station::default())).await {
        if !["our server", "tonic's server", "tonic's client"].contains(&route.name) {
            continue;
        }
        let points = tokio_stream::iter((0..MANY).map(|_| point("sixteen bytes!")));
        let summary = route.client.upload(points).await.unwrap().into_inner();
        assert_eq!(summary.accepted, u64::from(MANY), "{}", route.name);
        let queries = tokio_stream::iter((0..MANY).map(|_| query("fourteen byte", 1)));
        let mut points = route.client.tail(queries).await.unwrap().into_inner();
        let mut seen = 0;
        while points.message().await.unwrap().is_some() {
            seen += 1;
        }
        assert_eq!(seen, MANY, "{}", route.name);
    }
}

/// Waits until no more queries are asked for: all that there is room for has been sent.
async fn sent(asked: &AtomicU32) {
    let mut before = 0;
    while asked.load(Ordering::SeqCst) != before || before == 0 {
        before = asked.load(Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn small_messages_that_are_read_late_are_no_attack() {
    const COUNT: u32 = 200_000;
    for route in routes::over_sockets(TelemetryServer::new(Station::default())).await {
        let asked = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&asked);
        let queries = tokio_stream::iter((0..COUNT).map(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            query("fourteen byte", 1)
        }));
        let mut points = route.client.tail(queries).await.unwrap().into_inner();
        sent(&asked).await;
        let mut seen = 0;
        while points.message().await.expect(route.name).is_some() {
            seen += 1;
        }
        assert_eq!(seen, COUNT, "{}", route.name);
    }
}
