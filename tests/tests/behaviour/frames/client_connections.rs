//! How our client takes the frames of a connection: windows, settings, going away.

use std::time::Duration;

use h2::Reason;
use rust_scaffold::{Code, Request, Streaming};
use tokio::{task::JoinSet, time::timeout};

use super::{
    frame::{
        CONTINUATION, END_HEADERS, Frame, HEADER_TABLE_SIZE, INITIAL_WINDOW_SIZE,
        MAX_CONCURRENT_STREAMS, MAX_FRAME_SIZE, PING, RST_STREAM, SETTINGS,
    },
    peer::{End, LONG, Peer, RawServer, answer, head, ok},
};
use crate::{
    station::{point, query},
    telemetry::{Point, Query, Summary},
};

/// How often what only some orders of threads show is tried.
const ROUNDS: usize = 20;
const UPLOADS: u32 = 50;

/// Calls for the points of a series, each of which says which it was.
struct Calls(JoinSet<Result<String, rust_scaffold::Status>>);

impl Calls {
    fn start(server: &RawServer, number: usize) -> Self {
        let mut calls = JoinSet::new();
        for call in 0..number {
            let client = server.client.clone();
            calls.spawn(async move {
                let point = client.latest(query(&format!("call {call}"), 1)).await?;
                Ok::<_, rust_scaffold::Status>(point.into_inner().series)
            });
        }
        Self(calls)
    }

    async fn all_go_well(mut self) {
        while let Some(call) = timeout(LONG, self.0.join_next()).await.expect("every call ends") {
            call.unwrap().unwrap();
        }
    }
}

/// Answers the call on `stream`, once all of it has come.
pub(super) async fn serve(peer: &mut Peer, stream: u32) {
    let request = peer.ended(stream).await;
    let asked = &request.messages::<Query>()[0].series;
    peer.send(answer(stream, asked)).await;
}

#[tokio::test]
async fn calls_in_progress_go_on_behind_a_goaway_and_later_ones_go_elsewhere() {
    let server = RawServer::start().await;
    let calls = Calls::start(&server, 1);
    let mut first = server.accept(&[]).await;
    first.ended(1).await;
    let more = Calls::start(&server, 2);
    first.ended(3).await;
    first.ended(5).await;
    // It has not begun with 5.
    first.send([Frame::goaway(3, Reason::NO_ERROR)]).await;
    let mut second = server.accept(&[]).await;
    serve(&mut second, 1).await;
    serve(&mut first, 3).await;
    serve(&mut first, 1).await;
    calls.all_go_well().await;
    more.all_go_well().await;
    // Nothing is left of it.
    first.closed().await;
    let later = Calls::start(&server, 1);
    serve(&mut second, 3).await;
    later.all_go_well().await;
}

#[tokio::test]
async fn calls_between_the_two_goaways_are_made_and_none_behind_them_is_lost() {
    let server = RawServer::start().await;
    let calls = Calls::start(&server, 1);
    let mut first = server.accept(&[]).await;
    first.ended(1).await;
    let crossing = Calls::start(&server, 1);
    first.ended(3).await;
    first.send([Frame::goaway((1 << 31) - 1, Reason::NO_ERROR)]).await;
    first.settled().await;
    let later = Calls::start(&server, 1);
    let mut second = server.accept(&[]).await;
    serve(&mut second, 1).await;
    later.all_go_well().await;
    first.send([Frame::goaway(3, Reason::NO_ERROR)]).await;
    serve(&mut first, 3).await;
    serve(&mut first, 1).await;
    calls.all_go_well().await;
    crossing.all_go_well().await;
    first.closed().await;
}

