//! How our client takes the frames of one call.

use std::future::Future;

use h2::Reason;
use rust_scaffold::{Code, Response, Status, Streaming};
use tokio::{task::JoinHandle, time::timeout};

use super::{
    frame::{
        CONTINUATION, DATA, END_HEADERS, END_STREAM, Frame, HEADERS, PADDED, WITH_PRIORITY, block,
    },
    peer::{End, LONG, Peer, RawServer, answer, head, message, ok},
};
use crate::{
    station::{point, query},
    telemetry::{Point, Query, TelemetryClient},
};

type Answer<T> = Result<Response<T>, Status>;

/// Makes a call on a task.
fn start<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    server: &RawServer,
    call: impl FnOnce(TelemetryClient) -> F,
) -> JoinHandle<T> {
    tokio::spawn(call(server.client.clone()))
}

fn latest(server: &RawServer) -> JoinHandle<Answer<Point>> {
    start(server, async |client| client.latest(query("a", 1)).await)
}

/// All points of a stream, and what it ended with.
fn watch(server: &RawServer) -> JoinHandle<(Vec<String>, Result<(), Status>)> {
    start(server, async |client| {
        let mut series = Vec::new();
        let mut points = match client.watch(query("a", 1)).await {
            Ok(points) => points.into_inner(),
            Err(status) => return (series, Err(status)),
        };
        loop {
            match points.message().await {
                Ok(Some(point)) => series.push(point.series),
                Ok(None) => return (series, Ok(())),
                Err(status) => return (series, Err(status)),
            }
        }
    })
}

async fn end<T>(call: JoinHandle<T>) -> T {
    timeout(LONG, call).await.expect("every call ends").unwrap()
}

fn code<T>(answer: &Result<T, Status>) -> Code {
    answer.as_ref().map_or_else(Status::code, |_| Code::Ok)
}

/// Makes a call that goes well, as the next one on `peer`.
async fn is_served(server: &RawServer, peer: &mut Peer, stream: u32) {
    let call = latest(server);
    peer.ended(stream).await;
    peer.send(answer(stream, "well")).await;
    assert_eq!(end(call).await.unwrap().into_inner().series, "well");
}

#[tokio::test]
async fn an_answer_may_end_in_a_frame_of_its_own() {
    let server = RawServer::start().await;
    let call = watch(&server);
    let mut peer = server.accept(&[]).await;
    peer.ended(1).await;
    for frame in answer(1, "a") {
        peer.send([frame]).await;
        peer.settled().await;
    }
    assert_eq!(end(call).await.0, ["a"]);
    // Without trailers there is no status.
    let (call, stream) = (watch(&server), 3);
    peer.ended(stream).await;
    let data = Frame::data(stream, message(&point("a")));
    peer.send([head(stream), data, Frame::data(stream, []).ends()]).await;
    let (series, end_of_it) = end(call).await;
    assert_eq!((series.len(), code(&end_of_it)), (1, Code::Unknown));
    is_served(&server, &mut peer, 5).await;
}

#[tokio::test]
async fn bytes_behind_the_end_of_an_answer_do_not_change_it() {
    for more in [Frame::data(1, message(&point("more"))), ok(1), head(1), Frame::data(1, []).ends()]
    {
        let server = RawServer::start().await;
        let (call, stream) = (watch(&server), 1);
        let mut peer = server.accept(&[]).await;
        peer.ended(stream).await;
        let [head, data, trailers] = answer(stream, "a");
        peer.send([head, data, trailers, more.clone()]).await;
        let (series, outcome) = end(call).await;
        // When all of it comes at once, the connection's end may come first.
        let is_whole = outcome.is_ok() && series == ["a"];
        assert!(
            is_whole || code(&outcome) == Code::Unavailable,
            "{more:?}: {series:?} {outcome:?}"
        );
        let call = latest(&server);
        tokio::select! {
            _ = peer.ended(3) => peer.send(self::answer(3, "well")).await,
            mut next = server.accept(&[]) => {
                next.ended(1).await;
                next.send(self::answer(1, "well")).await;
            }
        }
        assert_eq!(end(call).await.unwrap().into_inner().series, "well", "{more:?}");
    }
}

