//! How our server takes the frames of one call.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use h2::Reason;
use rust_scaffold::{Code, InterceptedCall, Interceptor, Next, Reply, Server, Status};
use tokio::{task::yield_now, time::timeout};

use super::{
    frame::{
        CONTINUATION, DATA, END_HEADERS, END_STREAM, Frame, HEADERS, INITIAL_WINDOW_SIZE, PADDED,
        PRIORITY, RST_STREAM, WITH_PRIORITY, block,
    },
    peer::{End, LONG, Peer, call, fields, message},
};
use crate::{
    station::{Station, point, query},
    telemetry::{Point, Summary},
};

#[tokio::test]
async fn a_request_may_end_in_a_frame_of_its_own() {
    let mut peer = Peer::of_server(&Station::default()).await;
    let trailers = |stream| Frame::headers(stream, &[("x-checksum", "7")]).ends();
    for (stream, end) in [(1, Frame::data(1, []).ends()), (3, trailers(3))] {
        peer.send([call(stream, "Latest"), Frame::data(stream, message(&query("a", 2)))]).await;
        // Not in the same packet.
        peer.settled().await;
        peer.send([end]).await;
        let answer = peer.ended(stream).await;
        assert_eq!(answer.status(), Some("0"), "{answer:?}");
        assert_eq!(answer.messages::<Point>()[0].series, "xx");
    }
    peer.send([call(5, "Upload")]).await;
    for _ in 0..3 {
        peer.send([Frame::data(5, message(&point("a")))]).await;
        peer.settled().await;
    }
    peer.send([Frame::data(5, []).ends()]).await;
    let answer = peer.ended(5).await;
    assert_eq!(answer.messages::<Summary>()[0].accepted, 3, "{answer:?}");
}

#[tokio::test]
async fn a_message_may_come_byte_by_byte() {
    let mut peer = Peer::of_server(&Station::default()).await;
    peer.send([call(1, "Latest")]).await;
    for byte in message(&query("a", 2)) {
        peer.send([Frame::data(1, [byte])]).await;
    }
    peer.send([Frame::data(1, []).ends()]).await;
    assert_eq!(peer.ended(1).await.status(), Some("0"));
}