/// A server that has granted nothing for a stream need not have seen it.
#[tokio::test]
async fn requests_that_fill_the_first_window_of_their_stream_are_not_lost_with_it() {
    const WINDOW: u32 = 1 << 20;
    for (size, count) in [(1000, 1000), (100_000, 20), (3 << 20, 3)] {
        let server = RawServer::start().await;
        let client = server.client.clone();
        let points = (0..count).map(move |_| point(&"x".repeat(size)));
        let upload = tokio::spawn(async move { client.upload(Streaming::from_iter(points)).await });
        let settings = [(INITIAL_WINDOW_SIZE, WINDOW)];
        let mut first = server.accept(&settings).await;
        first.send([Frame::window_update(0, WINDOW)]).await;
        let sent = (size * count).min(WINDOW as usize - 1);
        first.until(1, |stream| stream.data.len() > sent).await;
        first.send([Frame::goaway((1 << 31) - 1, Reason::NO_ERROR)]).await;
        first.send([Frame::goaway(0, Reason::NO_ERROR)]).await;
        let mut second = server.accept(&settings).await;
        second.begun(1).await;
        second.send([0, 1].map(|stream| Frame::window_update(stream, 1 << 30))).await;
        let received = second.ended(1).await.messages::<Point>();
        assert_eq!(received.len(), count, "{size} bytes each");
        assert!(received.iter().all(|point| point.series.len() == size));
        let summary = super::frame::message(&Summary::default());
        second.send([head(1), Frame::data(1, summary), ok(1)]).await;
        timeout(LONG, upload).await.unwrap().unwrap().unwrap();
    }
}

#[tokio::test]
async fn requests_wait_for_a_window_of_zero_and_pass_byte_by_byte() {
    for window in [0, 1] {
        let server = RawServer::start().await;
        let calls = Calls::start(&server, 1);
        let mut peer = server.accept(&[(INITIAL_WINDOW_SIZE, window)]).await;
        peer.begun(1).await;
        peer.settled().await;
        let whole = super::frame::message(&query("call 0", 1)).len();
        for byte in window as usize..whole {
            assert_eq!(peer.stream(1).data.len(), byte);
            peer.send([Frame::window_update(1, 1)]).await;
            peer.until(1, |stream| stream.data.len() > byte).await;
        }
        serve(&mut peer, 1).await;
        calls.all_go_well().await;
    }
}

#[tokio::test]
async fn a_deadline_ends_a_request_that_waits_for_its_window() {
    let server = RawServer::start().await;
    let client = server.client.clone();
    let call = tokio::spawn(async move {
        let mut request = Request::new(query("a", 1));
        request.set_timeout(Duration::from_millis(100));
        client.latest(request).await
    });
    let mut peer = server.accept(&[(INITIAL_WINDOW_SIZE, 0)]).await;
    peer.begun(1).await;
    let status = timeout(LONG, call).await.unwrap().unwrap().unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert!(peer.ended(1).await.end.is_some(), "the server need not wait any longer");
}

#[tokio::test]
async fn settings_that_change_in_the_middle_of_calls_hold_from_when_they_come() {
    let server = RawServer::start().await;
    let calls = Calls::start(&server, 3);
    let mut peer = server.accept(&[(MAX_CONCURRENT_STREAMS, 2)]).await;
    peer.ended(1).await;
    peer.ended(3).await;
    // The third one waits here, or on a connection of its own.
    let mut other = server.accept(&[]).await;
    serve(&mut other, 1).await;
    peer.send([Frame::settings(&[
        (MAX_CONCURRENT_STREAMS, 0),
        (HEADER_TABLE_SIZE, 0),
        (INITIAL_WINDOW_SIZE, 3),
        (MAX_FRAME_SIZE, 1 << 20),
        (0x99, 7),
    ])])
    .await;
    serve(&mut peer, 1).await;
    serve(&mut peer, 3).await;
    calls.all_go_well().await;
    let more = Calls::start(&server, 1);
    serve(&mut other, 3).await;
    more.all_go_well().await;
}

#[tokio::test]
async fn calls_wait_until_a_limit_of_no_streams_is_raised() {
    let server = RawServer::start().await;
    let calls = Calls::start(&server, 5);
    let mut peer = server.accept(&[(MAX_CONCURRENT_STREAMS, 0)]).await;
    peer.settled().await;
    peer.send([Frame::settings(&[(MAX_CONCURRENT_STREAMS, 10)])]).await;
    for stream in [1, 3, 5, 7, 9] {
        serve(&mut peer, stream).await;
    }
    calls.all_go_well().await;
}