#[tokio::test]
async fn trailers_that_do_not_end_their_stream_fail_the_call_alone() {
    let server = RawServer::start().await;
    let call = latest(&server);
    let mut peer = server.accept(&[]).await;
    peer.ended(1).await;
    let [head, data, mut trailers] = answer(1, "a");
    trailers.flags = END_HEADERS;
    peer.send([head, data, trailers]).await;
    assert_eq!(code(&end(call).await), Code::Internal);
    is_served(&server, &mut peer, 3).await;
}

#[tokio::test]
async fn an_early_answer_ends_the_requests() {
    let server = RawServer::start().await;
    let refusal = [(":status", "200"), ("content-type", "application/grpc"), ("grpc-status", "9")];
    let mut peer = None;
    for (stream, resets) in [(1, false), (3, true)] {
        let (points, requests) = Streaming::channel(1);
        points.send(point("a")).await.unwrap();
        let call = start(&server, async |client| client.upload(requests).await);
        let peer = match &mut peer {
            Some(peer) => peer,
            None => peer.insert(server.accept(&[]).await),
        };
        peer.until(stream, |stream| !stream.data.is_empty()).await;
        peer.send([Frame::headers(stream, &refusal).ends()]).await;
        if resets {
            peer.send([Frame::reset(stream, Reason::NO_ERROR)]).await;
        }
        assert_eq!(code(&end(call).await), Code::FailedPrecondition);
        timeout(LONG, points.closed()).await.expect("nobody wants more of them");
        if !resets {
            assert!(peer.ended(stream).await.end.is_some());
        }
    }
    is_served(&server, &mut peer.unwrap(), 5).await;
}

#[tokio::test]
async fn a_stream_of_requests_goes_on_beside_its_answers_until_either_ends() {
    let server = RawServer::start().await;
    let (queries, requests) = Streaming::channel(1);
    let call = start(&server, async |client| client.tail(requests).await);
    let mut peer = server.accept(&[]).await;
    peer.begun(1).await;
    peer.send([head(1)]).await;
    let mut points = end(call).await.unwrap().into_inner();
    for number in 1..4 {
        queries.send(query("a", 1)).await.unwrap();
        peer.until(1, |stream| stream.messages::<Query>().len() == number).await;
        peer.send([Frame::data(1, message(&point("a")))]).await;
        assert!(timeout(LONG, points.message()).await.unwrap().unwrap().is_some());
    }
    drop(queries);
    assert_eq!(peer.ended(1).await.end, Some(End::Stream));
    peer.send([Frame::data(1, message(&point("last"))), ok(1)]).await;
    assert_eq!(points.message().await.unwrap().unwrap().series, "last");
    assert_eq!(points.message().await.unwrap(), None);
}

/// How far an answer has come when its server resets it.
const STATES: usize = 5;

fn before_the_reset(stream: u32, state: usize) -> Vec<Frame> {
    let [head, data, trailers] = answer(stream, "a");
    let half = Frame::data(stream, &data.payload[..3]);
    match state {
        0 => vec![],
        1 => vec![head],
        2 => vec![head, half],
        3 => vec![head, data],
        _ => vec![head, data, trailers],
    }
}