/// A call that looks as if its request came in pieces, because others' requests do, while its method
/// turns out to be slow.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_beside_requests_in_pieces_survives_that_its_method_becomes_slow() {
    const TAILS: [u32; 6] = [101, 103, 105, 107, 109, 111];
    let station = Station::default();
    let pieces: Vec<u32> = (1..40).step_by(2).collect();
    for _ in 0..300 {
        // Each method is slow once it has been called a few times.
        let server = Server::new().inline_limit(Duration::from_nanos(1));
        let mut peer = Peer::of(server, &station, &[]).await;
        peer.send(pieces.iter().map(|stream| call(*stream, "Latest"))).await;
        peer.settled().await;
        let query = message(&query("a", 1));
        let (begin, rest) = query.split_at(2);
        let begin = pieces.iter().flat_map(|stream| {
            [Frame::data(*stream, &begin[..1]), Frame::data(*stream, &begin[1..])]
        });
        let tails = TAILS.iter().map(|stream| call(*stream, "Tail"));
        peer.send(begin.chain(tails)).await;
        peer.settled().await;
        let ends = pieces.iter().map(|stream| Frame::data(*stream, rest).ends());
        let tails = TAILS.iter().map(|stream| Frame::data(*stream, &*query).ends());
        peer.send(ends.chain(tails)).await;
        for stream in pieces.iter().chain(&TAILS) {
            let answer = peer.ended(*stream).await;
            assert_eq!(answer.status(), Some("0"), "{stream}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn bytes_behind_the_end_of_a_request_do_no_harm_but_to_their_connection() {
    let station = Station::default();
    for method in ["Latest", "Watch", "Upload"] {
        let mut peer = Peer::of_server(&station).await;
        let first = match method {
            "Upload" => message(&point("hangs")),
            _ => message(&query("hangs", 1)),
        };
        peer.send([call(1, method), Frame::data(1, first).ends()]).await;
        timeout(LONG, station.busy()).await.expect(method);
        peer.send([Frame::data(1, message(&query("more", 1)))]).await;
        let end = peer.ended(1).await.end.unwrap();
        assert!(matches!(end, End::Reset(_) | End::Connection), "{method}: {end:?}");
        timeout(LONG, station.idle()).await.expect(method);
        Peer::of_server(&station).await.is_served(1).await;
    }
}

#[tokio::test]
async fn requests_that_still_come_after_their_answer_leave_the_connection_its_window() {
    let mut peer = Peer::of_server(&Station::default()).await;
    let block = vec![0; 16 * 1024];
    // Eight times what the windows of the connection and of the stream have together.
    for stream in (1..100).step_by(2) {
        peer.send([call(stream, "Upload"), Frame::data(stream, message(&point("fails")))]).await;
        peer.credit -= message(&point("fails")).len() as i64;
        let answer = peer.until(stream, |stream| stream.status().is_some()).await;
        assert_eq!(answer.status(), Some("9"), "{answer:?}");
        for _ in 0..50 {
            while peer.credit < block.len() as i64 {
                assert!(peer.receive().await.is_some(), "closed: {:?}", peer.goaways);
            }
            peer.credit -= block.len() as i64;
            peer.send([Frame::data(stream, block.clone())]).await;
        }
        peer.send([Frame::data(stream, []).ends()]).await;
    }
    peer.is_served(101).await;
}

/// How far a call has come when its client resets it.
#[derive(Clone, Copy, Debug)]
enum State {
    Opened,
    HalfAMessage,
    Waiting,
    HalfClosed,
    Answering,
    Answered,
    ResetByServer,
}

#[tokio::test]
async fn a_reset_in_any_state_ends_its_call_and_no_other() {
    use State::{Answered, Answering, HalfAMessage, HalfClosed, Opened, ResetByServer, Waiting};
    let station = Station::default();
    let mut peer = Peer::of(Server::new(), &station, &[(INITIAL_WINDOW_SIZE, 100)]).await;
    let mut stream = 1;
    for reason in [Reason::CANCEL, Reason::NO_ERROR, Reason::INTERNAL_ERROR, 77.into()] {
        for state in [Opened, HalfAMessage, Waiting, HalfClosed, Answering, Answered, ResetByServer]
        {
            reach(&mut peer, &station, stream, state).await;
            peer.send([Frame::reset(stream, reason)]).await;
            peer.settled().await;
            timeout(LONG, station.idle()).await.unwrap_or_else(|_| panic!("{state:?}"));
            peer.is_served(stream + 2).await;
            stream += 4;
        }
    }
}

/// Notes how calls end.
#[derive(Clone, Default)]
struct Ends(Arc<Mutex<Vec<Code>>>);

impl Interceptor for Ends {
    async fn intercept(&self, call: InterceptedCall, next: Next<'_>) -> Result<Reply, Status> {
        let ends = Arc::clone(&self.0);
        next.on_end(move |end| ends.lock().unwrap().push(end.code())).run(call).await
    }
}

/// Proxies do not give `CANCEL` as the code: Envoy gives `NO_ERROR`.
#[tokio::test]
async fn a_client_that_resets_its_requests_has_cancelled_its_call_whatever_the_code() {
    let ends = Ends::default();
    let server = Server::new().intercept(ends.clone());
    let mut peer = Peer::of(server, &Station::default(), &[]).await;
    let reasons = [
        Reason::CANCEL,
        Reason::NO_ERROR,
        Reason::INTERNAL_ERROR,
        Reason::REFUSED_STREAM,
        77.into(),
    ];
    for (stream, reason) in (1..).step_by(4).zip(reasons) {
        peer.send([call(stream, "Upload"), Frame::data(stream, message(&point("a")))]).await;
        peer.settled().await;
        peer.send([Frame::reset(stream, reason)]).await;
        peer.is_served(stream + 2).await;
        let both = async {
            while ends.0.lock().unwrap().len() < 2 {
                yield_now().await;
            }
        };
        timeout(LONG, both).await.unwrap();
        let ended: HashSet<_> = ends.0.lock().unwrap().drain(..).collect();
        assert_eq!(ended, HashSet::from([Code::Cancelled, Code::Ok]), "{reason:?}");
    }
}

async fn reach(peer: &mut Peer, station: &Station, stream: u32, state: State) {
    let whole = message(&query("hangs", 1));
    match state {
        State::Opened => peer.send([call(stream, "Latest")]).await,
        State::HalfAMessage => {
            peer.send([call(stream, "Latest"), Frame::data(stream, &whole[..whole.len() / 2])])
                .await;
        }
        State::Waiting => {
            let points = message(&point("hangs"));
            peer.send([call(stream, "Upload"), Frame::data(stream, points)]).await;
            timeout(LONG, station.busy()).await.unwrap();
        }
        State::HalfClosed => {
            peer.send([call(stream, "Latest"), Frame::data(stream, whole).ends()]).await;
            timeout(LONG, station.busy()).await.unwrap();
        }
        State::Answering => {
            // More points than the window has room for.
            let query = message(&query("many", 100));
            peer.send([call(stream, "Watch"), Frame::data(stream, query).ends()]).await;
            peer.until(stream, |stream| !stream.data.is_empty()).await;
        }
        State::Answered => peer.is_served(stream).await,
        State::ResetByServer => {
            let points = message(&point("fails"));
            peer.send([call(stream, "Upload"), Frame::data(stream, points)]).await;
            peer.until(stream, |stream| stream.status().is_some()).await;
        }
    }
}

#[tokio::test]
async fn a_reset_of_a_stream_that_never_was_ends_the_connection() {
    let station = Station::default();
    let mut peer = Peer::of_server(&station).await;
    peer.send([Frame::reset(5, Reason::CANCEL)]).await;
    peer.closed().await;
    assert_eq!(peer.goaways.last().map(|(_, reason)| *reason), Some(1), "PROTOCOL_ERROR");
    Peer::of_server(&station).await.is_served(1).await;
}

#[tokio::test]
async fn headers_may_be_padded_prioritized_and_in_pieces() {
    let mut peer = Peer::of_server(&Station::default()).await;
    let block = block(&fields("/telemetry.Telemetry/Latest"));
    let (first, rest) = block.split_at(10);
    let priority = [0x80, 0, 0, 0, 15];
    let padded = [&[3], &priority[..], first, &[0; 3]].concat();
    let mut frames = vec![Frame::new(HEADERS, PADDED | WITH_PRIORITY, 1, padded)];
    frames.extend(rest.chunks(20).map(|piece| Frame::new(CONTINUATION, 0, 1, piece)));
    frames.last_mut().unwrap().flags = END_HEADERS;
    let data = [&[5], &message(&query("a", 2))[..], &[0; 5]].concat();
    frames.push(Frame::new(DATA, PADDED | END_STREAM, 1, data));
    peer.send(frames).await;
    let answer = peer.ended(1).await;
    assert_eq!(answer.messages::<Point>()[0].series, "xx", "{answer:?}");
}

#[tokio::test]
async fn frames_flags_and_settings_that_nobody_knows_are_ignored() {
    let station = Station::default();
    let unknown = [(0x1234, 7), (0xffff, u32::MAX)];
    let mut peer = Peer::of(Server::new(), &station, &unknown).await;
    let strange = |stream| Frame::new(0xfa, 0xff, stream, b"what is this?".as_slice());
    let with_flags = |mut frame: Frame, flags| {
        frame.flags |= flags;
        frame
    };
    let priority = |stream| Frame::new(PRIORITY, 0, stream, [0, 0, 0, 0, 200]);
    peer.send([
        strange(0),
        strange(1),
        priority(99),
        with_flags(call(1, "Latest"), 0x40),
        strange(1),
        priority(1),
        with_flags(Frame::data(1, message(&query("a", 2))), 0x80 | 0x10),
        strange(0),
        strange(77),
        Frame::data(1, []).ends(),
        strange(1),
    ])
    .await;
    let answer = peer.ended(1).await;
    assert_eq!(answer.messages::<Point>()[0].series, "xx", "{answer:?}");
    peer.is_served(3).await;
}

#[tokio::test]
async fn frames_that_no_peer_may_send_end_their_connection_and_nothing_else() {
    let station = Station::default();
    let cases = [
        ("DATA of no stream", Frame::data(0, [1])),
        ("HEADERS of a server's stream", call(2, "Latest")),
        ("CONTINUATION of nothing", Frame::new(CONTINUATION, 0, 1, [])),
        ("RST_STREAM of three bytes", Frame::new(RST_STREAM, 0, 1, [0; 3])),
        ("SETTINGS of five bytes", Frame::new(super::frame::SETTINGS, 0, 0, [0; 5])),
        ("a window beyond the largest", Frame::settings(&[(INITIAL_WINDOW_SIZE, u32::MAX)])),
        ("a frame size below the smallest", Frame::settings(&[(5, 1)])),
        ("WINDOW_UPDATE of nothing", Frame::window_update(0, 0)),
        ("WINDOW_UPDATE beyond the largest", Frame::window_update(0, (1 << 31) - 1)),
        ("HPACK of no table", Frame::new(HEADERS, END_HEADERS, 1, [0xff; 40])),
        ("padding beyond the frame", Frame::new(DATA, PADDED, 1, [200, 1, 2])),
        ("PUSH_PROMISE", Frame::new(5, END_HEADERS, 1, [0, 0, 0, 2])),
    ];
    for (name, frame) in cases {
        let mut peer = Peer::of_server(&station).await;
        peer.send([call(1, "Tail"), frame]).await;
        timeout(LONG, peer.closed()).await.expect(name);
        assert!(!peer.goaways.is_empty(), "{name}");
    }
    timeout(LONG, station.idle()).await.unwrap();
    Peer::of_server(&station).await.is_served(1).await;
}

#[tokio::test]
async fn a_deadline_ends_a_call_whose_requests_stop_half_way() {
    let station = Station::default();
    let mut peer = Peer::of_server(&station).await;
    for (stream, method) in [(1, "Latest"), (3, "Upload"), (5, "Watch")] {
        let path = format!("/telemetry.Telemetry/{method}");
        let fields = [fields(&path), vec![("grpc-timeout", "50m")]].concat();
        let half = Frame::data(stream, [0, 0, 0, 0, 9, 1]);
        peer.send([Frame::headers(stream, &fields), half]).await;
        let answer = peer.until(stream, |stream| stream.status().is_some()).await;
        assert_eq!(answer.status(), Some("4"), "{method}: {answer:?}");
    }
    timeout(LONG, station.idle()).await.unwrap();
    peer.is_served(7).await;
}

#[tokio::test]
async fn a_request_with_more_metadata_than_the_limit_fails_alone() {
    let station = Station::default();
    let mut peer = Peer::of_server(&station).await;
    let tail = [call(1, "Tail"), Frame::data(1, message(&query("first", 1)))];
    peer.send(tail).await;
    peer.until(1, |stream| !stream.data.is_empty()).await;
    let long = "y".repeat(4000);
    for (stream, count) in [(3, 5), (7, 25)] {
        let fields = [fields("/telemetry.Telemetry/Latest"), vec![("x-long", &*long); count]];
        let head = Frame::headers(stream, &fields.concat());
        peer.send([head, Frame::data(stream, message(&query("a", 1))).ends()]).await;
        let answer = peer.ended(stream).await;
        let is_told = answer.status() == Some("8") || answer.get(":status") == Some("431");
        assert!(is_told, "{count} times 4000 bytes: {answer:?}");
        peer.is_served(stream + 2).await;
    }
    peer.send([Frame::data(1, message(&query("second", 1))).ends()]).await;
    assert_eq!(peer.ended(1).await.messages::<Point>().len(), 2, "the call beside goes on");
}

#[tokio::test]
async fn metadata_of_several_values_in_one_header_has_them_all() {
    let mut peer = Peer::of_server(&Station::default()).await;
    let path = "/telemetry.Telemetry/Latest";
    for (stream, value) in [(1, "AQI,AwQ="), (3, "AQI=,AwQ"), (5, "AQI, AwQ=")] {
        let fields = [fields(path), vec![("bytes-bin", value)]].concat();
        let query = message(&query("a", 1));
        peer.send([Frame::headers(stream, &fields), Frame::data(stream, query).ends()]).await;
        let answer = peer.ended(stream).await;
        let values = answer.blocks[0].iter().filter(|(name, _)| name == "bytes-bin");
        let values = values.map(|(_, value)| value.trim_end_matches('=')).collect::<Vec<_>>();
        assert_eq!(values, ["AQI", "AwQ"], "{value}");
    }
}