#[tokio::test]
async fn frames_and_flags_that_nobody_knows_are_ignored() {
    let server = RawServer::start().await;
    let calls = Calls::start(&server, 1);
    let mut peer = server.accept(&[(0x1234, 7)]).await;
    peer.ended(1).await;
    let strange = |stream| Frame::new(0xfa, 0xff, stream, *b"what is this?");
    let [mut head, data, trailers] = answer(1, "a");
    head.flags |= 0x40;
    peer.send([strange(0), strange(1), strange(2), head, strange(1), data, strange(77), trailers])
        .await;
    peer.send([strange(1)]).await;
    calls.all_go_well().await;
    let ping = Frame::new(PING, 0x80, 0, *b"12345678");
    peer.send([ping]).await;
    while let Some(frame) = peer.receive().await {
        if frame.kind == PING {
            assert_eq!((frame.flags, &frame.payload[..]), (1, &b"12345678"[..]));
            break;
        }
    }
}

#[tokio::test]
async fn frames_that_no_server_may_send_end_their_connection_and_the_next_call_gets_another() {
    let cases = [
        ("DATA of no stream", Frame::data(0, [1])),
        ("DATA in front of all headers", Frame::data(1, [0; 5])),
        ("DATA of a stream that never was", Frame::data(99, [1])),
        ("HEADERS of a stream that never was", answer(99, "a")[0].clone()),
        (
            "capital letters",
            Frame::headers(1, &[(":status", "200"), ("Content-Type", "application/grpc")]),
        ),
        ("PUSH_PROMISE", Frame::new(5, END_HEADERS, 1, [0, 0, 0, 2])),
        ("CONTINUATION of nothing", Frame::new(CONTINUATION, 0, 1, [])),
        ("RST_STREAM of three bytes", Frame::new(RST_STREAM, 0, 1, [0; 3])),
        ("RST_STREAM of a stream that never was", Frame::reset(99, Reason::CANCEL)),
        ("SETTINGS of five bytes", Frame::new(SETTINGS, 0, 0, [0; 5])),
        ("a window beyond the largest", Frame::settings(&[(INITIAL_WINDOW_SIZE, u32::MAX)])),
        ("WINDOW_UPDATE of nothing", Frame::window_update(0, 0)),
        ("HPACK of no table", Frame::new(1, END_HEADERS, 1, [0xff; 40])),
    ];
    for (name, frame) in cases {
        let server = RawServer::start().await;
        let mut calls = Calls::start(&server, 1);
        let mut peer = server.accept(&[]).await;
        peer.ended(1).await;
        peer.send([frame]).await;
        let call = timeout(LONG, calls.0.join_next()).await.expect(name).unwrap().unwrap();
        let code = call.unwrap_err().code();
        assert!(matches!(code, Code::Unavailable | Code::Internal), "{name}: {code:?}");
        timeout(LONG, peer.closed()).await.expect(name);
        let calls = Calls::start(&server, 1);
        serve(&mut server.accept(&[]).await, 1).await;
        calls.all_go_well().await;
    }
}

#[tokio::test]
async fn answers_that_nobody_reads_do_not_hold_up_other_calls() {
    let server = RawServer::start().await;
    let mut unread = Vec::new();
    let mut peer = None;
    // Together they fill more than the connection's window, each no more than its own.
    for stream in [1, 3, 5, 7, 9, 11] {
        let client = server.client.clone();
        let call = tokio::spawn(async move { client.watch(query("a", 1)).await });
        let peer = match &mut peer {
            Some(peer) => peer,
            None => peer.insert(server.accept(&[]).await),
        };
        peer.ended(stream).await;
        let [head, ..] = answer(stream, "a");
        peer.send([head]).await;
        unread.push(timeout(LONG, call).await.unwrap().unwrap().unwrap());
        let blocks =
            super::frame::message(&Point { series: "x".repeat(16_000), ..Point::default() });
        for _ in 0..64 {
            while peer.credit < blocks.len() as i64 {
                assert!(peer.receive().await.is_some());
            }
            peer.credit -= blocks.len() as i64;
            peer.send([Frame::data(stream, blocks.clone())]).await;
        }
    }
    let mut peer = peer.unwrap();
    let calls = Calls::start(&server, 1);
    peer.ended(13).await;
    let answer = answer(13, "a");
    peer.credit -= answer[1].payload.len() as i64;
    while peer.credit < 0 {
        assert!(peer.receive().await.is_some());
    }
    peer.send(answer).await;
    calls.all_go_well().await;
}