#[tokio::test]
async fn a_reset_in_any_state_ends_its_call_with_its_code_and_no_other() {
    let server = RawServer::start().await;
    let reasons = [
        (Reason::CANCEL, Code::Cancelled),
        (Reason::NO_ERROR, Code::Internal),
        (Reason::ENHANCE_YOUR_CALM, Code::ResourceExhausted),
        (Reason::from(77), Code::Internal),
    ];
    let first = latest(&server);
    let mut peer = server.accept(&[]).await;
    peer.ended(1).await;
    let mut stream = 3;
    for (reason, expected) in reasons {
        for state in 0..STATES {
            let call = watch(&server);
            peer.ended(stream).await;
            peer.send(before_the_reset(stream, state)).await;
            // It has seen what came before.
            peer.settled().await;
            peer.send([Frame::reset(stream, reason)]).await;
            let (series, outcome) = end(call).await;
            match state {
                4 => assert!(outcome.is_ok() && series == ["a"], "{reason:?}: {outcome:?}"),
                _ => assert_eq!(code(&outcome), expected, "{reason:?} in state {state}"),
            }
            stream += 2;
        }
    }
    peer.send(answer(1, "first")).await;
    assert_eq!(end(first).await.unwrap().into_inner().series, "first");
}

#[tokio::test]
async fn a_refused_stream_is_made_once_more_and_no_more_than_that() {
    let server = RawServer::start().await;
    let call = latest(&server);
    let mut peer = server.accept(&[]).await;
    peer.ended(1).await;
    peer.send([Frame::reset(1, Reason::REFUSED_STREAM)]).await;
    peer.ended(3).await;
    peer.send(answer(3, "again")).await;
    assert_eq!(end(call).await.unwrap().into_inner().series, "again");
    let call = latest(&server);
    for stream in [5, 7] {
        peer.ended(stream).await;
        peer.send([Frame::reset(stream, Reason::REFUSED_STREAM)]).await;
    }
    assert_eq!(code(&end(call).await), Code::Unavailable);
}

#[tokio::test]
async fn a_call_that_is_given_up_is_reset() {
    let server = RawServer::start().await;
    let mut peer = None;
    for (stream, frames) in [(1, 0), (3, 1), (5, 2)] {
        let call = watch(&server);
        let peer = match &mut peer {
            Some(peer) => peer,
            None => peer.insert(server.accept(&[]).await),
        };
        peer.ended(stream).await;
        // Its half of the stream has ended; that of the server has not.
        peer.stream(stream).end = None;
        peer.send(answer(stream, "a").into_iter().take(frames)).await;
        peer.settled().await;
        call.abort();
        assert_eq!(peer.ended(stream).await.end, Some(End::Reset(Reason::CANCEL.into())));
    }
    is_served(&server, &mut peer.unwrap(), 7).await;
}

#[tokio::test]
async fn answers_may_be_padded_prioritized_in_pieces_and_announced() {
    let server = RawServer::start().await;
    let call = watch(&server);
    let mut peer = server.accept(&[]).await;
    peer.ended(1).await;
    let fields = [(":status", "200"), ("content-type", "application/grpc"), ("word", "long")];
    let block = block(&fields);
    let (first, rest) = block.split_at(10);
    let padded = [&[3, 0, 0, 0, 0, 15], first, &[0; 3]].concat();
    let mut frames = vec![
        // An interim answer.
        Frame::headers(1, &[(":status", "103"), ("link", "</a>")]),
        Frame::new(HEADERS, PADDED | WITH_PRIORITY, 1, padded),
    ];
    frames.extend(rest.chunks(30).map(|piece| Frame::new(CONTINUATION, 0, 1, piece)));
    frames.last_mut().unwrap().flags = END_HEADERS;
    for byte in message(&point("a")) {
        frames.push(Frame::new(DATA, PADDED, 1, [2, byte, 0, 0]));
        frames.push(Frame::data(1, []));
        frames.push(Frame::new(0xfa, END_STREAM, 1, *b"unknown"));
    }
    frames.push(ok(1));
    peer.send(frames).await;
    let (series, outcome) = end(call).await;
    assert!(outcome.is_ok() && series == ["a"], "{series:?} {outcome:?}");
    is_served(&server, &mut peer, 3).await;
}