#[tokio::test]
async fn calls_go_to_the_connection_with_the_fewest() {
    let server = RawServer::start().await;
    let calls = Calls::start(&server, 3);
    let mut first = server.accept(&[(MAX_CONCURRENT_STREAMS, 2)]).await;
    first.ended(3).await;
    let mut second = server.accept(&[(MAX_CONCURRENT_STREAMS, 2)]).await;
    serve(&mut second, 1).await;
    serve(&mut first, 3).await;
    serve(&mut first, 1).await;
    calls.all_go_well().await;
    let one = Calls::start(&server, 1);
    first.ended(5).await;
    let other = Calls::start(&server, 1);
    serve(&mut second, 3).await;
    other.all_go_well().await;
    serve(&mut first, 5).await;
    one.all_go_well().await;
}

#[tokio::test]
async fn every_stream_that_ends_lets_a_waiting_call_go() {
    let server = RawServer::start().await;
    let channel = rust_scaffold::Channel::builder(server.address()).max_connections(1);
    let server = server.with(channel.connect_lazy().unwrap());
    let calls = Calls::start(&server, 9);
    let mut peer = server.accept(&[(MAX_CONCURRENT_STREAMS, 3)]).await;
    for streams in [[1, 3, 5], [7, 9, 11], [13, 15, 17]] {
        for stream in streams {
            peer.ended(stream).await;
        }
        // All in one go.
        let answers = streams.map(|stream| answer(stream, "a"));
        peer.send(answers.into_iter().flatten()).await;
    }
    calls.all_go_well().await;
}

#[tokio::test]
async fn the_call_that_uses_the_last_stream_is_reset_at_once_when_it_is_given_up() {
    let server = RawServer::start().await;
    let channel = rust_scaffold::Channel::builder(server.address()).max_connections(1);
    let server = server.with(channel.connect_lazy().unwrap());
    let mut peer = None;
    for stream in [1, 3] {
        let call = Calls::start(&server, 1);
        let peer = match &mut peer {
            Some(peer) => peer,
            None => peer.insert(server.accept(&[(MAX_CONCURRENT_STREAMS, 1)]).await),
        };
        let seen = peer.ended(stream).await;
        assert_eq!(seen.end, Some(End::Stream));
        peer.stream(stream).end = None;
        drop(call);
        assert_eq!(peer.ended(stream).await.end, Some(End::Reset(Reason::CANCEL.into())));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_that_http2_has_when_the_limit_is_lowered_are_all_sent_to_their_ends() {
    for _ in 0..ROUNDS {
        let server = RawServer::start().await;
        let channel = rust_scaffold::Channel::builder(server.address()).max_connections(1);
        let server = server.with(channel.connect_lazy().unwrap());
        let first = Calls::start(&server, 1);
        let mut peer = server.accept(&[(MAX_CONCURRENT_STREAMS, 100)]).await;
        peer.ended(1).await;
        let mut uploads = JoinSet::new();
        for _ in 0..UPLOADS {
            let client = server.client.clone();
            let points = [point("a"), point("b")].map(Ok);
            let points = Streaming::new(tokio_stream::iter(points));
            uploads.spawn(async move { client.upload(points).await });
        }
        peer.send([Frame::settings(&[(MAX_CONCURRENT_STREAMS, 1)])]).await;
        serve(&mut peer, 1).await;
        first.all_go_well().await;
        for upload in 0..UPLOADS {
            let stream = 3 + 2 * upload;
            assert_eq!(peer.ended(stream).await.messages::<Point>().len(), 2);
            let summary = super::frame::message(&Summary::default());
            let [head, data, ok] = [head(stream), Frame::data(stream, summary), ok(stream)];
            peer.send([head, data, ok]).await;
        }
        while let Some(upload) = timeout(LONG, uploads.join_next()).await.expect("every call ends")
        {
            upload.unwrap().unwrap();
        }
    }
}
